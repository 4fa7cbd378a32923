//! An entity with all that it is in.

use smallvec::SmallVec;

use super::Node;

/// An entity and all its ancestors, each once, the entity itself first.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    nodes: SmallVec<[Node; 8]>,
    /// The same in ascending order, where there are so many that a look through all would be slow.
    sorted: Vec<Node>,
}

impl Line {
    /// Up to this many are looked through one by one.
    const FEW: usize = 16;

    /// Walks up from an entity; `push_parents` adds the parents of a node to a list. Takes no stack,
    /// and time in proportion to what is walked over.
    pub(crate) fn walk(from: Node, mut push_parents: impl FnMut(Node, &mut SmallVec<[Node; 8]>)) -> Self {
        let mut nodes: SmallVec<[Node; 8]> = SmallVec::new();
        nodes.push(from);
        let mut seen: hashbrown::HashSet<Node, foldhash::fast::RandomState> = hashbrown::HashSet::default();
        let mut parents: SmallVec<[Node; 8]> = SmallVec::new();
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            next += 1;
            push_parents(node, &mut parents);
            for parent in parents.drain(..) {
                let fresh = if nodes.len() <= Self::FEW {
                    !nodes.contains(&parent)
                } else {
                    if seen.is_empty() {
                        seen.extend(nodes.iter().copied());
                    }
                    seen.insert(parent)
                };
                if fresh {
                    nodes.push(parent);
                }
            }
        }
        Self::of(nodes)
    }

    /// One that was put together already.
    pub(crate) fn of(nodes: SmallVec<[Node; 8]>) -> Self {
        let mut sorted = Vec::new();
        if nodes.len() > Self::FEW {
            sorted.extend_from_slice(&nodes);
            sorted.sort_unstable();
        }
        Self { nodes, sorted }
    }

    /// The entity itself.
    pub(crate) fn first(&self) -> Option<Node> {
        self.nodes.first().copied()
    }

    /// All of them.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether an entity is among them.
    pub(crate) fn contains(&self, node: Node) -> bool {
        if self.sorted.is_empty() { self.nodes.contains(&node) } else { self.sorted.binary_search(&node).is_ok() }
    }
}
