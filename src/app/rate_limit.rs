//! How often a tenant may have something done that is costly for others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::AppError;
use crate::domain::{TenantId, Timestamp};

/// A number of times within a window that begins with the first, for each tenant. It is this replica's
/// own, and forgotten when it stops.
pub(super) struct RateLimit {
    most: u32,
    window: Duration,
    used: Mutex<HashMap<TenantId, Used>>,
}

struct Used {
    since: Timestamp,
    times: u32,
}

impl RateLimit {
    /// From how many tenants on it is looked which of them are past their window. Only tenants that
    /// exist are counted, so their number is the bound of what is kept.
    const MANY: usize = 1_000;

    pub(super) fn new(most: u32, window: Duration) -> Self {
        Self { most, window, used: Mutex::default() }
    }

    /// Counts one more time.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] when it would be one too many, with the time until there is room again.
    pub(super) fn take(&self, tenant: TenantId, now: Timestamp) -> Result<(), AppError> {
        // Nothing in here fails halfway, so what somebody left behind who panicked is whole.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was turned back begins a new window: nobody must wait for it to catch up.
        let left = |since: Timestamp| {
            let passed = now.signed_duration_since(since).to_std().ok()?;
            self.window.checked_sub(passed).filter(|left| !left.is_zero())
        };
        if used.len() >= Self::MANY {
            used.retain(|_, used| left(used.since).is_some());
        }
        let used = used.entry(tenant).or_insert(Used { since: now, times: 0 });
        match left(used.since) {
            None => *used = Used { since: now, times: 1 },
            Some(left) if used.times >= self.most => return Err(AppError::RateLimited(left)),
            Some(_) => used.times += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn each_tenant_has_its_own_number_of_times_in_a_window() {
        let limit = RateLimit::new(2, Duration::from_mins(1));
        let (one, two) = (TenantId::new(uuid::Uuid::from_u128(1)), TenantId::new(uuid::Uuid::from_u128(2)));
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let wait = |tenant, seconds| match limit.take(tenant, at(seconds)) {
            Ok(()) => 0,
            Err(AppError::RateLimited(left)) => left.as_secs(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!((wait(one, 100), wait(one, 110)), (0, 0));
        assert_eq!((wait(one, 120), wait(one, 159)), (40, 1));
        assert_eq!(wait(two, 120), 0);
        assert_eq!((wait(one, 160), wait(one, 161), wait(one, 162)), (0, 0, 58));
        assert_eq!(wait(one, 50), 0, "the clock was turned back");
    }
}
