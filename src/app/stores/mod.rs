//! The platform's policy stores: which one a request is about, what is in them, and how they are.

mod check;
mod read;
mod target;

pub use check::{Candidate, CandidateTexts, CheckStore, StoreReport};
pub use read::{FoundPolicy, ListStores, ReadPolicy, ReadStore, ReloadStore, StoreFacts};
pub(super) use target::of_its_store;
pub use target::{MinRevision, StoreTarget};
