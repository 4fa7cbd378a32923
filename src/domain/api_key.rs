//! API keys: their text, what is kept of it, and the record beside it.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{ApiKeyId, Entropy, Name, Roles, TenantId, Timestamp};

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyScope {
    /// The instance's: the key belongs to no tenant.
    Instance,
    /// One tenant's.
    Tenant(TenantId),
}

impl KeyScope {
    /// The tenant, where there is one.
    #[must_use]
    pub const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Instance => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }
}

impl From<Option<TenantId>> for KeyScope {
    fn from(tenant: Option<TenantId>) -> Self {
        tenant.map_or(Self::Instance, Self::Tenant)
    }
}

/// An API key as it is stored, without anything that could be presented as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub scope: KeyScope,
    /// What its maker called it.
    pub name: Name,
    /// The roles that it was given, without those that they hold.
    pub roles: Roles,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, in the form of [`super::Caller::label`].
    pub created_by: String,
    /// From when on it does not work; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation still works.
    pub previous_valid_until: Option<Timestamp>,
}

/// The text of a key: `gwk_<id>_<secret>_<checksum>`, all in lower-case hexadecimal.
///
/// The id is the key's UUID without hyphens (32 digits), the secret 256 random bits (64 digits) and
/// the checksum the CRC-32 of everything before it (8 digits), so that a secret scanner and a
/// mistyped key are told apart without asking anybody.
pub struct KeyMaterial {
    id: ApiKeyId,
    text: SecretString,
}

impl KeyMaterial {
    const PREFIX: &'static str = "gwk_";
    const SECRET_BYTES: usize = 32;
    const LENGTH: usize = 4 + 32 + 1 + 64 + 1 + 8;

    /// A fresh secret for the key `id`.
    #[must_use]
    pub fn generate_for(id: ApiKeyId, entropy: &Entropy) -> Self {
        let secret = Zeroizing::new(entropy.bytes::<{ Self::SECRET_BYTES }>());
        let digits = Zeroizing::new(hex::encode(*secret));
        let body = Zeroizing::new(format!("{}{}_{}", Self::PREFIX, id.uuid().as_simple(), *digits));
        let text = format!("{}_{:08x}", *body, crc32fast::hash(body.as_bytes()));
        Self { id, text: text.into() }
    }

    /// A fresh key with a fresh id.
    #[must_use]
    pub fn generate(entropy: &Entropy, now: Timestamp) -> Self {
        Self::generate_for(ApiKeyId::new(entropy.uuid_at(now)), entropy)
    }

    /// Reads a key that somebody presents. `None`: it is not well-formed, or its checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != Self::LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, checksum) = text.rsplit_once('_')?;
        let (id, secret) = body.strip_prefix(Self::PREFIX)?.split_once('_')?;
        let shape = id.len() == 32 && secret.len() == 64 && lower_hex(id) && lower_hex(secret) && lower_hex(checksum);
        if !shape || u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let id = Uuid::try_parse(id).ok()?;
        Some(Self { id: ApiKeyId::new(id), text: text.to_owned().into() })
    }

    /// The public id.
    #[must_use]
    pub const fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The whole text, to be shown to its owner once.
    #[must_use]
    pub const fn reveal(&self) -> &SecretString {
        &self.text
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.text.expose_secret()).into())
    }
}

/// The SHA-256 of a key's text. A plain hash is enough: the secret has 256 random bits, so there is
/// no dictionary to try.
#[derive(Clone)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Reads the stored form; `None` when it has another length.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The stored form.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of the same key, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        Choice::into(self.0.ct_eq(&other.0))
    }
}

/// What authentication needs to know of a stored key.
#[derive(Clone)]
pub struct StoredCredential {
    /// The record.
    pub key: ApiKey,
    /// The digest of the secret in force.
    pub digest: KeyDigest,
    /// The digest of the one before the last rotation, while its grace lasts.
    pub previous: Option<KeyDigest>,
}

impl StoredCredential {
    /// Whether `presented` is this key's text and the key works at `now`.
    #[must_use]
    pub fn admits(&self, presented: &KeyDigest, now: Timestamp) -> bool {
        let in_grace = self.key.previous_valid_until.is_some_and(|until| now < until);
        let current = self.digest.matches(presented);
        let previous = self.previous.as_ref().is_some_and(|digest| digest.matches(presented));
        let works = self.key.suspended_at.is_none() && self.key.expires_at.is_none_or(|at| now < at);
        works && (current || (previous && in_grace))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fresh() -> KeyMaterial {
        KeyMaterial::generate(&Entropy::system(), chrono::DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_fresh_key_reads_back_as_itself() {
        let key = fresh();
        let text = key.reveal().expose_secret();
        let read = KeyMaterial::parse(text).expect("well-formed");
        assert_eq!(read.id(), key.id());
        assert!(read.digest().matches(&key.digest()));
        assert_eq!(text.len(), KeyMaterial::LENGTH);
    }

    #[test]
    fn every_single_mistyped_character_is_noticed() {
        let key = fresh();
        let text = key.reveal().expose_secret();
        for index in 0..text.len() {
            let mut typed = text.to_owned().into_bytes();
            typed[index] = if typed[index] == b'0' { b'1' } else { b'0' };
            let typed = String::from_utf8(typed).unwrap();
            assert!(KeyMaterial::parse(&typed).is_none(), "{index}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_not_a_key_is_read_as_one(text in "\\PC{0,120}") {
            prop_assert!(KeyMaterial::parse(&text).is_none());
        }
    }
}
