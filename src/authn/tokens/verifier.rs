//! A token into a user.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, crypto};

use super::super::freshness::Freshness;
use super::super::issuers::{KeySets, Requester, VerifyingKey};
use super::super::look_ups::LookUps;
use super::super::presented::PresentedToken;
use super::super::{Rejection, Stores};
use super::addressed::Addressed;
use super::claims::{Claims, Times};
use super::compact::Compact;
use super::kind::Kind;
use super::limits::{Limits, check_age};
use super::trust::{TenantIssuers, Trust, Trusts, Untrusted};
use super::verified::{Holder, Verified, VerifiedTokens, hash};
use super::{Flaw, user};
use crate::domain::{ClaimPath, Clock, IssuerUrl, SignatureAlgorithm, TrustedIssuer, User};
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
    /// Turns for look-ups.
    pub(in crate::authn) look_ups: Arc<LookUps>,
}

/// Verifies tokens.
pub(in crate::authn) struct Verifier {
    key_sets: KeySets,
    trusts: Trusts,
    limits: Limits,
    verified: VerifiedTokens,
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
            limits: Limits::new(stores.oidc_settings.clone(), freshness, stores.wait),
            verified: VerifiedTokens::default(),
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
        let (verified, tenants) = if let Some(verified) = known {
            let tenants = self.admitting(&verified).await?;
            (verified, tenants)
        } else {
            let (verified, tenants) = self.verify(token.expose()).await?;
            let verified = Arc::new(verified);
            self.verified.put(hash, &verified);
            (verified, tenants)
        };
        let limit = self.limits.max_age().await.map_err(Rejection::Unavailable)?;
        check_age(verified.times.issued, self.clock.now(), limit).map_err(Rejection::TooOld)?;
        match &verified.holder {
            Holder::Known(user) => Ok(Arc::clone(user)),
            Holder::OfTenants(addressed, identity) => {
                let chosen = addressed.choose(&tenants, token.about());
                let tenant = chosen.map_err(|_ambiguous| Rejection::AmbiguousTenant)?;
                Ok(Arc::new(User::new(Some(tenant), Arc::clone(identity))))
            }
        }
    }

    /// Whether the instance itself trusts whoever is at this place.
    pub(in crate::authn) fn is_issuer_of_instance(&self, issuer: &IssuerUrl) -> bool {
        self.trusts.is_of_instance(issuer)
    }

    /// Says in the log which tenants' configurations name an issuer of the instance: they were stored
    /// before it was one, and do not count.
    pub(in crate::authn) async fn warn_of_ignored(&self, tenants: &OidcConfigs) -> Result<(), StoreError> {
        if self.trusts.has_none_of_instance() {
            return Ok(());
        }
        for (tenant, issuer) in tenants.issuers().await? {
            let Ok(url) = IssuerUrl::parse("issuer_url", &issuer) else { continue };
            if self.trusts.is_of_instance(&url) {
                tracing::warn!(
                    tenant.id = %tenant,
                    issuer,
                    "the OIDC configuration of a tenant names an issuer of the instance, and admits nobody"
                );
            }
        }
        Ok(())
    }

    /// Whether what was proved then is so now: its key is in force, and its time has not passed.
    fn still_counts(&self, verified: &Verified) -> bool {
        verified.times.check(self.clock.now(), self.skew).is_ok()
            && self.key_sets.is_current(&verified.issuer_key, &verified.key)
    }

    /// The tenants that trust the issuer of a proved token, one of which admits it. None, where the
    /// instance trusts it, which it does for as long as it runs.
    async fn admitting(&self, verified: &Verified) -> Result<TenantIssuers, Rejection> {
        match &verified.holder {
            Holder::Known(_) => Ok(TenantIssuers::default()),
            Holder::OfTenants(addressed, _) => {
                let tenants = self.trusts.of_tenants(&verified.issuer_key).await?;
                addressed.check(&tenants)?;
                Ok(tenants)
            }
        }
    }

    async fn verify(&self, token: &str) -> Result<(Verified, TenantIssuers), Rejection> {
        let compact = Compact::read(token)?;
        let claims = Claims(&compact.claims);
        let issuer = claims.text("iss")?.ok_or_else(|| Flaw::new("it has no `iss`"))?;
        let issuer = IssuerUrl::parse("iss", issuer).map_err(|invalid| Flaw::new(invalid.to_string()))?;
        let audiences = claims.texts("aud")?.ok_or_else(|| Flaw::new("it has no `aud`"))?;
        if claims.has("events") {
            return Err(Flaw::new("it reports an event (`events`) and is no access token").into());
        }
        let kind = Kind::of(&claims, compact.is_called_access);
        let audiences = audiences.into_iter().map(str::to_owned).collect();
        let addressed = Addressed { audiences, kind };
        let trust = self.trusts.of(&issuer).await?;
        match &trust {
            Trust::Instance(trusted) => check_for_instance(trusted, &addressed, compact.algorithm)?,
            Trust::Tenants(tenants) => addressed.check(tenants)?,
        }
        let times = Times::read(&claims)?;
        times.check(self.clock.now(), self.skew)?;
        let admitting = match &trust {
            Trust::Instance(_) => None,
            Trust::Tenants(tenants) => Some(addressed.admitting(tenants)),
        };
        let requester = admitting.as_deref().map_or(Requester::Instance, Requester::Tenants);
        let key = self.prove(requester, &issuer, &compact).await?;
        let (holder, tenants) = match trust {
            Trust::Instance(trusted) => {
                (Holder::Known(Arc::new(user::of_instance(&trusted, &claims)?)), TenantIssuers::default())
            }
            Trust::Tenants(tenants) => {
                let identity = user::of_tenant(issuer.key(), &self.roles_claim, &self.groups_claim, &claims)?;
                (Holder::OfTenants(addressed, Arc::new(identity)), tenants)
            }
        };
        Ok((Verified { issuer_key: issuer.key().to_owned(), key, times, holder }, tenants))
    }

    /// Checks the signature, with the one key of the issuer that the token names.
    async fn prove(
        &self,
        requester: Requester<'_>,
        issuer: &IssuerUrl,
        compact: &Compact<'_>,
    ) -> Result<Arc<VerifyingKey>, Flaw> {
        let algorithm = algorithm_of(compact.algorithm);
        let found = self.key_sets.find(requester, issuer.key(), compact.kid.as_deref(), algorithm).await;
        let key = found.map_err(|error| Flaw::new(format!("of {}: {error}", issuer.key())))?;
        let genuine = key.algorithms.contains(&algorithm)
            && crypto::verify(compact.signature, compact.signed.as_bytes(), &key.decoding, algorithm).unwrap_or(false);
        if genuine { Ok(key) } else { Err(Flaw::new("its signature is not its issuer's")) }
    }
}

/// Whether an issuer of the instance may issue such a token.
fn check_for_instance(
    trusted: &TrustedIssuer,
    addressed: &Addressed,
    algorithm: SignatureAlgorithm,
) -> Result<(), Flaw> {
    if !trusted.audiences.iter().any(|audience| addressed.audiences.contains(audience)) {
        return Err(Flaw::other_audience());
    }
    if !trusted.algorithms.contains(&algorithm) {
        return Err(Flaw::new(format!("its `alg` is {}, which its issuer may not use", algorithm.as_str())));
    }
    if addressed.kind == Kind::Id && !trusted.accept_id_tokens {
        return Err(Flaw::id_token());
    }
    Ok(())
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
