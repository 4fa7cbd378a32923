//! Whose turn it is to send requests, so that nobody can use up what is there for all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::TenantId;

/// On whose behalf an issuer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester<'a> {
    /// The instance itself trusts the issuer.
    Instance,
    /// These tenants trust it. There is at least one.
    Tenants(&'a [TenantId]),
}

/// It is nobody's turn who may ask. This says nothing of the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// So many issuers are being asked for others.
    #[error("too many issuers are being asked at the moment")]
    ForOthers,
    /// Every tenant that it is for has an issuer asked already, or its host's name looked up; or it is for
    /// none any more.
    #[error("an issuer is being asked for the tenant already")]
    ForTenant,
}

/// Turns: a number of them in all, and no more than one for each tenant.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    taken: Taken,
}

/// The tenants that have their turn, or wait for it.
type Taken = Arc<Mutex<HashSet<TenantId>>>;

/// A turn, which lasts until its last clone is dropped.
#[derive(Clone)]
pub(super) struct Turn(Arc<Held>);

struct Held {
    _one_of_all: OwnedSemaphorePermit,
    one_of_tenant: Option<OneOfTenant>,
}

struct OneOfTenant {
    tenant: TenantId,
    taken: Taken,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), taken: Taken::default() }
    }

    /// A turn on behalf of no tenant.
    pub(super) async fn take(&self, patience: Duration) -> Result<Turn, Busy> {
        self.wait(None, patience).await
    }

    /// A turn on behalf of one of these tenants. Whoever waits is one of a tenant already: so a tenant
    /// has one place in the queue.
    pub(super) async fn take_for(&self, tenants: &[TenantId], patience: Duration) -> Result<Turn, Busy> {
        let one_of_tenant = self.of_tenants(tenants).ok_or(Busy::ForTenant)?;
        self.wait(Some(one_of_tenant), patience).await
    }

    async fn wait(&self, one_of_tenant: Option<OneOfTenant>, patience: Duration) -> Result<Turn, Busy> {
        let waited = tokio::time::timeout(patience, Arc::clone(&self.all).acquire_owned()).await;
        let Ok(Ok(one_of_all)) = waited else { return Err(Busy::ForOthers) };
        Ok(Turn(Arc::new(Held { _one_of_all: one_of_all, one_of_tenant })))
    }

    fn of_tenants(&self, tenants: &[TenantId]) -> Option<OneOfTenant> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let &tenant = tenants.iter().find(|&&tenant| taken.insert(tenant))?;
        Some(OneOfTenant { tenant, taken: Arc::clone(&self.taken) })
    }
}

impl Turn {
    /// Whether it is on behalf of a tenant.
    pub(super) fn is_of_tenant(&self) -> bool {
        self.0.one_of_tenant.is_some()
    }
}

impl Drop for OneOfTenant {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Duration = Duration::from_millis(20);

    fn tenant(number: u128) -> TenantId {
        TenantId::new(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn one_tenant_has_one_turn_until_all_of_it_is_over() {
        let (turns, one, two) = (Turns::new(3), tenant(1), tenant(2));
        let turn = turns.take_for(&[one], NO_TIME).await.ok().unwrap();
        let lingering = turn.clone();
        assert_eq!(turns.take_for(&[one], NO_TIME).await.err(), Some(Busy::ForTenant));
        let other = turns.take_for(&[one, two], NO_TIME).await.ok().unwrap();
        assert_eq!(turns.take_for(&[one, two], NO_TIME).await.err(), Some(Busy::ForTenant));
        drop((turn, other));
        assert_eq!(turns.take_for(&[one], NO_TIME).await.err(), Some(Busy::ForTenant));
        assert_eq!(turns.take_for(&[], NO_TIME).await.err(), Some(Busy::ForTenant), "who is nobody has no turn");
        drop(lingering);
        assert!(turns.take_for(&[one], NO_TIME).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_in_vain_leaves_nothing_behind() {
        let (turns, one) = (Turns::new(1), tenant(1));
        let turn = turns.take(NO_TIME).await.ok().unwrap();
        assert_eq!(turns.take(NO_TIME).await.err(), Some(Busy::ForOthers));
        assert_eq!(turns.take_for(&[one], NO_TIME).await.err(), Some(Busy::ForOthers));
        drop(turn);
        assert!(turns.take_for(&[one], NO_TIME).await.is_ok());
    }
}
