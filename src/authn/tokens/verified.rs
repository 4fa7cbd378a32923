//! Tokens that are proved already.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::super::issuers::VerifyingKey;
use super::addressed::Addressed;
use super::claims::Times;
use crate::domain::{Identity, User};

/// A token whose signature is proved. Nothing in it is of the database: who admits it is asked anew at
/// each request.
pub(super) struct Verified {
    /// Who signed it: the issuer without slashes at its end.
    pub(super) issuer_key: String,
    /// With what.
    pub(super) key: Arc<VerifyingKey>,
    /// When it counts.
    pub(super) times: Times,
    /// Whose it is.
    pub(super) holder: Holder,
}

/// Whose a token is.
pub(super) enum Holder {
    /// A user of an issuer of the instance.
    Known(Arc<User>),
    /// A user of each tenant that trusts the issuer with it. Each request is of one of them.
    OfTenants(Addressed, Arc<Identity>),
}

/// A bounded cache of proved tokens, by the hash of the whole token. Whether an entry still counts is
/// for whoever asks.
pub(super) struct VerifiedTokens(Cache<[u8; 32], Arc<Verified>, Size>);

/// The hash of a whole token.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Weighs a token by about how many bytes it takes.
#[derive(Debug, Clone)]
struct Size;

impl Size {
    /// Of all tokens together.
    const MOST: u64 = 32 * 1024 * 1024;
    /// What one has beside its texts; a key that its issuer has withdrawn is kept by the last one of it.
    const EACH: usize = 2048;
    /// What a text takes beside its bytes.
    const TEXT: usize = 48;
}

impl Weighter<[u8; 32], Arc<Verified>> for Size {
    fn weight(&self, _hash: &[u8; 32], verified: &Arc<Verified>) -> u64 {
        let texts = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| Self::TEXT + text.len()).sum::<usize>();
        let holder = match &verified.holder {
            Holder::Known(user) => user.id().len() + texts(&mut user.identity().texts()),
            Holder::OfTenants(addressed, identity) => {
                texts(&mut addressed.audiences.iter().map(String::as_str)) + texts(&mut identity.texts())
            }
        };
        (Self::EACH + verified.issuer_key.len() + holder) as u64
    }
}

impl VerifiedTokens {
    const CAPACITY: usize = 10_000;

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<Arc<Verified>> {
        self.0.get(hash)
    }

    pub(super) fn put(&self, hash: [u8; 32], verified: &Arc<Verified>) {
        self.0.insert(hash, Arc::clone(verified));
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::with_weighter(Self::CAPACITY, Size::MOST, Size))
    }
}
