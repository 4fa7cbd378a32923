//! The tokens that a search is gone on with.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::{Invalid, MacKey};
use crate::mapping::Sought;
use crate::policy::PolicyRevision;
use crate::values::Json;

/// Where the next page of a search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of its first candidate.
    pub(super) candidate: u32,
    /// How many results a page has at most.
    pub(super) limit: u32,
}

/// What a token is good for: one search of one version of a store.
pub(super) struct Binding([u8; 32]);

impl Binding {
    /// Hashes everything that the candidates and what is decided of them depend on.
    pub(super) fn of(sought: Sought, store: &str, revision: &PolicyRevision, body: &Json) -> Self {
        let mut hash = Sha256::new();
        for text in [sought.as_str(), store, revision.as_str()] {
            put_text(&mut hash, text);
        }
        for part in ["subject", "action", "resource", "context"] {
            match body.get(part) {
                None => hash.update([0]),
                Some(json) => {
                    hash.update([1]);
                    put(&mut hash, json);
                }
            }
        }
        Self(hash.finalize().into())
    }
}

/// JSON in one form for all spellings: the members of an object may be sent in another order.
fn put(hash: &mut Sha256, json: &Json) {
    match json {
        Json::Null => hash.update([0]),
        Json::Bool(value) => hash.update([1, u8::from(*value)]),
        Json::Long(value) => {
            hash.update([2]);
            hash.update(value.to_le_bytes());
        }
        Json::Number(text) => {
            hash.update([3]);
            put_text(hash, text);
        }
        Json::Text(text) => {
            hash.update([4]);
            put_text(hash, text);
        }
        Json::List(elements) => {
            hash.update([5]);
            hash.update((elements.len() as u64).to_le_bytes());
            for element in elements {
                put(hash, element);
            }
        }
        Json::Object(members) => {
            hash.update([6]);
            hash.update((members.len() as u64).to_le_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name);
            for (name, value) in members {
                put_text(hash, name);
                put(hash, value);
            }
        }
    }
}

/// With its length before it, so that text cannot move from one part to the next unnoticed.
fn put_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

/// Writes tokens, and reads those that a process with one of its keys wrote.
#[derive(Debug, Clone)]
pub struct PageTokens {
    /// The first one writes.
    keys: Vec<MacKey>,
}

impl PageTokens {
    /// What its keys are derived for.
    pub const PURPOSE: &'static str = "gatewood/v1/search-page-token";
    const NUMBERS: usize = 8;

    /// Tokens under these keys, of which the first one writes.
    #[must_use]
    pub const fn new(keys: Vec<MacKey>) -> Self {
        Self { keys }
    }

    /// The numbers in little endian, hidden, then the tag over them and what they are bound to; in base64url.
    /// They are hidden because the number of a candidate tells how many others there are.
    pub(super) fn write(&self, place: Place, binding: &Binding) -> String {
        let mut numbers = [place.candidate.to_le_bytes(), place.limit.to_le_bytes()].concat();
        let Some(key) = self.keys.first() else { return String::new() };
        let tag = key.tag(&Self::text(&numbers, binding));
        Self::hide(&mut numbers, key, &tag);
        BASE64_URL_SAFE_NO_PAD.encode([&numbers[..], &tag[..]].concat())
    }

    /// # Errors
    /// In the same words for whatever is wrong with it: what a token says is nobody's business.
    pub(super) fn read(&self, token: &str, binding: &Binding) -> Result<Place, Invalid> {
        let read = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
            let (numbers, tag) = bytes.split_at_checked(Self::NUMBERS)?;
            let numbers = self.keys.iter().find_map(|key| {
                let mut numbers = numbers.to_vec();
                Self::hide(&mut numbers, key, tag);
                key.verifies(&Self::text(&numbers, binding), tag).then_some(numbers)
            })?;
            let (candidate, limit) = numbers.split_first_chunk()?;
            let place =
                Place { candidate: u32::from_le_bytes(*candidate), limit: u32::from_le_bytes(limit.try_into().ok()?) };
            Some(place)
        };
        read().ok_or_else(|| {
            let reason = "is none that this search was given for the version of the store that is in force; begin anew without it";
            Invalid::new("page.token", reason)
        })
    }

    /// Hides the numbers, or shows them again. The tag is another one for other numbers, so no two are hidden
    /// behind the same bytes.
    fn hide(numbers: &mut [u8], key: &MacKey, tag: &[u8]) {
        let cover = key.derive("numbers").tag(tag);
        numbers.iter_mut().zip(cover).for_each(|(byte, cover)| *byte ^= cover);
    }

    fn text(numbers: &[u8], binding: &Binding) -> Vec<u8> {
        [numbers, &binding.0[..]].concat()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn tokens(keys: &[u8]) -> PageTokens {
        PageTokens::new(keys.iter().map(|byte| MacKey::new(Zeroizing::new([*byte; 32]))).collect())
    }

    fn hashed(json: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        put(&mut hash, &Json::parse(json.as_bytes()).unwrap());
        hash.finalize().into()
    }

    const PLACE: Place = Place { candidate: 70_000, limit: 7 };

    #[test]
    fn a_token_that_was_touched_cut_or_made_up_is_refused() {
        let (tokens, binding) = (tokens(&[1]), Binding([5; 32]));
        let token = tokens.write(PLACE, &binding);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut touched = bytes.clone();
            touched[at] ^= 1;
            assert!(tokens.read(&BASE64_URL_SAFE_NO_PAD.encode(&touched), &binding).is_err(), "{at}");
            assert!(tokens.read(&BASE64_URL_SAFE_NO_PAD.encode(&bytes[..at]), &binding).is_err(), "{at}");
        }
        for made_up in ["", "x", "=", "ü", &format!("{token}A"), &format!("{token}=")] {
            assert_eq!(tokens.read(made_up, &binding).unwrap_err().field, "page.token", "{made_up}");
        }
        assert_eq!(tokens.read(&token, &binding), Ok(PLACE));
    }

    #[test]
    fn a_token_is_good_for_what_it_was_written_for_and_for_processes_with_its_key() {
        let binding = Binding([5; 32]);
        let token = tokens(&[1]).write(PLACE, &binding);
        assert!(tokens(&[1]).read(&token, &Binding([6; 32])).is_err());
        assert!(tokens(&[2]).read(&token, &binding).is_err());
        assert!(tokens(&[]).read(&token, &binding).is_err());
        assert_eq!(tokens(&[2, 1]).read(&token, &binding), Ok(PLACE));
    }

    #[test]
    fn a_token_does_not_show_how_many_candidates_there_are() {
        let token = BASE64_URL_SAFE_NO_PAD.decode(tokens(&[1]).write(PLACE, &Binding([5; 32]))).unwrap();
        assert_ne!(token[..4], PLACE.candidate.to_le_bytes());
        assert_ne!(token[4..8], PLACE.limit.to_le_bytes());
    }

    #[test]
    fn json_is_the_same_in_any_order_of_its_members_and_in_no_other_way() {
        assert_eq!(hashed(r#"{"a": 1, "b": [true, null]}"#), hashed(r#"{"b": [true, null], "a": 1}"#));
        let different = [
            "null",
            "false",
            "true",
            "0",
            "0.0",
            "\"0\"",
            "\"\"",
            "[]",
            "{}",
            "[[]]",
            "[0]",
            "[0,0]",
            "{\"a\":\"b\"}",
            "{\"b\":\"a\"}",
            "[\"a\",\"b\"]",
            "[\"ab\"]",
            "{\"a\":{}}",
            "[{\"a\":{}}]",
        ];
        for (at, one) in different.iter().enumerate() {
            for other in different.iter().skip(at + 1) {
                assert_ne!(hashed(one), hashed(other), "{one} {other}");
            }
        }
    }
}
