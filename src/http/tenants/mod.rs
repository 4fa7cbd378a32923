//! `/v1/tenants`: the platform's customers.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod read;
pub(super) mod update;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::NameSchema;
use crate::domain::{Invalid, Name, Tenant};

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct TenantBody {
    /// Its id.
    id: Uuid,
    /// Its name, unique in the instance.
    name: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.uuid(),
            name: tenant.name.as_str().to_owned(),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// What a tenant is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(as = TenantInput)]
pub(super) struct TenantInput {
    /// Its name: printable characters, without white space at either end, unique in the instance.
    #[schema(value_type = NameSchema, example = "Acme")]
    name: String,
}

impl TenantInput {
    fn name(&self) -> Result<Name, Invalid> {
        Name::parse("name", &self.name)
    }
}
