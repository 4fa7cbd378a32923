//! `GET /readyz`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::service::ReadReadiness;
use crate::http::stores::StoreBody;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadReadiness {
    const NEGOTIATED: bool = false;

    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Whether the service decides.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(in crate::http) struct ReadinessBody {
    /// `ok`, or `degraded` while the database is away or a store's files cannot be used.
    #[schema(example = "ok")]
    status: &'static str,
    /// The stores whose files cannot be used, of those that the caller may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    stores: Vec<StoreBody>,
}

/// Whether the service decides. It is `degraded`, and still ready, while the database is away, or while a store's
/// files cannot be used and what was in force stays.
#[utoipa::path(get, path = "/readyz", operation_id = "ReadReadiness", tag = "service",
    responses((status = 200, description = "The service decides", body = ReadinessBody)))]
pub(in crate::http) async fn get(call: Permitted<ReadReadiness>) -> Result<HttpResponse, Problem> {
    let readiness = call.app.readiness(&call.permit, &call.call);
    let status = if readiness.is_whole() { "ok" } else { "degraded" };
    let stores = readiness.failed_stores.into_iter().map(StoreBody::from).collect();
    Ok(reply::json(StatusCode::OK, &ReadinessBody { status, stores }))
}
