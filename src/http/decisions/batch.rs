//! `POST /v1/is-authorized/batch` and `POST /v1/stores/{store}/is-authorized/batch`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{BODY_LIMIT, DecisionBody};
use crate::app::evaluate::{Channel, Evaluate};
use crate::domain::Invalid;
use crate::domain::invalid::shown;
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::values::{Item, Json};

/// Several questions in the words of the native API.
#[derive(Debug, Default)]
pub(in crate::http) struct NativeBatch(Vec<Item>);

impl NativeBatch {
    /// How many questions at most.
    const MOST: usize = 1000;

    fn read((body, requests): (Json, Option<Vec<Item>>)) -> Result<Self, Invalid> {
        let Json::Object(members) = &body else {
            return Err(body.must_be("body", "an object"));
        };
        if let Some((name, value)) = members.first() {
            return Err(match name.as_str() {
                "requests" => value.must_be("requests", "an array"),
                other => Invalid::new(shown(other), "is not a field that this body has; it has `requests`"),
            });
        }
        let requests = requests.ok_or_else(|| Invalid::new("requests", "is missing"))?;
        match requests.len() {
            0 => Err(Invalid::new("requests", "is empty; it must have 1 to 1000 questions")),
            1..=Self::MOST => Ok(Self(requests)),
            more => Err(Invalid::new("requests", format!("has {more} questions; it must have 1 to 1000"))),
        }
    }
}

impl Decode for Evaluate<NativeBatch> {
    const BODY: Body = Body::Json;
    const BODY_LIMIT: usize = BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { store: parts.store()?, question: NativeBatch::read(parts.json_batch("requests")?)? })
    }
}

/// The answers, each in the place of its question.
#[derive(Serialize, ToSchema)]
#[schema(as = Decisions)]
pub(in crate::http) struct DecisionsBody<'a> {
    /// The answers.
    answers: Vec<AnswerBody<'a>>,
}

/// An answer, or why there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchAnswer)]
#[serde(untagged)]
pub(in crate::http) enum AnswerBody<'a> {
    /// The question was answered.
    Answered(DecisionBody<'a>),
    /// The question could not be put to the policies. It spoils none of the others.
    Refused {
        /// What is wrong with it.
        error: RefusalBody,
    },
}

/// Why a question was not put to the policies.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchRefusal)]
pub(in crate::http) struct RefusalBody {
    /// `invalid_input`.
    code: &'static str,
    /// What is wrong, for people.
    message: String,
    /// The field that is wrong and the rule that it breaks.
    details: crate::http::problem::Details,
}

/// Answers up to 1,000 questions by one version of the store.
#[utoipa::path(post, path = "/v1/is-authorized/batch", operation_id = "EvaluateBatch", tag = "decisions",
    request_body = super::BatchBody,
    responses((status = 200, description = "The answers, in the order of the questions", body = DecisionsBody<'_>)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<NativeBatch>>) -> Result<HttpResponse, Problem> {
    let (asking, NativeBatch(questions)) = call.app.asking(call.permit, &call.call, Channel::Rest)?;
    let answers: Vec<_> =
        questions.iter().map(|question| asking.native(question.as_ref().map_err(Invalid::clone)?)).collect();
    let answers = answers.iter().map(|answer| match answer {
        Ok(answer) => AnswerBody::Answered(DecisionBody::from(answer)),
        Err(invalid) => AnswerBody::Refused { error: RefusalBody::from(invalid) },
    });
    asking.finish().await;
    Ok(reply::json(StatusCode::OK, &DecisionsBody { answers: answers.collect() }))
}

impl From<&Invalid> for RefusalBody {
    fn from(invalid: &Invalid) -> Self {
        let problem = Problem::from(invalid.clone());
        let details = crate::http::problem::Details { field: invalid.field.clone(), reason: invalid.reason.clone() };
        Self { code: "invalid_input", message: problem.message().to_owned(), details }
    }
}
