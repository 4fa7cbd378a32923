//! What can go wrong with the database, in the repositories' words.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::domain::DatabaseUrl;

/// Why a repository could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, locked, read-only or full: it may work later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another row has this value already.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// The thing is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// There may be one, and there is one.
    #[error("there are {0} already")]
    AlreadyThere(&'static str),
    /// What is to be stored is there already, exactly so.
    #[error("nothing would change")]
    Unchanged,
    /// What is stored is not the version that the caller has seen.
    #[error("the stored version is another one")]
    Precondition,
    /// It is the last root key that works.
    #[error("it is the last root key that works")]
    LastRootKey,
    /// What is stored cannot be read: a row was damaged or copied from somewhere else.
    #[error("a stored row cannot be read: {0}")]
    Damaged(String),
    /// Anything else; it does not pass by waiting.
    #[error("the database refused: {0}")]
    Failed(String),
    /// The connection broke before it was asked anything, so asking again on another is safe.
    #[error("the connection to the database was lost: {0}")]
    LostConnection(String),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let text = error.to_string();
        if let DieselError::DatabaseError(kind, _) = &error {
            let passes =
                matches!(kind, DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ReadOnlyTransaction);
            return if matches!(kind, DatabaseErrorKind::ClosedConnection) || is_lost(&text) {
                Self::LostConnection(text)
            } else if passes || is_unavailable(&text) {
                Self::Unavailable(text)
            } else {
                Self::Failed(text)
            };
        }
        if matches!(error, DieselError::BrokenTransactionManager) {
            Self::LostConnection(text)
        } else if matches!(error, DieselError::DeserializationError(_)) {
            Self::Damaged(text)
        } else {
            Self::Failed(text)
        }
    }
}

impl StoreError {
    /// Whether it is sure that nothing was changed, and nothing had to be.
    #[must_use]
    pub const fn left_all_as_it_was(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Precondition)
    }

    /// Turns a broken unique constraint into [`StoreError::Taken`].
    pub(super) fn or_taken(what: &'static str) -> impl Fn(DieselError) -> Self {
        move |error| {
            let taken = matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _));
            if taken { Self::Taken(what) } else { error.into() }
        }
    }

    /// Says which database it is about, where that is all there is to say.
    pub(super) fn at(self, url: &DatabaseUrl) -> Self {
        match self {
            Self::Unavailable(text) | Self::LostConnection(text) => Self::Unavailable(format!("{url}: {text}")),
            Self::Failed(text) => Self::Failed(format!("{url}: {text}")),
            Self::Taken(_)
            | Self::Missing(_)
            | Self::AlreadyThere(_)
            | Self::Unchanged
            | Self::Precondition
            | Self::LastRootKey
            | Self::Damaged(_) => self,
        }
    }

    /// Whether the connection it happened on should be thrown away.
    pub(super) const fn breaks_connection(&self) -> bool {
        matches!(self, Self::LostConnection(_) | Self::Unavailable(_))
    }
}

/// Diesel gives no kind for these, only the database's text: what libpq says when the server went away.
fn is_lost(text: &str) -> bool {
    const SAYINGS: [&str; 5] = [
        "server closed the connection",
        "terminating connection",
        "connection not open",
        "SSL connection has been closed",
        "could not receive data from server",
    ];
    SAYINGS.iter().any(|saying| text.contains(saying))
}

/// The same for SQLite's result codes and for a server that is on its way up or down.
fn is_unavailable(text: &str) -> bool {
    const SAYINGS: [&str; 13] = [
        "database is locked",
        "database table is locked",
        "readonly database",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "the database system is",
        "cannot execute",
        "canceling statement due to",
        "No space left on device",
        "too many connections",
        "remaining connection slots",
        "deadlock detected",
    ];
    SAYINGS.iter().any(|saying| text.contains(saying))
}
