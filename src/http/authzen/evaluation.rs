//! `POST /access/v1/evaluation`, and the same of a store by its name

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{EvaluationBody, EvaluationInput};
use crate::app::evaluate::{Channel, Evaluate};
use crate::http::body::Body;
use crate::http::decisions::BODY_LIMIT;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::mapping::AuthzenQuestion;
use crate::values::Json;

/// An evaluation in AuthZEN's words.
#[derive(Debug, Default)]
pub(in crate::http) struct Evaluation(Json);

impl Decode for Evaluate<Evaluation> {
    const BODY: Body = Body::Access;
    const BODY_LIMIT: usize = BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { store: parts.store()?, question: Evaluation(parts.json_tree()?) })
    }
}

/// Whether a subject may do something to a resource (AuthZEN Authorization API 1.0, section 6). A denial is
/// 200: the question was answered. So is a type or an action that the store does not know.
#[utoipa::path(post, path = "/access/v1/evaluation", operation_id = "EvaluateAccess", tag = "authzen",
    request_body = EvaluationInput,
    responses((status = 200, description = "The answer", body = EvaluationBody)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<Evaluation>>) -> Result<HttpResponse, Problem> {
    let (asking, Evaluation(body)) = call.app.asking(call.permit, &call.call, Channel::Authzen)?;
    let answer = EvaluationBody::of(&asking, &call.call, AuthzenQuestion::of(&body)?)?;
    asking.finish().await;
    Ok(reply::json(StatusCode::OK, &answer))
}
