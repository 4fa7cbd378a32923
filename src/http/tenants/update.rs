//! `PATCH /v1/tenants/{id}`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{TenantBody, TenantInput};
use crate::app::tenants::UpdateTenant;
use crate::domain::TenantId;
use crate::http::body::Body;
use crate::http::problem::ProblemBody;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for UpdateTenant {
    const BODY: Body = Body::Json;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { id: parts.path("id", TenantId::parse)?, name: parts.json::<TenantInput>()?.name()? })
    }
}

/// Gives a tenant another name.
#[utoipa::path(patch, path = "/v1/tenants/{id}", operation_id = "UpdateTenant", tag = "tenants",
    params(("id" = Uuid, Path, description = "The tenant's id")),
    request_body = TenantInput,
    responses((status = 200, description = "The tenant as it is then", body = TenantBody),
        (status = 409, description = "Another tenant has the name: `conflict`", body = ProblemBody)))]
pub(in crate::http) async fn patch(call: Permitted<UpdateTenant>) -> Result<HttpResponse, Problem> {
    let tenant = call.app.update_tenant(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &TenantBody::from(tenant)))
}
