//! `POST /access/v1/evaluations`, and the same of a store by its name

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
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
use crate::values::{Item, Json};

/// How many evaluations at most.
const MOST: usize = 1000;

/// How many bytes the defaults may be, counted once for each evaluation that takes them: what they say is read, and
/// recorded, for each. It leaves 8 KiB of them to each of the most evaluations.
const MOST_OF_DEFAULTS: usize = 8 * BODY_LIMIT;

/// Several evaluations in AuthZEN's words.
#[derive(Debug, Default)]
pub(in crate::http) struct Evaluations {
    /// The request. Its four parts stand in where an evaluation does not have them.
    body: Json,
    /// The evaluations, if there are any.
    items: Vec<Item>,
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
        let (body, items) = parts.json_batch("evaluations")?;
        let semantic = Semantic::read(&body)?;
        let items = items.unwrap_or_default();
        check(&body, &items)?;
        Ok(Self { store: parts.store()?, question: Evaluations { body, items, semantic } })
    }
}

/// What is wrong with the request as a whole, and not with one evaluation.
fn check(body: &Json, items: &[Item]) -> Result<(), Invalid> {
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
    if let Some(other) = body.get("evaluations") {
        return Err(other.must_be("evaluations", "an array"));
    }
    if items.len() > MOST {
        let reason = format!("has {} evaluations; it must have at most {MOST}", items.len());
        return Err(Invalid::new("evaluations", reason));
    }
    let size: usize = parts.into_iter().map(|(name, part)| size_of_default(name, part, items)).sum();
    if size > MOST_OF_DEFAULTS {
        let reason = format!(
            "takes the defaults along so often that they are {size} bytes in all; at most {MOST_OF_DEFAULTS} are read"
        );
        return Err(Invalid::new("evaluations", reason));
    }
    Ok(())
}

/// How large a default is, times the evaluations that may need it.
fn size_of_default(name: &str, part: Option<&Json>, items: &[Item]) -> usize {
    let Some(part) = part else { return 0 };
    // Of these an evaluation that has the part itself may take what it must have.
    let required: usize = ["type", "id", "name"].iter().filter_map(|name| part.get(name)).map(Json::size).sum();
    let whole = part.size();
    items.iter().flatten().map(|item| if item.get(name).is_some() { required } else { whole }).sum()
}

/// Up to 1,000 evaluations by one version of the store (AuthZEN Authorization API 1.0, section 7). Without
/// `evaluations`, or where it is empty, the request is a single evaluation.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "EvaluateAccesses", tag = "authzen",
    request_body = EvaluationsInput,
    responses((status = 200, description = "The answers, in the order of the evaluations", body = AnswersBody)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<Evaluations>>) -> Result<HttpResponse, Problem> {
    let (asking, asked) = call.app.asking(call.permit, &call.call, Channel::Authzen)?;
    let answers = if asked.items.is_empty() {
        AnswersBody::Single(EvaluationBody::of(&asking, &call.call, AuthzenQuestion::of(&asked.body)?)?)
    } else {
        AnswersBody::Several { evaluations: asked.each(&asking, &call.call) }
    };
    asking.finish().await;
    Ok(reply::json(StatusCode::OK, &answers))
}

impl Evaluations {
    fn each(&self, asking: &Asking<'_>, call: &Call) -> Vec<EvaluationBody> {
        let mut answers = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let answer = item.as_ref().map_err(Invalid::clone).and_then(|item| self.one(item, asking, call));
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
