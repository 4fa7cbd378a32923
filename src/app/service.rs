//! What the service says about itself and about the caller, and calls that were not understood.

use super::stores::{StoreFacts, StoreTarget};
use super::{App, Command, Permit};
use crate::domain::{Call, Caller};
use crate::mapping::{Attribute, Resource, principal_text};
use crate::policy::ActionUse;

/// A command without parts, about the instance.
macro_rules! about_the_instance {
    ($(#[$doc:meta])* $name:ident, $group:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Command for $name {
            const ACTION: ActionUse =
                ActionUse { name: stringify!($name), group: $group, resources: &["Instance"], context: "" };

            fn resource(&self) -> Resource {
                Resource::Instance
            }

            fn example() -> Self {
                Self
            }
        }
    };
}

about_the_instance! {
    /// Does the process live?
    ReadHealth, None
}
about_the_instance! {
    /// Can it decide?
    ReadReadiness, None
}
about_the_instance! {
    /// How much is done, and how fast?
    ReadMetrics, Some("read")
}
about_the_instance! {
    /// What does the API look like?
    ReadOpenApi, None
}
about_the_instance! {
    /// What does the gRPC API look like?
    ReadReflection, None
}
about_the_instance! {
    /// Who am I to you?
    WhoAmI, Some("read")
}
about_the_instance! {
    /// Is there anything at this path? There is not.
    UseUnknownRoute, None
}

/// Where are the endpoints of AuthZEN?
#[derive(Debug, Clone)]
pub struct ReadAuthzenConfiguration {
    /// What they lie below: a URL without a slash at its end.
    pub base: String,
}

impl Command for ReadAuthzenConfiguration {
    const ACTION: ActionUse =
        ActionUse { name: "ReadAuthzenConfiguration", group: None, resources: &["Instance"], context: "" };

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn example() -> Self {
        Self { base: String::new() }
    }
}

/// Which policies was it? Asked of every denial by the guard, and of every decision of a platform's store.
#[derive(Debug, Clone)]
pub struct SeePolicyIds {
    /// The store whose policies they are; `None`: those of Gatewood itself.
    pub of: Option<StoreTarget>,
}

impl Command for SeePolicyIds {
    const ACTION: ActionUse =
        ActionUse { name: "SeePolicyIds", group: Some("read"), resources: &["Instance", "Store"], context: "" };

    fn resource(&self) -> Resource {
        self.of.as_ref().map_or(Resource::Instance, StoreTarget::resource)
    }

    fn example() -> Self {
        Self { of: None }
    }
}

/// A request that could not be read.
#[derive(Debug, Clone, Copy)]
pub struct SendMalformed {
    /// The error code that the sender would be answered.
    pub problem: &'static str,
}

impl Command for SendMalformed {
    const ACTION: ActionUse =
        ActionUse { name: "SendMalformed", group: None, resources: &["Instance"], context: "problem: String" };

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        vec![("problem", Attribute::Text(self.problem.to_owned()))]
    }

    fn example() -> Self {
        Self { problem: "invalid_input" }
    }
}

/// The actions of no route: those of calls that meet none, of gRPC alone, and of the guard itself.
pub const WITHOUT_ROUTE: [ActionUse; 4] =
    [SendMalformed::ACTION, UseUnknownRoute::ACTION, ReadReflection::ACTION, SeePolicyIds::ACTION];

/// Is this service of gRPC served?
#[derive(Debug, Clone)]
pub struct CheckHealth {
    /// `package.Service`, or nothing for the whole.
    pub service: String,
}

impl Command for CheckHealth {
    const ACTION: ActionUse = ReadHealth::ACTION;

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn example() -> Self {
        Self { service: String::new() }
    }
}

/// Whether the service can decide. It can as long as it runs: every store has a version in force.
pub struct Readiness {
    /// Whether the database answers.
    pub database_answers: bool,
    /// Whether every store's files are what is in force.
    pub stores_healthy: bool,
    /// The stores whose files cannot be used, of those that the caller may read.
    pub failed_stores: Vec<StoreFacts>,
}

impl Readiness {
    /// Whether everything works.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.database_answers && self.stores_healthy
    }
}

/// A caller, as the service sees it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is.
    pub caller: Caller,
    /// The Cedar principal that it becomes.
    pub principal: String,
}

impl App {
    /// Says whether the service can decide, and to those who may read stores, what is wrong with them.
    pub fn readiness(&self, _permit: &Permit<ReadReadiness>, call: &Call) -> Readiness {
        let mut failed_stores = self.readable_stores(call);
        failed_stores.retain(|store| !store.status.healthy());
        let stores_healthy = self.stores.list().iter().all(|store| store.status().healthy());
        Readiness {
            database_answers: self.authenticator.database_answers(),
            stores_healthy: stores_healthy && self.stores.registry().refused().is_empty(),
            failed_stores,
        }
    }

    /// What the endpoints of AuthZEN lie below.
    #[must_use]
    pub fn authzen_configuration(&self, permit: Permit<ReadAuthzenConfiguration>) -> String {
        permit.into_command().base
    }

    /// All metrics, as [`Metrics::encode`](crate::telemetry::Metrics::encode) writes them.
    #[must_use]
    pub fn metrics(&self, _permit: &Permit<ReadMetrics>) -> String {
        self.metrics.encode()
    }

    /// Says who the caller is.
    #[must_use]
    pub fn whoami(&self, permit: &Permit<WhoAmI>) -> Identity {
        let caller = permit.caller().clone();
        Identity { principal: principal_text(&caller), caller }
    }
}
