//! Talking to issuers of tokens: which of their keys verify signatures, and whether they answer at all.
//!
//! Everything here goes to places that somebody else names, so it goes through [`Outbound`]. Nothing of
//! what is fetched is repeated: not in errors, not in the log, not in what is reported of a check.

mod address;
mod check;
mod discovery;
mod fetch_error;
mod key_set;
mod key_sets;
mod outbound;
mod places;
mod resolver;
mod state;
mod turns;
mod verifying_key;

pub use check::{CheckTurn, CheckedStep, IssuerCheck};
pub use discovery::Step;
pub use key_sets::{KeyError, KeySets};
pub use outbound::{Outbound, OutboundError, OutboundSettings};
pub use state::KeySetTiming;
pub use turns::{Busy, Requester};
pub use verifying_key::VerifyingKey;
