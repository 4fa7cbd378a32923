//! Looking into stores, and loading them again.

use std::sync::Arc;

use super::{StoreTarget, of_its_store};
use crate::app::{App, AppError, Command, Permit};
use crate::domain::{Call, StoreName};
use crate::mapping::Resource;
use crate::policy::{ActionUse, Policy, Snapshot};
use crate::stores::{Reloaded, Status};

/// The action of both commands below.
const READ_STORE: ActionUse =
    ActionUse { name: "ReadStore", group: Some("read"), resources: &["Store", "Instance"], context: "" };

/// Which stores are there?
#[derive(Debug, Clone, Copy)]
pub struct ListStores;

impl Command for ListStores {
    const ACTION: ActionUse = READ_STORE;

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn example() -> Self {
        Self
    }
}

/// A command about one store.
macro_rules! about_a_store {
    ($(#[$doc:meta])* $name:ident, $action:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// Which store.
            pub store: StoreTarget,
        }

        impl Command for $name {
            const ACTION: ActionUse = $action;

            of_its_store!();

            fn example() -> Self {
                Self { store: StoreTarget::example() }
            }
        }
    };
}

about_a_store! {
    /// What is in a store, and how is it?
    ReadStore, READ_STORE
}
about_a_store! {
    /// Load a store again.
    ReloadStore,
    ActionUse { name: "ReloadStore", group: Some("administer"), resources: &["Store"], context: "" }
}

/// What does a policy say?
#[derive(Debug, Clone)]
pub struct ReadPolicy {
    /// Which store.
    pub store: StoreTarget,
    /// The policy's id.
    pub id: String,
}

impl Command for ReadPolicy {
    const ACTION: ActionUse = READ_STORE;

    of_its_store!();

    fn example() -> Self {
        Self { store: StoreTarget::example(), id: String::new() }
    }
}

/// A policy of a version that stays as it is.
pub struct FoundPolicy {
    /// The version.
    pub snapshot: Arc<Snapshot>,
    id: String,
}

impl FoundPolicy {
    /// The policy.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id.
    pub fn policy(&self) -> Result<&Policy, AppError> {
        self.snapshot.policy(&self.id).ok_or(AppError::NotFound("policy"))
    }
}

/// A store as it is now.
pub struct StoreFacts {
    /// Its name.
    pub name: StoreName,
    /// The version in force.
    pub snapshot: Arc<Snapshot>,
    /// How it came into force, and what is wrong with what came later.
    pub status: Arc<Status>,
}

impl App {
    /// Lists the stores that the caller may read.
    pub fn list_stores(&self, _permit: Permit<ListStores>, call: &Call) -> Vec<StoreFacts> {
        self.readable_stores(call)
    }

    /// The stores that the caller of this call may read.
    pub(in crate::app) fn readable_stores(&self, call: &Call) -> Vec<StoreFacts> {
        let mut readable = Vec::new();
        for store in self.stores.list() {
            let Ok(name) = StoreName::parse("store", store.name()) else { continue };
            let mut target = StoreTarget::new(name.clone(), None);
            target.look(self, &call.caller);
            if self.guard.allows(call, ReadStore { store: target }.question()) {
                readable.push(StoreFacts { name, snapshot: Arc::clone(&store.snapshot()), status: store.status() });
            }
        }
        readable
    }

    /// Reads a store.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none.
    pub fn read_store(&self, permit: Permit<ReadStore>) -> Result<StoreFacts, AppError> {
        let store = permit.into_command().store;
        let (name, snapshot) = (store.name().clone(), Arc::clone(store.snapshot()?));
        let status = self.stores.get(name.as_str()).ok_or(AppError::NotFound("store"))?.status();
        Ok(StoreFacts { name, snapshot, status })
    }

    /// Looks for a policy.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such store.
    pub fn read_policy(&self, permit: Permit<ReadPolicy>) -> Result<FoundPolicy, AppError> {
        let ReadPolicy { store, id } = permit.into_command();
        Ok(FoundPolicy { snapshot: Arc::clone(store.snapshot()?), id })
    }

    /// Loads a store again, and says what came of it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none.
    pub async fn reload_store(&self, permit: Permit<ReloadStore>) -> Result<(StoreFacts, Reloaded), AppError> {
        let name = permit.into_command().store.name().clone();
        let reloaded = self.stores.reload(&name).await.ok_or(AppError::NotFound("store"))?;
        let store = self.stores.get(name.as_str()).ok_or(AppError::NotFound("store"))?;
        Ok((StoreFacts { name, snapshot: Arc::clone(&store.snapshot()), status: store.status() }, reloaded))
    }
}
