//! What answers where there is no route.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};

use super::{Problem, incoming};
use crate::app::service::UseUnknownRoute;
use crate::transport::TenantHeader;

/// 404, for callers that may know.
pub(super) async fn unknown_path(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(answer(&request, Problem::unknown_path()).await)
}

/// 405 with `Allow` (RFC 9110, section 15.5.6), for callers that may know.
pub(super) async fn wrong_method(request: HttpRequest, allowed: String) -> Result<HttpResponse, Problem> {
    Err(answer(&request, Problem::method_not_allowed(allowed)).await)
}

async fn answer(request: &HttpRequest, problem: Problem) -> Problem {
    let read = async {
        let unread = incoming::unread(request, incoming::state(request)?)?;
        let mut call = unread.authenticate().await?;
        let tenant = unread.tenant(TenantHeader::Optional, &call.caller);
        call.tenant = unread.or_refuse(&call, tenant).await?;
        unread.permit(&call, UseUnknownRoute).await.map(drop)
    };
    match read.await {
        Ok(()) => problem,
        Err(denied) => denied,
    }
}

/// The methods of a path, as the header `Allow` lists them.
pub(super) fn allow_header<'a>(methods: impl Iterator<Item = &'a Method>) -> String {
    let mut names: Vec<&str> = methods.map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.join(", ")
}
