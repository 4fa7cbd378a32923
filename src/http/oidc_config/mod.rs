//! `/v1/oidc-config`: a tenant's OIDC configuration.

pub(super) mod check;
pub(super) mod delete;
pub(super) mod read;
mod texts;
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
    /// What a token may name in `aud` in place of the client; not there when there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    audience: Option<String>,
    /// `true` when ID tokens are taken for access tokens; else not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    accept_id_tokens: Option<bool>,
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
            audience: config.audience,
            accept_id_tokens: config.accept_id_tokens.then_some(true),
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}
