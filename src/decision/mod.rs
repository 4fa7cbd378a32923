//! A snapshot and a mapped request into a decision, and what it tells the caller. Pure.

#[cfg(test)]
mod attacks;
mod decide;
mod denial;
#[cfg(test)]
mod identity;

pub use decide::{Decision, Failure, decide};
pub use denial::Denial;
