//! Answers that are a success.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, LOCATION};
use serde::Serialize;

use super::Problem;
use crate::domain::{ETag, Page};
use crate::policy::PolicyRevision;

/// JSON with a status. Answers are about one caller, so no cache may keep them.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(body)
}

/// The header that says which version of a store an answer is of.
pub(super) const REVISION: &str = "gatewood-revision";

/// JSON of another version of a store than the one that the request was permitted by: of that the answer says so
/// by itself.
pub(super) fn decided(revision: &PolicyRevision, body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REVISION, revision.as_str()))
        .json(body)
}

/// JSON with the version it is of. A reader may keep it, and asks whether it still holds.
pub(super) fn versioned(body: &impl Serialize, etag: &ETag) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, quoted(etag)))
        .json(body)
}

/// 201, with the place of what was made.
pub(super) fn created(location: &str, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((LOCATION, location)).json(body)
}

/// 304: the reader has this version already.
pub(super) fn not_modified(etag: &ETag) -> HttpResponse {
    HttpResponse::NotModified()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, quoted(etag)))
        .finish()
}

/// 204.
pub(super) fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn quoted(etag: &ETag) -> String {
    format!("\"{}\"", etag.as_str())
}

/// A page's items and the token of the next one, as they are answered.
pub(super) fn page<T, B: From<T>>(page: Page<T>) -> (Vec<B>, Option<String>) {
    let items = page.items.into_iter().map(B::from).collect();
    (items, page.next.map(|token| token.as_simple().to_string()))
}

/// Fails when the caller's `Accept` rules JSON out (RFC 9110, section 12.5.1).
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    if admits_json(values.flat_map(|value| value.split(','))) { Ok(()) } else { Err(Problem::not_acceptable()) }
}

/// Of the ranges that cover JSON the closest one decides; no range at all admits everything.
fn admits_json<'a>(ranges: impl Iterator<Item = &'a str>) -> bool {
    let mut ranges = ranges.filter(|range| !range.trim().is_empty()).peekable();
    ranges.peek().is_none() || ranges.filter_map(about_json).max().is_some_and(|(_closeness, admitted)| admitted)
}

/// How closely a range covers JSON, if it does, and whether it admits it: a weight of 0 does not.
fn about_json(range: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';');
    let closeness = match parts.next()?.trim().to_ascii_lowercase().as_str() {
        "application/json" => 2,
        "application/*" => 1,
        "*/*" => 0,
        _ => return None,
    };
    let refused = parts.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0)
    });
    Some((closeness, !refused))
}

#[cfg(test)]
mod tests {
    use super::admits_json;

    #[test]
    fn only_ranges_that_cover_json_admit_it() {
        let admits = |accept: &str| admits_json(accept.split(','));
        for yes in [
            "",
            " , ",
            "*/*",
            "application/json",
            "Application/*;q=0.1",
            "application/json; charset=utf-8",
            "text/html, application/json;q=0.1",
            "*/*;q=0, application/json",
        ] {
            assert!(admits(yes), "{yes}");
        }
        for no in [
            "x",
            "text/html",
            "application/xml",
            "application/json;q=0",
            "application/json ; Q = 0.000",
            "*/*; q=0.0",
            "application/json;q=0, */*",
            "application/*;q=0, */*;q=1",
        ] {
            assert!(!admits(no), "{no}");
        }
    }
}
