//! `DELETE /v1/tenants/{id}`

use actix_web::HttpResponse;

use crate::app::tenants::DeleteTenant;
use crate::domain::TenantId;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for DeleteTenant {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { id: parts.path("id", TenantId::parse)? })
    }
}

/// Deletes a tenant with its OIDC configuration and its keys, which are dead at once.
#[utoipa::path(delete, path = "/v1/tenants/{id}", operation_id = "DeleteTenant", tag = "tenants",
    params(("id" = Uuid, Path, description = "The tenant's id")),
    responses((status = 204, description = "It is gone")))]
pub(in crate::http) async fn delete(call: Permitted<DeleteTenant>) -> Result<HttpResponse, Problem> {
    call.app.delete_tenant(call.permit).await?;
    Ok(reply::no_content())
}
