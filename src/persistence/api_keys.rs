//! API keys. What is kept of a key's text is a hash.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;

use super::change::{Change, Changed, Recorded, time};
use super::connection::Db;
use super::instance::move_authn_epoch;
use super::readable::{cut, readable};
use super::schema::api_keys;
use super::tenants::{lock, stored_id};
use super::{Database, StoreError};
use crate::domain::{
    ApiKey, ApiKeyId, KeyDigest, KeyScope, Name, Origin, Page, PageRequest, Role, Roles, StoredCredential, TenantId,
    Timestamp,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: String,
    tenant_id: Option<String>,
    name: String,
    roles: String,
    digest: Vec<u8>,
    previous_digest: Option<Vec<u8>>,
    previous_valid_until: Option<NaiveDateTime>,
    created_at: NaiveDateTime,
    created_by: String,
    expires_at: Option<NaiveDateTime>,
    suspended_at: Option<NaiveDateTime>,
    revoked_at: Option<NaiveDateTime>,
    last_used_at: Option<NaiveDateTime>,
}

impl ApiKeyRow {
    fn of(new: &NewApiKey) -> Self {
        Self {
            id: new.key.id.to_string(),
            tenant_id: new.key.scope.tenant().map(|tenant| tenant.to_string()),
            name: new.key.name.as_str().to_owned(),
            roles: new.key.roles.to_stored(),
            digest: new.digest.as_bytes().to_vec(),
            previous_digest: None,
            previous_valid_until: None,
            created_at: new.key.created_at.naive_utc(),
            created_by: new.key.created_by.clone(),
            expires_at: new.key.expires_at.map(|at| at.naive_utc()),
            suspended_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn into_credential(self) -> Result<StoredCredential, StoreError> {
        let digest = |bytes: &[u8]| {
            KeyDigest::from_stored(bytes)
                .ok_or_else(|| StoreError::Damaged(format!("the digest of the API key {}", self.id)))
        };
        Ok(StoredCredential {
            digest: digest(&self.digest)?,
            previous: self.previous_digest.as_deref().map(digest).transpose()?,
            key: self.into_key()?,
        })
    }

    fn into_key(self) -> Result<ApiKey, StoreError> {
        let utc = |at: NaiveDateTime| at.and_utc();
        Ok(ApiKey {
            id: stored_key_id(&self.id)?,
            scope: KeyScope::from(self.tenant_id.as_deref().map(stored_id).transpose()?),
            name: Name::from_stored(self.name),
            roles: Roles::from_stored(&self.roles),
            created_at: utc(self.created_at),
            created_by: self.created_by,
            expires_at: self.expires_at.map(utc),
            suspended_at: self.suspended_at.map(utc),
            last_used_at: self.last_used_at.map(utc),
            previous_valid_until: self.previous_valid_until.map(utc),
        })
    }
}

impl Recorded for ApiKey {
    const TYPE: &'static str = "ApiKeyRecord";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn tenant(&self) -> Option<TenantId> {
        self.scope.tenant()
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("name", self.name.as_str().into()),
            ("roles", self.roles.names().collect()),
            ("expires_at", time(self.expires_at)),
            ("suspended_at", time(self.suspended_at)),
            ("previous_valid_until", time(self.previous_valid_until)),
        ]
    }
}

/// A key to be kept.
#[derive(Clone)]
pub struct NewApiKey {
    /// The record.
    pub key: ApiKey,
    /// The hash of its text.
    pub digest: KeyDigest,
}

/// What became of a root key that was preset or made at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKeyOutcome {
    /// It was added.
    Added,
    /// It was there already, and is the same.
    Known,
    /// It was revoked once, and stays so.
    Revoked,
    /// Nothing was done, because there are root keys already.
    NotNeeded,
    /// It is a root key that is suspended or has expired.
    Idle,
    /// A root key of this id is there, with another secret: it was rotated.
    Rotated,
    /// A key of this id is there, and is no root key.
    Different,
}

/// The repository of API keys.
#[derive(Clone)]
pub struct ApiKeys(Database);

impl ApiKeys {
    /// The repository in this database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }

    /// Keeps a new key.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when its tenant does not exist.
    pub async fn create(&self, new: NewApiKey, origin: Origin) -> Result<(), StoreError> {
        self.0
            .change(origin, move |db| {
                if let Some(tenant) = new.key.scope.tenant() {
                    lock(db, tenant)?;
                }
                Ok(insert(db, &new)?.giving(()))
            })
            .await
    }

    /// Keeps a root key at start: always (`preset`), or only when there is none, not even a revoked one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ensure_root(
        &self,
        new: NewApiKey,
        preset: bool,
        origin: Origin,
    ) -> Result<RootKeyOutcome, StoreError> {
        self.0
            .change(origin, move |db| {
                // Replicas that start at once come here one after the other.
                move_authn_epoch(db)?;
                let id = new.key.id.to_string();
                if !preset {
                    let roots = api_keys::table.filter(api_keys::tenant_id.is_null()).select(api_keys::roles);
                    let any = roots.load::<String>(db)?.iter().any(|roles| is_root(roles));
                    if any {
                        return Ok(Changed::nothing(RootKeyOutcome::NotNeeded));
                    }
                }
                let row = api_keys::table
                    .filter(api_keys::id.eq(id))
                    .select(ApiKeyRow::as_select())
                    .get_result(db)
                    .optional()?;
                Ok(match row {
                    None => insert(db, &new)?.giving(RootKeyOutcome::Added),
                    Some(row) if row.revoked_at.is_some() => Changed::nothing(RootKeyOutcome::Revoked),
                    Some(row) => {
                        let stored = row.into_credential()?;
                        let root = stored.key.scope == KeyScope::Instance && stored.key.roles.contains(Role::Root);
                        let works = stored.admits(&new.digest, new.key.created_at);
                        Changed::nothing(match (root, stored.digest.matches(&new.digest)) {
                            (false, _) => RootKeyOutcome::Different,
                            (true, false) => RootKeyOutcome::Rotated,
                            (true, true) if works => RootKeyOutcome::Known,
                            (true, true) => RootKeyOutcome::Idle,
                        })
                    }
                })
            })
            .await
    }

    /// What authentication needs to know of a key. A revoked key is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn credential(&self, id: ApiKeyId) -> Result<Option<StoredCredential>, StoreError> {
        self.0
            .read(move |db| {
                let rows =
                    api_keys::table.filter(api_keys::id.eq(id.to_string())).filter(api_keys::revoked_at.is_null());
                let row = rows.select(ApiKeyRow::as_select()).get_result(db).optional()?;
                row.map(ApiKeyRow::into_credential).transpose()
            })
            .await
    }

    /// The key of this id, if it is of this scope. A revoked key is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, scope: KeyScope, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.0.read(move |db| find(db, scope, id)).await
    }

    /// A page of the keys of a scope, without the revoked ones.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the scope's tenant does not exist.
    pub async fn list(&self, scope: KeyScope, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.0
            .read(move |db| {
                if let Some(tenant) = scope.tenant() {
                    super::tenants::require(db, tenant)?;
                }
                let after = page.after.map(|id| id.as_hyphenated().to_string()).unwrap_or_default();
                let page_of_it = || {
                    let query = api_keys::table.into_boxed().filter(api_keys::revoked_at.is_null());
                    let query = match scope {
                        KeyScope::Instance => query.filter(api_keys::tenant_id.is_null()),
                        KeyScope::Tenant(tenant) => query.filter(api_keys::tenant_id.eq(tenant.to_string())),
                    };
                    query.filter(api_keys::id.gt(after.clone())).order(api_keys::id).limit(i64::from(page.limit) + 1)
                };
                let rows = readable(
                    db,
                    |db| page_of_it().select(ApiKeyRow::as_select()).load(db),
                    |row| (row.id.clone(), row.into_key()),
                    |db| page_of_it().select(api_keys::id).load(db),
                    |db, id| find(db, scope, stored_key_id(id)?),
                )?;
                cut(rows, page.limit)
            })
            .await
    }

    /// Puts a new secret in force and lets the one before live until `previous_valid_until`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such key in the scope.
    pub async fn rotate(
        &self,
        scope: KeyScope,
        id: ApiKeyId,
        digest: KeyDigest,
        previous_valid_until: Timestamp,
        origin: Origin,
    ) -> Result<ApiKey, StoreError> {
        self.0
            .change(origin, move |db| {
                let before = take(db, scope, id)?;
                let row = api_keys::table.filter(api_keys::id.eq(id.to_string()));
                let old: Vec<u8> = row.clone().select(api_keys::digest).get_result(db)?;
                let changes = (
                    api_keys::digest.eq(digest.as_bytes().to_vec()),
                    api_keys::previous_digest.eq(Some(old)),
                    api_keys::previous_valid_until.eq(Some(previous_valid_until.naive_utc())),
                );
                diesel::update(row).set(changes).execute(db)?;
                let after = found(db, scope, id)?;
                Ok(Change::between(&before, &after).with_secret("secret").giving(after))
            })
            .await
    }

    /// Suspends a key from the origin's time on. Suspending a suspended key changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such key in the scope, [`StoreError::LastRootKey`]
    /// when no other root key works.
    pub async fn suspend(&self, scope: KeyScope, id: ApiKeyId, origin: Origin) -> Result<ApiKey, StoreError> {
        let now = origin.at();
        self.0
            .change(origin, move |db| {
                let before = take(db, scope, id)?;
                if before.suspended_at.is_some() {
                    return Ok(Changed::nothing(before));
                }
                keep_last_root(db, id, now)?;
                set_suspended(db, &before, Some(now))
            })
            .await
    }

    /// Resumes a key. Resuming a key that works changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such key in the scope.
    pub async fn resume(&self, scope: KeyScope, id: ApiKeyId, origin: Origin) -> Result<ApiKey, StoreError> {
        self.0
            .change(origin, move |db| {
                let before = take(db, scope, id)?;
                if before.suspended_at.is_none() {
                    return Ok(Changed::nothing(before));
                }
                set_suspended(db, &before, None)
            })
            .await
    }

    /// Revokes a key for good.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such key in the scope, [`StoreError::LastRootKey`]
    /// when no other root key works.
    pub async fn revoke(&self, scope: KeyScope, id: ApiKeyId, origin: Origin) -> Result<(), StoreError> {
        let now = origin.at();
        self.0
            .change(origin, move |db| {
                let key = take(db, scope, id)?;
                keep_last_root(db, id, now)?;
                let row = api_keys::table.filter(api_keys::id.eq(id.to_string()));
                diesel::update(row).set(api_keys::revoked_at.eq(Some(now.naive_utc()))).execute(db)?;
                Ok(Change::of(&key).with("revoked_at", Value::Null, time(Some(now))).giving(()))
            })
            .await
    }

    /// Whether the key is a root key that works, and the only one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_last_root(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.0.read(move |db| is_last_root(db, id, now)).await
    }

    /// Notes when keys were last used. Times only move forward.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn touch(&self, mut used: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError> {
        // Two replicas that note the same keys must not wait for one another in a circle.
        used.sort_unstable();
        self.0
            .write_unrecorded(move |db| {
                for (id, at) in &used {
                    let at = at.naive_utc();
                    let row = api_keys::table
                        .filter(api_keys::id.eq(id.to_string()))
                        .filter(api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at)));
                    diesel::update(row).set(api_keys::last_used_at.eq(Some(at))).execute(db)?;
                }
                Ok(())
            })
            .await
    }
}

/// Takes hold of a key that is to be changed, with every cache told. Such changes come one after the other.
fn take(db: &mut Db, scope: KeyScope, id: ApiKeyId) -> Result<ApiKey, StoreError> {
    move_authn_epoch(db)?;
    found(db, scope, id)
}

fn set_suspended(db: &mut Db, before: &ApiKey, at: Option<Timestamp>) -> Result<Changed<ApiKey>, StoreError> {
    let row = api_keys::table.filter(api_keys::id.eq(before.id.to_string()));
    diesel::update(row).set(api_keys::suspended_at.eq(at.map(|at| at.naive_utc()))).execute(db)?;
    let after = ApiKey { suspended_at: at, ..before.clone() };
    Ok(Change::between(before, &after).giving(after))
}

fn found(db: &mut Db, scope: KeyScope, id: ApiKeyId) -> Result<ApiKey, StoreError> {
    find(db, scope, id)?.ok_or(StoreError::Missing("API key"))
}

fn find(db: &mut Db, scope: KeyScope, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let rows = api_keys::table.filter(api_keys::id.eq(id.to_string())).filter(api_keys::revoked_at.is_null());
    let row = rows.select(ApiKeyRow::as_select()).get_result(db).optional()?;
    let key = row.map(ApiKeyRow::into_key).transpose()?;
    Ok(key.filter(|key| key.scope == scope))
}

fn insert(db: &mut Db, new: &NewApiKey) -> Result<Change, StoreError> {
    let inserted = diesel::insert_into(api_keys::table).values(ApiKeyRow::of(new)).execute(db);
    inserted.map_err(StoreError::or_taken("API key id"))?;
    Ok(Change::created(&new.key).with_secret("secret"))
}

fn keep_last_root(db: &mut Db, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
    if is_last_root(db, id, now)? { Err(StoreError::LastRootKey) } else { Ok(()) }
}

fn is_last_root(db: &mut Db, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    let working: Vec<(String, String)> = api_keys::table
        .filter(api_keys::tenant_id.is_null())
        .filter(api_keys::roles.like("%root%"))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::suspended_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now.naive_utc())))
        .select((api_keys::id, api_keys::roles))
        .load(db)?;
    let mut roots = working.iter().filter(|(_, roles)| is_root(roles)).map(|(id, _)| id);
    let first = roots.next();
    Ok(first == Some(&id.to_string()) && roots.next().is_none())
}

fn is_root(stored_roles: &str) -> bool {
    Roles::from_stored(stored_roles).contains(Role::Root)
}

fn stored_key_id(text: &str) -> Result<ApiKeyId, StoreError> {
    ApiKeyId::parse("id", text).map_err(|error| StoreError::Damaged(error.to_string()))
}
