//! Tenants.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;

use super::change::{Change, Recorded};
use super::connection::Db;
use super::instance::move_authn_epoch;
use super::readable::{cut, readable};
use super::schema::{api_keys, oidc_configs, tenants};
use super::{Database, StoreError};
use crate::domain::{Name, Origin, Page, PageRequest, Tenant, TenantId};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tenants)]
struct TenantRow {
    id: String,
    name: String,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl TenantRow {
    fn into_tenant(self) -> Result<Tenant, StoreError> {
        Ok(Tenant {
            id: stored_id(&self.id)?,
            name: Name::from_stored(self.name),
            created_at: self.created_at.and_utc(),
            updated_at: self.updated_at.and_utc(),
        })
    }
}

impl Recorded for Tenant {
    const TYPE: &'static str = "Tenant";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn tenant(&self) -> Option<TenantId> {
        Some(self.id)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("name", self.name.as_str().into())]
    }
}

/// The repository of tenants.
#[derive(Clone)]
pub struct Tenants(Database);

impl Tenants {
    /// The repository in this database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }

    /// Keeps a new tenant.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one has the name.
    pub async fn create(&self, tenant: Tenant, origin: Origin) -> Result<(), StoreError> {
        self.0
            .change(origin, move |db| {
                let row = TenantRow {
                    id: tenant.id.to_string(),
                    name: tenant.name.as_str().to_owned(),
                    created_at: tenant.created_at.naive_utc(),
                    updated_at: tenant.updated_at.naive_utc(),
                };
                let inserted = diesel::insert_into(tenants::table).values(row).execute(db);
                inserted.map_err(StoreError::or_taken("name"))?;
                Ok(Change::created(&tenant).giving(()))
            })
            .await
    }

    /// The tenant of this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.0.read(move |db| find(db, id)).await
    }

    /// A page of the list of tenants.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.0
            .read(move |db| {
                let after = page.after.map(|id| id.as_hyphenated().to_string()).unwrap_or_default();
                let page_of_it =
                    tenants::table.filter(tenants::id.gt(after)).order(tenants::id).limit(i64::from(page.limit) + 1);
                let rows = readable(
                    db,
                    |db| page_of_it.clone().select(TenantRow::as_select()).load(db),
                    |row| (row.id.clone(), row.into_tenant()),
                    |db| page_of_it.clone().select(tenants::id).load(db),
                    |db, id| find(db, stored_id(id)?),
                )?;
                cut(rows, page.limit)
            })
            .await
    }

    /// Gives a tenant another name.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such tenant, [`StoreError::Taken`] when another one has the name.
    pub async fn rename(&self, id: TenantId, name: Name, origin: Origin) -> Result<Tenant, StoreError> {
        let now = origin.at();
        self.0
            .change(origin, move |db| {
                lock(db, id)?;
                let before = find(db, id)?.ok_or(StoreError::Missing("tenant"))?;
                let row = tenants::table.filter(tenants::id.eq(id.to_string()));
                let changes = (tenants::name.eq(name.as_str()), tenants::updated_at.eq(now.naive_utc()));
                diesel::update(row).set(changes).execute(db).map_err(StoreError::or_taken("name"))?;
                let after = find(db, id)?.ok_or(StoreError::Missing("tenant"))?;
                Ok(Change::between(&before, &after).giving(after))
            })
            .await
    }

    /// Deletes a tenant with all that is its own: its configuration and its keys.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such tenant.
    pub async fn delete(&self, id: TenantId, origin: Origin) -> Result<(), StoreError> {
        self.0
            .change(origin, move |db| {
                move_authn_epoch(db)?;
                lock(db, id)?;
                let gone = deletion(db, id)?;
                let row = tenants::table.filter(tenants::id.eq(id.to_string()));
                if diesel::delete(row).execute(db)? == 0 {
                    return Err(StoreError::Missing("tenant"));
                }
                Ok(gone.giving(()))
            })
            .await
    }
}

/// What goes with a tenant. Only what is needed is read: a tenant of which a row is damaged can be deleted, too.
fn deletion(db: &mut Db, id: TenantId) -> Result<Change, StoreError> {
    let text = id.to_string();
    let name: String = tenants::table.filter(tenants::id.eq(&text)).select(tenants::name).get_result(db)?;
    let keys = api_keys::table.filter(api_keys::tenant_id.eq(&text)).filter(api_keys::revoked_at.is_null());
    let keys: i64 = keys.count().get_result(db)?;
    let configs: i64 = oidc_configs::table.filter(oidc_configs::tenant_id.eq(&text)).count().get_result(db)?;
    let gone = Change::about(Tenant::TYPE, text, Some(id)).with("name", name, Value::Null);
    Ok(gone.with("api_keys", keys, 0).with("oidc_config", configs > 0, false))
}

fn find(db: &mut Db, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    let rows = tenants::table.filter(tenants::id.eq(id.to_string()));
    let row = rows.select(TenantRow::as_select()).get_result(db).optional()?;
    row.map(TenantRow::into_tenant).transpose()
}

/// Holds a tenant's row until the end of the transaction, so that writes about one tenant come one
/// after the other and the tenant cannot be deleted meanwhile.
pub(super) fn lock(db: &mut Db, id: TenantId) -> Result<(), StoreError> {
    let found = match db {
        Db::Postgres(connection) => {
            let row = tenants::table.filter(tenants::id.eq(id.to_string())).select(tenants::id);
            row.for_no_key_update().get_result::<String>(connection).optional()?
        }
        // The transaction is SQLite's only writer.
        Db::Sqlite(connection) => tenants::table
            .filter(tenants::id.eq(id.to_string()))
            .select(tenants::id)
            .get_result(connection)
            .optional()?,
    };
    found.map(drop).ok_or(StoreError::Missing("tenant"))
}

/// Fails when there is no such tenant.
pub(super) fn require(db: &mut Db, id: TenantId) -> Result<(), StoreError> {
    find(db, id)?.map(drop).ok_or(StoreError::Missing("tenant"))
}

/// Whether there is such a tenant, be its row readable or not.
pub(super) fn exists(db: &mut Db, id: TenantId) -> Result<bool, StoreError> {
    let row = tenants::table.filter(tenants::id.eq(id.to_string()));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(db)?)
}

/// Reads an id that this service wrote.
pub(super) fn stored_id(text: &str) -> Result<TenantId, StoreError> {
    TenantId::parse("id", text).map_err(|error| StoreError::Damaged(error.to_string()))
}
