//! The entities that a snapshot knows.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{LazyLock, OnceLock};

use cedar_policy_core::ast::{EntityUID, Value};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;

use super::super::pace::Breath;
use super::cycle::find_cycle;
use super::{Line, Node};
use crate::values::{TypeId, Types};

/// What is stored of an entity besides its parents, in the order of the names. This is kept and not
/// the engine's own entity, which takes six times the memory.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) attributes: Box<[(SmolStr, Value)]>,
    pub(crate) tags: Box<[(SmolStr, Value)]>,
}

#[derive(Debug)]
struct Row {
    id: SmolStr,
    of_type: TypeId,
    stored: bool,
    /// Whether something stored lies in it: then what it lies in itself is not for a request to say.
    holds_stored: bool,
    parents: Box<[Node]>,
    facts: Option<Box<Facts>>,
}

/// Every entity that is stored, that is a parent of one that is, or that the scope of a policy names.
#[derive(Debug, Default)]
pub(crate) struct Known {
    numbers: HashTable<Node>,
    rows: Vec<Row>,
    hasher: RandomState,
    stored: usize,
    /// The stored ones of each type, in the order of their ids. Only searches want them, so they are
    /// sorted with the first one.
    sorted: OnceLock<HashMap<TypeId, Box<[Node]>>>,
}

impl Known {
    /// The number of an entity, if it has one.
    pub(crate) fn find(&self, of_type: TypeId, id: &str) -> Option<Node> {
        let hash = self.hasher.hash_one((of_type, id));
        self.numbers.find(hash, |node| self.is(*node, of_type, id)).copied()
    }

    /// The number of a reference, if it has one.
    pub(crate) fn find_uid(&self, types: &Types, uid: &EntityUID) -> Option<Node> {
        self.find(types.id_of(uid.entity_type())?, uid.eid().as_ref())
    }

    fn is(&self, node: Node, of_type: TypeId, id: &str) -> bool {
        self.rows.get(node.index()).is_some_and(|row| row.of_type == of_type && row.id == id)
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many entities are stored.
    pub(crate) fn stored(&self) -> usize {
        self.stored
    }

    /// The type and the id.
    pub(crate) fn name(&self, node: Node) -> Option<(TypeId, &SmolStr)> {
        self.rows.get(node.index()).map(|row| (row.of_type, &row.id))
    }

    /// Its parents.
    pub(crate) fn parents(&self, node: Node) -> &[Node] {
        self.rows.get(node.index()).map_or(&[], |row| &row.parents)
    }

    /// The line of an entity without a number of its own that lies in these; [`Node::NONE`] stands for it.
    pub(crate) fn line_below(&self, these: impl IntoIterator<Item = Node>) -> Line {
        let mut these = Some(these);
        Line::walk(Node::NONE, |node, above| match these.take() {
            Some(these) => above.extend(these),
            None => above.extend_from_slice(self.parents(node)),
        })
    }

    /// Whether what it lies in is settled by what is stored.
    pub(crate) fn is_settled(&self, node: Node) -> bool {
        self.rows.get(node.index()).is_some_and(|row| row.stored || row.holds_stored)
    }

    /// What is stored of it; `None` when it is only named by others.
    pub(crate) fn facts(&self, node: Node) -> Option<&Facts> {
        let row = self.rows.get(node.index()).filter(|row| row.stored)?;
        row.facts.as_deref().or(Some(&NOTHING))
    }

    /// Every stored entity of a type, in the order of their ids.
    pub(crate) fn of_type(&self, of_type: TypeId) -> &[Node] {
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted: HashMap<TypeId, Vec<Node>> = HashMap::new();
            for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| row.stored) {
                sorted.entry(row.of_type).or_default().push(Node::new(index));
            }
            for nodes in sorted.values_mut() {
                nodes.sort_unstable_by_key(|node| self.rows.get(node.index()).map(|row| row.id.as_str()));
            }
            sorted.into_iter().map(|(of_type, nodes)| (of_type, nodes.into_boxed_slice())).collect()
        });
        sorted.get(&of_type).map_or(&[], |nodes| nodes)
    }
}

impl Known {
    /// Frees them, a few at a time.
    pub(crate) fn free(self, breath: &Breath) {
        for row in self.rows {
            drop(row);
            breath.take();
        }
    }
}

static NOTHING: LazyLock<Facts> = LazyLock::new(Facts::default);

/// Numbers entities while a store is loaded.
#[derive(Debug, Default)]
pub(crate) struct KnownBuilder(Known);

impl KnownBuilder {
    /// The number of an entity; a new one when it has none.
    pub(crate) fn number(&mut self, of_type: TypeId, id: &SmolStr) -> Node {
        if let Some(known) = self.0.find(of_type, id) {
            return known;
        }
        let Known { numbers, rows, hasher, .. } = &mut self.0;
        let node = Node::new(rows.len());
        rows.push(Row {
            id: id.clone(),
            of_type,
            stored: false,
            holds_stored: false,
            parents: Box::default(),
            facts: None,
        });
        let hash =
            |node: &Node| rows.get(node.index()).map_or(0, |row| hasher.hash_one((row.of_type, row.id.as_str())));
        numbers.insert_unique(hash(&node), node, hash);
        node
    }

    /// Stores what there is of an entity. `false` when it is stored already.
    pub(crate) fn store(&mut self, node: Node, parents: Vec<Node>, facts: Facts) -> bool {
        let Some(row) = self.0.rows.get_mut(node.index()).filter(|row| !row.stored) else { return false };
        row.stored = true;
        row.facts = (!facts.attributes.is_empty() || !facts.tags.is_empty()).then(|| Box::new(facts));
        row.parents = parents.clone().into_boxed_slice();
        self.0.stored += 1;
        for parent in parents {
            if let Some(row) = self.0.rows.get_mut(parent.index()) {
                row.holds_stored = true;
            }
        }
        true
    }

    /// An entity that is its own ancestor, if there is one.
    pub(crate) fn find_cycle(&self) -> Option<Node> {
        find_cycle((0..self.0.len()).map(Node::new), |node| self.0.parents(node).to_vec())
    }

    /// The name of an entity, for messages.
    pub(crate) fn name(&self, node: Node) -> Option<(TypeId, &SmolStr)> {
        self.0.name(node)
    }

    /// No more are added.
    pub(crate) fn finish(mut self) -> Known {
        self.0.rows.shrink_to_fit();
        self.0
    }
}
