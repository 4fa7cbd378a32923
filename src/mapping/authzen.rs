//! A question in AuthZEN's words, mapped into a store's vocabulary.
//!
//! AuthZEN Authorization API 1.0, section 5: a subject and a resource are `{type, id, properties?}`, an
//! action is `{name, properties?}`. What the schema does not know among properties and context is passed
//! over, as the specification's forward compatibility asks; what it knows must be of its type.

use std::collections::BTreeMap;

use cedar_policy_core::ast::Value;
use smol_str::SmolStr;

use super::access::{ACTION_PROPERTIES, Asked, Name, Refusal, Statement, object};
use super::request::Mapped;
use crate::domain::invalid::{quoted, shown};
use crate::domain::{Invalid, Timestamp};
use crate::policy::Snapshot;
use crate::values::{ActionShape, EntityRead, Json, Missing, Reader, TypeId, Unknown};

/// The four parts of a question.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthzenQuestion<'j> {
    /// Who asks.
    pub subject: Option<&'j Json>,
    /// What for.
    pub action: Option<&'j Json>,
    /// What it is about.
    pub resource: Option<&'j Json>,
    /// Everything else.
    pub context: Option<&'j Json>,
}

impl<'j> AuthzenQuestion<'j> {
    /// The parts of a request. Other members are passed over.
    ///
    /// # Errors
    /// When it is no object.
    pub fn of(body: &'j Json) -> Result<Self, Invalid> {
        if !matches!(body, Json::Object(_)) {
            return Err(body.must_be("body", "an object"));
        }
        let part = |name| body.get(name);
        Ok(Self {
            subject: part("subject"),
            action: part("action"),
            resource: part("resource"),
            context: part("context"),
        })
    }
}

/// Maps a question.
///
/// # Errors
/// [`Refusal::Invalid`] when a required member is missing or of another type, or a value that the schema
/// knows is of another type; [`Refusal::Unknown`] when a type or an action is not the store's.
pub fn authzen(snapshot: &Snapshot, question: AuthzenQuestion<'_>, now: Timestamp) -> Result<Mapped, Refusal> {
    let AuthzenQuestion { subject, action, resource, context } = question;
    // What is wrong with the request itself comes before what the store does not know.
    let subject = Party::read(subject, "subject")?;
    let resource = Party::read(resource, "resource")?;
    let action = Action::read(action)?;
    let context = object(context, "context")?;
    let principal = subject.name(snapshot)?;
    let name = resource.name(snapshot)?;
    let shape = action.shape(snapshot)?;
    let reader = reader(snapshot);
    let entities = entities(&reader, [(subject, &principal), (resource, &name)])?;
    let context = with_action_properties(context, action.properties);
    let asked = Asked { principal, action: shape, resource: name, context, entities };
    asked.place(snapshot, &reader, now).map_err(|refusal| match refusal {
        Refusal::Invalid(invalid) => Refusal::Invalid(where_it_was_sent(invalid)),
        Refusal::Unknown(_) => refusal,
    })
}

/// A complaint about `context.action`, which is made of the action's properties, is one about those.
pub(super) fn where_it_was_sent(invalid: Invalid) -> Invalid {
    let within = invalid.field.strip_prefix("context.").and_then(|field| field.strip_prefix(ACTION_PROPERTIES));
    match within.filter(|within| within.is_empty() || within.starts_with(['.', '['])) {
        Some(within) => Invalid { field: format!("action.properties{within}"), ..invalid },
        None => invalid,
    }
}

pub(super) fn reader(snapshot: &Snapshot) -> Reader<'_> {
    Reader { types: snapshot.types(), unknown: Unknown::Ignore, missing: Missing::Allow }
}

/// The context, in which `action` is what the action's properties say and nothing else.
pub(super) fn with_action_properties<'j>(
    mut context: Vec<(&'j str, &'j Json)>,
    properties: Option<&'j Json>,
) -> Vec<(&'j str, &'j Json)> {
    context.retain(|(name, _)| *name != ACTION_PROPERTIES);
    context.extend(properties.map(|properties| (ACTION_PROPERTIES, properties)));
    context
}

/// What is said of an entity, by the name of the attribute.
pub(super) type Said = BTreeMap<SmolStr, Value>;

/// The properties of subject and resource, as entities.
fn entities(reader: &Reader<'_>, parties: [(Party<'_>, &Name); 2]) -> Result<Vec<Statement>, Invalid> {
    let [subject, resource] = parties;
    let subject = (subject.0.at, subject.1, subject.0.said(reader, subject.1.0)?);
    let resource = (resource.0.at, resource.1, resource.0.said(reader, resource.1.0)?);
    Ok(as_entities([subject, resource]))
}

/// What is said of subject and resource, as entities. Where both are one entity, what is said of the
/// subject counts.
pub(super) fn as_entities(parties: [(&str, &Name, Option<Said>); 2]) -> Vec<Statement> {
    let mut entities: Vec<Statement> = Vec::new();
    for (at, name, said) in parties {
        let Some(attributes) = said else { continue };
        if let Some(Statement { entity, .. }) = entities.iter_mut().find(|said| said.entity.uid == *name) {
            for (name, value) in attributes {
                entity.attributes.entry(name).or_insert(value);
            }
        } else {
            let entity = EntityRead { attributes, ..EntityRead::bare(name.clone()) };
            entities.push(Statement { at: at.to_owned(), entity, proved: false });
        }
    }
    entities
}

/// A subject or a resource, before the store is asked.
#[derive(Clone, Copy)]
pub(super) struct Party<'j> {
    pub(super) at: &'static str,
    of_type: &'j str,
    id: Option<&'j str>,
    properties: Option<&'j Json>,
}

impl<'j> Party<'j> {
    /// Reads one with an id.
    pub(super) fn read(json: Option<&'j Json>, at: &'static str) -> Result<Self, Invalid> {
        let party = Self::of_a_search(json, at)?;
        match party.id {
            Some(_) => Ok(party),
            None => Err(Invalid::new(format!("{at}.id"), "is missing")),
        }
    }

    /// Reads one whose id may be missing: it is what is searched for.
    pub(super) fn of_a_search(json: Option<&'j Json>, at: &'static str) -> Result<Self, Invalid> {
        let members = required_object(json, at)?;
        let of_type = text(members, at, "type")?;
        let of_type = of_type.ok_or_else(|| Invalid::new(format!("{at}.type"), "is missing"))?;
        let id = text(members, at, "id")?;
        let properties = members.get("properties");
        object(properties, &format!("{at}.properties"))?;
        Ok(Self { at, of_type, id, properties })
    }

    /// Its type, as the request has it.
    pub(super) const fn called(&self) -> &'j str {
        self.of_type
    }

    /// What its properties say of it.
    pub(super) fn said(&self, reader: &Reader<'_>, of_type: TypeId) -> Result<Option<Said>, Invalid> {
        let Some(properties) = self.properties else { return Ok(None) };
        let read = reader.record(&reader.types.entity(of_type).attributes, properties, "");
        read.map(Some).map_err(|invalid| invalid.below(&format!("{}.properties", self.at)))
    }

    /// Its type in the schema.
    pub(super) fn of_type(&self, snapshot: &Snapshot) -> Result<TypeId, Refusal> {
        let renamed = snapshot.settings().types.get(self.of_type).map_or(self.of_type, String::as_str);
        let unknown = || {
            let reason = format!("{} is no entity type of this store", quoted(self.of_type));
            Refusal::Unknown(Invalid::new(format!("{}.type", self.at), reason))
        };
        snapshot.types().find(renamed).ok_or_else(unknown)
    }

    /// The entity of the store that it is.
    pub(super) fn name(&self, snapshot: &Snapshot) -> Result<Name, Refusal> {
        let of_type = self.of_type(snapshot)?;
        let id = SmolStr::new(self.id.unwrap_or_default());
        match &snapshot.types().entity(of_type).listed {
            Some(listed) if !listed.contains(&id) => {
                let reason = format!("{} is none of those that the schema lists", quoted(&id));
                Err(Refusal::Unknown(Invalid::new(format!("{}.id", self.at), reason)))
            }
            Some(_) | None => Ok((of_type, id)),
        }
    }
}

/// An action, before the store is asked.
#[derive(Clone, Copy)]
pub(super) struct Action<'j> {
    name: &'j str,
    pub(super) properties: Option<&'j Json>,
}

impl<'j> Action<'j> {
    pub(super) fn read(json: Option<&'j Json>) -> Result<Self, Invalid> {
        let members = required_object(json, "action")?;
        let name = text(members, "action", "name")?;
        let name = name.ok_or_else(|| Invalid::new("action.name", "is missing"))?;
        let properties = members.get("properties");
        object(properties, "action.properties")?;
        Ok(Self { name, properties })
    }

    /// The action of the store that it is.
    pub(super) fn shape<'s>(&self, snapshot: &'s Snapshot) -> Result<&'s ActionShape, Refusal> {
        let renamed = snapshot.settings().actions.get(self.name).map_or(self.name, String::as_str);
        let unknown = || {
            let reason = format!("{} is no action of this store", quoted(self.name));
            Refusal::Unknown(Invalid::new("action.name", reason))
        };
        snapshot.types().action(renamed).ok_or_else(unknown)
    }
}

fn required_object<'j>(json: Option<&'j Json>, at: &str) -> Result<&'j Json, Invalid> {
    match json {
        Some(members @ Json::Object(_)) => Ok(members),
        Some(other) => Err(other.must_be(at, "an object")),
        None => Err(Invalid::new(at, "is missing")),
    }
}

fn text<'j>(members: &'j Json, at: &str, name: &str) -> Result<Option<&'j str>, Invalid> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(other) => Err(other.must_be(&format!("{at}.{}", shown(name)), "a string")),
    }
}
