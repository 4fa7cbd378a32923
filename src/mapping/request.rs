//! The whole request.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Context, EntityUID, EntityUIDEntry, Request};
use cedar_policy_core::entities::conformance::EntitySchemaConformanceChecker;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;

use super::attribute::{record, reference};
use super::principal::Principals;
use super::resource::tenant_uid;
use super::vocabulary::{VOCABULARY as V, uid};
use super::whole::Whole;
use super::{Attribute, Resource, conformance};
use crate::domain::{Call, InstanceId};
use crate::policy::{Line, Overlay, Party, Snapshot, World};
use crate::values::TypeId;

/// What a call asks for.
#[derive(Debug, Clone)]
pub struct Question {
    /// The action's name in the schema's namespace.
    pub action: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// What the action's context has besides `request`, `now` and `tenant`.
    pub context: Vec<(&'static str, Attribute)>,
}

/// A request that the engine can evaluate; it fits the schema.
#[derive(Debug)]
pub struct Mapped {
    pub(crate) request: Request,
    pub(crate) action: EntityUID,
    pub(crate) principal: Placed,
    pub(crate) resource: Placed,
    pub(crate) overlay: Overlay,
}

/// Who asks, or what it is about, with everything that it is in.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) of_type: TypeId,
    pub(crate) line: Line,
}

impl Placed {
    fn party(&self) -> Party<'_> {
        Party { of_type: self.of_type, line: &self.line }
    }
}

/// A call that does not fit the schema. That is a fault of the service or of an edited schema, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// A value of an entity or of the context cannot be made.
    #[error("a value cannot be made: {0}")]
    Value(String),
    /// The request does not fit the schema.
    #[error("the request does not fit the schema: {0}")]
    Schema(String),
}

impl Mapped {
    pub(crate) fn principal(&self) -> Party<'_> {
        self.principal.party()
    }

    pub(crate) fn resource(&self) -> Party<'_> {
        self.resource.party()
    }

    /// Whether any policy could permit another action of the control plane, with nothing else changed.
    pub fn can_be_permitted(&self, snapshot: &Snapshot, action: &str) -> bool {
        snapshot.can_permit(&self.principal(), &uid(&V.action, action), &self.resource())
    }

    /// The same call with another action of the control plane, and nothing else changed. It costs a fraction
    /// of mapping it anew.
    ///
    /// # Errors
    /// [`MappingError::Schema`], when the other action does not fit what the call is about, or its context.
    pub fn with_action(&self, snapshot: &Snapshot, action: &str) -> Result<Self, MappingError> {
        let action = uid(&V.action, action);
        let parts = (self.request.principal().uid(), self.request.resource().uid(), self.request.context());
        let (Some(principal), Some(resource), Some(context)) = parts else {
            return Err(MappingError::Schema("the request has unknown parts".to_owned()));
        };
        conformance::check(snapshot.types(), principal, &action, resource, context)?;
        let request = request(principal.clone(), action.clone(), resource.clone(), context.clone());
        let (principal, resource, overlay) = (self.principal.clone(), self.resource.clone(), self.overlay.clone());
        Ok(Self { request, action, principal, resource, overlay })
    }

    /// The entities that it is decided over.
    pub(crate) fn world<'a>(&'a self, snapshot: &'a Snapshot) -> World<'a> {
        World { types: snapshot.types(), known: snapshot.known(), overlay: &self.overlay }
    }

    /// Checks the entities against the schema. Their shapes are those of this code, so once for each
    /// shape is enough.
    ///
    /// # Errors
    /// [`MappingError::Schema`], with the first entity that does not fit.
    pub fn check_entities(&self, snapshot: &Snapshot) -> Result<(), MappingError> {
        let schema = CoreSchema::new(snapshot.core_schema());
        let checker = EntitySchemaConformanceChecker::new(&schema, Extensions::all_available());
        let world = self.world(snapshot);
        let parties =
            [&self.principal, &self.resource].into_iter().filter_map(|party| world.entity(party.line.first()?));
        parties.into_iter().try_for_each(|entity| {
            checker.validate_entity(&entity).map_err(|error| MappingError::Schema(error.to_string()))
        })
    }
}

/// A request of known parts, which were checked already.
pub(super) fn request(principal: EntityUID, action: EntityUID, resource: EntityUID, context: Context) -> Request {
    let known = |uid| EntityUIDEntry::known(uid, None);
    Request::new_unchecked(known(principal), known(action), known(resource), Some(context))
}

/// Maps a call and checks it against the snapshot's schema.
///
/// The engine's own values are built directly. Going through expressions, as the engine's public
/// interface does, costs ten times as much; the tests hold the two against each other.
///
/// # Errors
/// [`MappingError`], when the schema wants something else than this code gives.
pub fn map(
    snapshot: &Snapshot,
    principals: &Principals,
    instance: &InstanceId,
    call: &Call,
    question: Question,
) -> Result<Mapped, MappingError> {
    let principal = principals.of(&call.caller, instance, snapshot)?;
    let resource = question.resource.entity(instance, &call.caller);
    let action = uid(&V.action, question.action);
    let context = context(call, question.context)?;
    conformance::check(snapshot.types(), principal.entity.uid(), &action, resource.uid(), &context)?;
    let request = request(principal.entity.uid().clone(), action.clone(), resource.uid().clone(), context);
    let mut overlay = Overlay::over(snapshot.known());
    let principal = principal.lay(&mut overlay, snapshot);
    let resource = Whole::of(resource, snapshot)?.lay(&mut overlay, snapshot);
    Ok(Mapped { request, action, principal, resource, overlay })
}

fn context(call: &Call, own: Vec<(&'static str, Attribute)>) -> Result<Context, MappingError> {
    let request = &call.request;
    let text = |text: &str| Attribute::Text(text.to_owned());
    let mut facts = vec![
        ("id", text(&request.id)),
        ("method", text(&request.method)),
        ("path", text(&request.path)),
        ("ip", Attribute::Ip(request.ip)),
        ("tls", Attribute::Bool(request.tls)),
    ];
    facts.extend(request.user_agent.as_deref().map(|agent| ("user_agent", text(agent))));
    let mut values = BTreeMap::new();
    values.insert("request".into(), record(facts)?);
    values.insert("now".into(), Attribute::Time(call.at).into_value()?);
    if let Some(tenant) = call.tenant {
        values.insert("tenant".into(), reference(tenant_uid(tenant)));
    }
    for (name, attribute) in own {
        values.insert(name.into(), attribute.into_value()?);
    }
    Ok(Context::Value(Arc::new(values)))
}
