//! What came of a call of gRPC, for whoever writes its log line.

use std::sync::Arc;

use super::Problem;
use crate::app::Decided;

/// What came of a call of gRPC. It travels in the extensions of its answer.
#[derive(Debug, Clone)]
pub struct GrpcOutcome {
    /// The method, `package.Service/Method`, where there is such a one.
    pub method: Option<&'static str>,
    /// The code of gRPC.
    pub code: i32,
    /// What went wrong.
    pub problem: Option<Arc<Problem>>,
    /// What the guard decided.
    pub decided: Option<Arc<Decided>>,
}
