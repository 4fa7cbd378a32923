//! `GET /readyz`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::Health;
use crate::app::service::{ReadReadiness, Readiness};
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadReadiness {
    const NEGOTIATED: bool = false;

    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Whether the service decides. It is `degraded`, and still ready, while the database is away.
#[utoipa::path(get, path = "/readyz", operation_id = "ReadReadiness", tag = "service",
    responses((status = 200, description = "The service decides", body = Health)))]
pub(in crate::http) async fn get(call: Permitted<ReadReadiness>) -> Result<HttpResponse, Problem> {
    let status = match call.app.readiness(&call.permit) {
        Readiness::Ready => "ok",
        Readiness::Degraded => "degraded",
    };
    Ok(reply::json(StatusCode::OK, &Health { status }))
}
