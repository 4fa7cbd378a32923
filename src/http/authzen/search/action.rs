//! `POST /access/v1/search/action`, and the same of a store by its name

use actix_web::HttpResponse;

use super::{ActionBody, ActionSearchInput, ResultsBody, answer};
use crate::app::search::{Actions, Search};
use crate::http::{Permitted, Problem};

/// What a subject may do to a resource (AuthZEN Authorization API 1.0, section 8.6).
#[utoipa::path(post, path = "/access/v1/search/action", operation_id = "SearchActions", tag = "authzen",
    request_body = ActionSearchInput,
    responses((status = 200, description = "What was found", body = ResultsBody<ActionBody>)))]
pub(in crate::http) async fn post(call: Permitted<Search<Actions>>) -> Result<HttpResponse, Problem> {
    answer(call).await
}
