//! Which store a request is about.

use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, AppError};
use crate::domain::{Caller, Invalid, StoreName, TenantId};
use crate::mapping::Resource;
use crate::policy::{CONTROL_STORE, PolicyRevision, Snapshot};

/// A revision that the answering process must have had in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinRevision(String);

impl MinRevision {
    /// The header that carries it.
    pub const HEADER: &'static str = "X-Gatewood-Min-Revision";
    /// How long a request waits for one that is not there yet.
    pub const PATIENCE: Duration = Duration::from_secs(2);

    /// Reads one.
    ///
    /// # Errors
    /// When it is no revision.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let hex = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(Self::HEADER, "is no revision: 64 hexadecimal digits, as `Gatewood-Revision` has them"))
    }
}

/// What every [`Command`](crate::app::Command) about a store does alike, for one with a field `store`.
macro_rules! of_its_store {
    () => {
        fn resource(&self) -> $crate::mapping::Resource {
            self.store.resource()
        }

        fn store(&self) -> Option<&$crate::app::stores::StoreTarget> {
            Some(&self.store)
        }

        fn store_mut(&mut self) -> Option<&mut $crate::app::stores::StoreTarget> {
            Some(&mut self.store)
        }
    };
}
pub(in crate::app) use of_its_store;

/// A store as a request names it, and what there is of it.
#[derive(Debug, Clone)]
pub struct StoreTarget {
    name: StoreName,
    min_revision: Option<MinRevision>,
    found: Option<Found>,
}

#[derive(Debug, Clone)]
struct Found {
    /// The version that everything about this request is decided by; `None`: there is no such store.
    snapshot: Option<Arc<Snapshot>>,
    /// The caller's tenant, where the store is open to it.
    open_to: Option<TenantId>,
    /// Whether the store has not had the revision yet that the request names.
    behind: bool,
}

impl StoreTarget {
    /// One that was not looked for yet.
    #[must_use]
    pub const fn new(name: StoreName, min_revision: Option<MinRevision>) -> Self {
        Self { name, min_revision, found: None }
    }

    /// One with everything that a target can have, to rehearse with.
    #[must_use]
    pub fn example() -> Self {
        let found = Found { snapshot: None, open_to: Some(TenantId::new(uuid::Uuid::nil())), behind: false };
        Self { name: StoreName::example(), min_revision: None, found: Some(found) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &StoreName {
        &self.name
    }

    /// Looks for it: what the policies want to know is whether it is open to the caller's tenant. One that is not
    /// there is open to nobody, so that a tenant cannot tell the two apart.
    pub(in crate::app) fn look(&mut self, app: &App, caller: &Caller) {
        let store = app.stores.get(self.name.as_str());
        // Before the version is taken, which then is that revision or a later one.
        let has_had = |wanted: &MinRevision| store.as_ref().is_none_or(|store| store.has_had(&wanted.0));
        let behind = !self.min_revision.as_ref().is_none_or(has_had);
        let snapshot = store.as_ref().map(|store| Arc::clone(&store.snapshot()));
        let opened = |tenant: &TenantId| snapshot.as_ref().is_some_and(|it| it.settings().open_to.includes(*tenant));
        let open_to = caller.tenant().filter(opened);
        self.found = Some(Found { snapshot, open_to, behind });
    }

    /// Waits for the revision that the request names, if the store had not had it when it was looked for; then
    /// what was found is old. Whether there was something to wait for.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it does not come in force in time.
    pub(in crate::app) async fn wait(&self, app: &App) -> Result<bool, AppError> {
        let behind = self.found.as_ref().is_some_and(|found| found.behind);
        let (true, Some(MinRevision(wanted))) = (behind, &self.min_revision) else { return Ok(false) };
        let store = app.stores.get(self.name.as_str()).ok_or(AppError::NotFound("store"))?;
        if store.wait_for(wanted, MinRevision::PATIENCE).await {
            return Ok(true);
        }
        let now = store.snapshot().revision().shared();
        Err(AppError::Conflict(format!("the store has not had the revision {wanted}; it has {now}")))
    }

    /// What policies see of it.
    pub(in crate::app) fn resource(&self) -> Resource {
        Resource::Store(self.name.clone(), self.found.as_ref().and_then(|found| found.open_to))
    }

    /// The version that was found.
    #[must_use]
    pub fn revision(&self) -> Option<&PolicyRevision> {
        Some(self.snapshot().ok()?.revision())
    }

    /// The version that the request is about.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none.
    pub(in crate::app) fn snapshot(&self) -> Result<&Arc<Snapshot>, AppError> {
        let found = self.found.as_ref().and_then(|found| found.snapshot.as_ref());
        found.ok_or(AppError::NotFound("store"))
    }

    /// The same, of a store that may be asked: the one that guards Gatewood itself is not for others.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none.
    pub(in crate::app) fn platform_snapshot(&self) -> Result<&Arc<Snapshot>, AppError> {
        if self.name.as_str() == CONTROL_STORE { Err(AppError::NotFound("store")) } else { self.snapshot() }
    }
}
