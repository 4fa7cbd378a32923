//! `POST /access/v1/search/subject`, and the same of a store by its name

use actix_web::HttpResponse;

use super::{EntityBody, ResultsBody, SearchInput, answer};
use crate::app::search::{Search, Subjects};
use crate::http::{Permitted, Problem};

/// The stored subjects of a type that may do something to a resource (AuthZEN Authorization API 1.0, section 8.4).
#[utoipa::path(post, path = "/access/v1/search/subject", operation_id = "SearchSubjects", tag = "authzen",
    request_body = SearchInput,
    responses((status = 200, description = "What was found", body = ResultsBody<EntityBody>)))]
pub(in crate::http) async fn post(call: Permitted<Search<Subjects>>) -> Result<HttpResponse, Problem> {
    answer(call).await
}
