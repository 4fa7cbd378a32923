//! `DELETE /v1/oidc-config`

use actix_web::HttpResponse;

use crate::app::oidc_config::DeleteOidcConfig;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for DeleteOidcConfig {
    const TENANT: TenantHeader = TenantHeader::Required;
    const CONDITIONAL: bool = true;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { tenant: parts.tenant()?, precondition: parts.precondition()? })
    }
}

/// Deletes the tenant's OIDC configuration.
#[utoipa::path(delete, path = "/v1/oidc-config", operation_id = "DeleteOidcConfig", tag = "oidc-config",
    responses((status = 204, description = "It is gone")))]
pub(in crate::http) async fn delete(call: Permitted<DeleteOidcConfig>) -> Result<HttpResponse, Problem> {
    call.app.delete_oidc_config(call.permit).await?;
    Ok(reply::no_content())
}
