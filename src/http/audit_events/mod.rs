//! `/v1/audit-events`: who changed what, and when.

pub(super) mod list;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{AuditEvent, TenantId};

/// A change that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(super) struct AuditEventBody {
    /// Its id; ids sort as the events happened.
    id: Uuid,
    /// When it was made.
    at: DateTime<Utc>,
    /// The tenant whose thing was changed; `null`: the instance's.
    tenant_id: Option<Uuid>,
    /// Who made it: `api_key:<id>`, `user:<id>`, or `system:<what>`.
    actor: String,
    /// The action that was decided on.
    #[schema(example = "UpdateTenant")]
    action: String,
    /// What was changed.
    resource: AuditedResourceBody,
    /// The id of the request; `null` for what the service or its command line did.
    request_id: Option<String>,
    /// The id of the decision that allowed it; `null` for what the service or its command line did.
    decision_id: Option<Uuid>,
    /// The fields that changed, each with what it was and what it became; of a secret, only that it changed.
    #[schema(value_type = Object, example = json!({ "name": { "from": "Acme", "to": "Acme Ltd" } }))]
    changes: Map<String, Value>,
}

/// What was changed, as the policies name it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditedResource)]
pub(super) struct AuditedResourceBody {
    /// Its type in the schema, without the namespace.
    #[serde(rename = "type")]
    #[schema(example = "Tenant")]
    kind: String,
    /// Its id: that of the tenant for a tenant's OIDC configuration.
    id: String,
}

impl From<AuditEvent> for AuditEventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.uuid(),
            at: event.at,
            tenant_id: event.tenant.map(TenantId::uuid),
            actor: event.actor,
            action: event.action,
            resource: AuditedResourceBody { kind: event.resource_type, id: event.resource_id },
            request_id: event.request,
            decision_id: event.decision,
            changes: event.changes,
        }
    }
}
