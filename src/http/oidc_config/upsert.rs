//! `PUT /v1/oidc-config`

use actix_web::HttpResponse;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::OidcConfigBody;
use super::texts::{IssuerUrlSchema, PrintableSchema, ScopeSchema};
use crate::app::oidc_config::UpsertOidcConfig;
use crate::domain::OidcConfigDraft;
use crate::http::body::{Body, present};
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// A configuration to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(as = OidcConfigInput)]
pub(in crate::http) struct OidcConfigInput {
    /// Who issues the tokens: an absolute `https` URL with a host and without credentials, query or
    /// fragment. Plain `http` for loopback hosts only.
    #[schema(value_type = IssuerUrlSchema)]
    issuer_url: String,
    /// The client id at the issuer: printable characters.
    #[schema(value_type = PrintableSchema)]
    client_id: String,
    /// The client's secret. No answer ever has it.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 4096)]
    client_secret: SecretString,
    /// The scopes to ask for: scope-tokens of RFC 6749, without repeats. `openid`, `profile` and
    /// `email` when left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<HashSet<ScopeSchema>>, max_items = 50)]
    scopes: Option<Vec<String>>,
    /// What a token may name in `aud` in place of the client, for issuers whose access tokens do not
    /// name it: printable characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<PrintableSchema>)]
    audience: Option<String>,
    /// Whether an ID token is taken for an access token. It is not meant as one: leave it out unless
    /// the issuer has no other tokens.
    #[serde(default)]
    accept_id_tokens: bool,
}

impl Decode for UpsertOidcConfig {
    const BODY: Body = Body::Json;
    const TENANT: TenantHeader = TenantHeader::Required;
    const CONDITIONAL: bool = true;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let (tenant, precondition) = (parts.tenant()?, parts.precondition()?);
        let input: OidcConfigInput = parts.json()?;
        let secret = input.client_secret.expose_secret().to_owned();
        let draft = OidcConfigDraft::parse(&input.issuer_url, &input.client_id, secret, input.scopes)?;
        let draft = draft.admitting(input.audience, input.accept_id_tokens)?;
        Ok(Self { tenant, draft, precondition })
    }
}

/// Stores the tenant's OIDC configuration: its first, or in place of the one that is there.
#[utoipa::path(put, path = "/v1/oidc-config", operation_id = "UpsertOidcConfig", tag = "oidc-config",
    request_body = OidcConfigInput,
    responses((status = 200, description = "The configuration as it is stored", body = OidcConfigBody,
        headers(("ETag" = String, description = "Its version")))))]
pub(in crate::http) async fn put(call: Permitted<UpsertOidcConfig>) -> Result<HttpResponse, Problem> {
    let config = call.app.upsert_oidc_config(call.permit).await?;
    let etag = config.etag();
    Ok(reply::versioned(&OidcConfigBody::from(config), &etag))
}
