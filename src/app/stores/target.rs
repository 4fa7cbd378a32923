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

        fn revision(&self) -> Option<&$crate::policy::PolicyRevision> {
            self.store.revision()
        }

        async fn gather(mut self, app: &$crate::app::App, call: &$crate::domain::Call) -> $crate::app::Gathered<Self> {
            self.store = self.store.find(app, &call.caller).await?;
            Ok(self)
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
        let found = Found { snapshot: None, open_to: Some(TenantId::new(uuid::Uuid::nil())) };
        Self { name: StoreName::example(), min_revision: None, found: Some(found) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &StoreName {
        &self.name
    }

    /// Looks for it, once: what the policies want to know is whether it is open to the caller's tenant. One
    /// that is not there is open to nobody, so that a tenant cannot tell the two apart.
    ///
    /// # Errors
    /// When the revision does not come in force in time.
    pub(in crate::app) async fn find(mut self, app: &App, caller: &Caller) -> Result<Self, AppError> {
        if self.found.is_some() {
            return Ok(self);
        }
        let store = app.stores.get(self.name.as_str());
        if let (Some(store), Some(MinRevision(wanted))) = (&store, &self.min_revision)
            && !store.wait_for(wanted, MinRevision::PATIENCE).await
        {
            let now = store.snapshot().revision().shared();
            return Err(AppError::Conflict(format!("the store has not had the revision {wanted}; it has {now}")));
        }
        let snapshot = store.map(|store| Arc::clone(&store.snapshot()));
        let opened = |tenant: &TenantId| snapshot.as_ref().is_some_and(|it| it.settings().open_to.includes(*tenant));
        let open_to = caller.tenant().filter(opened);
        self.found = Some(Found { snapshot, open_to });
        Ok(self)
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
