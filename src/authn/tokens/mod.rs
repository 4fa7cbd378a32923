//! JWTs of trusted issuers into users.
//!
//! The order of the checks: what the token says of itself and costs nothing; whose it is and whether
//! it is meant for this service; its times; its signature; what it says of the user. A stranger has to
//! name an issuer and an audience that are trusted before anything is asked of the issuer.

mod addressed;
mod claims;
mod compact;
mod kind;
mod limits;
mod strict_json;
mod trust;
mod user;
mod verified;
mod verifier;

pub use limits::TooOld;
pub use verifier::TokenTrust;
pub(super) use verifier::{Shared, Verifier};

/// What is wrong with a token, for the log: bounded, escaped, and never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Flaw(String);

impl Flaw {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn id_token() -> Self {
        Self::new("it is an ID token, and those are not accepted of its issuer")
    }

    fn other_audience() -> Self {
        Self::new("it is meant for somebody else (`aud`)")
    }
}
