//! Allow or deny, and by which policies.

use std::sync::Arc;

use cedar_policy::Effect;
use cedar_policy_core::ast::{Literal, Value, ValueKind};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use uuid::Uuid;

use crate::mapping::Mapped;
use crate::policy::{Policy, Snapshot};

/// The answer to one request, with everything that led to it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its own id, for the logs.
    pub id: Uuid,
    /// Whether the request is allowed.
    pub allowed: bool,
    /// The version of the store that gave it.
    pub snapshot: Arc<Snapshot>,
    /// The ids of the policies that determined it, ascending: the forbids, or, when there is none,
    /// the permits. Empty when nothing permitted.
    pub determining: Vec<String>,
    /// The policies whose evaluation failed.
    pub failures: Vec<Failure>,
    /// How many policies were evaluated.
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
    /// The determining policies.
    pub fn determining(&self) -> impl Iterator<Item = &Policy> {
        let policies = self.snapshot.policies();
        self.determining.iter().filter_map(move |id| {
            let position = policies.binary_search_by(|policy| policy.id.as_str().cmp(id)).ok()?;
            policies.get(position)
        })
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
/// A `forbid` that cannot be evaluated denies, and is determining: a policy that was meant to close
/// a door must not open it by failing. A `permit` that cannot be evaluated permits nothing.
#[must_use]
pub fn decide(snapshot: &Arc<Snapshot>, mapped: &Mapped, id: Uuid) -> Decision {
    let (mut permits, mut forbids, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let mut candidates = 0;
    let evaluator = Evaluator::new(mapped.request.clone(), &mapped.entities, Extensions::all_available());
    for policy in snapshot.candidates(&mapped.principal_line, &mapped.action, &mapped.resource_type) {
        candidates += 1;
        let holds = match evaluator.interpret(&policy.condition, &policy.slots) {
            Ok(value) => as_bool(&value).ok_or_else(|| "the condition is not a boolean".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match (policy.effect, &holds) {
            (Effect::Forbid, Ok(true) | Err(_)) => forbids.push(policy.id.clone()),
            (Effect::Permit, Ok(true)) => permits.push(policy.id.clone()),
            (Effect::Forbid | Effect::Permit, _) => {}
        }
        if let Err(message) = holds {
            failures.push(Failure { policy: policy.id.clone(), message });
        }
    }
    let allowed = forbids.is_empty() && !permits.is_empty();
    let determining = if forbids.is_empty() { permits } else { forbids };
    Decision { id, allowed, snapshot: Arc::clone(snapshot), determining, failures, candidates }
}

fn as_bool(value: &Value) -> Option<bool> {
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(value)) => Some(*value),
        ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => None,
    }
}
