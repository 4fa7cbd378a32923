//! Who asks.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{Entity, EntityUID, Value};
use quick_cache::sync::Cache;

use super::attribute::reference;
use super::resource::tenant_uid;
use super::vocabulary::{VOCABULARY as V, uid};
use crate::domain::{ApiKeyId, Caller, InstanceId, KeyHolder};

/// The principal that a caller becomes.
#[derive(Debug)]
pub(super) struct Principal {
    /// The entity with every ancestor as a parent, so that the hierarchy needs no further entity.
    pub(super) entity: Arc<Entity>,
    /// The principal and all its ancestors.
    pub(super) line: Arc<[EntityUID]>,
}

/// Makes principals, and keeps those of known keys: a holder does not change, it is replaced.
#[derive(Debug)]
pub struct Principals {
    known: Cache<ApiKeyId, (Arc<KeyHolder>, Arc<Principal>)>,
}

impl Default for Principals {
    fn default() -> Self {
        const CAPACITY: usize = 10_000;
        Self { known: Cache::new(CAPACITY) }
    }
}

static ANONYMOUS: LazyLock<Arc<Principal>> =
    LazyLock::new(|| Arc::new(Principal::new(principal_uid(&Caller::Anonymous), Vec::new(), Vec::new())));

impl Principals {
    /// The principal that this caller becomes.
    pub(super) fn of(&self, caller: &Caller, instance: &InstanceId) -> Arc<Principal> {
        let Caller::ApiKey(holder) = caller else { return Arc::clone(&ANONYMOUS) };
        match self.known.get(&holder.id) {
            Some((known, principal)) if Arc::ptr_eq(&known, holder) => principal,
            Some(_) | None => {
                let principal = Arc::new(of_key(holder, instance));
                self.known.insert(holder.id, (Arc::clone(holder), Arc::clone(&principal)));
                principal
            }
        }
    }
}

impl Principal {
    fn new(uid: EntityUID, attributes: Vec<(&str, Value)>, parents: Vec<EntityUID>) -> Self {
        let line = std::iter::once(uid.clone()).chain(parents.iter().cloned()).collect();
        let attributes = attributes.into_iter().map(|(name, value)| (name.into(), value.into()));
        let parents = parents.into_iter().collect();
        let entity = Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, []);
        Self { entity: Arc::new(entity), line }
    }
}

fn of_key(key: &KeyHolder, instance: &InstanceId) -> Principal {
    let tenant = key.scope.tenant().map(tenant_uid);
    let mut attributes =
        vec![("name", Value::from(key.name.as_str())), ("roles", Value::set(key.roles.names().map(Value::from), None))];
    attributes.extend(tenant.clone().map(|tenant| ("tenant", reference(tenant))));
    // A tenant is in the instance, and so is whoever is in the tenant.
    let instance = tenant.is_some().then(|| uid(&V.instance, instance.as_str()));
    let parents = key.roles.names().map(|role| uid(&V.role, role)).chain(tenant).chain(instance).collect();
    Principal::new(uid(&V.api_key, key.id.to_string()), attributes, parents)
}

fn principal_uid(caller: &Caller) -> EntityUID {
    match caller {
        Caller::Anonymous => uid(&V.anonymous, "anonymous"),
        Caller::ApiKey(key) => uid(&V.api_key, key.id.to_string()),
    }
}

/// The principal as policies write it: `Gatewood::ApiKey::"0190a5c2-..."`.
#[must_use]
pub fn principal_text(caller: &Caller) -> String {
    principal_uid(caller).to_string()
}
