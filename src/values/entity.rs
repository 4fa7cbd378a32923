//! An entity in Cedar's JSON format.

use std::collections::{BTreeMap, HashSet};

use cedar_policy_core::ast::{EntityUID, Value};
use smol_str::SmolStr;

use super::{Json, Reader, RecordShape, TypeId};
use crate::domain::Invalid;

/// An entity: `{"uid", "attrs"?, "tags"?, "parents"?}`.
#[derive(Debug)]
pub struct EntityRead {
    /// Its type and its id.
    pub uid: (TypeId, SmolStr),
    /// Its attributes.
    pub attributes: BTreeMap<SmolStr, Value>,
    /// Its tags.
    pub tags: BTreeMap<SmolStr, Value>,
    /// Its parents, each once.
    pub parents: Vec<(TypeId, SmolStr)>,
}

impl EntityRead {
    /// One of which nothing is said.
    #[must_use]
    pub const fn bare(uid: (TypeId, SmolStr)) -> Self {
        Self { uid, attributes: BTreeMap::new(), tags: BTreeMap::new(), parents: Vec::new() }
    }
}

/// One of the schema's actions among the entities: it has parents and nothing else.
#[derive(Debug)]
pub struct ActionRead {
    /// The action.
    pub uid: EntityUID,
    /// The groups that it is said to be in.
    pub parents: Vec<EntityUID>,
}

/// What may stand in a list of entities.
#[derive(Debug)]
pub enum Listed {
    /// An entity.
    Entity(EntityRead),
    /// An action.
    Action(ActionRead),
}

impl Reader<'_> {
    /// Reads one element of a list of entities.
    ///
    /// # Errors
    /// The member that is wrong, below `at`, and why.
    pub fn listed(&self, json: &Json, at: &str) -> Result<Listed, Invalid> {
        let Json::Object(members) = json else {
            return Err(Invalid::new(
                at,
                format!("is {}, and must be an entity: {{\"uid\", \"attrs\", \"parents\"}}", json.kind()),
            ));
        };
        if let Some((name, _)) =
            members.iter().find(|(name, _)| !["uid", "attrs", "tags", "parents"].contains(&name.as_ref()))
        {
            return Err(Invalid::new(
                format!("{at}.{name}"),
                "is no member of an entity; they are uid, attrs, tags and parents",
            ));
        }
        let uid = json.get("uid").ok_or_else(|| Invalid::new(format!("{at}.uid"), "is missing"))?;
        // A reference to an action never reads as one to an entity: no entity type may be called `Action`.
        match self.reference(uid, "uid") {
            Ok(uid) => self.members(uid, json, at).map(Listed::Entity),
            Err(invalid) => match self.action(uid, "uid") {
                Ok(action) => self.action_entity(action.uid().clone(), json, at).map(Listed::Action),
                Err(_not_an_action_either) => Err(invalid.below(at)),
            },
        }
    }

    fn members(&self, uid: (TypeId, SmolStr), json: &Json, at: &str) -> Result<EntityRead, Invalid> {
        let shape = self.types.entity(uid.0);
        let attributes = self.attributes(&shape.attributes, json.get("attrs"), at)?;
        let mut tags = BTreeMap::new();
        match (json.get("tags"), &shape.tags) {
            (None, _) => {}
            (Some(Json::Object(members)), Some(shape)) => {
                for (name, value) in members {
                    let value =
                        self.value(shape, value, "").map_err(|invalid| invalid.below(&format!("{at}.tags.{name}")))?;
                    tags.insert(SmolStr::new(name), value);
                }
            }
            (Some(Json::Object(members)), None) if members.is_empty() => {}
            (Some(Json::Object(_)), None) => {
                let name = self.types.name(uid.0);
                return Err(Invalid::new(
                    format!("{at}.tags"),
                    format!("cannot be given: entities of the type `{name}` have no tags"),
                ));
            }
            (Some(other), _) => {
                return Err(other.must_be(&format!("{at}.tags"), "an object"));
            }
        }
        let (mut parents, mut known) = (Vec::new(), HashSet::new());
        for (index, parent) in list(json.get("parents"), at, "parents")?.iter().enumerate() {
            let place = || format!("{at}.parents[{index}]");
            let parent = self.reference(parent, "").map_err(|invalid| invalid.below(&place()))?;
            if !shape.ancestors.contains(&parent.0) {
                let (child, of_type) = (self.types.name(uid.0), self.types.name(parent.0));
                return Err(Invalid::new(
                    place(),
                    format!("is a `{of_type}`, and by the schema no `{child}` is in one"),
                ));
            }
            if known.insert(parent.clone()) {
                parents.push(parent);
            }
        }
        Ok(EntityRead { uid, attributes, tags, parents })
    }

    /// The attributes of an entity.
    ///
    /// # Errors
    /// The attribute that is wrong, below `at.attrs`, and why.
    pub fn attributes(
        &self,
        shape: &RecordShape,
        json: Option<&Json>,
        at: &str,
    ) -> Result<BTreeMap<SmolStr, Value>, Invalid> {
        const NONE: Json = Json::Object(Vec::new());
        let read = self.record(shape, json.unwrap_or(&NONE), "");
        read.map_err(|invalid| invalid.below(&format!("{at}.attrs")))
    }

    fn action_entity(&self, uid: EntityUID, json: &Json, at: &str) -> Result<ActionRead, Invalid> {
        for member in ["attrs", "tags"] {
            if json.get(member).is_some_and(|json| !matches!(json, Json::Object(members) if members.is_empty())) {
                return Err(Invalid::new(
                    format!("{at}.{member}"),
                    "must be empty: an action has neither attributes nor tags",
                ));
            }
        }
        let parents = list(json.get("parents"), at, "parents")?.iter().enumerate().map(|(index, parent)| {
            let parent = self.action(parent, "").map_err(|invalid| invalid.below(&format!("{at}.parents[{index}]")))?;
            Ok(parent.uid().clone())
        });
        Ok(ActionRead { uid, parents: parents.collect::<Result<_, Invalid>>()? })
    }
}

fn list<'j>(json: Option<&'j Json>, at: &str, member: &str) -> Result<&'j [Json], Invalid> {
    match json {
        None => Ok(&[]),
        Some(Json::List(elements)) => Ok(elements),
        Some(other) => Err(other.must_be(&format!("{at}.{member}"), "a list")),
    }
}
