//! The use cases, and the guard in front of them.
//!
//! A use case is a method of [`App`] that takes a [`Permit`] for its command. The guard is the only
//! place that makes permits, so a use case that was not decided upon cannot be called.

pub mod api_keys;
pub mod audit_events;
mod command;
mod error;
pub mod evaluate;
mod failures;
mod guard;
mod observed;
pub mod oidc_check;
pub mod oidc_config;
pub mod oidc_settings;
mod rate_limit;
mod rehearsal;
pub mod search;
pub mod service;
pub mod stores;
pub mod tenants;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use command::{Command, Gathered};
pub use error::{AppError, Decided, Denied};
pub use guard::{Guard, Permit};
pub use oidc_check::OidcChecks;
pub use rehearsal::Rehearsal;

pub(crate) use self::failures::Failures;
use self::search::Searches;
use self::service::{ReadHealth, ReadReadiness};
use self::stores::StoreTarget;
use crate::audit::{DecisionLog, Room};
use crate::authn::Authenticator;
use crate::domain::{Call, Clock, Entropy, Origin};
use crate::mapping::Question;
use crate::persistence::{ApiKeys, AuditEvents, OidcConfigs, StoredOidcSettings, Tenants};
use crate::policy::PolicyRevision;
use crate::stores::PolicyStores;
use crate::telemetry::Metrics;

/// Everything that the use cases need.
pub struct App {
    /// Who may do what.
    pub guard: Guard,
    /// The platform's policies, and Gatewood's own.
    pub stores: PolicyStores,
    /// Who is asking.
    pub authenticator: Arc<Authenticator>,
    /// The repositories.
    pub repositories: Repositories,
    /// What issuers are tried out with.
    pub oidc_checks: OidcChecks,
    /// Where decisions are recorded.
    pub decisions: DecisionLog,
    /// Leave to try out a version of a store, which takes a processor for a while.
    pub store_checks: Arc<Semaphore>,
    /// How the platform's stores are searched.
    pub searches: Searches,
    /// What time it is.
    pub clock: Clock,
    /// Where ids and keys are drawn from.
    pub entropy: Entropy,
    /// What is counted.
    pub metrics: Metrics,
    /// What was said of policies that cannot be evaluated.
    pub(crate) failures: Failures,
}

/// Whether a permit had to wait, in [`App::wait_for_store`].
pub enum Waited<C> {
    /// It is good still.
    NotAtAll(Permit<C>),
    /// It is not: this is what it was for.
    AskAgain(C),
}

/// The repositories.
#[derive(Clone)]
pub struct Repositories {
    /// Tenants.
    pub tenants: Tenants,
    /// Their OIDC configurations.
    pub oidc_configs: OidcConfigs,
    /// The lifetimes of tokens.
    pub oidc_settings: StoredOidcSettings,
    /// API keys.
    pub api_keys: ApiKeys,
    /// What was changed.
    pub audit_events: AuditEvents,
}

/// Actions of which the decisions are not recorded: who probes asks every few seconds, and learns nothing.
const PROBES: [&str; 2] = [ReadHealth::ACTION.name, ReadReadiness::ACTION.name];

impl App {
    /// Asks the guard for a permit.
    ///
    /// # Errors
    /// [`AppError::Denied`], or whatever kept the guard from deciding.
    pub async fn permit<C: Command>(&self, call: &Call, mut command: C) -> Result<Permit<C>, AppError> {
        if let Some(store) = command.store_mut() {
            store.look(self, &call.caller);
        }
        // What else a policy needs to know of stored things is looked up for callers that are known; a
        // stranger must not make the service work, and is denied by its being a stranger.
        let command = if call.caller.is_anonymous() { command } else { command.gather(self, call).await? };
        // Before the decision: under `block`, nothing is decided that could not be recorded.
        let room = if PROBES.contains(&C::ACTION.name) { Room::none() } else { self.decisions.room().await };
        self.guard.authorize(call, command, room)
    }

    /// Waits until the store has had the revision that the request names, if that is still to come. Then the permit
    /// says nothing any more, and what it was for is to be asked again: what is given back.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it does not come in time.
    pub async fn wait_for_store<C: Command>(&self, permit: Permit<C>) -> Result<Waited<C>, AppError> {
        let waited = match permit.command().store() {
            Some(store) => store.wait(self).await?,
            None => false,
        };
        Ok(if waited { Waited::AskAgain(permit.into_command()) } else { Waited::NotAtAll(permit) })
    }

    /// The revision that may be told to a caller whose request could not be read: that of the store that it is
    /// about, if the policies allow the caller to ask this of it.
    #[must_use]
    pub fn revision_for<C: Command>(&self, call: &Call, mut store: StoreTarget) -> Option<PolicyRevision> {
        store.look(self, &call.caller);
        let asked = Question { action: C::ACTION.name, resource: store.resource(), context: Vec::new() };
        self.guard.allows(call, asked).then_some(store)?.revision().cloned()
    }

    /// Where the change comes from that is permitted: the repositories want to know, for history. Its
    /// time is when the change is made.
    fn origin<C: Command>(&self, permit: &Permit<C>) -> Origin {
        let asked = (permit.request().to_owned(), permit.decided().id);
        let actor = permit.decided().caller.clone();
        Origin::by_caller(actor, C::ACTION.name, asked, self.clock.now(), &self.entropy)
    }
}
