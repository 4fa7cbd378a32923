//! Complaints that would otherwise be as many as the records.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says of complaints of one kind whether to make them: the first, and then one every 10 seconds at most.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    const EVERY: Duration = Duration::from_secs(10);

    /// Whether to complain at this moment.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= Self::EVERY);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_repeated_after_ten_seconds_and_not_before() {
        let (seldom, began) = (Seldom::default(), Instant::now());
        let due = [0, 1, 9_999, 10_000, 10_001, 19_999, 20_000]
            .map(|millis| seldom.is_due(began + Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
