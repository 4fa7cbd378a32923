//! `GET /v1/api-keys/{id}`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{ApiKeyBody, key_ref};
use crate::app::api_keys::ReadApiKey;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for ReadApiKey {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(key_ref(parts)?))
    }
}

/// A key's record.
#[utoipa::path(get, path = "/v1/api-keys/{id}", operation_id = "ReadApiKey", tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 200, description = "The record", body = ApiKeyBody)))]
pub(in crate::http) async fn get(call: Permitted<ReadApiKey>) -> Result<HttpResponse, Problem> {
    let key = call.app.read_api_key(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &ApiKeyBody::from(key)))
}
