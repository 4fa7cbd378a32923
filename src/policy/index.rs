//! Which policies a request has to be held against, found by their scopes.
//!
//! The index is exact: it gives those policies whose scope matches, and no others. A policy whose scope
//! does not match is false before its conditions run, so leaving it out changes no decision, no
//! determining policy and no error; and of one whose scope matches only the conditions are left to evaluate.

use std::collections::HashSet;

use cedar_policy_core::ast::{ActionConstraint, EntityUID, PrincipalOrResourceConstraint};
use hashbrown::HashMap;

use super::entities::{KnownBuilder, Line, Node};
use crate::values::{TypeId, Types};

/// Keys come from the store alone, so a hash that is fast will do.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The policies by the action, the principal and the resource that their scopes name.
#[derive(Debug, Default)]
pub(super) struct ScopeIndex {
    slots: Vec<Slot>,
    /// The slots of each action of the schema.
    by_action: Map<EntityUID, Box<[usize]>>,
}

/// The policies with one constraint on the action.
#[derive(Debug, Default)]
struct Slot {
    named: Map<Node, Bucket>,
    any: Bucket,
}

/// The policies that name one principal, or none: in the order of the resources that they name, those
/// that name none last.
#[derive(Debug, Default)]
struct Bucket(Vec<Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// [`Node::NONE`]: any.
    resource: Node,
    policy: u32,
    principal_type: Option<TypeId>,
    resource_type: Option<TypeId>,
    /// `==` and not `in`.
    principal_itself: bool,
    resource_itself: bool,
}

/// A constraint on the principal or the resource.
struct Constraint {
    named: Option<Node>,
    itself: bool,
    of_type: Option<TypeId>,
}

/// Who or what a request is about.
pub(crate) struct Party<'a> {
    pub(crate) of_type: TypeId,
    pub(crate) line: &'a Line,
}

/// A constraint on the action: policies with the same one share a slot.
#[derive(PartialEq, Eq, Hash, Clone)]
enum OnAction {
    Any,
    Is(EntityUID),
    In(EntityUID),
}

/// Collects the policies of a store.
#[derive(Default)]
pub(super) struct IndexBuilder {
    slots: Vec<Slot>,
    places: Map<OnAction, usize>,
}

impl IndexBuilder {
    /// Adds a policy whose position is `policy`. The entities that its scope names are numbered.
    pub(super) fn add(
        &mut self,
        policy: usize,
        core: &cedar_policy_core::ast::Policy,
        types: &Types,
        known: &mut KnownBuilder,
    ) {
        let principal = core.principal_constraint();
        let resource = core.resource_constraint();
        // A type that the schema does not have matches no request. Validation refuses it already.
        let Some(principal) = constraint(principal.as_inner(), types, known) else { return };
        let Some(resource) = constraint(resource.as_inner(), types, known) else { return };
        let entry = Entry {
            resource: resource.named.unwrap_or(Node::NONE),
            policy: u32::try_from(policy).unwrap_or(u32::MAX),
            principal_type: principal.of_type,
            resource_type: resource.of_type,
            principal_itself: principal.itself,
            resource_itself: resource.itself,
        };
        for on_action in on_actions(core.action_constraint()) {
            let place = *self.places.entry(on_action).or_insert_with(|| {
                self.slots.push(Slot::default());
                self.slots.len() - 1
            });
            if let Some(slot) = self.slots.get_mut(place) {
                match principal.named {
                    Some(node) => slot.named.entry(node).or_default().0.push(entry),
                    None => slot.any.0.push(entry),
                }
            }
        }
    }

    /// No more are added. `lines`: each action of the schema, itself first, with the groups that it is in.
    pub(super) fn finish(mut self, lines: impl Iterator<Item = Vec<EntityUID>>) -> ScopeIndex {
        for slot in &mut self.slots {
            slot.named
                .values_mut()
                .chain([&mut slot.any])
                .for_each(|bucket| bucket.0.sort_by_key(|entry| entry.resource));
        }
        let places = &self.places;
        let by_action = lines.filter_map(|line| {
            let action = line.first()?.clone();
            let groups = line.into_iter().map(OnAction::In);
            let wanted = [OnAction::Any, OnAction::Is(action.clone())].into_iter().chain(groups);
            Some((action, wanted.filter_map(|on_action| places.get(&on_action).copied()).collect()))
        });
        ScopeIndex { by_action: by_action.collect(), slots: self.slots }
    }
}

impl ScopeIndex {
    /// The positions of the policies whose scope matches, in ascending order.
    pub(super) fn candidates(&self, principal: &Party<'_>, action: &EntityUID, resource: &Party<'_>) -> Vec<u32> {
        let mut found = Vec::new();
        let slots = self.by_action.get(action).into_iter().flatten();
        for slot in slots.filter_map(|place| self.slots.get(*place)) {
            slot.any.collect(principal, resource, true, &mut found);
            for (at, node) in principal.line.nodes().iter().enumerate() {
                if let Some(bucket) = slot.named.get(node) {
                    bucket.collect(principal, resource, at == 0, &mut found);
                }
            }
        }
        found.sort_unstable();
        // `action in [a, b]` stands in two slots, and both may be the request's.
        found.dedup();
        found
    }

    /// How many policies name neither a principal nor a resource: every request of their actions, of the
    /// types that they ask for, visits them.
    pub(super) fn unscoped(&self) -> usize {
        let any = self.slots.iter().flat_map(|slot| &slot.any.0).filter(|entry| entry.resource == Node::NONE);
        any.map(|entry| entry.policy).collect::<HashSet<u32>>().len()
    }
}

impl Bucket {
    /// `itself`: whether the bucket is that of the principal and not of one of its ancestors.
    fn collect(&self, principal: &Party<'_>, resource: &Party<'_>, itself: bool, found: &mut Vec<u32>) {
        let fits = |entry: &&Entry| {
            (itself || !entry.principal_itself)
                && entry.principal_type.is_none_or(|of_type| of_type == principal.of_type)
                && entry.resource_type.is_none_or(|of_type| of_type == resource.of_type)
        };
        let first = resource.line.first();
        let here = |entry: &&Entry| !entry.resource_itself || Some(entry.resource) == first;
        let line = resource.line.nodes();
        // Either each policy is looked up in the line of the resource, or each of the line among the policies.
        if self.0.len() <= 8 * line.len() {
            let of_line = |entry: &&Entry| entry.resource == Node::NONE || resource.line.contains(entry.resource);
            found.extend(self.0.iter().filter(of_line).filter(here).filter(fits).map(|entry| entry.policy));
        } else {
            for node in line.iter().copied().chain([Node::NONE]) {
                let start = self.0.partition_point(|entry| entry.resource < node);
                let same = self.0.get(start..).into_iter().flatten().take_while(|entry| entry.resource == node);
                found.extend(same.filter(here).filter(fits).map(|entry| entry.policy));
            }
        }
    }
}

/// `None` where no request can match.
fn constraint(on: &PrincipalOrResourceConstraint, types: &Types, known: &mut KnownBuilder) -> Option<Constraint> {
    use PrincipalOrResourceConstraint as On;
    let mut number = |reference: &cedar_policy_core::ast::EntityReference| match reference {
        cedar_policy_core::ast::EntityReference::EUID(uid) => {
            Some(known.number(types.id_of(uid.entity_type())?, &AsRef::<str>::as_ref(uid.eid()).into()))
        }
        // Only a template has a slot, and a template is no policy.
        cedar_policy_core::ast::EntityReference::Slot(_) => None,
    };
    let of_type = |of_type: &cedar_policy_core::ast::EntityType| types.id_of(of_type);
    Some(match on {
        On::Any => Constraint { named: None, itself: false, of_type: None },
        On::Eq(uid) => Constraint { named: Some(number(uid)?), itself: true, of_type: None },
        On::In(uid) => Constraint { named: Some(number(uid)?), itself: false, of_type: None },
        On::Is(is) => Constraint { named: None, itself: false, of_type: Some(of_type(is)?) },
        On::IsIn(is, uid) => Constraint { named: Some(number(uid)?), itself: false, of_type: Some(of_type(is)?) },
    })
}

fn on_actions(constraint: &ActionConstraint) -> Vec<OnAction> {
    match constraint {
        ActionConstraint::Any => vec![OnAction::Any],
        ActionConstraint::Eq(uid) => vec![OnAction::Is(uid.as_ref().clone())],
        ActionConstraint::In(uids) => uids.iter().map(|uid| OnAction::In(uid.as_ref().clone())).collect(),
    }
}
