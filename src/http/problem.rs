//! Answers that are no success, in the dialect of `/v1`.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::transport::{Kind, Problem};

/// The body of every answer that is no success.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ProblemBody {
    /// What is wrong, for machines: lower snake case, stable.
    #[schema(example = "tenant_mismatch")]
    code: String,
    /// What is wrong, for people.
    #[schema(example = "the credential belongs to another tenant")]
    message: String,
    /// The offending field and the rule that it breaks, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    details: Option<Details>,
    /// The notices of the policies that determined the answer; empty when none did.
    notices: Vec<String>,
}

/// Which field is wrong, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Details {
    /// The field, header or parameter.
    pub(super) field: String,
    /// The rule that it breaks.
    pub(super) reason: String,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        let details = problem.details();
        Self {
            code: problem.code().to_owned(),
            message: problem.message().to_owned(),
            details: details.map(|d| Details { field: d.field.clone(), reason: d.reason.clone() }),
            notices: problem.notices().to_vec(),
        }
    }
}

/// The status of a kind of problem.
pub(super) fn status(kind: Kind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer with the headers that a problem has in every dialect.
pub(super) fn with_headers(status: StatusCode, problem: &Problem) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    // A cache may keep a 404 or a 405 for everybody when nothing forbids it (RFC 9110, section 15.1).
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(allow) = problem.allow() {
        response.insert_header((ALLOW, allow));
    }
    if problem.kind() == Kind::Unauthenticated {
        response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"gatewood\""));
    }
    if let Some(seconds) = problem.retry_after() {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.kind())
    }

    fn error_response(&self) -> HttpResponse {
        with_headers(self.status_code(), self).json(ProblemBody::from(self))
    }
}
