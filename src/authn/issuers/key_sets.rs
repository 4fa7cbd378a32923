//! Issuers' signing keys, by discovery, cached.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;

use super::{Outbound, VerifyingKey};
use crate::domain::Clock;

/// How long what an issuer said counts.
#[derive(Debug, Clone, Copy)]
pub struct KeySetTiming {
    /// How long keys count without being asked for again.
    pub fresh_for: Duration,
    /// How long an issuer is left alone after it was asked, whatever it said.
    pub cooldown: Duration,
    /// How long keys count while their issuer does not answer.
    pub stale_bound: Duration,
}

impl Default for KeySetTiming {
    /// 10 minutes, 30 seconds, 24 hours.
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self { fresh_for: 10 * MINUTE, cooldown: MINUTE / 2, stale_bound: 24 * 60 * MINUTE }
    }
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The issuer has no such key, or several that it could be.
    #[error("the issuer has no such key")]
    Unknown,
    /// The issuer's keys are not known at the moment. The text is for the log.
    #[error("the issuer's keys are not known: {0}")]
    Unavailable(String),
}

/// Issuers' signing keys, by discovery, cached.
pub struct KeySets;

impl KeySets {
    /// Key sets that are fetched with this client.
    #[must_use]
    pub fn new(_outbound: Outbound, _clock: Clock, _timing: KeySetTiming) -> Self {
        Self
    }

    /// The issuer's key for a token whose header has this `kid` and `alg`. Without a `kid` it is the one
    /// key that verifies the algorithm, if there is just one.
    ///
    /// `issuer` is its URL; a slash at its end makes no difference.
    ///
    /// # Errors
    /// [`KeyError`].
    #[expect(clippy::unused_async, reason = "nothing is fetched yet")]
    pub async fn find(
        &self,
        _issuer: &str,
        _kid: Option<&str>,
        _algorithm: Algorithm,
    ) -> Result<Arc<VerifyingKey>, KeyError> {
        Err(KeyError::Unavailable("nothing is fetched yet".to_owned()))
    }

    /// Whether that key is still in force. It costs no request: whoever keeps what a key verified asks this
    /// each time.
    #[must_use]
    pub fn is_current(&self, _issuer: &str, _key: &Arc<VerifyingKey>) -> bool {
        false
    }
}
