//! Randomness as a parameter, so that tests and golden files own it.

use std::sync::Arc;

use uuid::Uuid;

use super::Timestamp;

/// Where the service draws ids, keys and nonces from.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// The operating system's generator.
    ///
    /// # Panics
    /// Drawing from it panics when the generator fails, as there is no safe way on without
    /// randomness; the kernel's does not fail once it has started.
    #[must_use]
    #[expect(clippy::expect_used, reason = "an answer without randomness would be a predictable key")]
    #[expect(clippy::disallowed_methods, reason = "the one place that may draw from the ambient generator")]
    pub fn system() -> Self {
        Self(Arc::new(|bytes| getrandom::fill(bytes).expect("the operating system gives random bytes")))
    }

    /// A source that a test controls.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// A time-ordered UUID (RFC 9562, version 7): rows made together lie together in an index.
    #[must_use]
    pub fn uuid_at(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}
