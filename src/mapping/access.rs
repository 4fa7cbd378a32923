//! A question about the platform's principals and resources, mapped into a store's vocabulary.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Context, Value};
use smol_str::SmolStr;

use super::attribute::time;
use super::request::{Mapped, Placed, request};
use crate::domain::invalid::{quoted, shown};
use crate::domain::{Invalid, Timestamp};
use crate::policy::{Laid, Node, Overlay, RequestAttributes, Snapshot, World};
use crate::values::{
    ActionShape, EntityRead, Extension, Field, Json, Listed, Missing, Reader, RecordShape, Shape, TypeId, Unknown,
};

/// Why a question is not put to the policies.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read, or does not fit the schema.
    Invalid(Invalid),
    /// It names what the store does not know. Who asks in AuthZEN's words is answered "no" to that.
    Unknown(Invalid),
}

impl Refusal {
    /// What is wrong, where the difference does not matter.
    #[must_use]
    pub fn into_invalid(self) -> Invalid {
        let (Self::Invalid(invalid) | Self::Unknown(invalid)) = self;
        invalid
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// A type and an id.
pub(super) type Name = (TypeId, SmolStr);

/// A question whose parts were read.
pub(super) struct Asked<'s, 'j> {
    pub(super) principal: Name,
    pub(super) action: &'s ActionShape,
    pub(super) resource: Name,
    /// The members of the context; the last of two of one name counts.
    pub(super) context: Vec<(&'j str, &'j Json)>,
    pub(super) entities: Vec<Statement>,
}

impl<'s> Asked<'s, '_> {
    /// Checks the parts against each other and puts them together.
    pub(super) fn place(self, snapshot: &'s Snapshot, reader: &Reader<'_>, now: Timestamp) -> Result<Mapped, Refusal> {
        let Self { principal, action, resource, context, entities } = self;
        applies(snapshot, action, "principal", principal.0)?;
        applies(snapshot, action, "resource", resource.0)?;
        let context = read_context(reader, action.context(), &context, now)?;
        let overlay = overlay(snapshot, entities)?;
        Ok(place(snapshot, overlay, &principal, action, &resource, Context::Value(Arc::new(context))))
    }
}

/// Puts a request together whose parts fit the schema.
pub(super) fn place(
    snapshot: &Snapshot,
    mut overlay: Overlay,
    principal: &Name,
    action: &ActionShape,
    resource: &Name,
    context: Context,
) -> Mapped {
    let mut number = |name: &Name| overlay.number(snapshot.known(), name.0, &name.1);
    let nodes = (number(principal), number(resource));
    let world = World { types: snapshot.types(), known: snapshot.known(), overlay: &overlay };
    let placed = |of_type, node| Placed { of_type, line: world.line(node) };
    let (of_principal, of_resource) = (placed(principal.0, nodes.0), placed(resource.0, nodes.1));
    let uid = |(of_type, id): &Name| snapshot.types().uid(*of_type, id.clone());
    let action = action.uid().clone();
    let request = request(uid(principal), action.clone(), uid(resource), context);
    Mapped { request, action, principal: of_principal, resource: of_resource, overlay }
}

/// A question of the native API: `{principal, action, resource, context?, entities?}`.
///
/// # Errors
/// The member that is wrong, and why.
pub fn native(snapshot: &Snapshot, body: &Json, now: Timestamp) -> Result<Mapped, Invalid> {
    let members = Members::of(body, "principal")?;
    let reader = Reader { types: snapshot.types(), unknown: Unknown::Refuse, missing: Missing::Allow };
    let principal = reader.reference(members.required("principal")?, "principal")?;
    members.asked(&reader, principal)?.place(snapshot, &reader, now).map_err(Refusal::into_invalid)
}

/// The members of a question of the native API.
pub(super) struct Members<'j>(&'j Json);

impl<'j> Members<'j> {
    /// `who`: the member that says who asks.
    pub(super) fn of(body: &'j Json, who: &str) -> Result<Self, Invalid> {
        let known = [who, "action", "resource", "context", "entities"];
        let Json::Object(members) = body else {
            return Err(body.must_be("body", "an object"));
        };
        match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(Invalid::new(shown(name), format!("is not known; the fields are {}", known.join(", "))))
            }
            None => Ok(Self(body)),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<&'j Json, Invalid> {
        self.0.get(name).ok_or_else(|| Invalid::new(name, "is missing"))
    }

    /// Reads everything but who asks.
    pub(super) fn asked<'s>(&self, reader: &Reader<'s>, principal: Name) -> Result<Asked<'s, 'j>, Invalid> {
        let action = reader.action(self.required("action")?, "action")?;
        let resource = reader.reference(self.required("resource")?, "resource")?;
        let context = object(self.0.get("context"), "context")?;
        if context.iter().any(|(name, _)| *name == ACTION_PROPERTIES) {
            let reason = "is not for the caller to send; AuthZEN's `action.properties` are there";
            return Err(Invalid::new("context.action", reason));
        }
        let entities = match self.0.get("entities") {
            None => Vec::new(),
            Some(Json::List(elements)) => {
                let read = |(index, json)| {
                    let at = format!("entities[{index}]");
                    match reader.listed(json, &at)? {
                        Listed::Entity(entity) => Ok(Some(Statement { at, entity, proved: false })),
                        // Actions are the schema's; sending them along changes nothing.
                        Listed::Action(_) => Ok(None),
                    }
                };
                elements.iter().enumerate().map(read).filter_map(Result::transpose).collect::<Result<_, Invalid>>()?
            }
            Some(other) => return Err(other.must_be("entities", "a list")),
        };
        Ok(Asked { principal, action, resource, context, entities })
    }
}

/// What a request says of an entity.
pub(super) struct Statement {
    /// Where in the request it stands.
    pub(super) at: String,
    pub(super) entity: EntityRead,
    /// Whether a token has proved it: then it may put a stored entity into groups.
    pub(super) proved: bool,
}

/// The record of the context that AuthZEN's `action.properties` become, and nothing else.
pub(super) const ACTION_PROPERTIES: &str = "action";

/// The members of an object that may be left out.
pub(super) fn object<'j>(json: Option<&'j Json>, at: &str) -> Result<Vec<(&'j str, &'j Json)>, Invalid> {
    match json {
        None => Ok(Vec::new()),
        Some(Json::Object(members)) => Ok(members.iter().map(|(name, value)| (name.as_ref(), value)).collect()),
        Some(other) => Err(other.must_be(at, "an object")),
    }
}

/// Whether the action applies to entities of this type.
pub(super) fn applies(snapshot: &Snapshot, action: &ActionShape, part: &str, of_type: TypeId) -> Result<(), Refusal> {
    let allowed = if part == "principal" { action.principals() } else { action.resources() };
    if allowed.contains(&of_type) {
        return Ok(());
    }
    let name = |of_type: &TypeId| format!("`{}`", snapshot.types().name(*of_type));
    let names: Vec<String> = allowed.iter().map(name).collect();
    Err(Refusal::Unknown(if names.is_empty() {
        Invalid::new("action", format!("`{}` is a group of actions, which nobody can ask about", action.uid()))
    } else {
        let (action, names) = (action.uid(), names.join(", "));
        Invalid::new(part, format!("is of the type {}; the action `{action}` applies to {names}", name(&of_type)))
    }))
}

const NOW: &str = "now";

/// Whether Gatewood itself gives this attribute of a context where nobody sent it: the time.
pub(super) fn is_supplied(field: &Field) -> bool {
    field.name == NOW && matches!(field.shape, Shape::Extension(Extension::Datetime))
}

/// Reads the context, and gives it the time where the schema wants one that nobody sent.
pub(super) fn read_context(
    reader: &Reader<'_>,
    shape: &RecordShape,
    members: &[(&str, &Json)],
    now: Timestamp,
) -> Result<BTreeMap<SmolStr, Value>, Invalid> {
    let mut values = BTreeMap::new();
    for (name, json) in members {
        match shape.get(name) {
            Some(field) => {
                let value = reader.value(&field.shape, json, "").map_err(|it| it.below(&format!("context.{name}")))?;
                values.insert(field.name.clone(), value);
            }
            None if reader.unknown == Unknown::Ignore => {}
            None => {
                let known: Vec<&str> = shape.fields().map(|field| field.name.as_str()).collect();
                let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                let reason = format!("is not known; the context of this action has {known}");
                return Err(Invalid::new(format!("context.{}", shown(name)), reason));
            }
        }
    }
    if let Some(field) = shape.get(NOW).filter(|field| is_supplied(field) && !values.contains_key(NOW)) {
        let now = time(now).map_err(|error| Invalid::new("context.now", error.to_string()))?;
        values.insert(field.name.clone(), now);
    }
    match shape.fields().find(|field| field.required && !values.contains_key(&field.name)) {
        Some(field) => Err(Invalid::new(format!("context.{}", field.name), "is missing; the schema requires it")),
        None => Ok(values),
    }
}

/// Lays the request's entities over those that are stored.
pub(super) fn overlay(snapshot: &Snapshot, entities: Vec<Statement>) -> Result<Overlay, Invalid> {
    let known = snapshot.known();
    let mut overlay = Overlay::over(known);
    overlay.overrides = snapshot.settings().request_attributes == RequestAttributes::Override;
    let mut has_parents = false;
    for Statement { at, entity, proved } in entities {
        let EntityRead { uid: (of_type, id), attributes, tags, parents } = entity;
        let node = overlay.number(known, of_type, &id);
        let parents: Vec<Node> = parents.iter().map(|(of_type, id)| overlay.number(known, *of_type, id)).collect();
        if known.is_settled(node) && !overlay.overrides && !proved && !parents.is_empty() {
            let stored = World { types: snapshot.types(), known, overlay: &overlay }.line(node);
            if let Some(index) = parents.iter().position(|parent| *parent == node || !stored.contains(*parent)) {
                let name = format!("{}::{}", snapshot.types().name(of_type), quoted(&id).replace('`', "\""));
                let reason = format!("puts {name} where it is not: what is stored lies in what is stored only");
                return Err(Invalid::new(format!("{at}.parents[{index}]"), reason));
            }
        } else {
            has_parents |= !parents.is_empty();
        }
        if !overlay.lay(node, Laid::Part { attributes, tags, parents }) {
            return Err(Invalid::new(
                format!("{at}.uid"),
                "is there twice; say everything about an entity in one place",
            ));
        }
    }
    if has_parents {
        let world = World { types: snapshot.types(), known, overlay: &overlay };
        if let Some(uid) = overlay.find_cycle(|node| world.parents(node)).and_then(|node| world.uid(node)) {
            return Err(Invalid::new("entities", format!("make {} its own ancestor", quoted(&uid.to_string()))));
        }
    }
    Ok(overlay)
}
