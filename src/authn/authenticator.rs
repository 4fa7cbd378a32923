//! Who holds a credential.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::freshness::Freshness;
use super::issuers::KeySets;
use super::key_cache::{KeyCache, Known};
use super::look_ups::{LookUp, LookUps};
use super::tokens::{Shared, Verifier};
use super::{Presented, TokenTrust, TooOld};
use crate::domain::{ApiKeyId, Caller, Clock, IssuerUrl, KeyHolder, KeyMaterial, StoredCredential, Timestamp};
use crate::persistence::{ApiKeys, Instance, OidcConfigs, StoreError, StoredOidcSettings};

/// Why a credential makes no caller.
#[derive(Debug)]
pub enum Rejection {
    /// Malformed, unknown, expired, suspended or revoked. Which of them is nobody's business.
    Rejected,
    /// A token that is no good. What is wrong with it is for the log only.
    Token(String),
    /// A token that is good, but too old for the settings of the instance. Its holder may know.
    TooOld(TooOld),
    /// Two different credentials at once.
    Ambiguous,
    /// A token that is good for several tenants, and a request that does not name one of them.
    AmbiguousTenant,
    /// The database did not answer, and nothing is known that could stand in for it.
    Unavailable(StoreError),
}

/// How often the database is asked, and how long an answer counts.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How often each replica looks whether a right was taken away.
    pub poll: Duration,
    /// How long such a look counts. A revocation is in force everywhere within this time.
    pub fresh_for: Duration,
    /// How often last-used times are written.
    pub note_use: Duration,
}

impl Default for Timing {
    /// In force within one second on every replica.
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(350),
            fresh_for: Duration::from_millis(900),
            note_use: Duration::from_secs(30),
        }
    }
}

/// What is asked about credentials.
#[derive(Clone)]
pub struct Stores {
    /// API keys.
    pub keys: ApiKeys,
    /// The instance, for the epoch.
    pub instance: Instance,
    /// Tenants' OIDC configurations.
    pub oidc_configs: OidcConfigs,
    /// The settings of the instance, for how old a token may be.
    pub oidc_settings: StoredOidcSettings,
    /// How long a request waits for its turn to ask them.
    pub wait: Duration,
}

/// Authenticates callers.
pub struct Authenticator {
    stores: Stores,
    clock: Clock,
    timing: Timing,
    freshness: Arc<Freshness>,
    cache: KeyCache,
    look_ups: Arc<LookUps>,
    tokens: Verifier,
    used: Mutex<HashMap<ApiKeyId, Timestamp>>,
}

impl Authenticator {
    /// How many keys are kept in memory: about 6 MiB when all are.
    const CAPACITY: usize = 10_000;

    /// An authenticator for the keys of this database and the tokens of these issuers.
    #[must_use]
    pub fn new(stores: Stores, key_sets: KeySets, trust: TokenTrust, clock: Clock, timing: Timing) -> Self {
        let freshness = Arc::new(Freshness::new(timing.fresh_for));
        let cache = KeyCache::new(Self::CAPACITY, Arc::clone(&freshness));
        let look_ups = Arc::new(LookUps::new(stores.wait));
        let shared =
            Shared { clock: clock.clone(), freshness: Arc::clone(&freshness), look_ups: Arc::clone(&look_ups) };
        let tokens = Verifier::new(key_sets, trust, &stores, shared);
        Self { stores, clock, timing, freshness, cache, look_ups, tokens, used: Mutex::default() }
    }

    /// Says who presents this.
    ///
    /// # Errors
    /// [`Rejection`], in the same words for each way in which a credential can be no good.
    pub async fn authenticate(&self, presented: Presented) -> Result<Caller, Rejection> {
        match presented {
            Presented::Nothing => Ok(Caller::Anonymous),
            Presented::Malformed => Err(Rejection::Rejected),
            Presented::Ambiguous => Err(Rejection::Ambiguous),
            Presented::ApiKey(key) => self.key_holder(&key).await.map(Caller::ApiKey),
            Presented::Jwt(token) => self.tokens.user(&token).await.map(Caller::User),
        }
    }

    async fn key_holder(&self, key: &KeyMaterial) -> Result<Arc<KeyHolder>, Rejection> {
        let known = match self.cache.get(key.id()) {
            Some(known) => known,
            None => self.look_up(key.id()).await?,
        };
        let now = self.clock.now();
        if !known.credential.admits(&key.digest(), now) {
            return Err(Rejection::Rejected);
        }
        self.note_use(&known, now);
        Ok(Arc::clone(&known.holder))
    }

    async fn look_up(&self, id: ApiKeyId) -> Result<Arc<Known>, Rejection> {
        let about = if self.cache.was_known(id) { LookUp::Known } else { LookUp::StrangeKey };
        let _turn = self.look_ups.turn(about).await.map_err(Rejection::Unavailable)?;
        if let Some(known) = self.cache.get(id) {
            return Ok(known);
        }
        let asked_at = self.freshness.generation();
        let found = self.stores.keys.credential(id).await.map_err(Rejection::Unavailable)?;
        let credential = found.ok_or(Rejection::Rejected)?;
        let holder = Arc::new(holder_of(&credential));
        Ok(self.cache.put(credential, holder, asked_at))
    }

    /// Forgets what is cached when it is dropped, whatever came of the change: a caller who goes away
    /// before the answer must not leave a right behind that was taken away.
    pub fn forgetting(&self) -> Forgetting<'_> {
        Forgetting(Some(self))
    }

    /// Whether the database answered lately.
    #[must_use]
    pub fn database_answers(&self) -> bool {
        self.freshness.is_fresh()
    }

    /// Whether the instance itself trusts whoever is at this place. No tenant may name it then.
    #[must_use]
    pub fn is_issuer_of_instance(&self, issuer: &IssuerUrl) -> bool {
        self.tokens.is_issuer_of_instance(issuer)
    }

    /// Says in the log which tenants' configurations do not count, because they name an issuer of the instance.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn warn_of_ignored_issuers(&self) -> Result<(), StoreError> {
        self.tokens.warn_of_ignored(&self.stores.oidc_configs).await
    }

    fn note_use(&self, known: &Known, now: Timestamp) {
        let minute = now.timestamp().div_euclid(60);
        if known.noted_minute.swap(minute, Ordering::Relaxed) != minute
            && let Ok(mut used) = self.used.lock()
        {
            used.insert(known.holder.id, now);
        }
    }

    /// Looks whether a right was taken away somewhere.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self) -> Result<(), StoreError> {
        let began = Instant::now();
        let epoch = self.stores.instance.authn_epoch().await?;
        self.freshness.confirm(began, epoch);
        Ok(())
    }

    /// Looks at the database again and again, and writes last-used times now and then, until it is dropped.
    pub async fn watch(&self) {
        tokio::join!(self.look_again_and_again(), self.write_used_now_and_then());
    }

    async fn look_again_and_again(&self) {
        let mut was_away = false;
        loop {
            match self.look().await {
                Ok(()) => {
                    if std::mem::take(&mut was_away) {
                        tracing::info!("the database answers again");
                    }
                }
                Err(error) if !was_away => {
                    was_away = true;
                    tracing::warn!(%error, "the database does not answer");
                }
                Err(_still_away) => {}
            }
            tokio::time::sleep(self.timing.poll).await;
        }
    }

    async fn write_used_now_and_then(&self) {
        loop {
            tokio::time::sleep(self.timing.note_use).await;
            self.write_used().await;
        }
    }

    /// Writes the last-used times that are not written yet.
    pub async fn write_used(&self) {
        let used = self.used.lock().map(|mut used| std::mem::take(&mut *used)).unwrap_or_default();
        if used.is_empty() {
            return;
        }
        // A last-used time is a convenience: one that cannot be written is not worth holding anything up.
        if let Err(error) = self.stores.keys.touch(used.into_iter().collect()).await {
            tracing::debug!(%error, "last-used times were not written");
        }
    }
}

fn holder_of(credential: &StoredCredential) -> KeyHolder {
    let key = &credential.key;
    KeyHolder { id: key.id, name: key.name.clone(), scope: key.scope, roles: key.roles.closure() }
}

/// Forgets at its end.
#[must_use]
pub struct Forgetting<'a>(Option<&'a Authenticator>);

impl Forgetting<'_> {
    /// Forgets nothing: it turned out that no right was taken away.
    pub fn call_off(mut self) {
        self.0 = None;
    }
}

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        if let Some(authenticator) = self.0 {
            authenticator.freshness.forget();
        }
    }
}
