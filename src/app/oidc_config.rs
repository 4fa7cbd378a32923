//! Tenants' OIDC configurations.

use super::{App, AppError, Command, Permit};
use crate::domain::{Invalid, IssuerUrl, OidcConfig, OidcConfigDraft, Precondition, TenantId};
use crate::mapping::{Attribute, Resource};
use crate::persistence::{StoreError, Upserted};
use crate::policy::ActionUse;

/// The resource type of every command here.
const RESOURCES: &[&str] = &["OidcConfig"];

/// Read a tenant's configuration.
#[derive(Debug, Clone)]
pub struct ReadOidcConfig {
    /// Whose.
    pub tenant: TenantId,
    /// Which version the reader has already.
    pub precondition: Precondition,
}

impl Command for ReadOidcConfig {
    const ACTION: ActionUse =
        ActionUse { name: "ReadOidcConfig", group: Some("read"), resources: RESOURCES, context: "" };

    fn resource(&self) -> Resource {
        Resource::OidcConfig(self.tenant)
    }

    fn example() -> Self {
        Self { tenant: TenantId::new(uuid::Uuid::nil()), precondition: Precondition::default() }
    }
}

/// Store a tenant's configuration, or put another in its place.
#[derive(Debug, Clone)]
pub struct UpsertOidcConfig {
    /// Whose.
    pub tenant: TenantId,
    /// The configuration.
    pub draft: OidcConfigDraft,
    /// Which version it is meant to replace.
    pub precondition: Precondition,
}

impl Command for UpsertOidcConfig {
    const ACTION: ActionUse = ActionUse {
        name: "UpsertOidcConfig",
        group: Some("administer"),
        resources: RESOURCES,
        context: "input: { issuer: Issuer, client_id: String, scopes: Set<String>, audience?: String, accept_id_tokens: Bool }",
    };

    fn resource(&self) -> Resource {
        Resource::OidcConfig(self.tenant)
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        let mut input = vec![
            ("issuer", issuer_attribute(&self.draft.issuer)),
            ("client_id", Attribute::Text(self.draft.client_id.clone())),
            ("scopes", Attribute::Texts(self.draft.scopes.clone())),
            ("accept_id_tokens", Attribute::Bool(self.draft.accept_id_tokens)),
        ];
        input.extend(self.draft.audience.as_deref().map(|audience| ("audience", Attribute::Text(audience.to_owned()))));
        vec![("input", Attribute::Record(input))]
    }

    #[expect(clippy::expect_used, reason = "the example is a literal, and the check at start runs in every test")]
    fn example() -> Self {
        let draft = OidcConfigDraft::parse("https://login.example:8443/", "client", "secret".to_owned(), None)
            .and_then(|draft| draft.admitting(Some("audience".to_owned()), true));
        Self {
            tenant: TenantId::new(uuid::Uuid::nil()),
            draft: draft.expect("a valid example"),
            precondition: Precondition::default(),
        }
    }
}

/// An issuer's URL as policies see it: the schema's `Issuer`.
pub(super) fn issuer_attribute(issuer: &IssuerUrl) -> Attribute {
    let text = |text: &str| Attribute::Text(text.to_owned());
    let mut parts = vec![
        ("url", text(issuer.as_sent())),
        ("scheme", text(issuer.scheme())),
        ("host", text(issuer.host())),
        ("path", text(issuer.path())),
    ];
    parts.extend(issuer.port().map(|port| ("port", Attribute::Long(port.into()))));
    Attribute::Record(parts)
}

/// Delete a tenant's configuration.
#[derive(Debug, Clone)]
pub struct DeleteOidcConfig {
    /// Whose.
    pub tenant: TenantId,
    /// Which version is meant.
    pub precondition: Precondition,
}

impl Command for DeleteOidcConfig {
    const ACTION: ActionUse =
        ActionUse { name: "DeleteOidcConfig", group: Some("administer"), resources: RESOURCES, context: "" };

    fn resource(&self) -> Resource {
        Resource::OidcConfig(self.tenant)
    }

    fn example() -> Self {
        Self { tenant: TenantId::new(uuid::Uuid::nil()), precondition: Precondition::default() }
    }
}

/// What a reader gets.
#[derive(Debug)]
pub enum Found {
    /// The configuration.
    Config(OidcConfig),
    /// The reader has this version already.
    NotModified(OidcConfig),
}

impl App {
    /// Reads a tenant's configuration; its secret is not in it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none, [`AppError::PreconditionFailed`] when the version is another one.
    pub async fn read_oidc_config(&self, permit: Permit<ReadOidcConfig>) -> Result<Found, AppError> {
        let ReadOidcConfig { tenant, precondition } = permit.into_command();
        let found = self.repositories.oidc_configs.find(tenant).await?;
        let config = found.ok_or(AppError::NotFound("OIDC configuration"))?;
        let etag = config.etag();
        if precondition.holds(Some(&etag)) {
            return Ok(Found::Config(config));
        }
        if precondition.none_match_fails(Some(&etag)) && precondition.if_match.is_none() {
            return Ok(Found::NotModified(config));
        }
        Err(AppError::PreconditionFailed)
    }

    /// Stores a tenant's configuration.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when the issuer is the instance's, [`AppError::NotFound`] when there is no
    /// such tenant, [`AppError::PreconditionFailed`] when what is stored is another version.
    pub async fn upsert_oidc_config(&self, permit: Permit<UpsertOidcConfig>) -> Result<OidcConfig, AppError> {
        let origin = self.origin(&permit);
        let UpsertOidcConfig { tenant, draft, precondition } = permit.into_command();
        self.refuse_issuer_of_instance(&draft.issuer)?;
        let forgetting = self.authenticator.forgetting();
        let outcome = self.repositories.oidc_configs.upsert(tenant, draft, precondition, origin).await;
        if outcome.as_ref().map_or_else(StoreError::left_all_as_it_was, |stored| !stored.admits_others) {
            forgetting.call_off();
        }
        let Upserted { config, shared_with, .. } = outcome?;
        if let Some(other) = shared_with.first() {
            tracing::warn!(
                tenant.id = %tenant,
                issuer = config.issuer_url,
                other_tenant.id = %other,
                other_tenants = shared_with.len(),
                "several tenants admit the same tokens, whose holders have to send X-Tenant-ID now"
            );
        }
        Ok(config)
    }

    /// No tenant may name an issuer of the instance: its users are the instance's, whatever tenants say.
    ///
    /// # Errors
    /// [`AppError::Invalid`], naming `issuer_url`.
    pub(super) fn refuse_issuer_of_instance(&self, issuer: &IssuerUrl) -> Result<(), AppError> {
        if !self.authenticator.is_issuer_of_instance(issuer) {
            return Ok(());
        }
        Err(Invalid::new("issuer_url", "is an issuer of the instance itself; a tenant needs one of its own").into())
    }

    /// Deletes a tenant's configuration.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none, [`AppError::PreconditionFailed`] when it is another version.
    pub async fn delete_oidc_config(&self, permit: Permit<DeleteOidcConfig>) -> Result<(), AppError> {
        let origin = self.origin(&permit);
        let DeleteOidcConfig { tenant, precondition } = permit.into_command();
        let forgetting = self.authenticator.forgetting();
        let outcome = self.repositories.oidc_configs.delete(tenant, precondition, origin).await;
        if outcome.as_ref().is_err_and(StoreError::left_all_as_it_was) {
            forgetting.call_off();
        }
        Ok(outcome?)
    }
}
