//! The guard of the control plane, and the permits that only it makes.

use std::sync::Arc;

use super::service::SeePolicyIds;
use super::{AppError, Command, Decided, Denied, rehearsal};
use crate::decision::{Decision, Denial, decide};
use crate::domain::{Call, Caller, Entropy, InstanceId};
use crate::mapping::{MappingError, Principals, map};
use crate::policy::Snapshot;

/// Leave to do one thing: the proof that the policies were asked, and what they were asked about.
#[derive(Debug)]
pub struct Permit<C> {
    command: C,
    caller: Caller,
    request: String,
    decided: Arc<Decided>,
}

impl<C> Permit<C> {
    /// What is permitted.
    #[must_use]
    pub const fn command(&self) -> &C {
        &self.command
    }

    /// Who it is permitted to.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The id of the request that it is for.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The decision.
    #[must_use]
    pub const fn decided(&self) -> &Arc<Decided> {
        &self.decided
    }

    /// Takes the command out, to carry it out.
    pub(super) fn into_command(self) -> C {
        self.command
    }
}

/// Decides about every call to Gatewood itself.
#[derive(Debug)]
pub struct Guard {
    snapshot: Arc<Snapshot>,
    instance: InstanceId,
    entropy: Entropy,
    principals: Principals,
}

impl Guard {
    /// A guard that decides by this version of the policies.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, instance: InstanceId, entropy: Entropy) -> Self {
        Self { snapshot, instance, entropy, principals: Principals::default() }
    }

    /// The instance that it guards.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// The policies that it decides by.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Decides whether the call may do what the command says.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Internal`], when the call does not fit the schema: what
    /// cannot be decided is not done.
    pub fn authorize<C: Command>(&self, call: &Call, command: C) -> Result<Permit<C>, AppError> {
        let decision = self.decide(call, &command).map_err(|error| AppError::Internal(error.to_string()))?;
        for failure in &decision.failures {
            tracing::error!(policy.id = failure.policy, decision.id = %decision.id, error = failure.message, "a policy cannot be evaluated");
        }
        let denial = (!decision.allowed).then(|| Denial::of(&decision, call.caller.is_anonymous(), &call.languages));
        let decided = Arc::new(Decided {
            id: decision.id,
            caller: call.caller.label(),
            tenant: call.tenant,
            notices: decision.notices(&call.languages),
            determining: decision.determining_ids(),
            snapshot: decision.snapshot,
        });
        match denial {
            None => {
                let (caller, request) = (call.caller.clone(), call.request.id.clone());
                Ok(Permit { command, caller, request, decided })
            }
            Some(denial) => {
                // Most denials have no determining policy, and then there is nothing to decide about.
                let may_see = !decided.determining.is_empty()
                    && self.decide(call, &SeePolicyIds).is_ok_and(|decision| decision.allowed);
                let policies = if may_see { decided.determining.clone() } else { Vec::new() };
                Err(AppError::Denied(Box::new(Denied { denial, policies, decided })))
            }
        }
    }

    /// Tries, for callers of every kind, whether what a command gives to the policies fits the
    /// schema: the request as for every call, and the entities too.
    ///
    /// # Errors
    /// Which action does not fit, and what of it.
    pub fn rehearse<C: Command>(&self) -> Result<(), String> {
        let fits = |call: &Call| {
            let mapped = map(&self.snapshot, &self.principals, &self.instance, call, C::example().question())?;
            mapped.check_entities(&self.snapshot)
        };
        let rehearsed: Result<(), MappingError> = rehearsal::calls().iter().try_for_each(fits);
        rehearsed.map_err(|error| format!("the action {}: {error}", C::ACTION.name))
    }

    /// Maps and evaluates.
    ///
    /// # Errors
    /// When the call does not fit the schema.
    pub fn decide<C: Command>(&self, call: &Call, command: &C) -> Result<Decision, MappingError> {
        let mapped = map(&self.snapshot, &self.principals, &self.instance, call, command.question())?;
        Ok(decide(&self.snapshot, &mapped, self.entropy.uuid_at(call.at)))
    }
}
