//! Time as a parameter, so that tests own it.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in UTC, in whole microseconds: what both databases keep exactly.
pub type Timestamp = DateTime<Utc>;

/// Where the service learns what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the ambient clock")]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that a test winds.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        const MICROSECONDS: u16 = 6;
        (self.0)().trunc_subsecs(MICROSECONDS)
    }
}
