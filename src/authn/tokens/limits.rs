//! How old a token may be.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::super::freshness::{Freshness, Generation};
use crate::domain::Timestamp;
use crate::persistence::{StoreError, StoredOidcSettings};

/// A token that is good but too old for the settings of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOld {
    /// How old it may be.
    pub limit: Duration,
    /// Whether it says when it was issued.
    pub dated: bool,
}

impl fmt::Display for TooOld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = humantime::format_duration(self.limit);
        if self.dated {
            write!(f, "the token is older than the accessTokenLifetime of {limit}; get a new one")
        } else {
            write!(f, "the token has no `iat`, and needs one while there is an accessTokenLifetime ({limit})")
        }
    }
}

/// How old tokens may be: what is stored, kept in memory for as long as it counts.
pub(super) struct Limits {
    stored: StoredOidcSettings,
    known: RwLock<Option<(Generation, Option<Duration>)>>,
    freshness: Arc<Freshness>,
    /// One read at a time: whoever waits finds its answer.
    reading: Mutex<()>,
    /// How long anybody waits for that.
    wait: Duration,
}

impl Limits {
    pub(super) fn new(stored: StoredOidcSettings, freshness: Arc<Freshness>, wait: Duration) -> Self {
        Self { stored, known: RwLock::new(None), freshness, reading: Mutex::default(), wait }
    }

    /// How old a token may be at this moment.
    pub(super) async fn max_age(&self) -> Result<Option<Duration>, StoreError> {
        if let Some((_read_in, limit)) = self.remembered() {
            return Ok(limit);
        }
        let too_long = |_elapsed| StoreError::Unavailable("too many callers wait for the settings".to_owned());
        let _reading = tokio::time::timeout(self.wait, self.reading.lock()).await.map_err(too_long)?;
        if let Some((_read_in, limit)) = self.remembered() {
            return Ok(limit);
        }
        let asked_at = self.freshness.generation();
        let limit = self.stored.access_token_lifetime().await?;
        if let Ok(mut known) = self.known.write() {
            *known = Some((asked_at, limit));
        }
        Ok(limit)
    }

    /// What was read lately, if it still counts.
    fn remembered(&self) -> Option<(Generation, Option<Duration>)> {
        let known = self.known.read().ok().and_then(|known| *known);
        known.filter(|(read_in, _limit)| self.freshness.counts(*read_in))
    }
}

/// Whether a token that was issued then is young enough now.
pub(super) fn check_age(issued: Option<Timestamp>, now: Timestamp, limit: Option<Duration>) -> Result<(), TooOld> {
    let Some(limit) = limit else { return Ok(()) };
    let Some(issued) = issued else { return Err(TooOld { limit, dated: false }) };
    // Whoever is ahead of this clock, as far as the skew allows, is not old.
    let age = (now - issued).to_std().unwrap_or_default();
    if age > limit { Err(TooOld { limit, dated: true }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_token_is_as_old_as_its_iat_says_and_needs_one_only_where_there_is_a_limit() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        let limit = Some(Duration::from_mins(1));
        assert_eq!(check_age(None, at(0), None), Ok(()));
        assert_eq!(check_age(Some(at(0)), at(i64::from(i32::MAX)), None), Ok(()));
        assert_eq!(check_age(Some(at(0)), at(60_000), limit), Ok(()));
        assert_eq!(check_age(Some(at(9)), at(0), limit), Ok(()));
        let old = check_age(Some(at(0)), at(60_001), limit).unwrap_err();
        assert_eq!(old.to_string(), "the token is older than the accessTokenLifetime of 1m; get a new one");
        let undated = check_age(None, at(0), limit).unwrap_err();
        assert_eq!(
            undated.to_string(),
            "the token has no `iat`, and needs one while there is an accessTokenLifetime (1m)"
        );
    }
}
