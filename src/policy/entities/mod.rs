//! Entities, numbered: those that a snapshot knows, and those that a request lays over them.
//!
//! A number stands for a type and an id. Working with numbers is what makes a decision cheap: to
//! hash and compare whole entity references costs several times as much as everything else.

mod cycle;
mod known;
mod line;
mod overlay;
mod world;

pub(crate) use known::{Facts, Known, KnownBuilder};
pub(crate) use line::Line;
pub(crate) use overlay::{Laid, Overlay};
pub(crate) use world::{Referred, World};

/// The number of an entity. Those below the number of entities that a snapshot knows are the snapshot's,
/// and those from there on belong to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(u32);

impl Node {
    /// Never given to an entity.
    pub(crate) const NONE: Self = Self(u32::MAX);

    fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    const fn index(self) -> usize {
        self.0 as usize
    }
}
