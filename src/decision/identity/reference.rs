//! What the engine itself says, with all policies and all entities.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicyId, Request,
};
use serde_json::{Value as Tree, json};

use super::entities::{Thing, Uid};
use super::requests::RandomRequest;
use super::schema::Kind;
use super::store::RandomStore;

/// What can be told of a decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) allowed: bool,
    pub(super) determining: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}

/// The engine with one store.
pub(super) struct Reference<'a> {
    store: &'a RandomStore,
    authorizer: Authorizer,
    /// By the places of the things.
    stored: Vec<Entity>,
    actions: Vec<Entity>,
    untouched: Entities,
    /// Reading names is most of what a request costs the engine, so it is done once.
    types: Vec<EntityTypeName>,
    action_uids: HashMap<String, EntityUid>,
}

/// The request is none that may be made.
#[derive(Debug)]
pub(super) struct Refused(#[expect(dead_code, reason = "is printed where a test fails")] pub(super) String);

impl<'a> Reference<'a> {
    pub(super) fn of(store: &'a RandomStore) -> Self {
        let stored: Vec<Entity> = store.things.iter().map(|thing| entity(store, thing)).collect();
        let actions: Vec<Entity> = store.engine_schema.action_entities().unwrap().into_iter().collect();
        let untouched = Entities::from_entities(stored.iter().chain(&actions).cloned(), None).unwrap();
        let types = store.schema.types.iter().map(|of_type| of_type.name.parse().unwrap()).collect();
        let action_uids = store.schema.actions.iter().map(|action| (action.uid.clone(), action.uid.parse().unwrap()));
        let action_uids = action_uids.collect();
        Self { store, authorizer: Authorizer::new(), stored, actions, untouched, types, action_uids }
    }

    /// Decides over everything. `now` in milliseconds.
    pub(super) fn decide(&self, asked: &RandomRequest, now: &str) -> Result<Told, Refused> {
        let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
        let uid = |uid: &Uid| EntityUid::from_type_name_and_id(self.types[uid.0].clone(), EntityId::new(&uid.1));
        let action = self.action_uids[&asked.action].clone();
        let schema = &self.store.engine_schema;
        let mut context = asked.context.clone();
        if let Some((Kind::Time, _)) = asked.declared.get("now") {
            context.entry("now").or_insert_with(|| json!({"__extn": {"fn": "datetime", "arg": now}}));
        }
        let context = Context::from_json_value(Tree::Object(context), Some((schema, &action)));
        let context = context.map_err(|error| refused(&error))?;
        let request = Request::new(uid(&asked.principal), action, uid(&asked.resource), context, Some(schema));
        let request = request.map_err(|error| refused(&error))?;
        let laid;
        let entities = if asked.entities.is_empty() {
            &self.untouched
        } else {
            laid = self.laid_over(&asked.entities)?;
            &laid
        };
        Ok(self.told(&self.authorizer.is_authorized(&request, &self.store.policies, entities)))
    }

    /// The stored entities with those of the request over them, by the rule of the store's settings.
    fn laid_over(&self, request: &[Thing]) -> Result<Entities, Refused> {
        let store = self.store;
        let places: HashMap<&Uid, usize> =
            store.things.iter().enumerate().map(|(place, thing)| (&thing.uid, place)).collect();
        let mut changed: BTreeMap<usize, Thing> = BTreeMap::new();
        let mut new = Vec::new();
        for thing in request {
            let mut thing = thing.clone();
            let place = places.get(&thing.uid).copied();
            let is_parent = store.things.iter().any(|stored| stored.parents.contains(&thing.uid));
            if !store.overrides && (place.is_some() || is_parent) {
                let above = self.above(&thing.uid, &places);
                if let Some(parent) = thing.parents.iter().find(|parent| !above.contains(parent)) {
                    return Err(Refused(format!("{parent:?} is no parent")));
                }
                thing.parents.clear();
            }
            let Some(place) = place else {
                new.push(entity(store, &thing));
                continue;
            };
            let mut whole = store.things[place].clone();
            whole.parents.append(&mut thing.parents);
            if !store.overrides {
                std::mem::swap(&mut whole.attributes, &mut thing.attributes);
                std::mem::swap(&mut whole.tags, &mut thing.tags);
            }
            // Of two with one name the one that comes later stays.
            whole.attributes.append(&mut thing.attributes);
            whole.tags.append(&mut thing.tags);
            changed.insert(place, whole);
        }
        let stored = self.stored.iter().enumerate().map(|(place, stored)| match changed.get(&place) {
            Some(thing) => entity(store, thing),
            None => stored.clone(),
        });
        let all = stored.chain(new).chain(self.actions.iter().cloned());
        Entities::from_entities(all, None).map_err(|error| Refused(error.to_string()))
    }

    /// Everything that lies above an entity, by what is stored.
    fn above<'t>(&'t self, uid: &Uid, places: &HashMap<&Uid, usize>) -> BTreeSet<&'t Uid> {
        let parents = |uid: &Uid| places.get(uid).map(|place| &self.store.things[*place].parents);
        let mut found = BTreeSet::new();
        let mut next: Vec<&Uid> = parents(uid).into_iter().flatten().collect();
        while let Some(parent) = next.pop() {
            if found.insert(parent) {
                next.extend(parents(parent).into_iter().flatten());
            }
        }
        found
    }

    fn told(&self, response: &cedar_policy::Response) -> Told {
        let ids = |ids: &mut dyn Iterator<Item = &PolicyId>| ids.map(ToString::to_string).collect::<BTreeSet<_>>();
        let failed = |error: &AuthorizationError| match error {
            AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        };
        let failed: BTreeSet<String> = response.diagnostics().errors().map(failed).collect();
        let mut allowed = response.decision() == Decision::Allow;
        let mut determining = ids(&mut response.diagnostics().reason());
        let is_forbid =
            |id: &&String| self.store.policies.policy(&PolicyId::new(id)).unwrap().effect() == Effect::Forbid;
        let mut erring = failed.iter().filter(is_forbid).filter(|_| self.store.denies).cloned().peekable();
        if erring.peek().is_some() {
            if std::mem::replace(&mut allowed, false) {
                determining.clear();
            }
            determining.extend(erring);
        }
        Told { allowed, determining, failed }
    }
}

fn entity(store: &RandomStore, thing: &Thing) -> Entity {
    Entity::from_json_value(thing.json(&store.schema), None).unwrap_or_else(|error| panic!("{error}: {thing:?}"))
}
