//! Answers that are a success.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, LOCATION};
use serde::Serialize;

use super::Problem;
use crate::domain::{ETag, Page};

/// JSON with a status. Answers are about one caller, so no cache may keep them.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(body)
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
    HttpResponse::NotModified().insert_header((ETAG, quoted(etag))).finish()
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
    let mut ranges =
        headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).peekable();
    if ranges.peek().is_none() || ranges.any(admits_json) { Ok(()) } else { Err(Problem::not_acceptable()) }
}

fn admits_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused =
        parts.any(|parameter| parameter.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0)));
    !refused && matches!(media.as_str(), "" | "*/*" | "application/*" | "application/json")
}

#[cfg(test)]
mod tests {
    use super::admits_json;

    #[test]
    fn only_ranges_that_cover_json_admit_it() {
        for yes in ["*/*", "application/json", "Application/*;q=0.1", "application/json; charset=utf-8"] {
            assert!(admits_json(yes), "{yes}");
        }
        for no in ["text/html", "application/xml", "application/json;q=0", "*/*; q=0.0"] {
            assert!(!admits_json(no), "{no}");
        }
    }
}
