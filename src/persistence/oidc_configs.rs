//! Tenants' OIDC configurations.

use std::sync::Arc;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::change::{Change, Recorded};
use super::connection::Db;
use super::instance::{hold_authn_epoch, move_authn_epoch};
use super::key_ring::Sealed;
use super::schema::oidc_configs;
use super::tenants::{lock, stored_id};
use super::{Database, KeyRing, StoreError};
use crate::domain::{Entropy, OidcConfig, OidcConfigDraft, OidcConfigId, Origin, Precondition, TenantId, TenantIssuer};

#[derive(Queryable, Selectable)]
#[diesel(table_name = oidc_configs)]
struct OidcConfigRow {
    id: String,
    tenant_id: String,
    issuer_url: String,
    client_id: String,
    scopes: String,
    audience: Option<String>,
    accept_id_tokens: bool,
    version: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl OidcConfigRow {
    fn into_config(self) -> Result<OidcConfig, StoreError> {
        Ok(OidcConfig {
            id: stored_config_id(&self.id)?,
            tenant: stored_id(&self.tenant_id)?,
            issuer_url: self.issuer_url,
            client_id: self.client_id,
            scopes: self.scopes.split_whitespace().map(str::to_owned).collect(),
            audience: self.audience,
            accept_id_tokens: self.accept_id_tokens,
            created_at: self.created_at.and_utc(),
            updated_at: self.updated_at.and_utc(),
            version: self.version,
        })
    }
}

impl Recorded for OidcConfig {
    const TYPE: &'static str = "OidcConfig";

    fn id(&self) -> String {
        self.tenant.to_string()
    }

    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("id", self.id.to_string().into()),
            ("issuer_url", self.issuer_url.as_str().into()),
            ("client_id", self.client_id.as_str().into()),
            ("scopes", self.scopes.clone().into()),
            ("audience", self.audience.clone().into()),
            ("accept_id_tokens", self.accept_id_tokens.into()),
        ]
    }
}

/// What became of a configuration that was to be stored.
#[derive(Debug)]
pub struct Upserted {
    /// As it is stored now.
    pub config: OidcConfig,
    /// Whether it says something else of the tokens that it admits than what was stored before, if
    /// anything was.
    pub admits_others: bool,
    /// If so, the other tenants that admit tokens of the same issuer for the same client or audience.
    pub shared_with: Vec<TenantId>,
}

/// The repository of OIDC configurations. It seals and opens their secrets.
#[derive(Clone)]
pub struct OidcConfigs {
    database: Database,
    keys: Arc<KeyRing>,
    entropy: Entropy,
}

impl OidcConfigs {
    /// The repository in this database.
    #[must_use]
    pub const fn new(database: Database, keys: Arc<KeyRing>, entropy: Entropy) -> Self {
        Self { database, keys, entropy }
    }

    /// A tenant's configuration.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, tenant: TenantId) -> Result<Option<OidcConfig>, StoreError> {
        self.database.read(move |db| find(db, tenant)).await
    }

    /// The configurations that admit tokens of this issuer, in the order of their tenants' ids.
    /// `issuer_key` is the issuer as [`crate::domain::IssuerUrl::key`] gives it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_issuer(&self, issuer_key: String) -> Result<Vec<TenantIssuer>, StoreError> {
        self.database.read(move |db| of_issuer(db, &issuer_key)).await
    }

    /// Every tenant that has a configuration, with the issuer that it names.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issuers(&self) -> Result<Vec<(TenantId, String)>, StoreError> {
        let issuers = |db: &mut Db| {
            let columns = (oidc_configs::tenant_id, oidc_configs::issuer_url);
            let rows: Vec<(String, String)> =
                oidc_configs::table.order(oidc_configs::tenant_id).select(columns).load(db)?;
            rows.into_iter().map(|(tenant, issuer)| Ok((stored_id(&tenant)?, issuer))).collect()
        };
        self.database.read(issuers).await
    }

    /// A tenant's client secret, opened.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not open.
    pub async fn client_secret(&self, tenant: TenantId) -> Result<Option<SecretString>, StoreError> {
        let keys = Arc::clone(&self.keys);
        self.database.read(move |db| open(db, &keys, tenant)).await
    }

    /// Keeps a tenant's configuration: its first, or in place of the one that is there. Where it says
    /// something else of the tokens that it admits, every replica forgets what it knows.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such tenant, [`StoreError::Precondition`] when what is
    /// stored is not what the precondition asks for.
    pub async fn upsert(
        &self,
        tenant: TenantId,
        draft: OidcConfigDraft,
        precondition: Precondition,
        origin: Origin,
    ) -> Result<Upserted, StoreError> {
        let (keys, entropy, now) = (Arc::clone(&self.keys), self.entropy.clone(), origin.at());
        self.database
            .change(origin, move |db| {
                hold_authn_epoch(db)?;
                lock(db, tenant)?;
                let stored = find(db, tenant)?;
                check(&precondition, stored.as_ref())?;
                let saved = OidcConfig {
                    id: stored.as_ref().map_or_else(|| OidcConfigId::new(entropy.uuid_at(now)), |stored| stored.id),
                    tenant,
                    issuer_url: draft.issuer.as_sent().to_owned(),
                    client_id: draft.client_id.clone(),
                    scopes: draft.scopes.clone(),
                    audience: draft.audience.clone(),
                    accept_id_tokens: draft.accept_id_tokens,
                    created_at: stored.as_ref().map_or(now, |stored| stored.created_at),
                    updated_at: now,
                    version: stored.as_ref().map_or(1, |stored| stored.version + 1),
                };
                let sealed = keys.seal(&entropy, tenant, saved.id, &draft.client_secret)?;
                let same_secret = stored.is_some() && is_stored_secret(db, &keys, tenant, &draft.client_secret)?;
                write(db, &saved, &sealed, stored.is_some())?;
                let change = match &stored {
                    None => Change::created(&saved),
                    Some(stored) => Change::between(stored, &saved),
                };
                let change = if same_secret { change } else { change.with_secret("client_secret") };
                let admits_others = stored.is_none_or(|stored| !stored.admits_the_same_as(&saved));
                let shared_with = if admits_others { sharing(db, &saved, draft.issuer.key())? } else { Vec::new() };
                if admits_others {
                    move_authn_epoch(db)?;
                }
                Ok(change.giving(Upserted { config: saved, admits_others, shared_with }))
            })
            .await
    }

    /// Deletes a tenant's configuration.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, [`StoreError::Precondition`] when it is not what
    /// the precondition asks for.
    pub async fn delete(&self, tenant: TenantId, precondition: Precondition, origin: Origin) -> Result<(), StoreError> {
        self.database
            .change(origin, move |db| {
                move_authn_epoch(db)?;
                lock(db, tenant)?;
                let stored = find(db, tenant)?;
                check(&precondition, stored.as_ref())?;
                let stored = stored.ok_or(StoreError::Missing("OIDC configuration"))?;
                let row = oidc_configs::table.filter(oidc_configs::tenant_id.eq(tenant.to_string()));
                diesel::delete(row).execute(db)?;
                Ok(Change::deleted(&stored).with_secret("client_secret").giving(()))
            })
            .await
    }

    /// The ids of the keys that stored secrets are sealed under.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealing_keys(database: &Database) -> Result<Vec<String>, StoreError> {
        let ids = |db: &mut Db| Ok(oidc_configs::table.select(oidc_configs::secret_key_id).distinct().load(db)?);
        database.read(ids).await
    }
}

fn check(precondition: &Precondition, stored: Option<&OidcConfig>) -> Result<(), StoreError> {
    let etag = stored.map(OidcConfig::etag);
    if precondition.holds(etag.as_ref()) { Ok(()) } else { Err(StoreError::Precondition) }
}

fn of_issuer(db: &mut Db, issuer_key: &str) -> Result<Vec<TenantIssuer>, StoreError> {
    let rows = oidc_configs::table
        .filter(oidc_configs::issuer_key.eq(issuer_key))
        .order(oidc_configs::tenant_id)
        .select((
            oidc_configs::tenant_id,
            oidc_configs::client_id,
            oidc_configs::audience,
            oidc_configs::accept_id_tokens,
        ))
        .load::<(String, String, Option<String>, bool)>(db)?;
    rows.into_iter()
        .map(|(tenant, client_id, audience, accept_id_tokens)| {
            Ok(TenantIssuer { tenant: stored_id(&tenant)?, client_id, audience, accept_id_tokens })
        })
        .collect()
}

/// The other tenants that admit tokens which this configuration admits.
fn sharing(db: &mut Db, config: &OidcConfig, issuer_key: &str) -> Result<Vec<TenantId>, StoreError> {
    let ours = [Some(&config.client_id), config.audience.as_ref()];
    let is_ours = |audience: &String| ours.contains(&Some(audience));
    let mut others = of_issuer(db, issuer_key)?;
    others.retain(|other| {
        other.tenant != config.tenant && (is_ours(&other.client_id) || other.audience.as_ref().is_some_and(is_ours))
    });
    Ok(others.into_iter().map(|other| other.tenant).collect())
}

fn find(db: &mut Db, tenant: TenantId) -> Result<Option<OidcConfig>, StoreError> {
    let rows = oidc_configs::table.filter(oidc_configs::tenant_id.eq(tenant.to_string()));
    let row = rows.select(OidcConfigRow::as_select()).get_result(db).optional()?;
    row.map(OidcConfigRow::into_config).transpose()
}

/// The stored secret, opened.
fn open(db: &mut Db, keys: &KeyRing, tenant: TenantId) -> Result<Option<SecretString>, StoreError> {
    let row: Option<(String, String, Vec<u8>)> = oidc_configs::table
        .filter(oidc_configs::tenant_id.eq(tenant.to_string()))
        .select((oidc_configs::id, oidc_configs::secret_key_id, oidc_configs::secret_sealed))
        .get_result(db)
        .optional()?;
    let Some((id, key_id, bytes)) = row else { return Ok(None) };
    keys.open(tenant, stored_config_id(&id)?, &Sealed { key_id, bytes }).map(Some)
}

/// Whether the secret is the stored one. One that does not open is another one, and may be replaced.
fn is_stored_secret(db: &mut Db, keys: &KeyRing, tenant: TenantId, secret: &SecretString) -> Result<bool, StoreError> {
    match open(db, keys, tenant) {
        Ok(stored) => Ok(stored
            .is_some_and(|stored| stored.expose_secret().as_bytes().ct_eq(secret.expose_secret().as_bytes()).into())),
        Err(StoreError::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn write(db: &mut Db, config: &OidcConfig, sealed: &Sealed, exists: bool) -> Result<(), StoreError> {
    let changing = (
        oidc_configs::issuer_url.eq(&config.issuer_url),
        oidc_configs::client_id.eq(&config.client_id),
        oidc_configs::scopes.eq(config.scopes.join(" ")),
        oidc_configs::audience.eq(&config.audience),
        oidc_configs::accept_id_tokens.eq(config.accept_id_tokens),
        oidc_configs::secret_key_id.eq(&sealed.key_id),
        oidc_configs::secret_sealed.eq(&sealed.bytes),
        oidc_configs::version.eq(config.version),
        oidc_configs::updated_at.eq(config.updated_at.naive_utc()),
    );
    if exists {
        let row = oidc_configs::table.filter(oidc_configs::id.eq(config.id.to_string()));
        diesel::update(row).set(changing).execute(db)?;
    } else {
        let once = (
            oidc_configs::id.eq(config.id.to_string()),
            oidc_configs::tenant_id.eq(config.tenant.to_string()),
            oidc_configs::created_at.eq(config.created_at.naive_utc()),
        );
        diesel::insert_into(oidc_configs::table).values((once, changing)).execute(db)?;
    }
    Ok(())
}

/// Reads an id that this service wrote.
pub(super) fn stored_config_id(text: &str) -> Result<OidcConfigId, StoreError> {
    OidcConfigId::parse("id", text).map_err(|error| StoreError::Damaged(error.to_string()))
}
