//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};

use crate::domain::{Invalid, Precondition, Versions};

/// Reads both headers.
///
/// # Errors
/// Names the header that is neither `*` nor a list of entity tags.
pub(super) fn read(headers: &HeaderMap) -> Result<Precondition, Invalid> {
    Ok(Precondition { if_match: versions(headers, IF_MATCH)?, if_none_match: versions(headers, IF_NONE_MATCH)? })
}

fn versions(headers: &HeaderMap, name: HeaderName) -> Result<Option<Versions>, Invalid> {
    let label = if name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    let refuse = || Invalid::new(label, "is neither `*` nor a list of entity tags in quotes");
    let mut tags = Vec::new();
    let mut any = false;
    for value in headers.get_all(name) {
        let mut rest = value.to_str().map_err(|_not_text| refuse())?.trim();
        // A condition that was meant and got lost on the way must not turn into no condition.
        if rest.is_empty() {
            return Err(refuse());
        }
        if rest == "*" {
            any = true;
            continue;
        }
        while !rest.is_empty() {
            let (tag, after) = entity_tag(rest).ok_or_else(refuse)?;
            tags.push(tag.to_owned());
            rest = match after.trim_start().strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.trim().is_empty() => "",
                None => return Err(refuse()),
            };
        }
    }
    match (any, tags.is_empty()) {
        (true, true) => Ok(Some(Versions::Any)),
        (true, false) => Err(refuse()),
        (false, true) => Ok(None),
        (false, false) => Ok(Some(Versions::Of(tags))),
    }
}

/// Takes one tag off the front. A weak tag is read as well: caches on the way weaken tags, and what
/// counts here is that the version is the same.
fn entity_tag(text: &str) -> Option<(&str, &str)> {
    let quoted = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
    quoted.split_once('"')
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn if_match(value: &str) -> Result<Option<Versions>, Invalid> {
        let request = TestRequest::default().insert_header((IF_MATCH, value)).to_http_request();
        read(request.headers()).map(|precondition| precondition.if_match)
    }

    #[test]
    fn lists_stars_and_weak_tags_are_read_and_anything_else_is_refused() {
        assert_eq!(if_match("*").unwrap(), Some(Versions::Any));
        assert_eq!(if_match("\"a\" , W/\"b\"").unwrap(), Some(Versions::Of(vec!["a".into(), "b".into()])));
        for bad in ["", " ", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", "\"a\" x"] {
            assert_eq!(if_match(bad).unwrap_err().field, "If-Match", "{bad}");
        }
    }
}
