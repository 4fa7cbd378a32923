//! The keys that an issuer publishes (RFC 7517, section 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::VerifyingKey;
use super::verifying_key::{Unusable, algorithm_name};

/// The keys of an issuer that are of use, and how many are of none.
#[derive(Default)]
pub(super) struct KeySet {
    pub(super) keys: Vec<Arc<VerifyingKey>>,
    unusable: BTreeMap<Unusable, usize>,
}

/// Why there is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("the answer is not a JSON object with a list `keys`")]
    NotAKeySet,
    #[error("there are more than {} keys", KeySet::MOST)]
    TooMany,
}

impl KeySet {
    /// How many keys an issuer may have.
    const MOST: usize = 100;

    /// Reads a key set. Keys of no use are passed over, and so are those that the `kid` of a token
    /// could not tell apart.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = match bytes.trim_ascii_start().first() {
            Some(b'{') => serde_json::from_slice(bytes).map_err(|_of_the_reader| KeySetError::NotAKeySet)?,
            _ => return Err(KeySetError::NotAKeySet),
        };
        if document.keys.len() > Self::MOST {
            return Err(KeySetError::TooMany);
        }
        let mut set = Self::default();
        let mut read = Vec::new();
        for jwk in document.keys {
            match VerifyingKey::read(jwk) {
                Ok(key) => read.push(Arc::new(key)),
                Err(why) => set.pass_over(why),
            }
        }
        for key in &read {
            if read.iter().any(|other| !Arc::ptr_eq(key, other) && key.collides_with(other)) {
                set.pass_over(Unusable::Ambiguous);
            } else {
                set.keys.push(Arc::clone(key));
            }
        }
        Ok(set)
    }

    fn pass_over(&mut self, why: Unusable) {
        *self.unusable.entry(why).or_default() += 1;
    }

    /// The same set, with the values of `before` for the keys that were there before: whoever holds one
    /// of them can see that it is still in force.
    pub(super) fn over(mut self, before: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(known) = before.keys.iter().find(|known| known.is_same(key)) {
                *key = Arc::clone(known);
            }
        }
        self
    }

    /// The key for a token with this header. Without a `kid`, the only one that the algorithm fits.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Arc<VerifyingKey>> {
        let named = |key: &&Arc<VerifyingKey>| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.verifies(algorithm));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether this very key is in it.
    pub(super) fn holds(&self, key: &Arc<VerifyingKey>) -> bool {
        self.keys.iter().any(|own| Arc::ptr_eq(own, key))
    }

    /// How many keys there are, for which algorithms, and how many were passed over and why. Numbers
    /// and our own words only.
    pub(super) fn describe(&self) -> String {
        let mut algorithms: Vec<&str> =
            self.keys.iter().flat_map(|key| &key.algorithms).map(|&algorithm| algorithm_name(algorithm)).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let usable = match self.keys.len() {
            0 => "no usable key".to_owned(),
            1 => format!("1 usable key, for {}", algorithms.join(", ")),
            many => format!("{many} usable keys, for {}", algorithms.join(", ")),
        };
        let unusable: Vec<_> = self.unusable.iter().map(|(why, count)| format!("{count} {}", why.words())).collect();
        if unusable.is_empty() { usable } else { format!("{usable}; passed over: {}", unusable.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ec(kid: Option<&str>, fill: u8) -> Value {
        use base64::Engine;
        let coordinate = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([fill; 32]);
        let mut key = json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate });
        if let Some(kid) = kid {
            key["kid"] = json!(kid);
        }
        key
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).ok().unwrap()
    }

    fn finds(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> bool {
        set.find(kid, algorithm).is_some()
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in ["", "null", "[]", "[[]]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]"#, "<html>"] {
            assert_eq!(KeySet::read(text.as_bytes()).err(), Some(KeySetError::NotAKeySet), "{text}");
        }
        let many = json!({ "keys": vec![json!({}); 101] }).to_string();
        assert_eq!(KeySet::read(many.as_bytes()).err(), Some(KeySetError::TooMany));
    }

    #[test]
    fn a_kid_that_two_keys_share_names_neither() {
        let set = set(&[ec(Some("a"), 1), ec(Some("a"), 2), ec(Some("b"), 3), json!({ "kty": "oct", "k": "AA" })]);
        assert!(!finds(&set, Some("a"), Algorithm::ES256));
        assert!(finds(&set, Some("b"), Algorithm::ES256));
        assert_eq!(
            set.describe(),
            "1 usable key, for ES256; passed over: 1 symmetric, 2 with a kid that another one has too"
        );
    }

    #[test]
    fn a_token_without_a_kid_is_for_the_only_key_that_fits() {
        let one = set(&[ec(Some("a"), 1)]);
        assert!(finds(&one, None, Algorithm::ES256));
        assert!(!finds(&one, None, Algorithm::ES384));
        assert!(!finds(&one, None, Algorithm::HS256));
        assert!(!finds(&set(&[ec(Some("a"), 1), ec(Some("b"), 2)]), None, Algorithm::ES256));
        assert!(!finds(&set(&[ec(None, 1), ec(None, 2)]), None, Algorithm::ES256));
    }

    #[test]
    fn a_key_without_a_kid_is_not_for_a_token_with_one() {
        assert!(!finds(&set(&[ec(None, 1)]), Some("a"), Algorithm::ES256));
    }

    #[test]
    fn a_key_that_stays_is_the_same_value_and_one_that_changed_is_not() {
        let before = set(&[ec(Some("a"), 1), ec(Some("b"), 2)]);
        let (a, b) = (Arc::clone(&before.keys[0]), Arc::clone(&before.keys[1]));
        let after = set(&[ec(Some("a"), 1), ec(Some("b"), 3)]).over(&before);
        assert!(after.holds(&a));
        assert!(!after.holds(&b));
    }
}
