//! Every answer that is no success, before it is written in a dialect.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::app::AppError;
use crate::authn::TooOld;
use crate::decision::Denial;
use crate::domain::Invalid;
use crate::policy::Status;

/// What kind of answer it is. Each dialect has one number for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something that was sent breaks a rule.
    InvalidInput,
    /// What is to be stored is there already, exactly so.
    Unchanged,
    /// No credential, or one that is no good.
    Unauthenticated,
    /// The policies do not allow it.
    Forbidden,
    /// It is not there.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// The caller reads nothing that could be answered.
    NotAcceptable,
    /// What was sent did not arrive in time.
    RequestTimeout,
    /// It does not go together with what is there.
    Conflict,
    /// What is stored is another version.
    PreconditionFailed,
    /// What was sent is too large.
    PayloadTooLarge,
    /// What was sent is of a kind, or in a coding, that is not read.
    UnsupportedMediaType,
    /// The service failed.
    Internal,
    /// It was asked for too often.
    RateLimited,
    /// The service cannot answer now.
    Unavailable,
}

impl Kind {
    /// Its status in HTTP (RFC 9110, section 15).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidInput => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::RequestTimeout => 408,
            Self::Conflict | Self::Unchanged => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

/// Which field is wrong, and why.
#[derive(Debug, Clone)]
pub struct Details {
    /// The field, header or parameter.
    pub field: String,
    /// The rule that it breaks.
    pub reason: String,
}

#[derive(Debug)]
struct Parts {
    kind: Kind,
    code: Cow<'static, str>,
    message: String,
    details: Option<Details>,
    notices: Vec<String>,
    policies: Vec<String>,
    malformed_as: Option<&'static str>,
    allow: Option<String>,
    retry_after: Option<Duration>,
    cause: Option<String>,
}

impl Problem {
    /// The same words whether a thing is not there or a policy hides that it is.
    const NOTHING_THERE: &'static str = "there is no such thing, or it is not for you to know of";
    /// How long a client should wait before it asks a service again that cannot answer now.
    const RETRY_AFTER: Duration = Duration::from_secs(2);
    const CREDENTIAL_NEEDED: &'static str = "a valid credential is needed";

    fn new(kind: Kind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            code: code.into(),
            message: message.into(),
            details: None,
            notices: Vec::new(),
            policies: Vec::new(),
            malformed_as: None,
            allow: None,
            retry_after: None,
            cause: None,
        }))
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// In the same words for everything that is wrong with a credential.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "unauthenticated", Self::CREDENTIAL_NEEDED)
    }

    /// Who is asking cannot be known.
    #[must_use]
    pub fn ambiguous_credentials() -> Self {
        let mut problem =
            Self::from(Invalid::new("X-API-Key, Authorization", "hold two different credentials; send one"));
        problem.0.malformed_as = Some("ambiguous_credentials");
        problem
    }

    /// In the same words as ever: what is wrong with a token goes to the log and to nobody else.
    #[must_use]
    pub fn bad_token(flaw: &str) -> Self {
        Self::unauthenticated().because(format!("the token is refused: {flaw}"))
    }

    /// The token is good but too old, which its holder may know.
    #[must_use]
    pub fn token_too_old(too_old: &TooOld) -> Self {
        let why = too_old.to_string();
        let mut problem = Self::new(Kind::Unauthenticated, "unauthenticated", why.clone()).because(why.clone());
        problem.0.details = Some(Details { field: "Authorization".to_owned(), reason: why });
        problem
    }

    /// The token is good for several tenants, and the header does not name one of them.
    #[must_use]
    pub fn ambiguous_tenant() -> Self {
        let reason =
            "names none of the tenants that the token is good for; there are several, and the header must name one";
        let mut problem = Self::from(Invalid::new("X-Tenant-ID", reason));
        problem.0.malformed_as = Some("ambiguous_tenant");
        problem
    }

    /// There is no route.
    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(Kind::NotFound, "not_found", "there is no such path")
    }

    /// It is not there, or a policy hides that it is.
    #[must_use]
    pub fn nothing_there() -> Self {
        Self::new(Kind::NotFound, "not_found", Self::NOTHING_THERE)
    }

    /// The service has more to do than it can.
    #[must_use]
    pub fn overloaded() -> Self {
        AppError::Unavailable("too many calls are being answered".to_owned()).into()
    }

    /// There is a route, with other methods.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        let message = format!("this path has the methods {allow}");
        let mut problem = Self::new(Kind::MethodNotAllowed, "method_not_allowed", message);
        problem.0.allow = Some(allow);
        problem
    }

    /// There is no such method of gRPC.
    #[must_use]
    pub fn unknown_method() -> Self {
        Self::new(Kind::MethodNotAllowed, "method_not_allowed", "there is no such method")
    }

    /// The caller does not read JSON.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let message = "answers are application/json, which `Accept` rules out";
        Self::new(Kind::NotAcceptable, "not_acceptable", message)
    }

    /// What was sent did not arrive in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(Kind::RequestTimeout, "request_timeout", "the body did not arrive in time")
    }

    /// What was sent has more bytes than `limit`.
    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        let message = format!("the body has more than {limit} bytes");
        Self::new(Kind::PayloadTooLarge, "payload_too_large", message)
    }

    /// What was sent is of a kind, or in a coding, that is not read.
    #[must_use]
    pub fn unsupported_media_type(message: &str) -> Self {
        Self::new(Kind::UnsupportedMediaType, "unsupported_media_type", message)
    }

    /// The service failed. The cause goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let message = "the service failed; the log knows more under the request id";
        Self::new(Kind::Internal, "internal", message).because(cause)
    }

    /// It was asked for too often. There is room again after this time.
    fn rate_limited(left: Duration) -> Self {
        let message = format!("this was asked for too often; try again in {} seconds", seconds_up(left));
        let mut problem = Self::new(Kind::RateLimited, "rate_limited", message);
        problem.0.retry_after = Some(left);
        problem
    }

    /// What kind of answer it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The machine-readable reason: lower snake case, stable.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field that is wrong, and the rule that it breaks.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.0.details.as_ref()
    }

    /// The notices of the policies that determined it.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.0.notices
    }

    /// The ids of the policies that determined it, when the caller may see them.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.0.policies
    }

    /// The methods of the path, when the one that was used is none of them.
    #[must_use]
    pub fn allow(&self) -> Option<&str> {
        self.0.allow.as_deref()
    }

    /// After how many seconds to try again, where trying again may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.0.retry_after.map(seconds_up)
    }

    /// What the log is told and the client is not.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// What the policies are told about a request that cannot be read.
    #[must_use]
    pub fn malformed_as(&self) -> &'static str {
        let own = match self.0.code {
            Cow::Borrowed(code) => code,
            Cow::Owned(_) => "invalid_input",
        };
        self.0.malformed_as.unwrap_or(own)
    }

    fn denied(denial: Denial, policies: Vec<String>) -> Self {
        let (kind, message) = match denial.status {
            Status::Conflict => (Kind::Conflict, "the state of things does not allow this"),
            Status::Forbidden => (Kind::Forbidden, "the policies do not allow this"),
            Status::Unauthenticated => (Kind::Unauthenticated, Self::CREDENTIAL_NEEDED),
            Status::NotFound => (Kind::NotFound, Self::NOTHING_THERE),
        };
        let mismatch = denial.code == Denial::TENANT_MISMATCH;
        let message = if mismatch { "the credential belongs to another tenant" } else { message };
        let mut problem = Self::new(kind, denial.code, message);
        problem.0.notices = denial.notices;
        problem.0.policies = policies;
        problem
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let mut problem = Self::new(Kind::InvalidInput, "invalid_input", invalid.to_string());
        problem.0.details = Some(Details { field: invalid.field, reason: invalid.reason });
        problem
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Invalid(invalid) => invalid.into(),
            AppError::NotFound(_what) => Self::nothing_there(),
            AppError::Conflict(message) => Self::new(Kind::Conflict, "conflict", message),
            AppError::Unchanged => Self::new(Kind::Unchanged, "unchanged", "nothing would change"),
            AppError::PreconditionFailed => Self::new(
                Kind::PreconditionFailed,
                "precondition_failed",
                "what is stored is not the version that the request names",
            ),
            AppError::Unavailable(cause) => {
                let mut problem =
                    Self::new(Kind::Unavailable, "unavailable", "the service cannot answer now; try again");
                problem.0.retry_after = Some(Self::RETRY_AFTER);
                problem.because(cause)
            }
            AppError::RateLimited(left) => Self::rate_limited(left),
            AppError::Internal(cause) => Self::internal(cause),
            AppError::Denied(denied) => Self::denied(denied.denial, denied.policies),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

/// Rounded up: whoever comes back then must not be early.
fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
