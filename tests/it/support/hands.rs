//! The hands of a server's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gatewood::domain::Clock;
use gatewood::server::Ambient;

/// Turns a server's clock, which otherwise goes as the machine's does, forward.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    /// Surroundings with this clock.
    pub(crate) fn ambient(&self) -> Ambient {
        let ahead = Arc::clone(&self.0);
        let now = move || chrono::Utc::now() + chrono::TimeDelta::seconds(ahead.load(Ordering::SeqCst));
        Ambient { clock: Clock::from_fn(now), ..Ambient::system() }
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs().try_into().unwrap(), Ordering::SeqCst);
    }
}
