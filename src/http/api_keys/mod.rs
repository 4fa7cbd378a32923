//! `/v1/api-keys`: a tenant's keys, or without `X-Tenant-ID` the instance's.

pub(super) mod create;
pub(super) mod list;
pub(super) mod read;
pub(super) mod resume;
pub(super) mod revoke;
pub(super) mod rotate;
pub(super) mod suspend;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Parts, Problem};
use crate::app::api_keys::{IssuedKey, KeyRef};
use crate::domain::{ApiKey, ApiKeyId, TenantId};

/// What every answer about a key has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKeyBasics)]
pub(super) struct BasicsBody {
    /// Its id, which is also part of the key's text.
    id: Uuid,
    /// What its maker called it.
    name: String,
    /// The roles that it was given.
    roles: Vec<&'static str>,
    /// The tenant that it belongs to; `null` for an instance-level key.
    tenant_id: Option<Uuid>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// From when on it does not work; `null`: never.
    expires_at: Option<DateTime<Utc>>,
    /// Who made it: `api_key:<id>`, or `system:<what>`.
    created_by: String,
}

/// A key's record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct ApiKeyBody {
    #[serde(flatten)]
    basics: BasicsBody,
    /// Since when it is suspended.
    suspended_at: Option<DateTime<Utc>>,
    /// When it was last used, to within a minute.
    last_used_at: Option<DateTime<Utc>>,
    /// Until when the secret before the last rotation goes on working.
    previous_valid_until: Option<DateTime<Utc>>,
}

/// A key with its text, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedApiKey)]
pub(super) struct IssuedKeyBody {
    #[serde(flatten)]
    basics: BasicsBody,
    /// Until when the secret before goes on working; only after a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_valid_until: Option<DateTime<Utc>>,
    /// The key's text. It is shown this once; what is kept of it is a hash.
    #[schema(example = "gwk_0190a5c27a3b7c4d8e5f00112233aabb_<64 digits>_<8 digits>")]
    key: String,
}

impl From<&ApiKey> for BasicsBody {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.uuid(),
            name: key.name.as_str().to_owned(),
            roles: key.roles.names().collect(),
            tenant_id: key.scope.tenant().map(TenantId::uuid),
            created_at: key.created_at,
            expires_at: key.expires_at,
            created_by: key.created_by.clone(),
        }
    }
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            basics: BasicsBody::from(&key),
            suspended_at: key.suspended_at,
            last_used_at: key.last_used_at,
            previous_valid_until: key.previous_valid_until,
        }
    }
}

impl From<IssuedKey> for IssuedKeyBody {
    fn from(IssuedKey { key, material }: IssuedKey) -> Self {
        Self {
            basics: BasicsBody::from(&key),
            previous_valid_until: key.previous_valid_until,
            key: material.reveal().expose_secret().to_owned(),
        }
    }
}

/// The key that a path names, in the scope that the header names.
fn key_ref(parts: &Parts<'_>) -> Result<KeyRef, Problem> {
    Ok(KeyRef { scope: parts.scope(), id: parts.path("id", ApiKeyId::parse)? })
}
