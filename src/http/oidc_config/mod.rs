//! `/v1/oidc-config`: a tenant's OIDC configuration.

pub(super) mod check;
pub(super) mod delete;
pub(super) mod read;
pub(super) mod upsert;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::OidcConfig;

/// A stored configuration. Its secret is not in it, nor in any other answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OidcConfig)]
pub(super) struct OidcConfigBody {
    /// Its id; survives updates.
    id: Uuid,
    /// Who issues the tokens, as it was sent.
    issuer_url: String,
    /// The client id at the issuer.
    client_id: String,
    /// The scopes to ask for.
    scopes: Vec<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<OidcConfig> for OidcConfigBody {
    fn from(config: OidcConfig) -> Self {
        Self {
            id: config.id.uuid(),
            issuer_url: config.issuer_url,
            client_id: config.client_id,
            scopes: config.scopes,
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}
