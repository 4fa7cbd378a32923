//! `POST /v1/api-keys/{id}/resume`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{ApiKeyBody, key_ref};
use crate::app::api_keys::ResumeApiKey;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for ResumeApiKey {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(key_ref(parts)?))
    }
}

/// Lets a suspended key work again. Resuming a key that works changes nothing.
#[utoipa::path(post, path = "/v1/api-keys/{id}/resume", operation_id = "ResumeApiKey", tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 200, description = "The record as it is then", body = ApiKeyBody)))]
pub(in crate::http) async fn post(call: Permitted<ResumeApiKey>) -> Result<HttpResponse, Problem> {
    let key = call.app.resume_api_key(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &ApiKeyBody::from(key)))
}
