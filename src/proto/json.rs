//! Messages as JSON: the mapping of proto3, as grpc-gateway does it. Names are read in camel case
//! and in snake case, and unknown ones are ignored, so that a client may be newer than this.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use super::DESCRIPTORS;
use crate::domain::Invalid;

#[expect(clippy::expect_used, reason = "the build script made them, and every test of a message reads them")]
static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("descriptors that can be read"));

#[expect(clippy::expect_used, reason = "the type and the descriptors are made from the same files")]
fn descriptor<M: Name>() -> MessageDescriptor {
    POOL.get_message_by_name(&M::full_name()).expect("a message of proto/")
}

/// Reads a message from JSON. Nothing at all is a message with nothing set.
///
/// # Errors
/// Names the field that cannot be read; what was sent is not repeated.
pub fn from_json<M: Message + Name + Default>(bytes: &[u8]) -> Result<M, Invalid> {
    if bytes.trim_ascii().is_empty() {
        return Ok(M::default());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(descriptor::<M>(), tracked, &options)
        .map_err(|error| complaint(&track.path().to_string(), &error))?;
    reader.end().map_err(|error| complaint(".", &error))?;
    message.transcode_to().map_err(|error| Invalid::new("body", format!("is no {}: {error}", M::NAME)))
}

fn complaint(path: &str, error: &serde_json::Error) -> Invalid {
    let place = format!("line {}, column {}", error.line(), error.column());
    if !error.is_data() {
        return Invalid::new("body", format!("is not JSON that can be read ({place})"));
    }
    match path {
        "." | "" => Invalid::new("body", format!("has the wrong type, or a field twice; it must be an object ({place})")),
        // Durations are the only values that these messages have.
        field => Invalid::new(field, format!("{} ({place})", super::oidc_settings::NOT_A_DURATION)),
    }
}

/// Writes a message as JSON: names in camel case, 64-bit numbers as texts.
///
/// # Errors
/// When a value has no JSON.
pub fn to_json<M: Message + Name>(message: &M) -> Result<Value, String> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.transcode_from(message).map_err(|error| error.to_string())?;
    serde_json::to_value(&dynamic).map_err(|error| error.to_string())
}
