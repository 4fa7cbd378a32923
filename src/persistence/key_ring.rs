//! Sealing: authenticated encryption of what must be readable again, and only here.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::StoreError;
use crate::domain::{Entropy, MacKey, OidcConfigId, TenantId};

/// The keys that seal secrets: the primary one seals, all of them open.
///
/// XChaCha20-Poly1305, because its nonces are long enough to be drawn at random. The cipher's own key
/// material is wiped when the ring is dropped.
pub struct KeyRing {
    primary: String,
    keys: HashMap<String, Key>,
}

struct Key {
    cipher: XChaCha20Poly1305,
    /// What other keys are derived from. It seals nothing itself.
    root: MacKey,
}

/// Why a text is no key ring. Nothing of the text is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyRingError(String);

/// A sealed secret, as it is stored.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The id of the key that it is sealed under.
    pub key_id: String,
    /// The nonce, then the ciphertext with its tag.
    pub bytes: Vec<u8>,
}

impl KeyRing {
    /// What a key ring looks like, for error texts and documentation.
    pub const ACCEPTED: &'static str =
        "the standard base64 of 32 bytes, or id:base64[,id:base64...] with the primary key first";
    const KEY_BYTES: usize = 32;
    const NONCE_BYTES: usize = 24;

    /// Reads `base64` or `id:base64[,id:base64...]`; the first key is the primary one. The id of a
    /// bare key derives from its hash.
    ///
    /// # Errors
    /// Says which entry is wrong, by its position, and what is accepted.
    pub fn parse(text: &SecretString) -> Result<Self, KeyRingError> {
        let mut ring = Self { primary: String::new(), keys: HashMap::new() };
        for (index, entry) in text.expose_secret().trim().split(',').enumerate() {
            let wrong = |what: &str| KeyRingError(format!("key {} {what}; accepted is {}", index + 1, Self::ACCEPTED));
            let (id, key) = match entry.trim().split_once(':') {
                Some((id, key)) => (Some(id), key),
                None => (None, entry.trim()),
            };
            let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_secret| wrong("is not standard base64"))?);
            let material = <[u8; Self::KEY_BYTES]>::try_from(bytes.as_slice()).map(Zeroizing::new);
            let material = material.map_err(|_length| wrong(&format!("has {} bytes", bytes.len())))?;
            let id = match id {
                Some(id) if is_id(id) => id.to_owned(),
                Some(_) => return Err(wrong("has an id that is not 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`")),
                None => derived_id(&bytes),
            };
            let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_length| wrong("is not 32 bytes long"))?;
            if ring.primary.is_empty() {
                ring.primary.clone_from(&id);
            }
            let root = MacKey::new(material).derive("gatewood/v1/derived-keys");
            if ring.keys.insert(id, Key { cipher, root }).is_some() {
                return Err(wrong("has the id of another one"));
            }
        }
        Ok(ring)
    }

    /// A fresh key in the bare form that [`KeyRing::parse`] reads.
    #[must_use]
    pub fn generate(entropy: &Entropy) -> SecretString {
        let bytes = Zeroizing::new(entropy.bytes::<{ Self::KEY_BYTES }>());
        STANDARD.encode(*bytes).into()
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn primary(&self) -> &str {
        &self.primary
    }

    /// Whether the key of this id is there.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Keys for another purpose, one of each key of the ring, that of the primary one first. Every replica
    /// has the same, and none tells anything about another.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Vec<MacKey> {
        let mut ids: Vec<&String> = self.keys.keys().collect();
        ids.sort_unstable_by_key(|id| (**id != self.primary, *id));
        let keys = ids.into_iter().filter_map(|id| self.keys.get(id));
        keys.map(|key| key.root.derive(purpose)).collect()
    }

    /// Seals a client secret for one row of one tenant; in another row, or another tenant's, it does not open.
    ///
    /// # Errors
    /// [`StoreError::Failed`], when the cipher refuses.
    pub fn seal(
        &self,
        entropy: &Entropy,
        tenant: TenantId,
        row: OidcConfigId,
        secret: &SecretString,
    ) -> Result<Sealed, StoreError> {
        let failed = || StoreError::Failed("a secret cannot be sealed".to_owned());
        let cipher = &self.keys.get(&self.primary).ok_or_else(failed)?.cipher;
        let nonce = entropy.bytes::<{ Self::NONCE_BYTES }>();
        let aad = associated_data(&self.primary, tenant, row);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let ciphertext = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_opaque| failed())?;
        Ok(Sealed { key_id: self.primary.clone(), bytes: [&nonce[..], &ciphertext].concat() })
    }

    /// Opens what [`KeyRing::seal`] made.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], when the key is not there, or the bytes are not what was sealed for this row.
    pub fn open(&self, tenant: TenantId, row: OidcConfigId, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("the secret of the OIDC configuration {row} {what}"));
        let key = self.keys.get(&sealed.key_id);
        let key =
            key.ok_or_else(|| damaged(&format!("is sealed under the key `{}`, which is not there", sealed.key_id)))?;
        let (nonce, ciphertext) =
            sealed.bytes.split_first_chunk::<{ Self::NONCE_BYTES }>().ok_or_else(|| damaged("is too short"))?;
        let aad = associated_data(&sealed.key_id, tenant, row);
        let payload = Payload { msg: ciphertext, aad: &aad };
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new);
        let opened = opened.map_err(|_opaque| damaged("does not open: it was changed, or belongs to another row"))?;
        let text = std::str::from_utf8(&opened).map_err(|_secret| damaged("is not text"))?;
        Ok(text.to_owned().into())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("primary", &self.primary).finish_non_exhaustive()
    }
}

/// What a sealed secret is bound to. The lengths are fixed but for the key's id, which comes last.
fn associated_data(key_id: &str, tenant: TenantId, row: OidcConfigId) -> Vec<u8> {
    const PURPOSE: &[u8] = b"gatewood/v1/oidc_config.client_secret\0";
    [PURPOSE, tenant.uuid().as_bytes(), row.uuid().as_bytes(), key_id.as_bytes()].concat()
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// 8 bytes of the key's hash, under a label of its own: enough to tell keys apart, and no help in guessing one.
fn derived_id(key: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"gatewood/key-id\0");
    hash.update(key);
    let digest = hash.finalize();
    hex::encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(&SecretString::from(text.to_owned())).unwrap()
    }

    fn ids(tenant: u128, row: u128) -> (TenantId, OidcConfigId) {
        (TenantId::new(Uuid::from_u128(tenant)), OidcConfigId::new(Uuid::from_u128(row)))
    }

    #[test]
    fn a_text_that_is_no_key_ring_is_refused_without_being_repeated() {
        for text in [
            "",
            "hunter2",
            "a:hunter2",
            &STANDARD.encode([0; 16]),
            &format!("a b:{}", key(1)),
            &format!("a:{0},a:{0}", key(1)),
        ] {
            let error = KeyRing::parse(&SecretString::from(text.to_owned())).unwrap_err().to_string();
            assert!(error.contains("base64") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_first_key_seals_and_every_key_opens() {
        let entropy = Entropy::system();
        let (tenant, row) = ids(1, 2);
        let old = ring(&format!("old:{}", key(1)));
        let sealed = old.seal(&entropy, tenant, row, &"hunter2".to_owned().into()).unwrap();
        let both = ring(&format!("new:{},old:{}", key(2), key(1)));
        assert_eq!(both.open(tenant, row, &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(both.seal(&entropy, tenant, row, &"x".to_owned().into()).unwrap().key_id, "new");
        let error = ring(&format!("new:{}", key(2))).open(tenant, row, &sealed).unwrap_err().to_string();
        assert!(error.contains("`old`"), "{error}");
    }

    #[test]
    fn a_row_that_was_copied_to_another_tenant_or_row_does_not_open() {
        let ring = ring(&key(1));
        let (tenant, row) = ids(1, 2);
        let sealed = ring.seal(&Entropy::system(), tenant, row, &"hunter2".to_owned().into()).unwrap();
        for (tenant, row) in [ids(9, 2), ids(1, 9)] {
            assert!(matches!(ring.open(tenant, row, &sealed), Err(StoreError::Damaged(_))));
        }
    }

    #[test]
    fn derived_keys_are_those_of_every_ring_with_the_same_keys_the_primary_one_first() {
        let tags = |text: &str, purpose: &str| -> Vec<_> {
            ring(text).derive(purpose).iter().map(|key| key.tag(b"text")).collect()
        };
        let (one, other) = (key(1), key(2));
        assert_eq!(tags(&format!("b:{one},a:{other}"), "x"), [tags(&one, "x"), tags(&other, "x")].concat());
        assert_ne!(tags(&one, "x"), tags(&one, "y"));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_is_touched_does_not(secret in "\\PC{1,200}", at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let ring = ring(&key(7));
            let (tenant, row) = ids(1, 2);
            let mut sealed = ring.seal(&Entropy::system(), tenant, row, &secret.clone().into()).unwrap();
            let opened = ring.open(tenant, row, &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), secret.as_str());
            let at = at.index(sealed.bytes.len());
            sealed.bytes[at] ^= 1 << bit;
            prop_assert!(ring.open(tenant, row, &sealed).is_err());
        }
    }
}
