//! `/v1/is-authorized`: questions to a store in Cedar's own words.

pub(super) mod batch;
pub(super) mod single;
pub(super) mod with_token;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::evaluate::Answer;
use crate::policy::Effect;

/// How many bytes a question, or a batch of them, may have: 1 MiB.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// What a caller is told of a policy that failed and that it may not know of.
pub(super) const SOME_POLICY_FAILED: &str = "a policy could not be evaluated";

/// The answer to a question.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
pub(crate) struct DecisionBody<'a> {
    /// `allow` or `deny`.
    #[schema(example = "allow")]
    decision: &'static str,
    /// The decision's id, as the decision log has it.
    decision_id: Uuid,
    /// The store that was asked.
    #[schema(example = "photoflash")]
    store: &'a str,
    /// The version of the store that gave the answer.
    revision: &'a str,
    /// The policies that determined it, in the order of their ids: the forbids, else the permits. Empty when
    /// nothing permitted, and for callers who may not see the ids of policies.
    determining: Vec<DeterminingBody<'a>>,
    /// The notices of the determining policies.
    notices: &'a [String],
    /// The policies whose evaluation failed.
    errors: Vec<PolicyErrorBody<'a>>,
}

/// A policy that determined a decision.
#[derive(Serialize, ToSchema)]
#[schema(as = DeterminingPolicy)]
pub(crate) struct DeterminingBody<'a> {
    /// Its id.
    id: &'a str,
    /// `permit` or `forbid`.
    effect: &'static str,
    /// Its annotations.
    annotations: &'a std::collections::BTreeMap<String, String>,
    /// The file that it stands in, relative to the store's folder.
    file: &'a str,
    /// The line of that file, from 1; `null` for policies in Cedar's JSON format.
    line: Option<usize>,
}

/// A policy whose evaluation failed.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyError)]
pub(crate) struct PolicyErrorBody<'a> {
    /// Its id; `null` for callers who may not see the ids of policies.
    policy: Option<&'a str>,
    /// What went wrong.
    message: &'a str,
}

/// `permit` or `forbid`.
pub(crate) const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    }
}

impl<'a> From<&'a Answer> for DecisionBody<'a> {
    fn from(answer: &'a Answer) -> Self {
        let decision = &answer.decision;
        let shown = answer.shows_policies;
        let determining = decision.determining().filter(|_| shown).map(|policy| DeterminingBody {
            id: &policy.id,
            effect: effect(policy.effect),
            annotations: policy.annotations.all(),
            file: &policy.file,
            line: policy.line,
        });
        let errors = decision.failures.iter().map(|failure| {
            if shown {
                PolicyErrorBody { policy: Some(&failure.policy), message: &failure.message }
            } else {
                PolicyErrorBody { policy: None, message: SOME_POLICY_FAILED }
            }
        });
        Self {
            decision: if decision.allowed { "allow" } else { "deny" },
            decision_id: decision.id,
            store: decision.snapshot.store(),
            revision: decision.snapshot.revision().as_str(),
            determining: determining.collect(),
            notices: &answer.notices,
            errors: errors.collect(),
        }
    }
}

/// A question. Only this description is used: questions are read by the store's schema.
#[derive(ToSchema)]
#[schema(as = Question, example = json!({
    "principal": "PhotoFlash::User::\"alice\"",
    "action": "PhotoFlash::Action::\"view\"",
    "resource": { "type": "PhotoFlash::Photo", "id": "vacation.jpg" },
}))]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct QuestionBody {
    /// Who asks: `Type::"id"` or `{"type", "id"}`. Without a namespace, the store's default one is meant.
    principal: serde_json::Value,
    /// What for.
    action: serde_json::Value,
    /// What it is about.
    resource: serde_json::Value,
    /// The context, read by the types that the schema gives it for this action.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
    /// Entities in Cedar's JSON format, laid over those that are stored.
    #[schema(required = false)]
    entities: Vec<serde_json::Value>,
}

/// Several questions.
#[derive(ToSchema)]
#[schema(as = Questions)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct BatchBody {
    /// The questions, 1 to 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    requests: Vec<QuestionBody>,
}
