//! A token into a user.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, crypto};
use tokio::sync::Semaphore;

use super::super::freshness::Freshness;
use super::super::issuers::{KeySets, Requester, VerifyingKey};
use super::super::presented::PresentedToken;
use super::super::{Rejection, Stores};
use super::claims::{Claims, Times};
use super::compact::Compact;
use super::limits::{Limits, check_age};
use super::trust::{Trust, Trusts, Untrusted};
use super::verified::{Admitted, Verified, VerifiedTokens, hash};
use super::{Flaw, user};
use crate::domain::{ClaimPath, Clock, IssuerUrl, SignatureAlgorithm, TenantId, TenantIssuer, TrustedIssuer, User};
use crate::persistence::{OidcConfigs, StoreError};

/// Which tokens are trusted, and how they are read.
#[derive(Debug, Clone)]
pub struct TokenTrust {
    /// The issuers that the instance trusts.
    pub issuers: Vec<TrustedIssuer>,
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// Where the tokens of tenants' issuers have their roles.
    pub tenant_roles_claim: ClaimPath,
    /// Where the tokens of tenants' issuers have their groups.
    pub tenant_groups_claim: ClaimPath,
}

/// What the authenticator shares with the verifier.
pub(in crate::authn) struct Shared {
    /// What time it is.
    pub(in crate::authn) clock: Clock,
    /// Whether what was read from the database still counts.
    pub(in crate::authn) freshness: Arc<Freshness>,
    /// Turns for look-ups on behalf of strangers.
    pub(in crate::authn) look_ups: Arc<Semaphore>,
}

/// Verifies tokens.
pub(in crate::authn) struct Verifier {
    key_sets: KeySets,
    trusts: Trusts,
    limits: Limits,
    verified: VerifiedTokens,
    freshness: Arc<Freshness>,
    clock: Clock,
    skew: Duration,
    roles_claim: ClaimPath,
    groups_claim: ClaimPath,
}

impl From<Flaw> for Rejection {
    fn from(flaw: Flaw) -> Self {
        Self::Token(flaw.to_string())
    }
}

impl From<Untrusted> for Rejection {
    fn from(untrusted: Untrusted) -> Self {
        match untrusted {
            Untrusted::Flawed(flaw) => flaw.into(),
            Untrusted::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl Verifier {
    pub(in crate::authn) fn new(
        key_sets: KeySets,
        trust: TokenTrust,
        stores: &Stores,
        Shared { clock, freshness, look_ups }: Shared,
    ) -> Self {
        let tenants = stores.oidc_configs.clone();
        let TokenTrust { issuers, clock_skew, tenant_roles_claim, tenant_groups_claim } = trust;
        Self {
            key_sets,
            trusts: Trusts::new(issuers, tenants, Arc::clone(&freshness), look_ups),
            limits: Limits::new(stores.oidc_settings.clone(), Arc::clone(&freshness)),
            verified: VerifiedTokens::default(),
            freshness,
            clock,
            skew: clock_skew,
            roles_claim: tenant_roles_claim,
            groups_claim: tenant_groups_claim,
        }
    }

    /// The user that presents this token.
    pub(in crate::authn) async fn user(&self, token: &PresentedToken) -> Result<Arc<User>, Rejection> {
        let hash = hash(token.expose());
        let known = self.verified.get(&hash).filter(|verified| self.still_counts(verified));
        let verified = if let Some(verified) = known {
            verified
        } else {
            let verified = Arc::new(self.verify(token.expose()).await?);
            self.verified.put(hash, token.expose().len(), &verified);
            verified
        };
        let limit = self.limits.max_age().await.map_err(Rejection::Unavailable)?;
        check_age(verified.times.issued, self.clock.now(), limit).map_err(Rejection::TooOld)?;
        verified.admitted.user(token.about()).map_err(|_ambiguous| Rejection::AmbiguousTenant)
    }

    /// Whether the instance itself trusts whoever is at this place.
    pub(in crate::authn) fn is_issuer_of_instance(&self, issuer: &IssuerUrl) -> bool {
        self.trusts.is_of_instance(issuer)
    }

    /// Says in the log which tenants' configurations name an issuer of the instance: they were stored
    /// before it was one, and do not count.
    pub(in crate::authn) async fn warn_of_ignored(&self, tenants: &OidcConfigs) -> Result<(), StoreError> {
        for issuer in self.trusts.of_instance() {
            for config in tenants.of_issuer(issuer.key().to_owned()).await? {
                tracing::warn!(
                    tenant.id = %config.tenant,
                    issuer = issuer.key(),
                    "the OIDC configuration of a tenant names an issuer of the instance, and admits nobody"
                );
            }
        }
        Ok(())
    }

    /// Whether what was proved then is so now: nothing was taken away, its key is in force, and its
    /// time has not passed.
    fn still_counts(&self, verified: &Verified) -> bool {
        self.freshness.counts(verified.generation)
            && verified.times.check(self.clock.now(), self.skew).is_ok()
            && self.key_sets.is_current(&verified.issuer_key, &verified.key)
    }

    async fn verify(&self, token: &str) -> Result<Verified, Rejection> {
        let compact = Compact::read(token)?;
        let claims = Claims(&compact.claims);
        let issuer = claims.text("iss")?.ok_or_else(|| Flaw::new("it has no `iss`"))?;
        let issuer = IssuerUrl::parse("iss", issuer).map_err(|invalid| Flaw::new(invalid.to_string()))?;
        let audiences = claims.texts("aud")?.ok_or_else(|| Flaw::new("it has no `aud`"))?;
        let generation = self.freshness.generation();
        let admitting = match self.trusts.of(&issuer).await? {
            Trust::Instance(trusted) => Admitting::instance(trusted, &audiences, compact.algorithm)?,
            Trust::Tenants(configs) => Admitting::tenants(&configs, &audiences)?,
        };
        let admitting = admitting.for_kind_of(&claims)?;
        let times = Times::read(&claims)?;
        times.check(self.clock.now(), self.skew)?;
        let key = self.prove(&issuer, &admitting, &compact).await?;
        let admitted = match admitting {
            Admitting::Instance(trusted) => Admitted::One(Arc::new(user::of_instance(&trusted, &claims)?)),
            Admitting::Tenants(configs) => {
                let user = user::of_tenant(issuer.key(), &self.roles_claim, &self.groups_claim, &claims)?;
                Admitted::to(user, configs.into_iter().map(|config| config.tenant))
            }
        };
        Ok(Verified { issuer_key: issuer.key().to_owned(), key, generation, times, admitted })
    }

    /// Checks the signature, with the one key of the issuer that the token names.
    async fn prove(
        &self,
        issuer: &IssuerUrl,
        admitting: &Admitting,
        compact: &Compact<'_>,
    ) -> Result<Arc<VerifyingKey>, Flaw> {
        let algorithm = algorithm_of(compact.algorithm);
        let tenants = admitting.tenant_ids();
        let requester = match admitting {
            Admitting::Instance(_) => Requester::Instance,
            Admitting::Tenants(_) => Requester::Tenants(&tenants),
        };
        let found = self.key_sets.find(requester, issuer.key(), compact.kid.as_deref(), algorithm).await;
        let key = found.map_err(|error| Flaw::new(format!("of {}: {error}", issuer.key())))?;
        let genuine = key.algorithms.contains(&algorithm)
            && crypto::verify(compact.signature, compact.signed.as_bytes(), &key.decoding, algorithm).unwrap_or(false);
        if genuine { Ok(key) } else { Err(Flaw::new("its signature is not its issuer's")) }
    }
}

/// Who would admit a token, if its signature is good.
enum Admitting {
    Instance(Arc<TrustedIssuer>),
    /// Never empty.
    Tenants(Vec<TenantIssuer>),
}

impl Admitting {
    const OTHER_AUDIENCE: &'static str = "it is meant for somebody else (`aud`)";

    fn instance(trusted: Arc<TrustedIssuer>, audiences: &[&str], algorithm: SignatureAlgorithm) -> Result<Self, Flaw> {
        if !trusted.audiences.iter().any(|audience| audiences.contains(&audience.as_str())) {
            return Err(Flaw::new(Self::OTHER_AUDIENCE));
        }
        if !trusted.algorithms.contains(&algorithm) {
            return Err(Flaw::new(format!("its `alg` is {}, which its issuer may not use", algorithm.as_str())));
        }
        Ok(Self::Instance(trusted))
    }

    fn tenants(configs: &[TenantIssuer], audiences: &[&str]) -> Result<Self, Flaw> {
        let meant = |config: &&TenantIssuer| {
            let own = config.audience.as_deref();
            audiences.iter().any(|&audience| audience == config.client_id || Some(audience) == own)
        };
        let configs: Vec<TenantIssuer> = configs.iter().filter(meant).cloned().collect();
        if configs.is_empty() { Err(Flaw::new(Self::OTHER_AUDIENCE)) } else { Ok(Self::Tenants(configs)) }
    }

    /// The tenants; none where the instance itself admits it.
    fn tenant_ids(&self) -> Vec<TenantId> {
        match self {
            Self::Instance(_) => Vec::new(),
            Self::Tenants(configs) => configs.iter().map(|config| config.tenant).collect(),
        }
    }

    /// Those of them that admit this kind of token.
    fn for_kind_of(self, claims: &Claims<'_>) -> Result<Self, Flaw> {
        if claims.has("events") {
            return Err(Flaw::new("it reports an event (`events`) and is no access token"));
        }
        if !user::is_id_token(claims) {
            return Ok(self);
        }
        let refused = || Flaw::new("it is an ID token, and those are not accepted of its issuer");
        match self {
            Self::Instance(trusted) if trusted.accept_id_tokens => Ok(Self::Instance(trusted)),
            Self::Instance(_) => Err(refused()),
            Self::Tenants(mut configs) => {
                configs.retain(|config| config.accept_id_tokens);
                if configs.is_empty() { Err(refused()) } else { Ok(Self::Tenants(configs)) }
            }
        }
    }
}

const fn algorithm_of(algorithm: SignatureAlgorithm) -> Algorithm {
    match algorithm {
        SignatureAlgorithm::Rs256 => Algorithm::RS256,
        SignatureAlgorithm::Rs384 => Algorithm::RS384,
        SignatureAlgorithm::Rs512 => Algorithm::RS512,
        SignatureAlgorithm::Ps256 => Algorithm::PS256,
        SignatureAlgorithm::Ps384 => Algorithm::PS384,
        SignatureAlgorithm::Ps512 => Algorithm::PS512,
        SignatureAlgorithm::Es256 => Algorithm::ES256,
        SignatureAlgorithm::Es384 => Algorithm::ES384,
        SignatureAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
