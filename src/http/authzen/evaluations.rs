//! `POST /access/v1/evaluations`, and the same of a store by its name

use std::borrow::Cow;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionInput, EntityInput, EvaluationBody, EvaluationInput};
use crate::app::evaluate::{Asking, Channel, Evaluate};
use crate::domain::invalid::quoted;
use crate::domain::{Call, Invalid};
use crate::http::body::Body;
use crate::http::decisions::BODY_LIMIT;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::mapping::AuthzenQuestion;
use crate::values::Json;

/// How many evaluations at most.
const MOST: usize = 1000;

/// Several evaluations in AuthZEN's words.
#[derive(Debug, Default)]
pub(in crate::http) struct Evaluations {
    /// The request. Its four parts stand in where an evaluation does not have them.
    body: Json,
    semantic: Semantic,
}

/// When to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Semantic {
    #[default]
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn read(body: &Json) -> Result<Self, Invalid> {
        const AT: &str = "options.evaluations_semantic";
        let options = match body.get("options") {
            None => return Ok(Self::default()),
            Some(options @ Json::Object(_)) => options,
            Some(other) => return Err(other.must_be("options", "an object")),
        };
        match options.get("evaluations_semantic") {
            None => Ok(Self::default()),
            Some(Json::Text(text)) => match text.as_str() {
                "execute_all" => Ok(Self::ExecuteAll),
                "deny_on_first_deny" => Ok(Self::DenyOnFirstDeny),
                "permit_on_first_permit" => Ok(Self::PermitOnFirstPermit),
                other => {
                    let known = "execute_all, deny_on_first_deny, permit_on_first_permit";
                    Err(Invalid::new(AT, format!("{} is not known; known are {known}", quoted(other))))
                }
            },
            Some(other) => Err(other.must_be(AT, "a string")),
        }
    }

    /// Whether nothing is asked after this decision.
    const fn stops_after(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

impl Decode for Evaluate<Evaluations> {
    const BODY: Body = Body::Access;
    const BODY_LIMIT: usize = BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let body = parts.json_tree()?;
        let semantic = Semantic::read(&body)?;
        check(&body)?;
        Ok(Self { store: parts.store()?, question: Evaluations { body, semantic } })
    }
}

/// What is wrong with the request as a whole, and not with one evaluation.
fn check(body: &Json) -> Result<(), Invalid> {
    let parts = AuthzenQuestion::of(body)?;
    let parts = [
        ("subject", parts.subject),
        ("action", parts.action),
        ("resource", parts.resource),
        ("context", parts.context),
    ];
    for (name, part) in parts {
        if let Some(part) = part.filter(|part| !matches!(part, Json::Object(_))) {
            return Err(part.must_be(name, "an object"));
        }
    }
    match body.get("evaluations") {
        None => Ok(()),
        Some(Json::List(items)) if items.len() <= MOST => Ok(()),
        Some(Json::List(items)) => {
            let reason = format!("has {} evaluations; it must have at most {MOST}", items.len());
            Err(Invalid::new("evaluations", reason))
        }
        Some(other) => Err(other.must_be("evaluations", "an array")),
    }
}

/// Up to 1,000 evaluations by one version of the store (AuthZEN Authorization API 1.0, section 7). Without
/// `evaluations`, or where it is empty, the request is a single evaluation.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "EvaluateAccesses", tag = "authzen",
    request_body = EvaluationsInput,
    responses((status = 200, description = "The answers, in the order of the evaluations", body = AnswersBody)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<Evaluations>>) -> Result<HttpResponse, Problem> {
    let (asking, asked) = call.app.asking(call.permit, &call.call, Channel::Authzen)?;
    let answers = match asked.body.get("evaluations") {
        Some(Json::List(items)) if !items.is_empty() => {
            AnswersBody::Several { evaluations: asked.each(items, &asking, &call.call) }
        }
        Some(_) | None => {
            AnswersBody::Single(EvaluationBody::of(&asking, &call.call, AuthzenQuestion::of(&asked.body)?)?)
        }
    };
    let revision = asking.finish().await;
    Ok(reply::decided(&revision, &answers))
}

impl Evaluations {
    fn each(&self, items: &[Json], asking: &Asking<'_>, call: &Call) -> Vec<EvaluationBody> {
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let answer = self.one(item, asking, call);
            let answer = answer.unwrap_or_else(|invalid| EvaluationBody::failed(asking, &invalid));
            let stops = self.semantic.stops_after(answer.decision);
            answers.push(answer);
            if stops {
                break;
            }
        }
        answers
    }

    fn one(&self, item: &Json, asking: &Asking<'_>, call: &Call) -> Result<EvaluationBody, Invalid> {
        if !matches!(item, Json::Object(_)) {
            return Err(item.must_be("evaluation", "an object"));
        }
        let part = |name, required| with_default(item.get(name), self.body.get(name), required);
        let subject = part("subject", &["type", "id"]);
        let action = part("action", &["name"]);
        let resource = part("resource", &["type", "id"]);
        let context = part("context", &[]);
        let question = AuthzenQuestion {
            subject: subject.as_deref(),
            action: action.as_deref(),
            resource: resource.as_deref(),
            context: context.as_deref(),
        };
        EvaluationBody::of(asking, call, question)
    }
}

/// A part of an evaluation. It takes the place of the default as a whole, but for what it must have and has
/// not (certification scenario, "batch with default value merging"); properties are never mixed.
fn with_default<'j>(own: Option<&'j Json>, default: Option<&'j Json>, required: &[&str]) -> Option<Cow<'j, Json>> {
    let (Some(Json::Object(members)), Some(default)) = (own, default) else {
        return own.or(default).map(Cow::Borrowed);
    };
    let is_missing = |name: &&&str| !members.iter().any(|(own, _)| own == **name);
    let missing =
        required.iter().filter(is_missing).filter_map(|name| Some(((*name).into(), default.get(name)?.clone())));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return own.map(Cow::Borrowed);
    }
    Some(Cow::Owned(Json::Object(members.iter().cloned().chain(missing).collect())))
}

/// The answers, or the one answer where the request is a single evaluation.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessEvaluations)]
#[serde(untagged)]
pub(in crate::http) enum AnswersBody {
    /// The answers.
    Several {
        /// Each in the place of its evaluation; up to the one that the semantic stops at.
        evaluations: Vec<EvaluationBody>,
    },
    /// The answer.
    Single(EvaluationBody),
}

/// Several evaluations.
#[derive(ToSchema)]
#[schema(as = AccessEvaluationsInput)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(in crate::http) struct EvaluationsInput {
    /// Who asks, where an evaluation does not say.
    #[schema(required = false)]
    subject: EntityInput,
    /// What for, where an evaluation does not say.
    #[schema(required = false)]
    action: ActionInput,
    /// What it is about, where an evaluation does not say.
    #[schema(required = false)]
    resource: EntityInput,
    /// Under which circumstances, where an evaluation does not say.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
    /// The evaluations. None of their parts has to be there that has a default.
    #[schema(required = false, max_items = 1000)]
    evaluations: Vec<EvaluationInput>,
    /// How they are gone through.
    #[schema(required = false)]
    options: OptionsInput,
}

/// How evaluations are gone through.
#[derive(ToSchema)]
#[schema(as = AccessEvaluationsOptions)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct OptionsInput {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[schema(
        required = false,
        default = "execute_all",
        pattern = "^(execute_all|deny_on_first_deny|permit_on_first_permit)$"
    )]
    evaluations_semantic: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(own: &str, default: &str) -> Json {
        let read = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let (own, default) = (read(own), read(default));
        with_default(Some(&own), Some(&default), &["type", "id"]).unwrap().into_owned()
    }

    #[test]
    fn an_item_takes_from_the_default_only_what_it_must_have() {
        let default = r#"{"type": "t", "id": "d", "properties": {"a": 1}}"#;
        for (own, expected) in [
            (r#"{"type": "u", "id": "i"}"#, r#"{"type": "u", "id": "i"}"#),
            (r#"{"id": "i", "properties": {"b": 2}}"#, r#"{"id": "i", "properties": {"b": 2}, "type": "t"}"#),
            ("{}", r#"{"type": "t", "id": "d"}"#),
            ("5", "5"),
            (r#"{"type": 5, "id": "i"}"#, r#"{"type": 5, "id": "i"}"#),
        ] {
            assert_eq!(merged(own, default), Json::parse(expected.as_bytes()).unwrap(), "{own}");
        }
    }
}
