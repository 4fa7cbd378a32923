//! What a record must not show.

use serde_json::{Map, Value};

use crate::domain::ContextPath;
use crate::domain::decision_log::Step;

/// What stands in the place of what is hidden.
pub(super) const MASKED: &str = "***";

/// Headers that are credentials, with `_` for `-`: whatever has such a name in a context is hidden.
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "x_api_key",
    "x_gatewood_gateway_key",
    "x_forwarded_access_token",
];

/// Hides what is at the path: an attribute, or a record with all that is in it. A path goes through
/// sets as if they were not there; a `*` may stand for their elements, too.
pub(super) fn hide(value: &mut Value, path: &ContextPath) {
    hide_steps(value, path.steps());
}

fn hide_steps(value: &mut Value, steps: &[Step]) {
    let Some((first, rest)) = steps.split_first() else {
        *value = MASKED.into();
        return;
    };
    match (value, first) {
        (Value::Object(fields), Step::Named(name)) => {
            if let Some(field) = fields.get_mut(name) {
                hide_steps(field, rest);
            }
        }
        (Value::Object(fields), Step::Any) => fields.values_mut().for_each(|field| hide_steps(field, rest)),
        (Value::Array(items), step) => {
            for item in items {
                hide_steps(item, steps);
                if *step == Step::Any {
                    hide_steps(item, rest);
                }
            }
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
    }
}

/// Hides credentials, wherever they are: by the names of attributes, and by how they look.
pub(super) fn hide_credentials(value: &mut Value) {
    match value {
        Value::Object(fields) => hide_in_record(fields),
        Value::Array(items) => items.iter_mut().for_each(hide_credentials),
        Value::String(text) => {
            if let Some(scrubbed) = scrub(text) {
                *text = scrubbed;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn hide_in_record(fields: &mut Map<String, Value>) {
    for (name, field) in fields.iter_mut() {
        let is = |known: &&str| {
            name.len() == known.len()
                && name.bytes().zip(known.bytes()).all(|(a, b)| a.to_ascii_lowercase() == b || (a == b'-' && b == b'_'))
        };
        if CREDENTIALS.iter().any(is) {
            *field = MASKED.into();
        } else {
            hide_credentials(field);
        }
    }
    // A name can be a value that somebody sent.
    let scrubbed: Vec<(String, String)> =
        fields.keys().filter_map(|name| scrub(name).map(|clean| (name.clone(), clean))).collect();
    for (name, clean) in scrubbed {
        if let Some(field) = fields.remove(&name) {
            fields.insert(clean, field);
        }
    }
}

/// The text without what looks like an API key or a JWT; `None`: there is nothing of the kind in it.
pub(super) fn scrub(text: &str) -> Option<String> {
    /// How API keys begin, and JSON objects in base64, which JWTs are made of.
    const MARKS: [&str; 2] = ["gwk_", "eyJ"];
    let find = |text: &str| MARKS.iter().filter_map(|mark| text.find(mark)).min();
    let mut rest = text;
    let mut clean = String::new();
    while let Some(at) = find(rest) {
        let (before, secret) = rest.split_at(at);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=');
        clean.push_str(before);
        clean.push_str(MASKED);
        rest = secret.trim_start_matches(is_part);
    }
    if clean.is_empty() {
        return None;
    }
    clean.push_str(rest);
    Some(clean)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hidden(mut value: Value, path: &str) -> Value {
        hide(&mut value, &ContextPath::parse("mask", path).unwrap());
        value
    }

    #[test]
    fn a_path_that_leads_nowhere_hides_nothing() {
        let context = json!({ "input": { "a": 1 }, "b": "x" });
        for path in ["output", "input.b", "b.c", "input.a.c", "a", "b.*"] {
            assert_eq!(hidden(context.clone(), path), context, "{path}");
        }
    }

    #[test]
    fn an_attribute_or_a_whole_record_is_hidden() {
        let context = json!({ "input": { "client_id": 7, "x": { "y": true } }, "b": "x" });
        let without = json!({ "input": { "client_id": "***", "x": { "y": true } }, "b": "x" });
        assert_eq!(hidden(context.clone(), "input.client_id"), without);
        assert_eq!(hidden(context.clone(), "input"), json!({ "input": "***", "b": "x" }));
        assert_eq!(hidden(context, "*"), json!({ "input": "***", "b": "***" }));
    }

    #[test]
    fn a_star_is_any_name_and_sets_are_looked_into() {
        let context = json!({ "device": { "a": { "serial": 1, "n": 2 }, "b": { "serial": 3 }, "c": "serial" } });
        let without =
            json!({ "device": { "a": { "serial": "***", "n": 2 }, "b": { "serial": "***" }, "c": "serial" } });
        assert_eq!(hidden(context, "device.*.serial"), without);
        let context = json!({ "items": [{ "serial": 1, "n": 2 }, { "n": 3 }, "x"] });
        let without = json!({ "items": [{ "serial": "***", "n": 2 }, { "n": 3 }, "x"] });
        assert_eq!(hidden(context.clone(), "items.serial"), without);
        assert_eq!(hidden(context.clone(), "items.*.serial"), without);
        assert_eq!(hidden(context, "items.*"), json!({ "items": ["***", "***", "***"] }));
    }

    #[test]
    fn credentials_are_hidden_by_their_names_at_every_depth() {
        let mut context = json!({ "request": { "headers": {
            "Authorization": "Basic eDp5", "cookie": { "sid": "1" }, "x-api-key": 7, "x_api_keys": "two", "accept": "*/*",
        } } });
        hide_credentials(&mut context);
        let headers = json!({
            "Authorization": "***", "cookie": "***", "x-api-key": "***", "x_api_keys": "two", "accept": "*/*",
        });
        assert_eq!(context, json!({ "request": { "headers": headers } }));
    }

    #[test]
    fn what_looks_like_a_credential_is_cut_out_of_texts_and_names() {
        let mut context = json!({
            "path": "/v1/gwk_0123_ab/x", "agent": "a eyJhbGciOiJub25lIn0.eyJ9.c2ln, gwk_1", "gwk_77": ["gwk_0/"], "plain": "gwk",
        });
        hide_credentials(&mut context);
        assert_eq!(context, json!({ "path": "/v1/***", "agent": "a ***, ***", "***": ["***"], "plain": "gwk" }));
    }
}
