//! `GET /healthz`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::Health;
use crate::app::service::ReadHealth;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadHealth {
    const NEGOTIATED: bool = false;

    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "ReadHealth", tag = "service",
    responses((status = 200, description = "The process lives", body = Health)))]
pub(in crate::http) async fn get(_call: Permitted<ReadHealth>) -> Result<HttpResponse, Problem> {
    Ok(reply::json(StatusCode::OK, &Health { status: "ok" }))
}
