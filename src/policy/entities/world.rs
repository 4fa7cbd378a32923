//! What is stored and what a request lays over it, seen as one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, EntityUID, Literal, PartialValue, Value, ValueKind};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::{Facts, Known, Laid, Line, Node, Overlay};
use crate::values::Types;

/// The entities that one request is decided over.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) types: &'a Types,
    pub(crate) known: &'a Known,
    pub(crate) overlay: &'a Overlay,
}

impl World<'_> {
    /// An entity with all its ancestors.
    pub(crate) fn line(&self, node: Node) -> Line {
        Line::walk(node, |node, found| self.push_parents(node, found))
    }

    fn push_parents(&self, node: Node, found: &mut SmallVec<[Node; 8]>) {
        found.extend_from_slice(self.known.parents(node));
        match self.overlay.laid(node) {
            Some(Laid::Part { parents, .. }) => found.extend_from_slice(parents),
            Some(Laid::Whole(_)) | None => {}
        }
    }

    /// The direct parents of an entity.
    pub(crate) fn parents(&self, node: Node) -> Vec<Node> {
        let mut found = SmallVec::new();
        self.push_parents(node, &mut found);
        found.into_vec()
    }

    /// The reference to an entity.
    pub(crate) fn uid(&self, node: Node) -> Option<EntityUID> {
        let (of_type, id) = self.known.name(node).or_else(|| self.overlay.name(node))?;
        Some(self.types.uid(of_type, id.clone()))
    }

    /// The number of a reference, if anything knows it.
    pub(crate) fn find(&self, uid: &EntityUID) -> Option<Node> {
        let (of_type, id) = (self.types.id_of(uid.entity_type())?, uid.eid().as_ref());
        self.known.find(of_type, id).or_else(|| self.overlay.find(of_type, id))
    }

    /// An entity as the engine wants it, with every ancestor as a parent; `None` where nothing is
    /// stored of it and the request says nothing.
    pub(crate) fn entity(&self, node: Node) -> Option<Arc<Entity>> {
        let (stored, laid) = (self.known.facts(node), self.overlay.laid(node));
        if let Some(Laid::Whole(entity)) = laid {
            return Some(Arc::clone(entity));
        }
        if stored.is_none() && laid.is_none() {
            return None;
        }
        let nothing = BTreeMap::new();
        let (attributes, tags) = match laid {
            Some(Laid::Part { attributes, tags, .. }) => (attributes, tags),
            Some(Laid::Whole(_)) | None => (&nothing, &nothing),
        };
        let stored_attributes = stored.map_or(&[][..], |facts: &Facts| &facts.attributes);
        let stored_tags = stored.map_or(&[][..], |facts: &Facts| &facts.tags);
        let line = self.line(node);
        let ancestors = line.nodes().iter().skip(1).filter_map(|ancestor| self.uid(*ancestor));
        Some(Arc::new(Entity::new_with_attr_partial_value(
            self.uid(node)?,
            self.merged(stored_attributes, attributes),
            HashSet::new(),
            ancestors.collect(),
            self.merged(stored_tags, tags),
        )))
    }

    /// What is stored and what the request says, by name; which of them wins is the store's to say.
    fn merged(&self, stored: &[(SmolStr, Value)], laid: &BTreeMap<SmolStr, Value>) -> BTreeMap<SmolStr, PartialValue> {
        let entry = |(name, value): (&SmolStr, &Value)| (name.clone(), PartialValue::Value(value.clone()));
        let stored = stored.iter().map(|(name, value)| entry((name, value)));
        if laid.is_empty() {
            return stored.collect();
        }
        let laid = laid.iter().map(entry);
        // The later of two with one name stays.
        if self.overlay.overrides { stored.chain(laid).collect() } else { laid.chain(stored).collect() }
    }

    /// The entities that can be looked into in `depth` steps from `roots`. `action` gives the schema's actions.
    pub(crate) fn slice<'s>(
        &self,
        roots: Referred,
        depth: usize,
        action: impl Fn(&EntityUID) -> Option<&'s Arc<Entity>>,
    ) -> Entities {
        let Referred { nodes: mut edge, mut actions } = roots;
        let mut taken: SmallVec<[Node; 8]> = SmallVec::new();
        let mut seen: hashbrown::HashSet<Node, foldhash::fast::RandomState> = hashbrown::HashSet::default();
        let mut entities: Vec<Arc<Entity>> = Vec::new();
        for step in 0..depth {
            let mut next = Referred::default();
            for node in edge {
                let fresh =
                    if taken.len() < 8 { !taken.contains(&node) } else { seen.insert(node) && !taken.contains(&node) };
                if !fresh {
                    continue;
                }
                if taken.len() < 8 {
                    taken.push(node);
                }
                let Some(entity) = self.entity(node) else { continue };
                if step + 1 < depth {
                    for (_, value) in entity.attrs().chain(entity.tags()) {
                        if let PartialValue::Value(value) = value {
                            self.refer(value, &mut next);
                        }
                    }
                }
                entities.push(entity);
            }
            actions.append(&mut next.actions);
            edge = next.nodes;
            if edge.is_empty() {
                break;
            }
        }
        actions.sort_unstable();
        actions.dedup();
        entities.extend(actions.iter().filter_map(action).cloned());
        let extensions = Extensions::all_available();
        // Every entity has all its ancestors and each comes once, so there is nothing that could fail.
        Entities::new()
            .add_entities(entities, None::<&NoEntitiesSchema>, TCComputation::AssumeAlreadyComputed, extensions)
            .unwrap_or_default()
    }

    /// Adds the entities that a value refers to. What a set holds cannot be taken out of it by a policy.
    pub(crate) fn refer(&self, value: &Value, found: &mut Referred) {
        match value.value_kind() {
            ValueKind::Lit(Literal::EntityUID(uid)) => self.refer_to(uid, found),
            ValueKind::Record(fields) => fields.values().for_each(|value| self.refer(value, found)),
            ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::ExtensionValue(_) => {}
        }
    }

    /// Adds an entity, if there is anything to look into.
    pub(crate) fn refer_to(&self, uid: &EntityUID, found: &mut Referred) {
        match self.find(uid) {
            Some(node) => found.nodes.push(node),
            None if uid.entity_type().is_action() => found.actions.push(uid.clone()),
            None => {}
        }
    }
}

/// Entities that something refers to.
#[derive(Debug, Default)]
pub(crate) struct Referred {
    pub(crate) nodes: SmallVec<[Node; 8]>,
    /// Actions are the schema's, and have no numbers. A context, an attribute or a policy may name others than
    /// the one that is asked about, and `in` looks into them.
    pub(crate) actions: SmallVec<[EntityUID; 2]>,
}
