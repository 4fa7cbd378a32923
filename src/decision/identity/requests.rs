//! Random requests.

use serde_json::{Map, Value as Tree, json};

use super::entities::{Thing, Uid, laid_over, record, some_uid};
use super::schema::{Fields, GROUPS};
use super::store::RandomStore;
use super::tape::Tape;

/// A request of the native API.
#[derive(Debug)]
pub(super) struct RandomRequest {
    pub(super) principal: Uid,
    pub(super) action: String,
    pub(super) resource: Uid,
    pub(super) context: Map<String, Tree>,
    /// What the schema says of the context.
    pub(super) declared: Fields,
    pub(super) entities: Vec<Thing>,
}

impl RandomRequest {
    pub(super) fn of(tape: &mut Tape, store: &RandomStore) -> Self {
        let schema = &store.schema;
        // Now and then a group, which nobody can ask about, and a party of another type.
        let first = if tape.chance(1) { 0 } else { GROUPS };
        let action = &schema.actions[first + tape.below(schema.actions.len() - first)];
        let mut party = |types: &[usize]| {
            let of_type =
                if types.is_empty() || tape.chance(1) { tape.below(schema.types.len()) } else { tape.pick(types) };
            some_uid(tape, of_type)
        };
        let (principal, resource) = (party(&action.principals), party(&action.resources));
        let context = record(tape, schema, &action.context, 99);
        let entities = if tape.chance(40) {
            let parents = if store.overrides || tape.chance(30) { 25 } else { 0 };
            laid_over(tape, schema, [&principal, &resource], parents)
        } else {
            Vec::new()
        };
        Self { principal, action: action.uid.clone(), resource, context, declared: action.context.clone(), entities }
    }

    pub(super) fn json(&self, store: &RandomStore) -> Tree {
        let schema = &store.schema;
        let entities: Vec<Tree> = self.entities.iter().map(|thing| thing.json(schema)).collect();
        json!({
            "principal": self.principal.text(schema), "action": self.action, "resource": self.resource.json(schema),
            "context": self.context, "entities": entities,
        })
    }
}
