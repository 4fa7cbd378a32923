//! Bodies: how they are read, and what is said about one that cannot be.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Formatter};

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{HttpSettings, Problem};
use crate::domain::Invalid;
use crate::domain::invalid::shown;

/// What a route reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing. What is sent all the same is not looked at.
    None,
    /// JSON.
    Json,
    /// JSON, or nothing.
    OptionalJson,
    /// JSON, as AuthZEN asks for it: what cannot be read for its media type is a bad request like any other.
    Access,
    /// JSON, or nothing, whatever `Content-Type` says: as grpc-gateway reads it.
    AnyType,
}

/// A name. Only this description is used; names are read as texts and checked by the domain.
#[derive(ToSchema)]
#[schema(
    as = Name,
    min_length = 1,
    max_length = 255,
    pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\u{e0000}-\u{e0fff} \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]([^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\u{e0000}-\u{e0fff}]*[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\u{e0000}-\u{e0fff} \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000])?$"
)]
pub(super) struct NameSchema(#[expect(dead_code, reason = "it is the description that is of use")] String);

/// Reads a body, up to the limit and within the time.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    body: Body,
    limit: usize,
    settings: &HttpSettings,
) -> Result<web::Bytes, Problem> {
    if body == Body::None {
        return Ok(web::Bytes::new());
    }
    let too_large = || Problem::payload_too_large(limit);
    let headers = request.headers();
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let collect = async {
        let mut bytes = web::BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_broken| Invalid::new("body", "did not arrive whole"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    let bytes = tokio::time::timeout(settings.body_timeout, collect).await;
    let bytes = bytes.map_err(|_elapsed| Problem::request_timeout())??;
    if bytes.is_empty() && body == Body::OptionalJson {
        return Ok(bytes);
    }
    if body != Body::AnyType && !says_json(headers) {
        return Err(match body {
            Body::Access => Invalid::new("Content-Type", "must be application/json").into(),
            Body::None | Body::Json | Body::OptionalJson | Body::AnyType => {
                Problem::unsupported_media_type("the body must be application/json, and `Content-Type` must say so")
            }
        });
    }
    if headers.get_all(CONTENT_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(match body {
            Body::Access => Invalid::new("Content-Encoding", "must not be there: bodies are not compressed").into(),
            Body::None | Body::Json | Body::OptionalJson | Body::AnyType => {
                Problem::unsupported_media_type("the body must not be compressed")
            }
        });
    }
    Ok(bytes)
}

/// Whether `Content-Type` is there and, should it be there twice, says nothing else.
fn says_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).peekable();
    types.peek().is_some() && types.all(|value| value.to_str().is_ok_and(is_json))
}

/// `application/json`, with or without a `charset=utf-8` that it does not need (RFC 8259, section 11).
fn is_json(content_type: &str) -> bool {
    let Ok(media_type) = content_type.parse::<mime::Mime>() else { return false };
    let mut charsets = media_type.params().filter(|(name, _)| *name == mime::CHARSET);
    media_type.essence_str() == mime::APPLICATION_JSON.essence_str()
        && charsets.all(|(_, charset)| charset == mime::UTF_8)
}

/// Reads JSON into `T`. The error names the field; it repeats nothing of what was sent, which may be
/// a secret in the wrong place.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    // The reader would take an array for the fields in their order, which is no spelling of this API.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Invalid::new("body", "has the wrong type; it must be an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        complaint(&path, error.inner())
    })?;
    reader.end().map_err(|error| complaint(".", &error))?;
    Ok(value)
}

fn complaint(path: &str, error: &serde_json::Error) -> Invalid {
    let place = format!("line {}, column {}", error.line(), error.column());
    let field = if path.is_empty() || path == "." { "body" } else { path };
    match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            let (field, reason) = data_complaint(field, &text);
            Invalid::new(field, format!("{reason} ({place})"))
        }
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            Invalid::new("body", format!("is not JSON that can be read ({place})"))
        }
    }
}

/// Rewrites what the JSON reader says of a value that does not fit: the field it is about, and the
/// rule, without the value.
fn data_complaint(field: &str, text: &str) -> (String, String) {
    let name = shown(text.split('`').nth(1).unwrap_or(field));
    if text.starts_with("unknown field") {
        (name, "is not a field that this body has".to_owned())
    } else if text.starts_with("missing field") {
        (name, "is missing".to_owned())
    } else if text.starts_with("duplicate field") {
        (name, "is there twice".to_owned())
    } else {
        let expected = text.rsplit_once("expected ").map_or("another type", |(_, expected)| expected);
        let expected = expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected);
        let expected = match expected {
            "f64" => "a number",
            "a sequence" => "an array",
            other => other,
        };
        (field.to_owned(), format!("has the wrong type; it must be {expected}"))
    }
}

/// For fields that may be left out: present means a value. A `null` is refused; what it was meant to
/// say is not ours to guess.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For texts by the names of their files: present, each name once. The reader would keep the last of two.
pub(super) fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut files = BTreeMap::new();
            while let Some((name, text)) = map.next_entry()? {
                match files.entry(name) {
                    Entry::Vacant(free) => _ = free.insert(text),
                    Entry::Occupied(taken) => {
                        return Err(A::Error::custom(format_args!("duplicate field `{}`", taken.key())));
                    }
                }
            }
            Ok(files)
        }
    }

    deserializer.deserialize_map(Files).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "an object")]
    struct Sample {
        #[expect(dead_code, reason = "only reading it is of interest")]
        client_secret: String,
        #[serde(default, deserialize_with = "present")]
        #[expect(dead_code, reason = "only reading it is of interest")]
        scopes: Option<Vec<String>>,
    }

    fn complaint_about(json: &str) -> String {
        from_json::<Sample>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_body_that_does_not_fit_is_refused_with_its_field_and_without_its_value() {
        let said = |json: &str, starts: &str| {
            let text = complaint_about(json);
            assert!(text.starts_with(starts), "{json}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("12345"), "{text}");
        };
        said("{\"client_secret\": 12345}", "client_secret: has the wrong type; it must be a string");
        said("{\"client_secret\": null}", "client_secret: has the wrong type; it must be a string");
        said("{}", "client_secret: is missing");
        said("{\"client_secret\": \"hunter2\", \"scopes\": null}", "scopes: has the wrong type; it must be an array");
        said("{\"client_secret\": \"hunter2\", \"scopes\": [1]}", "scopes[0]: has the wrong type");
        said("{\"client_secret\": \"hunter2\", \"scope\": []}", "scope: is not a field that this body has");
        said("{\"client_secret\": \"hunter2\", \"client_secret\": \"x\"}", "client_secret: is there twice");
        said("{\"client_secret\": \"hunter2\"} trailing", "body: is not JSON that can be read");
        said("{\"client_secret\": \"hunter2", "body: is not JSON that can be read");
        said("[]", "body: has the wrong type; it must be an object");
        said(" [\"hunter2\"]", "body: has the wrong type; it must be an object");
        said("{\"\": 1}", "\"\": is not a field");
        said("{\"a\\nb\": 1}", "a\\nb: is not a field");
        said(&"[".repeat(100_000), "body: ");
        said(&format!("{{\"x\": {}", "[".repeat(100_000)), "x: is not a field");
    }

    #[test]
    fn json_may_say_its_charset_if_it_is_utf_8() {
        for good in ["application/json", "Application/JSON; charset=UTF-8"] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json; charset=latin1",
            "application/json; charset=utf-8; charset=latin1",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
