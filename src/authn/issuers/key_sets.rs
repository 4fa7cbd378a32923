//! Issuers' signing keys, by discovery, cached.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use tokio::sync::watch;
use tracing::Instrument;

use super::discovery::{walk, without_slash};
use super::key_set::KeySet;
use super::places::{Issuer, Places};
use super::state::{Failure, KeySetTiming, Standing, State};
use super::turns::{Busy, Requester, Turn, Turns};
use super::{Outbound, VerifyingKey};
use crate::domain::{Clock, Timestamp};

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
/// - The issuers of the instance have turns of their own, and a tenant one at a time: no tenant can
///   keep the service from asking for others.
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
    places: Places,
    for_instance: Turns,
    for_tenants: Turns,
}

impl KeySets {
    /// How many issuers of the instance are asked at once.
    const AT_ONCE_FOR_INSTANCE: usize = 16;
    /// How many issuers of tenants are asked at once.
    const AT_ONCE_FOR_TENANTS: usize = 32;

    /// Key sets that are fetched with this client.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Clock, timing: KeySetTiming) -> Self {
        let places = Places::default();
        let (for_instance, for_tenants) =
            (Turns::new(Self::AT_ONCE_FOR_INSTANCE), Turns::new(Self::AT_ONCE_FOR_TENANTS));
        Self { shared: Arc::new(Shared { outbound, clock, timing, places, for_instance, for_tenants }) }
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
        requester: Requester<'_>,
        issuer: &str,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerifyingKey>, KeyError> {
        let issuer = self.shared.places.take(without_slash(issuer), requester);
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
        let Some(issuer) = self.shared.places.get(without_slash(issuer)) else { return false };
        let mut state = issuer.state();
        let now = self.shared.clock.now();
        let standing = state.standing(now, self.shared.timing, self.shared.outbound.timeout());
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
    /// Looks at what is known, and starts a fetch where that is due.
    fn look(self: &Arc<Self>, issuer: &Arc<Issuer>, kid: Option<&str>, algorithm: Algorithm) -> Look {
        let mut state = issuer.state();
        let now = self.clock.now();
        let standing = state.standing(now, self.timing, self.outbound.timeout());
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
        if state.rests(now, self.timing) {
            return None;
        }
        let (ends, running) = watch::channel(());
        state.running = Some(running.clone());
        let (shared, issuer) = (Arc::clone(self), Arc::clone(issuer));
        let work = async move {
            let outcome = shared.ask(&issuer).await;
            issuer.state().end(&issuer.url, outcome, now, shared.clock.now());
            drop(ends);
        };
        // A task of its own: whoever asked first may go away, and others wait for it too.
        self.outbound.runtime().spawn(work.in_current_span());
        Some(running)
    }

    async fn ask(&self, issuer: &Issuer) -> Result<KeySet, Failure> {
        let turn = self.turn(issuer).await.map_err(Failure::Busy)?;
        let asked = walk(&self.outbound, &turn, &issuer.url, &mut ()).await;
        asked.map_err(|stopped| Failure::Issuer(stopped.to_string()))
    }

    /// Waits for no longer than a request may take.
    async fn turn(&self, issuer: &Issuer) -> Result<Turn, Busy> {
        let patience = self.outbound.timeout();
        if issuer.of_instance {
            self.for_instance.take(patience).await
        } else {
            self.for_tenants.take_for(&issuer.tenants(), patience).await
        }
    }
}

async fn ended(mut running: watch::Receiver<()>) {
    while running.changed().await.is_ok() {}
}
