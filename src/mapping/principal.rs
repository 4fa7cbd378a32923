//! Who asks.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use cedar_policy_core::ast::{Entity, EntityUID, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::MappingError;
use super::attribute::{Attribute, reference};
use super::resource::tenant_uid;
use super::vocabulary::{VOCABULARY as V, uid};
use super::whole::Whole;
use crate::domain::{ApiKeyId, Caller, Identity, InstanceId, KeyHolder, TenantId, User};
use crate::policy::Snapshot;

/// Makes principals, and keeps those of known keys and users: neither changes, it is replaced. They are
/// numbered for one snapshot, and with another one there is another of these.
#[derive(Debug)]
pub struct Principals {
    anonymous: OnceLock<Arc<Whole>>,
    keys: Cache<ApiKeyId, (Arc<KeyHolder>, Arc<Whole>)>,
    users: Cache<UserKey, (Arc<Identity>, Arc<Whole>), Size>,
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

impl Weighter<UserKey, (Arc<Identity>, Arc<Whole>)> for Size {
    fn weight(&self, _key: &UserKey, (identity, _principal): &(Arc<Identity>, Arc<Whole>)) -> u64 {
        // A group is there twice, once with its issuer before it.
        let issuers = identity.groups.len() * identity.issuer.len();
        let texts: usize = identity.texts().map(|text| Self::TEXT + 3 * text.len()).sum();
        (Self::EACH + issuers + texts) as u64
    }
}

impl Default for Principals {
    fn default() -> Self {
        const CAPACITY: usize = 10_000;
        Self {
            anonymous: OnceLock::new(),
            keys: Cache::new(CAPACITY),
            users: Cache::with_weighter(CAPACITY, Size::MOST, Size),
        }
    }
}

impl Principals {
    /// The principal that this caller becomes, numbered for `snapshot`: always the same one.
    ///
    /// # Errors
    /// When a value of it cannot be made, or the schema does not have its type.
    pub(super) fn of(
        &self,
        caller: &Caller,
        instance: &InstanceId,
        snapshot: &Snapshot,
    ) -> Result<Arc<Whole>, MappingError> {
        match caller {
            Caller::Anonymous => self.of_nobody(snapshot),
            Caller::ApiKey(holder) => self.of_key(holder, instance, snapshot),
            Caller::User(user) => self.of_user(user, instance, snapshot),
        }
    }

    fn of_nobody(&self, snapshot: &Snapshot) -> Result<Arc<Whole>, MappingError> {
        if let Some(principal) = self.anonymous.get() {
            return Ok(Arc::clone(principal));
        }
        let entity = entity(principal_uid(&Caller::Anonymous), Vec::new(), Vec::new());
        let principal = Arc::new(Whole::of(entity, snapshot)?);
        Ok(Arc::clone(self.anonymous.get_or_init(|| principal)))
    }

    fn of_key(
        &self,
        holder: &Arc<KeyHolder>,
        instance: &InstanceId,
        snapshot: &Snapshot,
    ) -> Result<Arc<Whole>, MappingError> {
        match self.keys.get(&holder.id) {
            Some((known, principal)) if Arc::ptr_eq(&known, holder) => Ok(principal),
            Some(_) | None => {
                let principal = Arc::new(Whole::of(of_key(holder, instance), snapshot)?);
                self.keys.insert(holder.id, (Arc::clone(holder), Arc::clone(&principal)));
                Ok(principal)
            }
        }
    }

    fn of_user(&self, user: &User, instance: &InstanceId, snapshot: &Snapshot) -> Result<Arc<Whole>, MappingError> {
        let key = (Arc::as_ptr(user.identity()).addr(), user.tenant());
        if let Some((_held, principal)) = self.users.get(&key) {
            return Ok(principal);
        }
        let principal = Arc::new(Whole::of(of_user(user, instance)?, snapshot)?);
        self.users.insert(key, (Arc::clone(user.identity()), Arc::clone(&principal)));
        Ok(principal)
    }
}

/// An entity with every ancestor as a parent.
fn entity(uid: EntityUID, attributes: Vec<(&str, Value)>, parents: Vec<EntityUID>) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (name.into(), value.into()));
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents.into_iter().collect(), [])
}

fn of_key(key: &KeyHolder, instance: &InstanceId) -> Entity {
    let tenant = key.scope.tenant().map(tenant_uid);
    let mut attributes =
        vec![("name", Value::from(key.name.as_str())), ("roles", Value::set(key.roles.names().map(Value::from), None))];
    attributes.extend(tenant.clone().map(|tenant| ("tenant", reference(tenant))));
    // A tenant is in the instance, and so is whoever is in the tenant.
    let instance = tenant.is_some().then(|| uid(&V.instance, instance.as_str()));
    let parents = key.roles.names().map(|role| uid(&V.role, role)).chain(tenant).chain(instance).collect();
    entity(uid(&V.api_key, key.id.to_string()), attributes, parents)
}

fn of_user(user: &User, instance: &InstanceId) -> Result<Entity, MappingError> {
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
    Ok(entity(uid(&V.user, user.id()), attributes, parents))
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
    use crate::policy::{StoreSource, load};

    fn user(groups: usize) -> User {
        let mut identity = Identity::new("https://login.acme.example", "s");
        identity.groups = (0..groups).map(|n| format!("a group with a name of some length {n}")).collect();
        identity.claims.scopes = (0..groups).map(|n| n.to_string()).collect();
        User::new(None, Arc::new(identity))
    }

    fn made() -> (Principals, InstanceId, Snapshot) {
        let snapshot = load(&StoreSource::embedded_control_plane()).unwrap();
        (Principals::default(), InstanceId::from_stored("i".to_owned()), snapshot)
    }

    #[test]
    fn two_tokens_of_one_person_do_not_replace_each_other() {
        let (principals, instance, snapshot) = made();
        let (one, two) = (user(1), user(2));
        assert_eq!(one.id(), two.id());
        let made = [&one, &two].map(|user| principals.of_user(user, &instance, &snapshot).unwrap());
        for _again in 0..2 {
            for (user, made) in [&one, &two].into_iter().zip(&made) {
                assert!(Arc::ptr_eq(&principals.of_user(user, &instance, &snapshot).unwrap(), made));
            }
        }
    }

    #[test]
    fn users_with_much_to_say_push_out_one_another() {
        let (principals, instance, snapshot) = made();
        for _user in 0..1000 {
            principals.of_user(&user(200), &instance, &snapshot).unwrap();
        }
        assert!(principals.users.weight() <= Size::MOST);
        assert!(principals.users.len() < 250, "{} of them are kept", principals.users.len());
    }
}
