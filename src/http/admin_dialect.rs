//! Answers that are no success below `/admin/v1`: `google.rpc.Status` in JSON, as grpc-gateway
//! writes it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use utoipa::ToSchema;

use super::problem;
use crate::proto::status;
use crate::transport::{Kind, Problem};

/// The body of every answer that is no success: `google.rpc.Status`. Only this description is used; the
/// body itself is made where gRPC's is.
#[derive(ToSchema)]
#[schema(as = Status)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct StatusBody {
    /// The code of gRPC.
    #[schema(minimum = 1, maximum = 16, example = 7)]
    code: i32,
    /// What is wrong, for people.
    message: String,
    /// First a `zitadel.v1.ErrorDetail`; then, where policies have a say, a `gatewood.v1.PolicyNotices`.
    details: Vec<StatusDetail>,
}

/// One of the details of a status.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct StatusDetail {
    /// Which of the two it is.
    #[schema(rename = "@type", example = "type.googleapis.com/zitadel.v1.ErrorDetail")]
    of_type: String,
    /// What is wrong, for machines.
    #[schema(required = false, nullable = false, example = "lifetime_not_allowed")]
    id: String,
    /// What is wrong, for people.
    #[schema(required = false, nullable = false)]
    message: String,
    /// What the determining policies say.
    #[schema(required = false, nullable = false)]
    notices: Vec<String>,
    /// The ids of the determining policies, for callers that may see them.
    #[schema(required = false, nullable = false)]
    policies: Vec<String>,
}

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
