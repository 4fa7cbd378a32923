//! A record between the decision and the answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::OwnedPermit;

use super::log::{DecisionLog, Message};
use super::record::{GuardRecord, Record, SearchRecord};

/// Room for one record. It is taken before the decision, so that under `block` nothing is decided that
/// could not be recorded, and whoever made the record never has to wait.
#[derive(Debug)]
pub struct Room {
    log: DecisionLog,
    /// A place in the queue, under `block`.
    place: Option<OwnedPermit<Message>>,
}

impl Room {
    pub(super) const fn new(log: DecisionLog, place: Option<OwnedPermit<Message>>) -> Self {
        Self { log, place }
    }

    /// For decisions that are not recorded.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(DecisionLog::off(), None)
    }

    /// Whether a record would be kept.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.log.is_on()
    }

    /// Keeps a record until its answer is known.
    #[must_use]
    pub fn hold(self, record: Record) -> Pending {
        let kept = Mutex::new(Some((self, Box::new(record))));
        Pending { kept, decided: Instant::now() }
    }

    pub(super) fn fill(self, record: Box<Record>) {
        match self.place {
            Some(place) => {
                place.send(Message::Record(record));
            }
            None => self.log.offer(record),
        }
    }
}

/// A record of which the answer is not known yet.
///
/// When nobody says that there is an answer (the client went away, or the handler panicked), it is
/// recorded as it is: the decision was made.
#[derive(Debug)]
pub struct Pending {
    kept: Mutex<Option<(Room, Box<Record>)>>,
    decided: Instant,
}

impl Pending {
    /// There is nothing to record.
    #[must_use]
    pub fn none() -> Self {
        Self { kept: Mutex::new(None), decided: Instant::now() }
    }

    /// The answer is known, so long after the request came in: records the decision, once.
    pub fn answered(&self, total: Duration) {
        if let Some((room, mut record)) = self.take() {
            record.total = total;
            room.fill(record);
        }
    }

    /// The decision was that the caller may search, and this came of it.
    pub fn searched(&self, search: SearchRecord) {
        if let Some((_, record)) = self.kept().as_mut() {
            record.search = Some(search);
        }
    }

    /// Takes the record back, to be the `guard` of another. Its room is free again.
    #[must_use]
    pub fn fold(&self) -> Option<GuardRecord> {
        let (_room, record) = self.take()?;
        let Record { decision_id, allowed, determining, .. } = *record;
        Some(GuardRecord { decision_id, allowed, determining })
    }

    fn take(&self) -> Option<(Room, Box<Record>)> {
        self.kept().take()
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Room, Box<Record>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.answered(self.decided.elapsed());
    }
}
