//! Presented credentials into a [`Caller`](crate::domain::Caller).

mod authenticator;
pub mod issuers;
mod key_cache;
mod presented;

pub use authenticator::{Authenticator, Rejection, Timing};
pub use presented::Presented;
