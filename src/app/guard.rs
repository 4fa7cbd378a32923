//! The guard of the control plane, and the permits that only it makes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::service::SeePolicyIds;
use super::{AppError, Command, Decided, Denied, rehearsal};
use crate::audit::{Channel, Pending, Record, Room};
use crate::decision::{Decision, Denial, decide};
use crate::domain::{Call, Caller, Entropy, InstanceId};
use crate::mapping::{Mapped, MappingError, Principals, map};
use crate::policy::Snapshot;
use crate::telemetry::{DecisionFacts, DecisionSpan, Metrics};

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
    metrics: Metrics,
}

impl Guard {
    /// How the control plane is asked, in metrics.
    const CHANNEL: &'static str = "control";

    /// A guard that decides by this version of the policies, and counts what it decides.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, instance: InstanceId, entropy: Entropy, metrics: Metrics) -> Self {
        Self { snapshot, instance, entropy, principals: Principals::default(), metrics }
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

    /// Decides whether the call may do what the command says. The record of it takes the room, and waits
    /// for the answer.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Internal`], when the call does not fit the schema: what
    /// cannot be decided is not done.
    pub fn authorize<C: Command>(&self, call: &Call, command: C, room: Room) -> Result<Permit<C>, AppError> {
        let observed = self.observed(call, &command).map_err(|error| AppError::Internal(error.to_string()))?;
        let Observed { mapped, decision, evaluation } = observed;
        for failure in &decision.failures {
            tracing::error!(policy.id = failure.policy, decision.id = %decision.id, error = failure.message, "a policy cannot be evaluated");
        }
        let denial = (!decision.allowed).then(|| Denial::of(&decision, call.caller.is_anonymous(), &call.languages));
        let (caller, notices) = (call.caller.label(), decision.notices(&call.languages));
        let record = |room: Room| Some(room.hold(record(call, &caller, &mapped, &decision, &notices, evaluation)?));
        let record = Some(room).filter(Room::is_wanted).and_then(record).unwrap_or_else(Pending::none);
        let decided = Arc::new(Decided {
            id: decision.id,
            record,
            caller,
            tenant: call.tenant,
            notices,
            determining: decision.determining,
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
        let mapped = self.map(call, command)?;
        Ok(decide(&self.snapshot, &mapped, self.entropy.uuid_at(call.at)))
    }

    /// Decides, counts the decision, and gives it a span.
    fn observed<C: Command>(&self, call: &Call, command: &C) -> Result<Observed, MappingError> {
        let (began, store) = (Instant::now(), self.snapshot.store());
        let span = DecisionSpan::begin(store);
        let mapped = map(&self.snapshot, &self.principals, &self.instance, call, command.question())?;
        let mapped_at = Instant::now();
        let decision = decide(&self.snapshot, &mapped, self.entropy.uuid_at(call.at));
        let evaluation = mapped_at.elapsed();
        let errored: Vec<&str> = decision.failures.iter().map(|failure| failure.policy.as_str()).collect();
        self.metrics.decision(&DecisionFacts {
            store,
            channel: Self::CHANNEL,
            allowed: decision.allowed,
            candidates: decision.candidates,
            evaluation,
            total: began.elapsed(),
            determining: &decision.determining,
            errored: &errored,
        });
        let policies = decision.determining.iter().map(String::as_str);
        span.decided(decision.id, self.snapshot.revision().as_str(), decision.allowed, policies);
        Ok(Observed { mapped, decision, evaluation })
    }
}

/// A decision, and what it was about.
struct Observed {
    mapped: Mapped,
    decision: Decision,
    evaluation: Duration,
}

/// What the decision log is told; `None` of a request with unknown parts, which this guard does not make.
fn record(
    call: &Call,
    caller: &str,
    mapped: &Mapped,
    decision: &Decision,
    notices: &[String],
    evaluation: Duration,
) -> Option<Record> {
    let (request, snapshot) = (&mapped.request, &decision.snapshot);
    Some(Record {
        at: call.at,
        decision_id: decision.id,
        request_id: call.request.id.clone(),
        trace_id: call.request.trace_id.clone(),
        tenant: call.tenant,
        channel: Channel::Control,
        caller: caller.to_owned(),
        store: snapshot.store().into(),
        revision: snapshot.revision().as_str().into(),
        principal: request.principal().uid()?.clone(),
        action: request.action().uid()?.clone(),
        resource: request.resource().uid()?.clone(),
        context: request.context()?.clone(),
        sensitive: Arc::clone(snapshot.sensitive()),
        allowed: decision.allowed,
        determining: decision.determining.clone(),
        errors: decision.failures.iter().map(|failure| (failure.policy.clone(), failure.message.clone())).collect(),
        notices: notices.to_vec(),
        guard: None,
        evaluation,
        total: Duration::ZERO,
    })
}
