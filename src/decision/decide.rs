//! Allow or deny, and by which policies.

use std::sync::{Arc, LazyLock};

use cedar_policy::{Authorizer, Decision as Answer, Effect};
use uuid::Uuid;

use crate::mapping::Mapped;
use crate::policy::{Policy, Snapshot};

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

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
        let mut notices: Vec<String> = Vec::new();
        for notice in self.determining().filter_map(|policy| policy.annotations.notice(languages)) {
            if !notices.iter().any(|known| known == notice) {
                notices.push(notice.to_owned());
            }
        }
        notices
    }
}

/// Decides a request.
///
/// A `forbid` that cannot be evaluated denies, and is determining: a policy that was meant to close
/// a door must not open it by failing. A `permit` that cannot be evaluated permits nothing.
#[must_use]
pub fn decide(snapshot: &Arc<Snapshot>, mapped: &Mapped, id: Uuid) -> Decision {
    let (mut permits, mut forbids, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for policy in snapshot.candidates(&mapped.principal_line, &mapped.action, &mapped.resource_type) {
        let response = AUTHORIZER.is_authorized(&mapped.request, &policy.alone, &mapped.entities);
        let failure = response.diagnostics().errors().next().map(ToString::to_string);
        // A forbid alone in its set answers "deny" whether it holds or not; only the reasons tell.
        let holds = response.diagnostics().reason().next().is_some();
        match policy.effect {
            Effect::Forbid if holds || failure.is_some() => forbids.push(policy.id.clone()),
            Effect::Permit if holds && response.decision() == Answer::Allow => permits.push(policy.id.clone()),
            Effect::Forbid | Effect::Permit => {}
        }
        failures.extend(failure.map(|message| Failure { policy: policy.id.clone(), message }));
    }
    let allowed = forbids.is_empty() && !permits.is_empty();
    let determining = if forbids.is_empty() { permits } else { forbids };
    Decision { id, allowed, snapshot: Arc::clone(snapshot), determining, failures }
}
