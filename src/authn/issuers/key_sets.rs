//! Issuers' signing keys, by discovery, cached.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use quick_cache::sync::Cache;
use tokio::sync::watch;
use tracing::Instrument;

use super::discovery::{walk, without_slash};
use super::key_set::KeySet;
use super::{Outbound, VerifyingKey};
use crate::domain::{Clock, Timestamp};

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
///
/// - One fetch at a time for each issuer, whoever waits for it; it goes on when they go away.
/// - At most one fetch within the cooldown, whatever is asked and whatever came of it: strangers who
///   make up key ids cannot make the service hammer an issuer.
/// - Before keys are no longer fresh they are fetched anew without anybody waiting.
/// - While the issuer does not answer the keys that are known count on, up to a bound. A key that is
///   not in the newest set is dead at once.
pub struct KeySets {
    shared: Arc<Shared>,
}

/// What is needed to fetch, by requests and by the tasks that outlive them.
struct Shared {
    outbound: Outbound,
    clock: Clock,
    timing: KeySetTiming,
    issuers: Cache<String, Arc<Issuer>>,
}

struct Issuer {
    url: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    last: Option<Attempt>,
    /// Ends, without a value ever being sent, when the fetch has ended in whatever way.
    running: Option<watch::Receiver<()>>,
}

struct Known {
    keys: KeySet,
    /// When they were asked for: what they say held then or later.
    asked_at: Timestamp,
}

struct Attempt {
    ended_at: Timestamp,
    failure: Option<String>,
}

/// What may be done with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It counts.
    Fresh,
    /// It counts, and should be fetched anew.
    Due,
    /// It counts because the issuer does not answer, and should be fetched anew.
    Stale,
    /// It does not count.
    Nothing,
}

impl KeySets {
    /// How many issuers' keys are kept. The largest document makes some 300 KiB of keys, an ordinary one 5.
    const CAPACITY: usize = 1_000;

    /// Key sets that are fetched with this client.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, timing: KeySetTiming) -> Self {
        let issuers = Cache::new(Self::CAPACITY);
        Self { shared: Arc::new(Shared { outbound, clock, timing, issuers }) }
    }

    /// The issuer's key for a token whose header has this `kid` and `alg`. Without a `kid` it is the one
    /// key that verifies the algorithm, if there is just one.
    ///
    /// `issuer` is its URL; a slash at its end makes no difference. It must be one that is trusted: every
    /// issuer that is asked for is fetched from.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn find(
        &self,
        issuer: &str,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerifyingKey>, KeyError> {
        let issuer = self.shared.issuer(issuer);
        let wait = match self.shared.look(&issuer, kid, algorithm) {
            Look::Found(key) => return Ok(key),
            Look::Not(error) => return Err(error),
            Look::Wait(wait, _else) => wait,
        };
        ended(wait).await;
        // The fetch that was waited for is over, so whatever is known now is the answer.
        match self.shared.look(&issuer, kid, algorithm) {
            Look::Found(key) => Ok(key),
            Look::Not(error) | Look::Wait(_, error) => Err(error),
        }
    }

    /// Whether that key is still in force. Whoever keeps what a key verified asks this each time: it
    /// costs no request, but sees to it that keys in use are fetched anew in time.
    #[must_use]
    pub fn is_current(&self, issuer: &str, key: &Arc<VerifyingKey>) -> bool {
        let Some(issuer) = self.shared.issuers.get(without_slash(issuer)) else { return false };
        let mut state = issuer.state();
        let now = self.shared.clock.now();
        let standing = state.standing(now, self.shared.timing);
        if matches!(standing, Standing::Due | Standing::Stale) {
            self.shared.fetch(&issuer, &mut state, now);
        }
        standing != Standing::Nothing && state.known.as_ref().is_some_and(|known| known.keys.holds(key))
    }
}

enum Look {
    Found(Arc<VerifyingKey>),
    Not(KeyError),
    /// A fetch may bring it; what it is for whoever does not wait for that.
    Wait(watch::Receiver<()>, KeyError),
}

impl Shared {
    fn issuer(&self, url: &str) -> Arc<Issuer> {
        let url = without_slash(url);
        let made = || Arc::new(Issuer { url: url.to_owned(), state: Mutex::default() });
        let Ok(issuer) = self.issuers.get_or_insert_with(url, || Ok::<_, std::convert::Infallible>(made()));
        issuer
    }

    /// Looks at what is known, and starts a fetch where that is due.
    fn look(self: &Arc<Self>, issuer: &Arc<Issuer>, kid: Option<&str>, algorithm: Algorithm) -> Look {
        let mut state = issuer.state();
        let now = self.clock.now();
        let standing = state.standing(now, self.timing);
        let counting = state.known.as_ref().filter(|_| standing != Standing::Nothing);
        let found = counting.and_then(|known| known.keys.find(kid, algorithm)).cloned();
        match (found, standing) {
            (Some(key), Standing::Fresh) => Look::Found(key),
            (Some(key), _) => {
                self.fetch(issuer, &mut state, now);
                Look::Found(key)
            }
            (None, _) => {
                let fresh = matches!(standing, Standing::Fresh | Standing::Due);
                let running = self.fetch(issuer, &mut state, now);
                let error = if fresh { KeyError::Unknown } else { KeyError::Unavailable(state.why()) };
                match running {
                    Some(running) => Look::Wait(running, error),
                    None => Look::Not(error),
                }
            }
        }
    }

    /// The fetch that is running or, where one is due, that is started now; `None` while the issuer is left alone.
    fn fetch(self: &Arc<Self>, issuer: &Arc<Issuer>, state: &mut State, now: Timestamp) -> Option<watch::Receiver<()>> {
        if let Some(running) = state.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let rests = |last: &Attempt| passed(last.ended_at, now).is_some_and(|passed| passed < self.timing.cooldown);
        if state.last.as_ref().is_some_and(rests) {
            return None;
        }
        let (ends, running) = watch::channel(());
        state.running = Some(running.clone());
        let (shared, issuer) = (Arc::clone(self), Arc::clone(issuer));
        let work = async move {
            let outcome = walk(&shared.outbound, &issuer.url, &mut ()).await.map_err(|stopped| stopped.to_string());
            issuer.state().end(&issuer.url, outcome, now, shared.clock.now());
            drop(ends);
        };
        // A task of its own: whoever asked first may go away, and others wait for it too.
        self.outbound.runtime().spawn(work.in_current_span());
        Some(running)
    }
}

impl Issuer {
    /// What was written under a lock that somebody panicked with is whole: nothing in there can fail halfway.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn standing(&self, now: Timestamp, timing: KeySetTiming) -> Standing {
        let Some(known) = &self.known else { return Standing::Nothing };
        // A clock that was turned back says nothing about how old a key is.
        let Some(age) = passed(known.asked_at, now) else { return Standing::Nothing };
        // That it failed long ago does not say that it would now: then somebody has to wait and see.
        let lately = (timing.cooldown * 2).max(Duration::from_secs(10));
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

    fn end(&mut self, url: &str, outcome: Result<KeySet, String>, asked_at: Timestamp, ended_at: Timestamp) {
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
                tracing::warn!(issuer.url = url, error, "an issuer's keys cannot be fetched");
                Some(error)
            }
        };
        self.last = Some(Attempt { ended_at, failure });
    }

    fn why(&self) -> String {
        let failure = self.last.as_ref().and_then(|last| last.failure.clone());
        failure.unwrap_or_else(|| "they were fetched too long ago, and it is too early to ask again".to_owned())
    }
}

/// How long ago something was; `None` when it has not been yet.
fn passed(then: Timestamp, now: Timestamp) -> Option<Duration> {
    now.signed_duration_since(then).to_std().ok()
}

async fn ended(mut running: watch::Receiver<()>) {
    while running.changed().await.is_ok() {}
}
