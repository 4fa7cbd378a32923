//! `GET /v1/tenants/{id}`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::TenantBody;
use crate::app::tenants::ReadTenant;
use crate::domain::TenantId;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadTenant {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { id: parts.path("id", TenantId::parse)? })
    }
}

/// A tenant.
#[utoipa::path(get, path = "/v1/tenants/{id}", operation_id = "ReadTenant", tag = "tenants",
    params(("id" = Uuid, Path, description = "The tenant's id")),
    responses((status = 200, description = "The tenant", body = TenantBody)))]
pub(in crate::http) async fn get(call: Permitted<ReadTenant>) -> Result<HttpResponse, Problem> {
    let tenant = call.app.read_tenant(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &TenantBody::from(tenant)))
}
