//! `DELETE /v1/api-keys/{id}`

use actix_web::HttpResponse;

use super::key_ref;
use crate::app::api_keys::RevokeApiKey;
use crate::http::problem::ProblemBody;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for RevokeApiKey {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { key: key_ref(parts)?, last_root: false })
    }
}

/// Revokes a key for good: at once here, within a second on every other replica.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", operation_id = "RevokeApiKey", tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "It works no more"),
        (status = 409, description = "It is the last root key that works: `conflict`", body = ProblemBody)))]
pub(in crate::http) async fn delete(call: Permitted<RevokeApiKey>) -> Result<HttpResponse, Problem> {
    call.app.revoke_api_key(call.permit).await?;
    Ok(reply::no_content())
}
