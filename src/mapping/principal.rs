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
use crate::domain::{ApiKeyId, Caller, Identity, InstanceId, KeyHolder, TenantId, User};

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
    users: Cache<UserKey, (Arc<Identity>, Arc<Principal>), Size>,
}

/// Which identity (where it is in memory: it stays there while its entry holds it), as whose user. Two
/// tokens of one person are two identities.
type UserKey = (usize, Option<TenantId>);

/// Weighs a user by about how many bytes it takes: it may have hundreds of groups, scopes and the like.
#[derive(Debug, Clone)]
struct Size;

impl Size {
    /// Of all users together.
    const MOST: u64 = 32 * 1024 * 1024;
    /// What one has beside the texts of its token.
    const EACH: usize = 4096;
    /// What a text takes beside its bytes: as a value, as an ancestor, and in the identity.
    const TEXT: usize = 512;
}

impl Weighter<UserKey, (Arc<Identity>, Arc<Principal>)> for Size {
    fn weight(&self, _key: &UserKey, (identity, _principal): &(Arc<Identity>, Arc<Principal>)) -> u64 {
        // A group is there twice, once with its issuer before it.
        let issuers = identity.groups.len() * identity.issuer.len();
        let texts: usize = identity.texts().map(|text| Self::TEXT + 3 * text.len()).sum();
        (Self::EACH + issuers + texts) as u64
    }
}

impl Default for Principals {
    fn default() -> Self {
        const CAPACITY: usize = 10_000;
        Self { keys: Cache::new(CAPACITY), users: Cache::with_weighter(CAPACITY, Size::MOST, Size) }
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

    fn of_user(&self, user: &User, instance: &InstanceId) -> Result<Arc<Principal>, MappingError> {
        let key = (Arc::as_ptr(user.identity()).addr(), user.tenant());
        if let Some((_held, principal)) = self.users.get(&key) {
            return Ok(principal);
        }
        let principal = Arc::new(of_user(user, instance)?);
        self.users.insert(key, (Arc::clone(user.identity()), Arc::clone(&principal)));
        Ok(principal)
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
    let Identity { issuer, subject, roles, groups, claims } = user.identity().as_ref();
    let mut attributes = vec![
        ("issuer", Value::from(issuer.as_str())),
        ("subject", Value::from(subject.as_str())),
        ("roles", Value::set(roles.names().map(Value::from), None)),
        ("groups", texts(groups)),
        ("scopes", texts(&claims.scopes)),
    ];
    attributes.extend(tenant.clone().map(|tenant| ("tenant", reference(tenant))));
    let named = [("client_id", &claims.client_id), ("email", &claims.email), ("acr", &claims.acr)];
    attributes.extend(named.into_iter().filter_map(|(name, text)| Some((name, Value::from(text.as_deref()?)))));
    attributes.extend(claims.email_verified.map(|verified| ("email_verified", Value::from(verified))));
    attributes.extend(claims.amr.as_deref().map(|methods| ("amr", texts(methods))));
    if let Some(at) = claims.auth_time {
        attributes.push(("auth_time", Attribute::Time(at).into_value()?));
    }
    // A tenant is in the instance, and so is whoever is in the tenant.
    let instance = tenant.is_some().then(|| uid(&V.instance, instance.as_str()));
    let groups = groups.iter().map(|name| uid(&V.group, user.group_id(name)));
    let roles = roles.names().map(|role| uid(&V.role, role));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn user(groups: usize) -> User {
        let mut identity = Identity::new("https://login.acme.example", "s");
        identity.groups = (0..groups).map(|n| format!("a group with a name of some length {n}")).collect();
        identity.claims.scopes = (0..groups).map(|n| n.to_string()).collect();
        User::new(None, Arc::new(identity))
    }

    #[test]
    fn two_tokens_of_one_person_do_not_replace_each_other() {
        let (principals, instance) = (Principals::default(), InstanceId::from_stored("i".to_owned()));
        let (one, two) = (user(1), user(2));
        assert_eq!(one.id(), two.id());
        let made = [&one, &two].map(|user| principals.of_user(user, &instance).unwrap());
        for _again in 0..2 {
            for (user, made) in [&one, &two].into_iter().zip(&made) {
                assert!(Arc::ptr_eq(&principals.of_user(user, &instance).unwrap(), made));
            }
        }
    }

    #[test]
    fn users_with_much_to_say_push_out_one_another() {
        let (principals, instance) = (Principals::default(), InstanceId::from_stored("i".to_owned()));
        for _user in 0..1000 {
            principals.of_user(&user(200), &instance).unwrap();
        }
        assert!(principals.users.weight() <= Size::MOST);
        assert!(principals.users.len() < 250, "{} of them are kept", principals.users.len());
    }
}
