//! The policy stores that are in force, and how they are loaded again while the service runs.
//!
//! A store that cannot be loaded changes nothing but its [`Status`]: what was loaded last stays in
//! force, until the files are good again. [`Stores`] is generic over how a store is loaded, and knows
//! nothing of policies.

mod changes;
mod load;
mod look;
mod policies;
mod registry;
mod store;
#[cfg(test)]
mod texts;
mod watcher;

pub use load::{Load, folders};
pub use policies::{ControlCheck, ControlSource, PolicyFolders, PolicyStore, PolicyStores, off_the_request_threads};
pub use registry::{Event, Observer, OpenError, Stores};
pub use store::{Reloaded, Status, Store};
pub use watcher::Watcher;
