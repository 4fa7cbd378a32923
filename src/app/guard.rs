//! The guard of the control plane, and the permits that only it makes.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::observed::{Facts, count, end, record};
use super::service::SeePolicyIds;
use super::{AppError, Command, Decided, Denied, Failures};
use crate::audit::{Channel, Pending, Room};
use crate::decision::{Decision, Denial, decide};
use crate::domain::{Call, Caller, Entropy, InstanceId};
use crate::mapping::{Mapped, MappingError, Principals, Question, map};
use crate::policy::Snapshot;
use crate::stores::PolicyStore;
use crate::telemetry::{DecisionSpan, Metrics};

/// Leave to do one thing: the proof that the policies were asked, and what they were asked about.
#[derive(Debug)]
pub struct Permit<C> {
    command: C,
    caller: Caller,
    request: String,
    decided: Arc<Decided>,
    /// In a box, as permits go through many hands.
    mapped: Box<Mapped>,
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

    /// Takes the command out, and the call by which the same policies can be asked about more.
    pub(super) fn into_parts(self) -> (C, PermittedCall) {
        (self.command, PermittedCall { mapped: self.mapped, decided: self.decided })
    }
}

/// A call that something was permitted to.
pub(super) struct PermittedCall {
    mapped: Box<Mapped>,
    pub(super) decided: Arc<Decided>,
}

impl PermittedCall {
    /// Whether the version of the policies that permitted the one thing allows another action on the same
    /// resource, too; what cannot be decided is not allowed. The action's context must need nothing beside
    /// that of every call.
    pub(super) fn allows_also<C: Command>(&self) -> bool {
        let snapshot = &self.decided.snapshot;
        if !self.mapped.can_be_permitted(snapshot, C::ACTION.name) {
            return false;
        }
        let mapped = self.mapped.with_action(snapshot, C::ACTION.name);
        mapped.is_ok_and(|mapped| decide(snapshot, &mapped, self.decided.id).allowed)
    }
}

/// Decides about every call to Gatewood itself, by the version of the policies that is in force.
pub struct Guard {
    store: Arc<PolicyStore>,
    plane: ArcSwap<Plane>,
    instance: InstanceId,
    entropy: Entropy,
    metrics: Metrics,
    failures: Failures,
}

/// One version of the policies, with what was numbered for it.
struct Plane {
    snapshot: Arc<Snapshot>,
    principals: Principals,
}

impl Plane {
    fn of(snapshot: Arc<Snapshot>) -> Arc<Self> {
        Arc::new(Self { snapshot, principals: Principals::default() })
    }
}

impl Guard {
    /// A guard that decides by this store, and counts what it decides.
    #[must_use]
    pub fn new(store: Arc<PolicyStore>, instance: InstanceId, entropy: Entropy, metrics: Metrics) -> Self {
        let plane = ArcSwap::new(Plane::of(Arc::clone(&store.snapshot())));
        Self { store, plane, instance, entropy, metrics, failures: Failures::default() }
    }

    /// The instance that it guards.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// The version that is in force now.
    fn plane(&self) -> arc_swap::Guard<Arc<Plane>> {
        let (plane, in_force) = (self.plane.load(), self.store.snapshot());
        if !Arc::ptr_eq(&plane.snapshot, &in_force) {
            self.plane.store(Plane::of(Arc::clone(&in_force)));
            return self.plane.load();
        }
        plane
    }

    /// Decides whether the call may do what the command says. The record of it takes the room, and waits
    /// for the answer.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Internal`], when the call does not fit the schema: what
    /// cannot be decided is not done.
    pub fn authorize<C: Command>(&self, call: &Call, command: C, room: Room) -> Result<Permit<C>, AppError> {
        let observed = self.observed(call, &command).map_err(|error| AppError::Internal(error.to_string()))?;
        let Observed { mapped, decision, facts } = observed;
        self.failures.tell(&decision);
        let denial = (!decision.allowed).then(|| Denial::of(&decision, call.caller.is_anonymous(), &call.languages));
        let (notices, determining) = (decision.notices(&call.languages), decision.determining_ids());
        let recorded = |room: Room| Some(room.hold(record(call, &mapped, &decision, &notices, &facts)?));
        let record = Some(room).filter(Room::is_wanted).and_then(recorded).unwrap_or_else(Pending::none);
        let decided = Arc::new(Decided {
            id: decision.id,
            record,
            caller: call.caller.label(),
            tenant: call.tenant,
            notices,
            determining,
            snapshot: decision.snapshot,
        });
        match denial {
            None => {
                let (caller, request) = (call.caller.clone(), call.request.id.clone());
                Ok(Permit { command, caller, request, decided, mapped })
            }
            Some(denial) => {
                // Most denials have no determining policy, and then there is nothing to decide about.
                let may_see =
                    !decided.determining.is_empty() && self.allows(call, SeePolicyIds { of: None }.question());
                let policies = if may_see { decided.determining.clone() } else { Vec::new() };
                Err(AppError::Denied(Box::new(Denied { denial, policies, decided })))
            }
        }
    }

    /// Whether the policies would allow it; what cannot be decided is not allowed.
    pub fn allows(&self, call: &Call, question: Question) -> bool {
        self.decide(call, question).is_ok_and(|decision| decision.allowed)
    }

    /// Maps and evaluates.
    ///
    /// # Errors
    /// When the call does not fit the schema.
    pub fn decide(&self, call: &Call, question: Question) -> Result<Decision, MappingError> {
        let plane = self.plane();
        let mapped = map(&plane.snapshot, &plane.principals, &self.instance, call, question)?;
        Ok(decide(&plane.snapshot, &mapped, self.entropy.uuid_at(call.at)))
    }

    /// Decides, counts the decision, and gives it a span.
    fn observed<C: Command>(&self, call: &Call, command: &C) -> Result<Observed, MappingError> {
        let (began, plane) = (Instant::now(), self.plane());
        let span = DecisionSpan::begin(plane.snapshot.store());
        let mapped = Box::new(map(&plane.snapshot, &plane.principals, &self.instance, call, command.question())?);
        let mapped_at = Instant::now();
        let decision = decide(&plane.snapshot, &mapped, self.entropy.uuid_at(call.at));
        let facts = Facts { channel: Channel::Control, evaluation: mapped_at.elapsed(), total: began.elapsed() };
        end(span, &decision);
        count(&self.metrics, &decision, &facts);
        Ok(Observed { mapped, decision, facts })
    }
}

/// A decision, and what it was about.
struct Observed {
    mapped: Box<Mapped>,
    decision: Decision,
    facts: Facts,
}
