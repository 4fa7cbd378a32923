//! Randomness as a parameter, so that tests and golden files own it.

use std::cell::RefCell;
use std::sync::Arc;

use uuid::Uuid;

use super::Timestamp;

/// Where the service draws ids, keys and nonces from.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// How many random bytes an id has.
const ID: usize = 10;

#[expect(clippy::expect_used, reason = "an answer without randomness would be a predictable key")]
#[expect(clippy::disallowed_methods, reason = "the one place that may draw from the ambient generator")]
fn draw(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// Every request has several ids, and each would be a call of the kernel: a thread draws for many at once.
fn for_an_id(bytes: &mut [u8]) {
    thread_local!(static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.len() < bytes.len() {
            drawn.resize(64 * ID, 0);
            draw(drawn);
        }
        let rest = drawn.len() - bytes.len();
        bytes.iter_mut().zip(drawn.drain(rest..)).for_each(|(byte, random)| *byte = random);
    });
}

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
    pub fn system() -> Self {
        // Keys and nonces are longer, and are drawn when they are needed and not kept before.
        Self(Arc::new(|bytes| if bytes.len() <= ID { for_an_id(bytes) } else { draw(bytes) }))
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_that_are_drawn_together_are_not_the_same() {
        let entropy = Entropy::system();
        let drawn: HashSet<[u8; ID]> = (0..1000).map(|_| entropy.bytes()).collect();
        assert_eq!(drawn.len(), 1000);
        let shorter: HashSet<[u8; ID - 3]> = (0..1000).map(|_| entropy.bytes()).collect();
        assert_eq!(shorter.len(), 1000);
    }
}
