//! Turns for look-ups in the database on behalf of whoever presents a credential.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::persistence::StoreError;

/// Turns for look-ups.
///
/// Anybody can make up keys and issuers that nobody knows. Asking about them must not take every
/// connection, nor hold up whoever was known a moment ago.
pub(super) struct LookUps {
    known: Semaphore,
    strange_keys: Semaphore,
    strange_issuers: Semaphore,
    wait: Duration,
}

/// What a look-up is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookUp {
    /// What was known before a right was taken away somewhere.
    Known,
    /// A key that is not in memory.
    StrangeKey,
    /// An issuer that is not in memory.
    StrangeIssuer,
}

impl LookUps {
    /// `wait`: how long anybody waits for a turn.
    pub(super) fn new(wait: Duration) -> Self {
        let turns = Semaphore::new;
        Self { known: turns(2), strange_keys: turns(2), strange_issuers: turns(1), wait }
    }

    /// Waits for a turn. Somebody else may have found the answer meanwhile.
    pub(super) async fn turn(&self, about: LookUp) -> Result<SemaphorePermit<'_>, StoreError> {
        let turns = match about {
            LookUp::Known => &self.known,
            LookUp::StrangeKey => &self.strange_keys,
            LookUp::StrangeIssuer => &self.strange_issuers,
        };
        let turn = tokio::time::timeout(self.wait, turns.acquire()).await;
        let turn =
            turn.map_err(|_elapsed| StoreError::Unavailable("too many callers are being looked up".to_owned()))?;
        turn.map_err(|closed| StoreError::Unavailable(closed.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strangers_wait_for_a_while_only_and_hold_up_nobody_who_is_known() {
        let look_ups = LookUps::new(Duration::from_millis(20));
        let mut held = Vec::new();
        let refused = loop {
            match look_ups.turn(LookUp::StrangeIssuer).await {
                Ok(turn) => held.push(turn),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
        for other in [LookUp::Known, LookUp::StrangeKey] {
            assert!(look_ups.turn(other).await.is_ok(), "{other:?}");
        }
        held.clear();
        assert!(look_ups.turn(LookUp::StrangeIssuer).await.is_ok());
    }
}
