//! What a request brings of entities itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, Value};
use hashbrown::HashMap;
use smol_str::SmolStr;

use super::cycle::find_cycle;
use super::{Known, Node};
use crate::values::TypeId;

/// What a request says of one entity.
#[derive(Debug, Clone)]
pub(crate) enum Laid {
    /// The whole of it, with every ancestor as a parent: what Gatewood itself makes.
    Whole(Arc<Entity>),
    /// What is to be added to what is stored, if anything is.
    Part {
        attributes: BTreeMap<SmolStr, Value>,
        tags: BTreeMap<SmolStr, Value>,
        /// Its parents beside those that are stored.
        parents: Vec<Node>,
    },
}

/// The entities of one request, laid over those that its snapshot knows, without a copy of either.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    /// How many numbers are the snapshot's.
    known: usize,
    /// Those that the snapshot does not know, in the order of their numbers.
    strangers: Vec<Stranger>,
    /// The strangers by their names, once there are more than a few.
    numbers: HashMap<(TypeId, SmolStr), Node, foldhash::fast::RandomState>,
    /// What is said of those that the snapshot knows.
    laid: HashMap<Node, Laid, foldhash::fast::RandomState>,
    /// Whether attributes and tags of the request win over those that are stored.
    pub(crate) overrides: bool,
}

#[derive(Debug, Clone)]
struct Stranger {
    of_type: TypeId,
    id: SmolStr,
    laid: Option<Laid>,
}

impl Overlay {
    /// Up to this many are looked through one by one.
    const FEW: usize = 8;

    /// An empty one over what a snapshot knows.
    pub(crate) fn over(known: &Known) -> Self {
        Self { known: known.len(), ..Self::default() }
    }

    /// The number of an entity; a new one when it has none.
    pub(crate) fn number(&mut self, known: &Known, of_type: TypeId, id: &SmolStr) -> Node {
        if let Some(found) = known.find(of_type, id).or_else(|| self.find(of_type, id)) {
            return found;
        }
        let node = Node::new(self.known + self.strangers.len());
        self.strangers.push(Stranger { of_type, id: id.clone(), laid: None });
        if self.strangers.len() > Self::FEW {
            if self.numbers.is_empty() {
                let named = self.strangers.iter().enumerate();
                let numbered = named.map(|(at, it)| ((it.of_type, it.id.clone()), Node::new(self.known + at)));
                self.numbers = numbered.collect();
            }
            self.numbers.insert((of_type, id.clone()), node);
        }
        node
    }

    /// The number of one that the snapshot does not know.
    pub(crate) fn find(&self, of_type: TypeId, id: &str) -> Option<Node> {
        if self.strangers.len() > Self::FEW {
            return self.numbers.get(&(of_type, SmolStr::new(id))).copied();
        }
        let place = self.strangers.iter().position(|it| it.of_type == of_type && it.id == id)?;
        Some(Node::new(self.known + place))
    }

    /// The type and the id of one that the snapshot does not know.
    pub(crate) fn name(&self, node: Node) -> Option<(TypeId, &SmolStr)> {
        self.strangers.get(node.index().checked_sub(self.known)?).map(|it| (it.of_type, &it.id))
    }

    /// Says something of an entity. `false` when something was said already.
    pub(crate) fn lay(&mut self, node: Node, laid: Laid) -> bool {
        match node.index().checked_sub(self.known) {
            Some(place) => match self.strangers.get_mut(place) {
                Some(stranger) if stranger.laid.is_none() => {
                    stranger.laid = Some(laid);
                    true
                }
                Some(_) | None => false,
            },
            None => self.laid.insert(node, laid).is_none(),
        }
    }

    /// What is said of an entity.
    pub(crate) fn laid(&self, node: Node) -> Option<&Laid> {
        match node.index().checked_sub(self.known) {
            Some(place) => self.strangers.get(place)?.laid.as_ref(),
            None => self.laid.get(&node),
        }
    }

    /// An entity that the request puts among its own ancestors. What is stored has no cycles, so one
    /// must lead through an entity of the request.
    pub(crate) fn find_cycle(&self, parents_of: impl Fn(Node) -> Vec<Node>) -> Option<Node> {
        let of_strangers = (0..self.strangers.len()).map(|place| Node::new(self.known + place));
        find_cycle(of_strangers.chain(self.laid.keys().copied()), parents_of)
    }
}
