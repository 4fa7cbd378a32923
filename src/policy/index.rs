//! Which policies a request has to be held against, found by their scopes.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, PrincipalConstraint, ResourceConstraint, Schema,
};
use cedar_policy_core::ast::{EntityType, EntityUID};

/// For each action of the schema, the policies whose action scope covers it, by the principal that
/// they name. Positions are those of the snapshot's list of policies.
#[derive(Debug, Default)]
pub(super) struct ScopeIndex {
    by_action: HashMap<EntityUID, ByPrincipal>,
}

#[derive(Debug, Default)]
struct ByPrincipal {
    /// `principal == x` and `principal in x`.
    named: HashMap<EntityUID, Vec<Entry>>,
    /// Those that name no principal.
    any: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    position: usize,
    principal_type: Option<EntityType>,
    resource_type: Option<EntityType>,
}

impl ScopeIndex {
    /// Indexes `policies`, whose positions are their places in the iterator.
    pub(super) fn build<'a>(
        policies: impl Iterator<Item = &'a cedar_policy::Policy>,
        schema: &Schema,
        actions: &Entities,
    ) -> Self {
        let mut index = Self::default();
        let lines = action_lines(schema, actions);
        for (position, policy) in policies.enumerate() {
            let (named, principal_type) = match policy.principal_constraint() {
                PrincipalConstraint::Any => (None, None),
                PrincipalConstraint::Is(of_type) => (None, Some(of_type)),
                PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => (Some(uid), None),
                PrincipalConstraint::IsIn(of_type, uid) => (Some(uid), Some(of_type)),
            };
            let resource_type = match policy.resource_constraint() {
                ResourceConstraint::Any | ResourceConstraint::In(_) => None,
                ResourceConstraint::Is(of_type) | ResourceConstraint::IsIn(of_type, _) => Some(of_type),
                ResourceConstraint::Eq(uid) => Some(uid.type_name().clone()),
            };
            let of_core = |of_type: EntityTypeName| of_type.as_ref().clone();
            let entry = Entry {
                position,
                principal_type: principal_type.map(of_core),
                resource_type: resource_type.map(of_core),
            };
            let constraint = policy.action_constraint();
            for (action, line) in lines.iter().filter(|(_, line)| covers(&constraint, line)) {
                debug_assert!(line.contains(action), "an action is in its own line");
                let slot = index.by_action.entry(action.as_ref().clone()).or_default();
                let entries = match &named {
                    Some(uid) => slot.named.entry(uid.as_ref().clone()).or_default(),
                    None => &mut slot.any,
                };
                entries.push(entry.clone());
            }
        }
        index
    }

    /// The positions of the policies whose scope can match, in ascending order.
    pub(super) fn candidates(
        &self,
        principal_line: &[EntityUID],
        action: &EntityUID,
        resource_type: &EntityType,
    ) -> Vec<usize> {
        let Some(slot) = self.by_action.get(action) else { return Vec::new() };
        let Some(principal) = principal_line.first() else { return Vec::new() };
        let named = principal_line.iter().filter_map(|uid| slot.named.get(uid)).flatten();
        let mut found: Vec<usize> = named
            .chain(&slot.any)
            .filter(|entry| entry.principal_type.as_ref().is_none_or(|of_type| of_type == principal.entity_type()))
            .filter(|entry| entry.resource_type.as_ref().is_none_or(|of_type| of_type == resource_type))
            .map(|entry| entry.position)
            .collect();
        found.sort_unstable();
        found
    }
}

/// Every action with itself and the groups that it is in.
fn action_lines(schema: &Schema, entities: &Entities) -> Vec<(EntityUid, Vec<EntityUid>)> {
    let line = |action: &EntityUid| {
        let groups = entities.ancestors(action).into_iter().flatten().cloned();
        std::iter::once(action.clone()).chain(groups).collect()
    };
    schema.actions().map(|action| (action.clone(), line(action))).collect()
}

fn covers(constraint: &ActionConstraint, line: &[EntityUid]) -> bool {
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => line.first() == Some(uid),
        ActionConstraint::In(uids) => uids.iter().any(|uid| line.contains(uid)),
    }
}
