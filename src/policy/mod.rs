//! Policy text into an immutable [`Snapshot`]: read, parse, validate, index.
//!
//! There is one loader. The server, the tests and every command call it.

mod annotations;
mod finding;
mod index;
mod load;
mod parity;
mod sensitive;
mod snapshot;
mod source;

pub use annotations::{Annotations, Status};
pub use finding::{Finding, Findings};
pub use load::load;
pub use parity::{ActionUse, Differences};
pub use sensitive::Sensitive;
pub use snapshot::{Policy, PolicyRevision, Snapshot};
pub use source::{SourceFile, StoreSource};
