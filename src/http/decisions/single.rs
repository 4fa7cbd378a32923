//! `POST /v1/is-authorized` and `POST /v1/stores/{store}/is-authorized`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{BODY_LIMIT, DecisionBody};
use crate::app::evaluate::{Channel, Evaluate};
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::values::Json;

/// A question in the words of the native API.
#[derive(Debug, Default)]
pub(in crate::http) struct NativeQuestion(Json);

impl Decode for Evaluate<NativeQuestion> {
    const BODY: Body = Body::Json;
    const BODY_LIMIT: usize = BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { store: parts.store()?, question: NativeQuestion(parts.json_tree()?) })
    }
}

/// Whether a principal may do something to a resource. A denial is 200: the question was answered.
#[utoipa::path(post, path = "/v1/is-authorized", operation_id = "Evaluate", tag = "decisions",
    request_body = super::QuestionBody,
    responses((status = 200, description = "The answer", body = DecisionBody<'_>)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<NativeQuestion>>) -> Result<HttpResponse, Problem> {
    let (asking, NativeQuestion(question)) = call.app.asking(call.permit, &call.call, Channel::Rest)?;
    let answer = asking.native(&question)?;
    asking.finish().await;
    Ok(reply::json(StatusCode::OK, &DecisionBody::from(&answer)))
}
