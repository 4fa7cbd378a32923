//! Which issuers are trusted, and with what.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::super::freshness::{Freshness, Generation};
use super::super::look_ups::{LookUp, LookUps};
use super::Flaw;
use crate::domain::{IssuerUrl, TenantIssuer, TrustedIssuer};
use crate::persistence::{OidcConfigs, StoreError};

/// What an issuer is trusted with.
pub(super) enum Trust {
    /// The instance trusts it.
    Instance(Arc<TrustedIssuer>),
    /// Tenants trust it, each with its own users: never empty.
    Tenants(TenantIssuers),
}

/// What tenants say of one issuer, in the order of the tenants' ids.
pub(super) type TenantIssuers = Arc<[TenantIssuer]>;

/// Why nothing can be said of an issuer, or nothing good.
pub(super) enum Untrusted {
    /// Nobody trusts it.
    Flawed(Flaw),
    /// The database does not answer.
    Unavailable(StoreError),
}

impl From<Flaw> for Untrusted {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

/// The issuers that are trusted: those of the instance, and those of tenants' configurations, which
/// are looked up and kept for as long as they count.
pub(super) struct Trusts {
    instance: HashMap<String, Arc<TrustedIssuer>>,
    tenants: OidcConfigs,
    known: Cache<String, (Generation, TenantIssuers)>,
    /// Issuers that nobody trusts, by the hash of their names: a stranger can make up any number of
    /// them, and must not push out the others.
    unknown: Cache<[u8; 32], Generation>,
    freshness: Arc<Freshness>,
    look_ups: Arc<LookUps>,
}

impl Trusts {
    const KNOWN: usize = 10_000;
    const UNKNOWN: usize = 10_000;

    pub(super) fn new(
        instance: Vec<TrustedIssuer>,
        tenants: OidcConfigs,
        freshness: Arc<Freshness>,
        look_ups: Arc<LookUps>,
    ) -> Self {
        let by_key = |trusted: TrustedIssuer| (trusted.issuer.key().to_owned(), Arc::new(trusted));
        let instance = instance.into_iter().map(by_key).collect();
        let (known, unknown) = (Cache::new(Self::KNOWN), Cache::new(Self::UNKNOWN));
        Self { instance, tenants, known, unknown, freshness, look_ups }
    }

    /// Whether the instance itself trusts whoever is at this place.
    pub(super) fn is_of_instance(&self, issuer: &IssuerUrl) -> bool {
        self.instance.values().any(|trusted| trusted.issuer.same_place(issuer))
    }

    /// Whether the instance trusts no issuer.
    pub(super) fn has_none_of_instance(&self) -> bool {
        self.instance.is_empty()
    }

    /// What this issuer is trusted with. What tenants say of an issuer of the instance does not count.
    pub(super) async fn of(&self, issuer: &IssuerUrl) -> Result<Trust, Untrusted> {
        if let Some(trusted) = self.instance.get(issuer.key()) {
            return Ok(Trust::Instance(Arc::clone(trusted)));
        }
        if self.is_of_instance(issuer) {
            return Err(Flaw::new("its `iss` is an issuer of the instance in another spelling").into());
        }
        self.of_tenants(issuer.key()).await.map(Trust::Tenants)
    }

    /// What tenants say of an issuer, of which [`IssuerUrl::key`] is given; never empty.
    pub(super) async fn of_tenants(&self, issuer_key: &str) -> Result<TenantIssuers, Untrusted> {
        let hash: [u8; 32] = Sha256::digest(issuer_key).into();
        if let Some(answer) = self.remembered(issuer_key, &hash) {
            return answer;
        }
        let was_known = self.known.peek(issuer_key).is_some();
        let about = if was_known { LookUp::Known } else { LookUp::StrangeIssuer };
        let _turn = self.look_ups.turn(about).await.map_err(Untrusted::Unavailable)?;
        if let Some(answer) = self.remembered(issuer_key, &hash) {
            return answer;
        }
        let asked_at = self.freshness.generation();
        let found = self.tenants.of_issuer(issuer_key.to_owned()).await.map_err(Untrusted::Unavailable)?;
        if found.is_empty() {
            self.known.remove(issuer_key);
            self.unknown.insert(hash, asked_at);
            return Err(nobody());
        }
        let found: TenantIssuers = found.into();
        self.known.insert(issuer_key.to_owned(), (asked_at, Arc::clone(&found)));
        Ok(found)
    }

    /// What was found lately, if it still counts.
    fn remembered(&self, issuer_key: &str, hash: &[u8; 32]) -> Option<Result<TenantIssuers, Untrusted>> {
        if let Some((read_in, tenants)) = self.known.get(issuer_key)
            && self.freshness.counts(read_in)
        {
            return Some(Ok(tenants));
        }
        let is_unknown = self.unknown.get(hash).is_some_and(|read_in| self.freshness.counts(read_in));
        is_unknown.then(|| Err(nobody()))
    }
}

fn nobody() -> Untrusted {
    Flaw::new("nobody trusts its issuer (`iss`)").into()
}
