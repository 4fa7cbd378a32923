//! How the decision log is to be kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{ContextPath, Overflow};

/// How the decision log is to be kept.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Where records go.
    pub sink: SinkSettings,
    /// What happens to a record for which there is no room.
    pub overflow: Overflow,
    /// How many records may wait to be written. At least one.
    pub queue: usize,
    /// Where records are kept for which there was no room; with [`Overflow::Spill`] it has to be
    /// there. What an earlier process left in it is brought back under any overflow.
    pub spill: Option<SpillSettings>,
    /// Which attributes of contexts are hidden, beside those that schemas mark.
    pub mask: Vec<ContextPath>,
}

/// Where records go.
#[derive(Debug, Clone)]
pub enum SinkSettings {
    /// Standard output.
    Stdout,
    /// A file that is rotated.
    File(FileSettings),
}

/// A file that is rotated.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// Its path. Rotated files lie beside it.
    pub path: PathBuf,
    /// It is rotated before it has more bytes than this.
    pub rotate_size: u64,
    /// It is rotated when its first record is older than this.
    pub rotate_after: Duration,
    /// How many rotated files are kept.
    pub keep: usize,
}

/// The file of records for which there was no room.
#[derive(Debug, Clone)]
pub struct SpillSettings {
    /// Its path.
    pub path: PathBuf,
    /// How many bytes it may have.
    pub size: u64,
}
