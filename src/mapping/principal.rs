//! Who asks.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{Entity, EntityUID, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::MappingError;
use super::attribute::{Attribute, reference};
use super::resource::tenant_uid;
use super::vocabulary::{VOCABULARY as V, uid};
use crate::domain::{ApiKeyId, Caller, InstanceId, KeyHolder, User};

/// The principal that a caller becomes.
#[derive(Debug)]
pub(super) struct Principal {
    /// The entity with every ancestor as a parent, so that the hierarchy needs no further entity.
    pub(super) entity: Arc<Entity>,
    /// The principal and all its ancestors.
    pub(super) line: Arc<[EntityUID]>,
}

/// Makes principals, and keeps those of known keys and users: neither changes, it is replaced.
#[derive(Debug)]
pub struct Principals {
    keys: Cache<ApiKeyId, (Arc<KeyHolder>, Arc<Principal>)>,
    users: Cache<String, (Arc<User>, Arc<Principal>), Ancestors>,
}

/// Weighs a user by its ancestors: somebody may be in a thousand groups.
#[derive(Debug, Clone)]
struct Ancestors;

impl Weighter<String, (Arc<User>, Arc<Principal>)> for Ancestors {
    fn weight(&self, _id: &String, (_user, principal): &(Arc<User>, Arc<Principal>)) -> u64 {
        principal.line.len() as u64
    }
}

impl Default for Principals {
    fn default() -> Self {
        const CAPACITY: usize = 10_000;
        const ANCESTORS: u64 = 100_000;
        Self { keys: Cache::new(CAPACITY), users: Cache::with_weighter(CAPACITY, ANCESTORS, Ancestors) }
    }
}

static ANONYMOUS: LazyLock<Arc<Principal>> =
    LazyLock::new(|| Arc::new(Principal::new(principal_uid(&Caller::Anonymous), Vec::new(), Vec::new())));

impl Principals {
    /// The principal that this caller becomes.
    ///
    /// # Errors
    /// When a value of it cannot be made.
    pub(super) fn of(&self, caller: &Caller, instance: &InstanceId) -> Result<Arc<Principal>, MappingError> {
        match caller {
            Caller::Anonymous => Ok(Arc::clone(&ANONYMOUS)),
            Caller::ApiKey(holder) => Ok(self.of_key(holder, instance)),
            Caller::User(user) => self.of_user(user, instance),
        }
    }

    fn of_key(&self, holder: &Arc<KeyHolder>, instance: &InstanceId) -> Arc<Principal> {
        match self.keys.get(&holder.id) {
            Some((known, principal)) if Arc::ptr_eq(&known, holder) => principal,
            Some(_) | None => {
                let principal = Arc::new(of_key(holder, instance));
                self.keys.insert(holder.id, (Arc::clone(holder), Arc::clone(&principal)));
                principal
            }
        }
    }

    fn of_user(&self, user: &Arc<User>, instance: &InstanceId) -> Result<Arc<Principal>, MappingError> {
        match self.users.get(user.id()) {
            Some((known, principal)) if Arc::ptr_eq(&known, user) => Ok(principal),
            Some(_) | None => {
                let principal = Arc::new(of_user(user, instance)?);
                self.users.insert(user.id().to_owned(), (Arc::clone(user), Arc::clone(&principal)));
                Ok(principal)
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

fn of_user(user: &User, instance: &InstanceId) -> Result<Principal, MappingError> {
    let texts = |texts: &[String]| Value::set(texts.iter().map(|text| Value::from(text.as_str())), None);
    let tenant = user.tenant().map(tenant_uid);
    let mut attributes = vec![
        ("issuer", Value::from(user.issuer())),
        ("subject", Value::from(user.subject())),
        ("roles", Value::set(user.roles.names().map(Value::from), None)),
        ("groups", texts(&user.groups)),
        ("scopes", texts(&user.claims.scopes)),
    ];
    attributes.extend(tenant.clone().map(|tenant| ("tenant", reference(tenant))));
    let claims = &user.claims;
    let named = [("client_id", &claims.client_id), ("email", &claims.email), ("acr", &claims.acr)];
    attributes.extend(named.into_iter().filter_map(|(name, text)| Some((name, Value::from(text.as_deref()?)))));
    attributes.extend(claims.email_verified.map(|verified| ("email_verified", Value::from(verified))));
    attributes.extend(claims.amr.as_deref().map(|methods| ("amr", texts(methods))));
    if let Some(at) = claims.auth_time {
        attributes.push(("auth_time", Attribute::Time(at).into_value()?));
    }
    // A tenant is in the instance, and so is whoever is in the tenant.
    let instance = tenant.is_some().then(|| uid(&V.instance, instance.as_str()));
    let groups = user.groups.iter().map(|name| uid(&V.group, user.group_id(name)));
    let roles = user.roles.names().map(|role| uid(&V.role, role));
    let parents = roles.chain(groups).chain(tenant).chain(instance).collect();
    Ok(Principal::new(uid(&V.user, user.id()), attributes, parents))
}

fn principal_uid(caller: &Caller) -> EntityUID {
    match caller {
        Caller::Anonymous => uid(&V.anonymous, "anonymous"),
        Caller::ApiKey(key) => uid(&V.api_key, key.id.to_string()),
        Caller::User(user) => uid(&V.user, user.id()),
    }
}

/// The principal as policies write it: `Gatewood::ApiKey::"0190a5c2-..."`.
#[must_use]
pub fn principal_text(caller: &Caller) -> String {
    principal_uid(caller).to_string()
}
