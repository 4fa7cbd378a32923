//! What the service says about itself and about the caller.

pub(super) mod healthz;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod readyz;
pub(super) mod whoami;

use serde::Serialize;
use utoipa::ToSchema;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`; for readiness also `degraded`: decisions are made, the database is away.
    #[schema(example = "ok")]
    status: &'static str,
}
