//! Every answer that is no success, in one shape.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppError;
use crate::domain::Invalid;
use crate::policy::Status;

/// The body of every answer that is no success.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ProblemBody {
    /// What is wrong, for machines: lower snake case, stable.
    #[schema(example = "tenant_mismatch")]
    code: Cow<'static, str>,
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
    field: String,
    /// The rule that it breaks.
    reason: String,
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Box<ProblemBody>,
    /// The methods of the path, when the one that was used is none of them.
    allow: Option<String>,
    /// What went wrong inside. It goes to the log and never to the client.
    cause: Option<String>,
}

impl Problem {
    /// How long a client should wait before it asks a service again that cannot answer now, in seconds.
    const RETRY_AFTER: &'static str = "2";
    /// The same words whether a thing is not there or a policy hides that it is.
    const NOTHING_THERE: &'static str = "there is no such thing, or it is not for you to know of";

    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let body = ProblemBody { code: code.into(), message: message.into(), details: None, notices: Vec::new() };
        Self { status, body: Box::new(body), allow: None, cause: None }
    }

    /// 401, in the same words for everything that is wrong with a credential.
    pub(super) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "a valid credential is needed")
    }

    /// 400: who is asking cannot be known.
    pub(super) fn ambiguous_credentials() -> Self {
        let invalid = Invalid::new("X-API-Key, Authorization", "hold two different credentials; send one");
        invalid.into()
    }

    /// 404: there is no route.
    pub(super) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such path")
    }

    /// 405, with the methods that there are.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let message = format!("this path has the methods {allow}");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message) }
    }

    /// 406.
    pub(super) fn not_acceptable() -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "answers are application/json, which `Accept` rules out",
        )
    }

    /// 408.
    pub(super) fn request_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "the body did not arrive in time")
    }

    /// 413.
    pub(super) fn payload_too_large(limit: usize) -> Self {
        let message = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    /// 415.
    pub(super) fn unsupported_media_type(message: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    /// 500. The cause goes to the log.
    pub(super) fn internal(cause: impl Into<String>) -> Self {
        let problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed; the log knows more under the request id",
        );
        Self { cause: Some(cause.into()), ..problem }
    }

    /// 503. The cause goes to the log.
    fn unavailable(cause: String) -> Self {
        let problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service cannot answer now; try again");
        Self { cause: Some(cause), ..problem }
    }

    /// What the policies are told about a request that cannot be read.
    pub(super) fn malformed_as(&self) -> &'static str {
        match (&self.body.code, &self.body.details) {
            (_, Some(details)) if details.field == "X-API-Key, Authorization" => "ambiguous_credentials",
            (Cow::Borrowed(code), _) => code,
            (Cow::Owned(_), _) => "invalid_input",
        }
    }

    /// The machine-readable reason.
    pub(super) fn code(&self) -> &str {
        &self.body.code
    }

    /// What the log is told.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid_input", invalid.to_string());
        problem.body.details = Some(Details { field: invalid.field, reason: invalid.reason });
        problem
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Invalid(invalid) => invalid.into(),
            AppError::NotFound(_what) => Self::new(StatusCode::NOT_FOUND, "not_found", Self::NOTHING_THERE),
            AppError::Conflict(message) => Self::new(StatusCode::CONFLICT, "conflict", message),
            AppError::PreconditionFailed => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "what is stored is not the version that the request names",
            ),
            AppError::Unavailable(cause) => Self::unavailable(cause),
            AppError::Internal(cause) => Self::internal(cause),
            AppError::Denied(denied) => {
                let denial = denied.denial;
                let (status, message) = match denial.status {
                    Status::Conflict => (StatusCode::CONFLICT, "the state of things does not allow this"),
                    Status::Forbidden => (StatusCode::FORBIDDEN, "the policies do not allow this"),
                    Status::Unauthenticated => (StatusCode::UNAUTHORIZED, "a valid credential is needed"),
                    Status::NotFound => (StatusCode::NOT_FOUND, Self::NOTHING_THERE),
                };
                let mismatch = denial.code == crate::decision::Denial::TENANT_MISMATCH;
                let message = if mismatch { "the credential belongs to another tenant" } else { message };
                let mut problem = Self::new(status, denial.code, message);
                problem.body.notices = denial.notices;
                problem
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        // A cache may keep a 404 or a 405 for everybody when nothing forbids it (RFC 9110, section 15.1).
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"gatewood\""));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, Self::RETRY_AFTER));
        }
        response.json(&self.body)
    }
}
