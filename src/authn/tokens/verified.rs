//! Tokens that are proved already.

use std::sync::{Arc, OnceLock};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::super::freshness::Generation;
use super::super::issuers::VerifyingKey;
use super::claims::Times;
use crate::domain::{TenantId, User};

/// A token whose signature, issuer and audience are proved.
pub(super) struct Verified {
    /// Who signed it: the issuer without slashes at its end.
    pub(super) issuer_key: String,
    /// With what.
    pub(super) key: Arc<VerifyingKey>,
    /// What the trust in it was read in.
    pub(super) generation: Generation,
    /// When it counts.
    pub(super) times: Times,
    /// Whom it admits.
    pub(super) admitted: Admitted,
}

/// Whom a token admits.
pub(super) enum Admitted {
    /// One user.
    One(Arc<User>),
    /// The user of several tenants that trust one issuer, of which each request chooses one. In the
    /// order of their ids, and never empty.
    OneOf { user: Box<User>, tenants: Vec<(TenantId, OnceLock<Arc<User>>)> },
}

/// A token that several tenants admit, and a request that does not say which of them it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmbiguousTenant;

impl Admitted {
    /// The user of a tenant's own issuer, for each of the tenants that admit it.
    pub(super) fn to(user: User, tenants: impl IntoIterator<Item = TenantId>) -> Self {
        Self::OneOf {
            user: Box::new(user),
            tenants: tenants.into_iter().map(|tenant| (tenant, OnceLock::new())).collect(),
        }
    }

    /// The user that a request about `about` is of. One that is about a tenant which does not admit it
    /// is of the first that does: the policies will say what is to be said.
    pub(super) fn user(&self, about: Option<TenantId>) -> Result<Arc<User>, AmbiguousTenant> {
        let (user, tenants) = match self {
            Self::One(user) => return Ok(Arc::clone(user)),
            Self::OneOf { user, tenants } => (user, tenants),
        };
        if about.is_none() && tenants.len() > 1 {
            return Err(AmbiguousTenant);
        }
        let named = tenants.iter().find(|(tenant, _)| Some(*tenant) == about);
        let (tenant, made) = named.or(tenants.first()).ok_or(AmbiguousTenant)?;
        Ok(Arc::clone(made.get_or_init(|| Arc::new(user.of_tenant(*tenant)))))
    }

    /// Among how many tenants each request chooses.
    fn tenants(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::OneOf { tenants, .. } => tenants.len(),
        }
    }
}

/// A bounded cache of proved tokens, by the hash of the whole token. Whether an entry still counts is
/// for whoever asks.
pub(super) struct VerifiedTokens(Cache<[u8; 32], (u64, Arc<Verified>), Size>);

/// The hash of a whole token.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Weighs a token by what it takes, about.
#[derive(Debug, Clone)]
struct Size;

impl Weighter<[u8; 32], (u64, Arc<Verified>)> for Size {
    fn weight(&self, _hash: &[u8; 32], (size, _verified): &(u64, Arc<Verified>)) -> u64 {
        *size
    }
}

impl VerifiedTokens {
    const CAPACITY: usize = 10_000;
    /// In bytes.
    const SIZE: u64 = 32 * 1024 * 1024;

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<Arc<Verified>> {
        self.0.get(hash).map(|(_size, verified)| verified)
    }

    pub(super) fn put(&self, hash: [u8; 32], token_length: usize, verified: &Arc<Verified>) {
        // Claims take about twice what they take in the token, where they are in base64.
        let size = 512 + 2 * token_length + 48 * verified.admitted.tenants();
        self.0.insert(hash, (size as u64, Arc::clone(verified)));
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::with_weighter(Self::CAPACITY, Self::SIZE, Size))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_request_chooses_among_the_tenants_that_admit_it() {
        let tenant = |bits| TenantId::new(Uuid::from_u128(bits));
        let user = || User::new(None, "https://h", "s");
        let one = Admitted::to(user(), [tenant(1)]);
        for about in [None, Some(tenant(1)), Some(tenant(3))] {
            assert_eq!(one.user(about).unwrap().tenant(), Some(tenant(1)));
        }
        let two = Admitted::to(user(), [tenant(1), tenant(2)]);
        assert_eq!(two.user(None), Err(AmbiguousTenant));
        assert_eq!(two.user(Some(tenant(2))).unwrap().id(), format!("{}|https://h#s", tenant(2)));
        assert_eq!(two.user(Some(tenant(3))).unwrap().tenant(), Some(tenant(1)));
        assert!(Arc::ptr_eq(&two.user(Some(tenant(2))).unwrap(), &two.user(Some(tenant(2))).unwrap()));
        assert_eq!(Admitted::to(user(), []).user(None), Err(AmbiguousTenant));
    }
}
