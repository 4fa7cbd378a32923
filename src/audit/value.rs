//! A context as JSON that people read.

use cedar_policy_core::ast::{Context, Literal, Value, ValueKind};
use cedar_policy_core::entities::json::{CedarValueJson, FnAndArgs};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value as Json;

use super::mask::MASKED;

/// The context's attributes. Entities are written as in policies, and extension values as the text
/// that makes them: `"2026-01-31T12:00:00.000Z"`, `"192.0.2.1"`, `"1.5000"`, `"90000ms"`.
pub(super) fn context(context: &Context) -> Json {
    match context {
        Context::Value(attributes) => attributes
            .iter()
            .map(|(name, value)| (name.to_string(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        // With parts that are unknown nobody can say what is sensitive in it.
        Context::RestrictedResidual(_) => MASKED.into(),
    }
}

fn json(value: &Value) -> Json {
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(value)) => (*value).into(),
        ValueKind::Lit(Literal::Long(value)) => (*value).into(),
        ValueKind::Lit(Literal::String(text)) => text.as_str().into(),
        ValueKind::Lit(Literal::EntityUID(uid)) => uid.to_string().into(),
        ValueKind::Set(set) => set.iter().map(json).collect(),
        ValueKind::Record(fields) => {
            fields.iter().map(|(name, value)| (name.to_string(), json(value))).collect::<serde_json::Map<_, _>>().into()
        }
        ValueKind::ExtensionValue(_) => extension(value).unwrap_or_else(|| value.to_string()).into(),
    }
}

/// The text that an extension value is made of.
fn extension(value: &Value) -> Option<String> {
    match call(CedarValueJson::from_value(value.clone()).ok()?)? {
        FnAndArgs::Single { arg, .. } => text(*arg),
        // The engine says of every date and time how far it is from 1970.
        FnAndArgs::Multi { args, .. } => match <[_; 2]>::try_from(args) {
            Ok([_epoch, offset]) => match call(offset)? {
                FnAndArgs::Single { arg, .. } => {
                    let millis = text(*arg)?.strip_suffix("ms")?.parse().ok()?;
                    Some(DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(SecondsFormat::Millis, true))
                }
                FnAndArgs::Multi { .. } => None,
            },
            Err(_other) => None,
        },
    }
}

fn call(json: CedarValueJson) -> Option<FnAndArgs> {
    if let CedarValueJson::ExtnEscape { __extn } = json { Some(__extn) } else { None }
}

fn text(json: CedarValueJson) -> Option<String> {
    if let CedarValueJson::String(text) = json { Some(text.to_string()) } else { None }
}
