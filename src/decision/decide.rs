//! Allow or deny, and by which policies.

use std::cell::LazyCell;
use std::sync::Arc;

use cedar_policy::Effect;
use cedar_policy_core::ast::{Context, Literal, SlotEnv, Value, ValueKind};
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use uuid::Uuid;

use crate::mapping::Mapped;
use crate::policy::{OnForbidError, Policy, Referred, Snapshot};

/// The answer to one request, with everything that led to it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its own id, for the logs.
    pub id: Uuid,
    /// Whether the request is allowed.
    pub allowed: bool,
    /// The version of the store that gave it.
    pub snapshot: Arc<Snapshot>,
    /// The positions of the policies that determined it, ascending.
    determining: Vec<u32>,
    /// The policies whose evaluation failed, in the order of the ids.
    pub failures: Vec<Failure>,
    /// How many policies had a scope that matches.
    pub candidates: usize,
}

/// A policy whose evaluation failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its id.
    pub policy: String,
    /// What the engine said.
    pub message: String,
}

impl Decision {
    /// The policies that determined it, in the order of the ids: the forbids, or, when there is none,
    /// the permits. None when nothing permitted.
    pub fn determining(&self) -> impl Iterator<Item = &Policy> {
        self.determining.iter().filter_map(|position| self.snapshot.policies().get(*position as usize))
    }

    /// The ids of the policies that determined it, ascending.
    #[must_use]
    pub fn determining_ids(&self) -> Vec<String> {
        self.determining().map(|policy| policy.id.clone()).collect()
    }

    /// The notices of the determining policies, in the order of the policies' ids, without repeats.
    #[must_use]
    pub fn notices(&self, languages: &[String]) -> Vec<String> {
        notices(self.determining(), languages)
    }
}

/// The notices of policies, in their order, without repeats.
pub(super) fn notices<'a>(policies: impl Iterator<Item = &'a Policy>, languages: &[String]) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    for notice in policies.filter_map(|policy| policy.annotations.notice(languages)) {
        if !notices.iter().any(|known| known == notice) {
            notices.push(notice.to_owned());
        }
    }
    notices
}

/// Decides a request.
///
/// Only the policies whose scope matches are looked at, and of those only the conditions: what comes
/// out is what the engine says of the whole set, but for a `forbid` that cannot be evaluated. That
/// one denies and is determining, unless the store says `on_forbid_error = "cedar"`. A `permit` that
/// cannot be evaluated permits nothing.
#[must_use]
pub fn decide(snapshot: &Arc<Snapshot>, mapped: &Mapped, id: Uuid) -> Decision {
    let candidates = snapshot.candidates(&mapped.principal(), &mapped.action, &mapped.resource());
    let policies = || candidates.iter().filter_map(|at| Some((*at, snapshot.policies().get(*at as usize)?)));
    // Where no candidate has a condition, there is nothing to evaluate.
    let entities = LazyCell::new(|| entities(snapshot, mapped, policies().map(|(_, policy)| policy)));
    let evaluator = LazyCell::new(|| Evaluator::new(mapped.request.clone(), &entities, Extensions::all_available()));
    let (mut permits, mut forbids, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let failing_forbid_denies = snapshot.settings().on_forbid_error == OnForbidError::Deny;
    for (at, policy) in policies() {
        let holds = match &policy.condition {
            None => Ok(true),
            Some(condition) => with_stack(policy, || {
                let value = evaluator.interpret(condition, &SlotEnv::new()).map_err(|error| error.to_string())?;
                as_bool(&value).ok_or_else(|| "the condition is not a boolean".to_owned())
            }),
        };
        match (policy.effect, &holds) {
            (Effect::Forbid, Ok(true)) => forbids.push(at),
            (Effect::Forbid, Err(_)) if failing_forbid_denies => forbids.push(at),
            (Effect::Permit, Ok(true)) => permits.push(at),
            (Effect::Forbid | Effect::Permit, _) => {}
        }
        if let Err(message) = holds {
            failures.push(Failure { policy: policy.id.clone(), message });
        }
    }
    let allowed = forbids.is_empty() && !permits.is_empty();
    let determining = if forbids.is_empty() { permits } else { forbids };
    Decision { id, allowed, snapshot: Arc::clone(snapshot), determining, failures, candidates: candidates.len() }
}

/// The entities that the conditions of these policies can look into.
fn entities<'a>(snapshot: &Snapshot, mapped: &Mapped, policies: impl Iterator<Item = &'a Policy>) -> Entities {
    let world = mapped.world(snapshot);
    let mut depth = 0;
    let mut roots = Referred::default();
    for policy in policies {
        depth = depth.max(policy.reach.depth);
        policy.reach.named.iter().for_each(|uid| world.refer_to(uid, &mut roots));
    }
    if depth == 0 {
        return Entities::new();
    }
    roots.actions.push(mapped.action.clone());
    roots.nodes.extend([&mapped.principal, &mapped.resource].into_iter().filter_map(|party| party.line.first()));
    if let Some(Context::Value(fields)) = mapped.request.context() {
        fields.values().for_each(|value| world.refer(value, &mut roots));
    }
    world.slice(roots, depth, |action| snapshot.action_entity(action))
}

/// Runs it with the stack that the evaluator takes for the policy's condition. Threads have enough for all but the
/// deepest conditions, and to look costs nothing.
fn with_stack<T>(policy: &Policy, evaluate: impl FnOnce() -> T) -> T {
    const ALWAYS: usize = 256 * 1024;
    const FOR_EACH_LEVEL: usize = 8 * 1024;
    let needed = ALWAYS + policy.reach.height * FOR_EACH_LEVEL;
    stacker::maybe_grow(needed, needed, evaluate)
}

fn as_bool(value: &Value) -> Option<bool> {
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(value)) => Some(*value),
        ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => None,
    }
}
