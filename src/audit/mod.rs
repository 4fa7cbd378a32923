//! The decision log: one record for each decision, in lines of JSON, in a file or on standard output.
//!
//! Whoever decides makes a [`Record`] of cheap parts and hands it over; a thread of its own turns
//! records into lines, hides in them what must not be shown, and writes them out in batches.

mod file;
mod line;
mod log;
mod mask;
mod pending;
mod record;
mod seldom;
mod settings;
mod sink;
mod spill;
mod value;
mod writer;

pub use log::{Counters, DecisionLog};
pub use pending::{Pending, Room};
pub use record::{Channel, GuardRecord, Record, SearchRecord};
pub use settings::{FileSettings, LogSettings, SinkSettings, SpillSettings};
pub use writer::Writer;

pub use crate::policy::Sensitive;
