//! Which requests are being answered, so that a stop waits for them and for nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts requests from their headers to their answer.
///
/// The HTTP server itself counts connections, and would wait for those on which nothing happens:
/// idle ones of HTTP/2 and those that never sent a whole request.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

/// One request that is being answered.
pub(super) struct Held(InFlight);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl InFlight {
    /// Counts a request until what is returned is dropped.
    pub(super) fn enter(&self) -> Held {
        self.0.fetch_add(1, Ordering::AcqRel);
        Held(self.clone())
    }

    /// Done when no request has been in flight for a while, which is the time that answers have to
    /// leave the process.
    pub(super) async fn quiet(&self) {
        const WHILE: Duration = Duration::from_millis(300);
        const STEP: Duration = Duration::from_millis(20);
        let mut since = Instant::now();
        while since.elapsed() < WHILE {
            tokio::time::sleep(STEP).await;
            if self.0.load(Ordering::Acquire) > 0 {
                since = Instant::now();
            }
        }
    }
}
