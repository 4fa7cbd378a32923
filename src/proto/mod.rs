//! The messages of `proto/`: generated types, and what they mean here.

pub mod oidc_settings;
pub mod status;

#[expect(clippy::pedantic, missing_docs, reason = "generated from proto/, which has the documentation")]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use messages::{gatewood, google, zitadel};

/// The descriptors of all messages and services, as reflection serves them.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
