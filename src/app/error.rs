//! Why a use case was not done. What is answered to it is for the transports to say.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::audit::Pending;
use crate::decision::Denial;
use crate::domain::{Invalid, TenantId};
use crate::persistence::StoreError;
use crate::policy::Snapshot;

/// Why a use case was not done.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A value breaks a rule.
    #[error("{0}")]
    Invalid(Invalid),
    /// The policies do not allow it.
    #[error("denied: {}", .0.denial.code)]
    Denied(Box<Denied>),
    /// It is not there.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It does not go together with what is there.
    #[error("{0}")]
    Conflict(String),
    /// What is to be stored is there already, exactly so.
    #[error("nothing would change")]
    Unchanged,
    /// What is stored is not the version that the caller has seen.
    #[error("the stored version is another one")]
    PreconditionFailed,
    /// The tenant has had it done too often; again in this time.
    #[error("too often; again in {} s", .0.as_secs())]
    RateLimited(Duration),
    /// The database is away. The text is for the log.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The service is at fault. The text is for the log.
    #[error("internal: {0}")]
    Internal(String),
}

/// A denial with the decision that it was.
#[derive(Debug)]
pub struct Denied {
    /// What the caller is told.
    pub denial: Denial,
    /// The ids of the determining policies, when the caller may see them.
    pub policies: Vec<String>,
    /// What the log is told.
    pub decided: Arc<Decided>,
}

/// A decision, as the log and the answer's headers need it.
#[derive(Debug)]
pub struct Decided {
    /// The decision's id.
    pub id: Uuid,
    /// Who asked, in the form of [`crate::domain::Caller::label`].
    pub caller: String,
    /// The tenant that the request said it is about.
    pub tenant: Option<TenantId>,
    /// The ids of the determining policies.
    pub determining: Vec<String>,
    /// The version of the policies that made it.
    pub snapshot: Arc<Snapshot>,
    /// The notices of the determining policies.
    pub notices: Vec<String>,
    /// What the decision log is told once there is an answer.
    pub record: Pending,
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Unavailable(_) | StoreError::LostConnection(_) => Self::Unavailable(text),
            StoreError::Taken(what) => Self::Conflict(format!("the {what} is taken")),
            StoreError::Missing(what) => Self::NotFound(what),
            StoreError::AlreadyThere(what) => Self::Conflict(format!("there are {what} already")),
            StoreError::Unchanged => Self::Unchanged,
            StoreError::Precondition => Self::PreconditionFailed,
            StoreError::LastRootKey => Self::Conflict("this is the last root key that works".to_owned()),
            StoreError::Damaged(_) | StoreError::Failed(_) => Self::Internal(text),
        }
    }
}

impl From<Invalid> for AppError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
