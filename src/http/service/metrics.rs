//! `GET /metrics`

use actix_web::HttpResponse;

use crate::app::service::ReadMetrics;
use crate::http::{Decode, Parts, Permitted, Problem};
use crate::telemetry::Metrics;

impl Decode for ReadMetrics {
    const NEGOTIATED: bool = false;

    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The metrics, in the text format of OpenMetrics 1.0.
#[utoipa::path(get, path = "/metrics", operation_id = "ReadMetrics", tag = "service",
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text")))]
pub(in crate::http) async fn get(call: Permitted<ReadMetrics>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(call.app.metrics(&call.permit)))
}
