//! What is known of one issuer, and what that is worth.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use super::key_set::KeySet;
use super::turns::Busy;
use crate::domain::Timestamp;

/// How long what an issuer said counts.
#[derive(Debug, Clone, Copy)]
pub struct KeySetTiming {
    /// How long keys count without being asked for again.
    pub fresh_for: Duration,
    /// How long an issuer is left alone after it was asked, whatever it said.
    pub cooldown: Duration,
    /// How long keys count while their issuer does not answer, from when they were asked for.
    pub stale_bound: Duration,
}

impl Default for KeySetTiming {
    /// 10 minutes, 30 seconds, 24 hours.
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_mins(10),
            cooldown: Duration::from_secs(30),
            stale_bound: Duration::from_hours(24),
        }
    }
}

/// What an issuer said, and when it was asked.
#[derive(Default)]
pub(super) struct State {
    pub(super) known: Option<Known>,
    last: Option<Attempt>,
    /// Ends, without a value ever being sent, when the fetch has ended in whatever way.
    pub(super) running: Option<watch::Receiver<()>>,
}

/// Keys that an issuer gave.
pub(super) struct Known {
    pub(super) keys: KeySet,
    /// When they were asked for: what they say held then or later.
    asked_at: Timestamp,
}

struct Attempt {
    ended_at: Timestamp,
    failure: Option<Failure>,
}

/// Why there are no new keys.
pub(super) enum Failure {
    /// The issuer was asked, and did not give any. The text is for the log.
    Issuer(String),
    /// It was not asked.
    Busy(Busy),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer(why) => f.write_str(why),
            Self::Busy(busy) => busy.fmt(f),
        }
    }
}

/// What may be done with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts.
    Fresh,
    /// It counts, and should be fetched anew.
    Due,
    /// It counts because the issuer does not answer, and should be fetched anew.
    Stale,
    /// It does not count.
    Nothing,
}

impl State {
    /// What the keys that are known are worth now.
    /// `request` is how long one may take.
    pub(super) fn standing(&self, now: Timestamp, timing: KeySetTiming, request: Duration) -> Standing {
        let Some(known) = &self.known else { return Standing::Nothing };
        // A clock that was turned back says nothing about how old a key is.
        let Some(age) = passed(known.asked_at, now) else { return Standing::Nothing };
        // That it failed long ago does not say that it would now: then somebody has to wait and see. But
        // asking it again takes its time, too: waiting for a turn, and two requests.
        let lately = (timing.cooldown * 2).max(Duration::from_secs(10)) + request * 3;
        let failed =
            |last: &Attempt| last.failure.is_some() && passed(last.ended_at, now).is_some_and(|ago| ago < lately);
        let failing = self.last.as_ref().is_some_and(failed);
        if age < timing.fresh_for * 3 / 4 {
            Standing::Fresh
        } else if age < timing.fresh_for {
            Standing::Due
        } else if failing && age < timing.stale_bound {
            Standing::Stale
        } else {
            Standing::Nothing
        }
    }

    /// Whether the issuer is left alone, since it was asked within the cooldown.
    pub(super) fn rests(&self, now: Timestamp, timing: KeySetTiming) -> bool {
        let rests = |last: &Attempt| {
            let asked = !matches!(last.failure, Some(Failure::Busy(_)));
            asked && passed(last.ended_at, now).is_some_and(|passed| passed < timing.cooldown)
        };
        self.last.as_ref().is_some_and(rests)
    }

    /// Keeps what came of a fetch.
    pub(super) fn end(
        &mut self,
        url: &str,
        outcome: Result<KeySet, Failure>,
        asked_at: Timestamp,
        ended_at: Timestamp,
    ) {
        let failure = match outcome {
            Ok(keys) => {
                tracing::debug!(issuer.url = url, keys = keys.describe(), "an issuer's keys were fetched");
                let keys = match &self.known {
                    Some(before) => keys.over(&before.keys),
                    None => keys,
                };
                self.known = Some(Known { keys, asked_at });
                None
            }
            Err(error) => {
                tracing::warn!(issuer.url = url, %error, "an issuer's keys cannot be fetched");
                Some(error)
            }
        };
        self.last = Some(Attempt { ended_at, failure });
    }

    /// Why there are no keys, for the log.
    pub(super) fn why(&self) -> String {
        let failure = self.last.as_ref().and_then(|last| last.failure.as_ref()).map(ToString::to_string);
        failure.unwrap_or_else(|| "they were fetched too long ago, and it is too early to ask again".to_owned())
    }
}

/// How long ago something was; `None` when it has not been yet.
fn passed(then: Timestamp, now: Timestamp) -> Option<Duration> {
    now.signed_duration_since(then).to_std().ok()
}
