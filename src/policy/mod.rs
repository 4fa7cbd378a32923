//! Policy text into an immutable [`Snapshot`]: read, parse, validate, index.
//!
//! There is one loader. The server, the tests and every command call it.

mod annotations;
mod entities;
mod finding;
mod index;
mod load;
mod pace;
mod parity;
mod places;
mod reach;
mod sensitive;
mod settings;
mod snapshot;
mod source;

pub use cedar_policy::Effect;

pub use annotations::{Annotations, Status};
pub(crate) use entities::{Laid, Line, Node, Overlay, Referred, World};
pub use finding::{Finding, Findings};
pub(crate) use index::Party;
pub use load::{load, load_at};
pub use pace::Pace;
pub use parity::{ActionUse, Differences};
pub use sensitive::Sensitive;
pub use settings::{OnForbidError, OpenTo, RequestAttributes, SearchLimits, StoreSettings, TokenIds, TokenSettings};
pub use snapshot::{CONTROL_STORE, Policy, PolicyRevision, Snapshot};
pub use source::{SourceFile, StoreSource};
