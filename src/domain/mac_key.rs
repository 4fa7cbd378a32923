//! Keys that prove that a text is the service's own.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key of HMAC-SHA-256. It cannot be printed, and is wiped when it is dropped.
#[derive(Clone)]
pub struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A key for one purpose, which tells nothing about this one or about that of another purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(Zeroizing::new(self.tag(purpose.as_bytes())))
    }

    /// What proves that the text is the service's own.
    #[must_use]
    pub fn tag(&self, text: &[u8]) -> [u8; 32] {
        self.over(text).finalize().into_bytes().into()
    }

    /// Whether the tag is the text's, in a time that tells nothing about either.
    #[must_use]
    pub fn verifies(&self, text: &[u8], tag: &[u8]) -> bool {
        self.over(text).verify_slice(tag).is_ok()
    }

    fn over(&self, text: &[u8]) -> Hmac<Sha256> {
        // A shorter key is filled up with zeros (RFC 2104, section 2).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0.iter()).for_each(|(to, from)| *to = *from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&(*block).into());
        mac.update(text);
        mac
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MacKey {
        MacKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_tag_is_no_other_keys_texts_or_purposes() {
        let tag = key(1).tag(b"text");
        assert!(key(1).verifies(b"text", &tag));
        assert!(!key(2).verifies(b"text", &tag) && !key(1).verifies(b"texts", &tag));
        assert!(!key(1).verifies(b"text", &tag[..31]) && !key(1).verifies(b"text", &[]));
        assert!(!key(1).derive("a").verifies(b"text", &tag));
        assert_ne!(key(1).derive("a").tag(b"text"), key(1).derive("b").tag(b"text"));
    }

    /// RFC 4231, section 4.2, of which the key is filled up as ours is.
    #[test]
    fn a_tag_is_that_of_the_standard() {
        let mut bytes = [0; 32];
        bytes[..20].fill(0x0b);
        let tag = hex::encode(MacKey::new(Zeroizing::new(bytes)).tag(b"Hi There"));
        assert_eq!(tag, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }
}
