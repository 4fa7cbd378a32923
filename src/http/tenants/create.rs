//! `POST /v1/tenants`

use actix_web::HttpResponse;

use super::{TenantBody, TenantInput};
use crate::app::tenants::CreateTenant;
use crate::http::body::Body;
use crate::http::problem::ProblemBody;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for CreateTenant {
    const BODY: Body = Body::Json;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { name: parts.json::<TenantInput>()?.name()? })
    }
}

/// Makes a tenant.
#[utoipa::path(post, path = "/v1/tenants", operation_id = "CreateTenant", tag = "tenants",
    request_body = TenantInput,
    responses((status = 201, description = "The new tenant", body = TenantBody,
        headers(("Location" = String, description = "Where it is"))),
        (status = 409, description = "Another tenant has the name: `conflict`", body = ProblemBody)))]
pub(in crate::http) async fn post(call: Permitted<CreateTenant>) -> Result<HttpResponse, Problem> {
    let tenant = call.app.create_tenant(call.permit).await?;
    let location = format!("/v1/tenants/{}", tenant.id);
    Ok(reply::created(&location, &TenantBody::from(tenant)))
}
