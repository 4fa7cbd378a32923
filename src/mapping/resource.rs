//! What a call is about.

use std::collections::HashSet;

use cedar_policy_core::ast::{Entity, EntityUID, Value};

use super::vocabulary::{VOCABULARY as V, uid};
use crate::domain::{ApiKeyId, Caller, InstanceId, KeyScope, StoreName, TenantId};

/// What a call is about. It need not exist: whether it does is looked up only once the call is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// This deployment.
    Instance,
    /// A tenant.
    Tenant(TenantId),
    /// A tenant's OIDC configuration.
    OidcConfig(TenantId),
    /// The lifetimes of the instance's tokens.
    OidcSettings,
    /// The stored record of an API key of a tenant or of the instance.
    ApiKeyRecord(ApiKeyId, KeyScope),
    /// A policy store of the platform, and the caller's tenant if the store is open to it.
    Store(StoreName, Option<TenantId>),
}

impl Resource {
    /// The tenant, or the instance where there is none: the thing that has API keys.
    #[must_use]
    pub fn holder_of_keys(scope: KeyScope) -> Self {
        scope.tenant().map_or(Self::Instance, Self::Tenant)
    }

    fn uid(&self, instance: &InstanceId) -> EntityUID {
        match self {
            Self::Instance => uid(&V.instance, instance.as_str()),
            Self::Tenant(tenant) => tenant_uid(*tenant),
            Self::OidcConfig(tenant) => uid(&V.oidc_config, tenant.to_string()),
            Self::OidcSettings => uid(&V.oidc_settings, instance.as_str()),
            Self::ApiKeyRecord(id, _) => uid(&V.api_key_record, id.to_string()),
            Self::Store(name, _) => uid(&V.store, name.as_str()),
        }
    }

    /// The entity with every ancestor as a parent, so that the hierarchy needs no further entity.
    pub(super) fn entity(&self, instance: &InstanceId, caller: &Caller) -> Entity {
        let mut attributes = Vec::new();
        let mut parents = HashSet::new();
        match self {
            Self::Instance => {}
            Self::Tenant(_) | Self::OidcSettings => {
                parents.insert(uid(&V.instance, instance.as_str()));
            }
            Self::OidcConfig(tenant) => {
                parents.extend([tenant_uid(*tenant), uid(&V.instance, instance.as_str())]);
            }
            Self::ApiKeyRecord(id, scope) => {
                let own = matches!(caller, Caller::ApiKey(key) if key.id == *id);
                attributes.push(("own".into(), Value::from(own).into()));
                parents.extend(scope.tenant().map(tenant_uid));
                parents.insert(uid(&V.instance, instance.as_str()));
            }
            Self::Store(_, open_to) => {
                parents.extend(open_to.map(tenant_uid));
                parents.insert(uid(&V.instance, instance.as_str()));
            }
        }
        Entity::new_with_attr_partial_value(self.uid(instance), attributes, HashSet::new(), parents, [])
    }
}

/// A tenant.
pub(super) fn tenant_uid(tenant: TenantId) -> EntityUID {
    uid(&V.tenant, tenant.to_string())
}
