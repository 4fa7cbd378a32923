//! Talking to issuers of tokens: which of their keys verify signatures, and whether they answer at all.
//!
//! Everything here goes to places that somebody else names, so it goes through [`Outbound`].

mod key_sets;
mod outbound;
mod verifying_key;

pub use key_sets::{KeyError, KeySetTiming, KeySets};
pub use outbound::{Outbound, OutboundError, OutboundSettings};
pub use verifying_key::VerifyingKey;
