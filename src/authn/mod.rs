//! Presented credentials into a [`Caller`](crate::domain::Caller).

mod authenticator;
mod freshness;
pub mod issuers;
mod key_cache;
mod look_ups;
mod presented;
mod tokens;

pub use authenticator::{Authenticator, Rejection, Stores, Timing};
pub use presented::{Presented, PresentedToken};
pub use tokens::{TokenTrust, TooOld};
