//! `grpc.health.v1.Health/Check` (<https://grpc.io/docs/guides/health-checking/>).
//!
//! `Watch` is not there: a stream that never ends is a connection that never ends, for anybody who asks,
//! and the protocol has clients go on without it.

use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{FromMessage, Permitted};
use crate::app::service::CheckHealth;
use crate::domain::Invalid;
use crate::transport::Problem;

impl FromMessage for CheckHealth {
    type Message = HealthCheckRequest;

    fn from_message(sent: HealthCheckRequest) -> Result<Self, Invalid> {
        Ok(Self { service: sent.service })
    }
}

pub(super) async fn check(call: Permitted<CheckHealth>) -> Result<HealthCheckResponse, Problem> {
    if !call.serves(&call.permit.command().service) {
        return Err(Problem::nothing_there());
    }
    let status = if call.is_stopping() { ServingStatus::NotServing } else { ServingStatus::Serving };
    Ok(HealthCheckResponse { status: status.into() })
}
