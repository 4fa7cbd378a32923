//! `POST /v1/is-authorized-with-token` and `POST /v1/stores/{store}/is-authorized-with-token`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use utoipa::ToSchema;

use super::DecisionBody;
use crate::app::evaluate::{Channel, Evaluate};
use crate::domain::Invalid;
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::values::Json;

/// A question in which a token says who asks.
#[derive(Debug, Default)]
pub(in crate::http) struct TokenQuestion(Json);

impl TokenQuestion {
    fn token(&self) -> Result<&str, Invalid> {
        match self.0.get("token") {
            Some(Json::Text(token)) => Ok(token),
            Some(other) => Err(other.must_be("token", "a string")),
            None => Err(Invalid::new("token", "is missing")),
        }
    }
}

impl Decode for Evaluate<TokenQuestion> {
    const BODY: Body = Body::Json;
    const BODY_LIMIT: usize = super::BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let question = TokenQuestion(parts.json_tree()?);
        question.token()?;
        Ok(Self { store: parts.store()?, question })
    }
}

/// A question in which a token says who asks. Only this description is used.
#[derive(ToSchema)]
#[schema(as = TokenQuestion)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(in crate::http) struct TokenQuestionBody {
    /// A JWT of an issuer that is trusted as for callers. It gives the principal, its attributes and its groups.
    token: String,
    /// What for.
    action: serde_json::Value,
    /// What it is about.
    resource: serde_json::Value,
    /// The context, read by the types that the schema gives it for this action.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
    /// Entities in Cedar's JSON format. Of what the token says they change nothing.
    #[schema(required = false)]
    entities: Vec<serde_json::Value>,
}

/// Whether the bearer of a token may do something to a resource.
#[utoipa::path(post, path = "/v1/is-authorized-with-token", operation_id = "EvaluateWithToken", tag = "decisions",
    request_body = TokenQuestionBody,
    responses((status = 200, description = "The answer", body = DecisionBody<'_>)))]
pub(in crate::http) async fn post(call: Permitted<Evaluate<TokenQuestion>>) -> Result<HttpResponse, Problem> {
    let (asking, question) = call.app.asking(call.permit, &call.call, Channel::Rest)?;
    let user = call.app.bearer_of(question.token()?, &call.call).await?;
    let answer = asking.with_token(&question.0, &user)?;
    asking.finish().await;
    Ok(reply::json(StatusCode::OK, &DecisionBody::from(&answer)))
}
