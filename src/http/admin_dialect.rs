//! Answers that are no success below `/admin/v1`: `google.rpc.Status` in JSON, as grpc-gateway
//! writes it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::problem;
use crate::proto::status;
use crate::transport::{Kind, Problem};

/// Whether this dialect is spoken at a path.
pub(super) fn is_spoken_at(path: &str) -> bool {
    path == "/admin/v1" || path.starts_with("/admin/v1/")
}

/// The problem in this dialect.
pub(super) fn answer(problem: &Problem) -> HttpResponse {
    let status = match problem.kind() {
        Kind::MethodNotAllowed => StatusCode::NOT_IMPLEMENTED,
        Kind::Unchanged => StatusCode::BAD_REQUEST,
        kind @ (Kind::InvalidInput
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::NotAcceptable
        | Kind::RequestTimeout
        | Kind::Conflict
        | Kind::PreconditionFailed
        | Kind::PayloadTooLarge
        | Kind::UnsupportedMediaType
        | Kind::RateLimited
        | Kind::Internal
        | Kind::Unavailable) => problem::status(kind),
    };
    problem::with_headers(status, problem).json(status::json(problem))
}
