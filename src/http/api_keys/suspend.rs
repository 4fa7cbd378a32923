//! `POST /v1/api-keys/{id}/suspend`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{ApiKeyBody, key_ref};
use crate::app::api_keys::SuspendApiKey;
use crate::http::problem::ProblemBody;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for SuspendApiKey {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { key: key_ref(parts)?, last_root: false })
    }
}

/// Suspends a key until it is resumed. Suspending a suspended key changes nothing.
#[utoipa::path(post, path = "/v1/api-keys/{id}/suspend", operation_id = "SuspendApiKey", tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 200, description = "The record as it is then", body = ApiKeyBody),
        (status = 409, description = "It is the last root key that works: `conflict`", body = ProblemBody)))]
pub(in crate::http) async fn post(call: Permitted<SuspendApiKey>) -> Result<HttpResponse, Problem> {
    let key = call.app.suspend_api_key(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &ApiKeyBody::from(key)))
}
