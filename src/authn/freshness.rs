//! Whether what is cached still counts.

use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whether what was read from the database still counts.
///
/// It does while two things hold: nothing was taken away since it was read (its generation is the
/// current one), and the database said so recently (it is confirmed). Whoever finds it otherwise asks
/// the database, which is slower and never wrong.
pub(super) struct Freshness {
    generation: AtomicU64,
    confirmed: RwLock<Confirmed>,
    /// How long a confirmation lasts.
    fresh_for: Duration,
}

struct Confirmed {
    /// When the last successful look at the database began.
    at: Option<Instant>,
    /// The epoch that it found.
    epoch: i64,
}

/// The state before the database is asked: what comes back belongs to it, so an answer that a
/// revocation has overtaken never counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Freshness {
    pub(super) fn new(fresh_for: Duration) -> Self {
        let confirmed = RwLock::new(Confirmed { at: None, epoch: i64::MIN });
        Self { generation: AtomicU64::new(0), confirmed, fresh_for }
    }

    /// Whether the database answered lately.
    pub(super) fn is_fresh(&self) -> bool {
        let confirmed = self.confirmed.read();
        confirmed.is_ok_and(|confirmed| confirmed.at.is_some_and(|at| at.elapsed() < self.fresh_for))
    }

    /// Whether what was read in this generation still counts.
    pub(super) fn counts(&self, read_in: Generation) -> bool {
        self.is_fresh() && read_in == self.generation()
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Forgets everything, at once.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes note of a look at the database that began at `began` and found `epoch`.
    pub(super) fn confirm(&self, began: Instant, epoch: i64) {
        let Ok(mut confirmed) = self.confirmed.write() else { return };
        if confirmed.epoch != epoch {
            confirmed.epoch = epoch;
            self.forget();
        }
        confirmed.at = Some(began);
    }
}
