//! AuthZEN Authorization API 1.0 over HTTP.

pub(super) mod evaluation;
pub(super) mod evaluations;
pub(super) mod metadata;
pub(super) mod search;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::evaluate::{Answer, Asking};
use crate::domain::{Call, Invalid};
use crate::http::decisions::SOME_POLICY_FAILED;
use crate::mapping::{AuthzenQuestion, Refusal};
use crate::policy::{Policy, Status};

/// The answer to an evaluation.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessEvaluation)]
pub(super) struct EvaluationBody {
    /// Whether it is permitted.
    decision: bool,
    /// More about it.
    context: ContextBody,
}

/// More about a decision.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessDecisionContext)]
struct ContextBody {
    /// The decision's id, as the decision log has it; left out where nothing was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<Uuid>,
    /// The version of the store that gave the answer.
    revision: String,
    /// What the user may be told: the notices of the determining policies, by HTTP status.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, example = json!({ "403": "This photo is not published yet." }))]
    reason_user: BTreeMap<&'static str, String>,
    /// What the user must not be told: the ids of the determining policies, for callers who may see them, or
    /// what the store does not know; by HTTP status. Under 500, the policies that could not be evaluated, or, for
    /// callers who may not see their ids, that there were some.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, example = json!({ "403": "embargoed-photos-are-their-owners" }))]
    reason_admin: BTreeMap<&'static str, String>,
    /// Why an evaluation among others could not be put to the policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<ErrorBody>,
}

/// Why an evaluation could not be put to the policies.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessEvaluationError)]
struct ErrorBody {
    /// The HTTP status that it would be answered alone.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong, for people.
    #[schema(example = "resource: is missing")]
    message: String,
}

impl EvaluationBody {
    /// The answer to an evaluation, or why it cannot be put to the policies. What a store does not know, it
    /// permits nobody.
    fn of(asking: &Asking<'_>, call: &Call, question: AuthzenQuestion<'_>) -> Result<Self, Invalid> {
        let revision = asking.snapshot().revision().as_str().to_owned();
        match asking.authzen(question) {
            Ok(answer) => Ok(Self::answered(&answer, call, revision)),
            Err(Refusal::Unknown(unknown)) => Ok(Self::refused(revision, Some(unknown), None)),
            Err(Refusal::Invalid(invalid)) => Err(invalid),
        }
    }

    /// The answer to an evaluation among others, of which something is wrong.
    fn failed(asking: &Asking<'_>, invalid: &Invalid) -> Self {
        let error = ErrorBody { status: 400, message: invalid.to_string() };
        Self::refused(asking.snapshot().revision().as_str().to_owned(), None, Some(error))
    }

    fn answered(answer: &Answer, call: &Call, revision: String) -> Self {
        let decision = &answer.decision;
        let status = |policy: &Policy| if decision.allowed { "200" } else { status(policy.annotations.status()) };
        let notice = |policy: &Policy| policy.annotations.notice(&call.languages).map(str::to_owned);
        let (mut user, mut admin) = (Reasons::default(), Reasons::default());
        for policy in decision.determining() {
            user.extend(status(policy), notice(policy));
            admin.extend(status(policy), answer.shows_policies.then(|| policy.id.clone()));
        }
        for failure in &decision.failures {
            let shown = || format!("{}: {}", failure.policy, failure.message);
            admin.extend("500", Some(if answer.shows_policies { shown() } else { SOME_POLICY_FAILED.to_owned() }));
        }
        let (reason_user, reason_admin) = (user.joined(" "), admin.joined(", "));
        let context = ContextBody { id: Some(decision.id), revision, reason_user, reason_admin, error: None };
        Self { decision: decision.allowed, context }
    }

    fn refused(revision: String, unknown: Option<Invalid>, error: Option<ErrorBody>) -> Self {
        let reason_admin = unknown.into_iter().map(|unknown| ("404", unknown.to_string())).collect();
        let context = ContextBody { id: None, revision, reason_user: BTreeMap::new(), reason_admin, error };
        Self { decision: false, context }
    }
}

/// Reasons by HTTP status, each once.
#[derive(Default)]
struct Reasons(BTreeMap<&'static str, Vec<String>>);

impl Reasons {
    fn extend(&mut self, status: &'static str, reason: Option<String>) {
        let Some(reason) = reason else { return };
        let known = self.0.entry(status).or_default();
        if !known.contains(&reason) {
            known.push(reason);
        }
    }

    /// The specification has one text for each status.
    fn joined(self, between: &str) -> BTreeMap<&'static str, String> {
        self.0.into_iter().map(|(status, reasons)| (status, reasons.join(between))).collect()
    }
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Conflict => "409",
        Status::Forbidden => "403",
        Status::Unauthenticated => "401",
        Status::NotFound => "404",
    }
}

/// A subject or a resource. Only these descriptions are used: requests are read by the store's schema.
#[derive(ToSchema)]
#[schema(as = AccessEntity)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct EntityInput {
    /// Its type: a name of `[types]` in the store's settings, or of the schema.
    #[schema(rename = "type", example = "user")]
    of_type: String,
    /// Its id. Of what a search is for, it is not looked at.
    #[schema(required = false, example = "alice")]
    id: String,
    /// Its attributes, read by the types of the schema. Others than those are passed over.
    #[schema(required = false)]
    properties: serde_json::Map<String, serde_json::Value>,
}

/// An action.
#[derive(ToSchema)]
#[schema(as = AccessAction)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct ActionInput {
    /// A name of `[actions]` in the store's settings, or an action of the schema.
    #[schema(example = "can_read")]
    name: String,
    /// What policies see as `context.action`.
    #[schema(required = false)]
    properties: serde_json::Map<String, serde_json::Value>,
}

/// An evaluation.
#[derive(ToSchema)]
#[schema(as = AccessEvaluationInput, example = json!({
    "subject": { "type": "user", "id": "alice" },
    "action": { "name": "can_read" },
    "resource": { "type": "photo", "id": "vacation.jpg" },
}))]
#[expect(dead_code, reason = "it is the description that is of use")]
struct EvaluationInput {
    /// Who asks.
    subject: EntityInput,
    /// What for.
    action: ActionInput,
    /// What it is about.
    resource: EntityInput,
    /// Under which circumstances.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_there_once() {
        let mut reasons = Reasons::default();
        for (status, reason) in [("403", Some("One.")), ("404", None), ("403", Some("One")), ("403", Some("One."))] {
            reasons.extend(status, reason.map(str::to_owned));
        }
        assert_eq!(reasons.joined(" ").into_iter().collect::<Vec<_>>(), [("403", "One. One".to_owned())]);
    }
}
