//! How much of a processor loading takes.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// What runs beside a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing that could be held up: the service starts, or there is none.
    Alone,
    /// Requests, which must not wait for what the kernel gives a thread at once.
    BesideRequests,
}

/// Lets others run now and then.
#[derive(Debug)]
pub(crate) struct Breath {
    /// Since when nobody else was let run; `None`: nobody needs to be.
    since: Cell<Option<Instant>>,
}

impl Breath {
    /// A kernel lets a thread run for some milliseconds before another gets its turn, which is several times what a
    /// decision takes with its request.
    const WORK: Duration = Duration::from_micros(300);
    const REST: Duration = Duration::from_micros(300);

    pub(crate) fn of(pace: Pace) -> Self {
        let since = match pace {
            Pace::Alone => None,
            Pace::BesideRequests => Some(Instant::now()),
        };
        Self { since: Cell::new(since) }
    }

    /// To be called often, between small pieces of work.
    pub(crate) fn take(&self) {
        if self.since.get().is_some_and(|since| since.elapsed() > Self::WORK) {
            thread::sleep(Self::REST);
            self.since.set(Some(Instant::now()));
        }
    }
}
