//! What the log says of policies that cannot be evaluated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::decision::Decision;

/// Says of each policy that it cannot be evaluated, once, and then every 10 seconds at most with how often it was: one
/// that fails for one request fails for many, and the decision log has each of them.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<(Arc<str>, String), Told>>);

/// When it was said last, and how often it was not said since.
#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl Failures {
    const EVERY: Duration = Duration::from_secs(10);
    /// How many policies are kept apart. With more, all are told anew.
    const MOST: usize = 1000;

    /// Says what failed in a decision.
    pub(super) fn tell(&self, decision: &Decision) {
        let store = decision.snapshot.store();
        for failure in &decision.failures {
            if let Some(times) = self.due(store, &failure.policy, Instant::now()) {
                tracing::error!(%store, policy.id = failure.policy, decision.id = %decision.id, times, error = failure.message, "a policy cannot be evaluated");
            }
        }
    }

    /// How often it happened since it was said last, where it is to be said now.
    fn due(&self, store: &Arc<str>, policy: &str, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (Arc::clone(store), policy.to_owned());
        if let Some(told) = told.get_mut(&of) {
            told.untold += 1;
            if now.saturating_duration_since(told.at) < Self::EVERY {
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.untold));
        }
        if told.len() >= Self::MOST {
            told.clear();
        }
        told.insert(of, Told { at: now, untold: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_fails_is_told_of_at_once_and_then_every_ten_seconds_with_how_often_it_was() {
        let (failures, began, store) = (Failures::default(), Instant::now(), Arc::from("s"));
        let due = |policy: &str, millis| failures.due(&store, policy, began + Duration::from_millis(millis));
        let told = [0, 1, 9_999, 10_000, 10_001].map(|millis| due("p", millis));
        assert_eq!(told, [Some(1), None, None, Some(3), None]);
        assert_eq!((due("q", 10_001), due("p", 20_000)), (Some(1), Some(2)));
        assert_eq!(failures.due(&Arc::from("other"), "p", began), Some(1));
    }

    #[test]
    fn policies_without_number_take_no_memory_without_bound() {
        let (failures, now, store) = (Failures::default(), Instant::now(), Arc::from("s"));
        for number in 0..Failures::MOST * 3 {
            assert_eq!(failures.due(&store, &number.to_string(), now), Some(1));
        }
        assert!(failures.0.lock().unwrap().len() <= Failures::MOST);
    }
}
