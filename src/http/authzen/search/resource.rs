//! `POST /access/v1/search/resource`, and the same of a store by its name

use actix_web::HttpResponse;

use super::{EntityBody, ResultsBody, SearchInput, answer};
use crate::app::search::{Resources, Search};
use crate::http::{Permitted, Problem};

/// The stored resources of a type that a subject may do something to (AuthZEN Authorization API 1.0, section 8.5).
#[utoipa::path(post, path = "/access/v1/search/resource", operation_id = "SearchResources", tag = "authzen",
    request_body = SearchInput,
    responses((status = 200, description = "What was found", body = ResultsBody<EntityBody>)))]
pub(in crate::http) async fn post(call: Permitted<Search<Resources>>) -> Result<HttpResponse, Problem> {
    answer(call).await
}
