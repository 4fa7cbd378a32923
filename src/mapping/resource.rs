//! What a call is about.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityAttrEvaluationError, EntityUid, RestrictedExpression};

use super::vocabulary::{VOCABULARY as V, uid};
use crate::domain::{ApiKeyId, InstanceId, KeyScope, TenantId};

/// What a call is about. It need not exist: whether it does is looked up only once the call is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// This deployment.
    Instance,
    /// A tenant.
    Tenant(TenantId),
    /// A tenant's OIDC configuration.
    OidcConfig(TenantId),
    /// The stored record of an API key of a tenant or of the instance.
    ApiKeyRecord(ApiKeyId, KeyScope),
}

impl Resource {
    /// The tenant, or the instance where there is none: the thing that has API keys.
    #[must_use]
    pub fn holder_of_keys(scope: KeyScope) -> Self {
        scope.tenant().map_or(Self::Instance, Self::Tenant)
    }

    pub(super) fn uid(&self, instance: &InstanceId) -> EntityUid {
        match self {
            Self::Instance => uid(&V.instance, instance.as_str()),
            Self::Tenant(tenant) => uid(&V.tenant, &tenant.to_string()),
            Self::OidcConfig(tenant) => uid(&V.oidc_config, &tenant.to_string()),
            Self::ApiKeyRecord(id, _) => uid(&V.api_key_record, &id.to_string()),
        }
    }

    /// The entity with every ancestor as a parent, so that the hierarchy needs no further entity.
    pub(super) fn entity(&self, instance: &InstanceId) -> Result<Entity, EntityAttrEvaluationError> {
        let instance_uid = || uid(&V.instance, instance.as_str());
        let tenant_uid = |tenant: &TenantId| uid(&V.tenant, &tenant.to_string());
        let (attributes, parents): (HashMap<String, RestrictedExpression>, HashSet<EntityUid>) = match self {
            Self::Instance => (HashMap::new(), HashSet::new()),
            Self::Tenant(_) => (HashMap::new(), HashSet::from([instance_uid()])),
            Self::OidcConfig(tenant) => (HashMap::new(), HashSet::from([tenant_uid(tenant), instance_uid()])),
            Self::ApiKeyRecord(id, scope) => {
                let caller = RestrictedExpression::new_entity_uid(uid(&V.api_key, &id.to_string()));
                let parents = scope.tenant().as_ref().map(tenant_uid).into_iter().chain([instance_uid()]).collect();
                (HashMap::from([("caller".to_owned(), caller)]), parents)
            }
        };
        Entity::new(self.uid(instance), attributes, parents)
    }
}
