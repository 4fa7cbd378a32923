//! The whole request.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityTypeName, EntityUid, Request, RestrictedExpression};

use super::attribute::time_expression;
use super::vocabulary::{VOCABULARY as V, uid};
use super::{Attribute, Resource};
use crate::domain::{Call, Caller, InstanceId};
use crate::policy::Snapshot;

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
    pub(crate) entities: Entities,
    /// The principal and all its ancestors.
    pub(crate) principal_line: Vec<EntityUid>,
    pub(crate) action: EntityUid,
    pub(crate) resource_type: EntityTypeName,
}

/// A call that does not fit the schema. That is a fault of the service or of an edited schema, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// A value of an entity or of the context cannot be evaluated.
    #[error("a value cannot be read: {0}")]
    Value(String),
    /// The request does not fit the schema.
    #[error("the request does not fit the schema: {0}")]
    Schema(String),
}

/// Maps a call and checks it against the snapshot's schema.
///
/// # Errors
/// [`MappingError`], when the schema wants something else than this code gives.
pub fn map(
    snapshot: &Snapshot,
    instance: &InstanceId,
    call: &Call,
    question: Question,
) -> Result<Mapped, MappingError> {
    let schema = snapshot.schema();
    let principal = principal_entity(&call.caller)?;
    let resource = question.resource.entity(instance).map_err(value)?;
    let action = uid(&V.action, question.action);
    let context = context(call, question.context)?;
    let principal_line = principal_line(&call.caller);
    let (principal_uid, resource_uid) = (principal.uid(), resource.uid());
    let resource_type = resource_uid.type_name().clone();
    let request = Request::new(principal_uid, action.clone(), resource_uid, context, Some(schema))
        .map_err(|error| MappingError::Schema(error.to_string()))?;
    let action_entity = snapshot.action_entity(&action).cloned();
    let entities = [principal, resource].into_iter().chain(action_entity);
    let entities = Entities::from_entities(entities, None).map_err(|error| MappingError::Schema(error.to_string()))?;
    Ok(Mapped { request, entities, principal_line, action, resource_type })
}

/// The principal as policies write it: `Gatewood::ApiKey::"0190a5c2-..."`.
#[must_use]
pub fn principal_text(caller: &Caller) -> String {
    principal_uid(caller).to_string()
}

fn principal_uid(caller: &Caller) -> EntityUid {
    match caller {
        Caller::Anonymous => uid(&V.anonymous, "anonymous"),
        Caller::ApiKey(key) => uid(&V.api_key, &key.id.to_string()),
    }
}

fn principal_parents(caller: &Caller) -> Vec<EntityUid> {
    match caller {
        Caller::Anonymous => Vec::new(),
        Caller::ApiKey(key) => {
            let roles = key.roles.names().map(|role| uid(&V.role, role));
            let tenant = key.scope.tenant().map(|tenant| uid(&V.tenant, &tenant.to_string()));
            roles.chain(tenant).collect()
        }
    }
}

fn principal_line(caller: &Caller) -> Vec<EntityUid> {
    std::iter::once(principal_uid(caller)).chain(principal_parents(caller)).collect()
}

/// The principal with every ancestor as a parent, so that the hierarchy needs no further entity.
fn principal_entity(caller: &Caller) -> Result<Entity, MappingError> {
    let attributes = match caller {
        Caller::Anonymous => HashMap::new(),
        Caller::ApiKey(key) => {
            let roles = key.roles.names().map(|role| RestrictedExpression::new_string(role.to_owned()));
            let tenant = key.scope.tenant().map(|tenant| {
                let tenant = uid(&V.tenant, &tenant.to_string());
                ("tenant".to_owned(), RestrictedExpression::new_entity_uid(tenant))
            });
            let always = [
                ("name".to_owned(), RestrictedExpression::new_string(key.name.as_str().to_owned())),
                ("roles".to_owned(), RestrictedExpression::new_set(roles)),
            ];
            always.into_iter().chain(tenant).collect()
        }
    };
    let parents: HashSet<EntityUid> = principal_parents(caller).into_iter().collect();
    Entity::new(principal_uid(caller), attributes, parents).map_err(value)
}

fn context(call: &Call, own: Vec<(&'static str, Attribute)>) -> Result<Context, MappingError> {
    let request = &call.request;
    let mut facts = vec![
        ("id".to_owned(), RestrictedExpression::new_string(request.id.clone())),
        ("method".to_owned(), RestrictedExpression::new_string(request.method.clone())),
        ("path".to_owned(), RestrictedExpression::new_string(request.path.clone())),
        ("ip".to_owned(), RestrictedExpression::new_ip(request.ip.to_string())),
        ("tls".to_owned(), RestrictedExpression::new_bool(request.tls)),
    ];
    if let Some(agent) = &request.user_agent {
        facts.push(("user_agent".to_owned(), RestrictedExpression::new_string(agent.clone())));
    }
    let facts = RestrictedExpression::new_record(facts).map_err(value)?;
    let mut pairs = vec![("request".to_owned(), facts), ("now".to_owned(), time_expression(call.at))];
    if let Some(tenant) = call.tenant {
        let tenant = uid(&V.tenant, &tenant.to_string());
        pairs.push(("tenant".to_owned(), RestrictedExpression::new_entity_uid(tenant)));
    }
    pairs.extend(own.into_iter().map(|(key, value)| (key.to_owned(), value.into_expression())));
    Context::from_pairs(pairs).map_err(value)
}

fn value(error: impl std::fmt::Display) -> MappingError {
    MappingError::Value(error.to_string())
}
