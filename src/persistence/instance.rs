//! The one row about this deployment.

use diesel::prelude::*;

use super::connection::Db;
use super::schema::instance;
use super::{Database, StoreError};
use crate::domain::{Entropy, InstanceId, Timestamp};

/// Where the control plane's policies came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlPolicies {
    /// A folder that somebody can edit.
    Folder,
    /// What the binary was built with.
    Embedded,
}

impl ControlPolicies {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Embedded => "embedded",
        }
    }
}

/// What is kept about this deployment.
#[derive(Debug, Clone)]
pub struct InstanceRow {
    /// Its id.
    pub id: InstanceId,
    /// Where the policies came from when the database was last used.
    pub control_policies: ControlPolicies,
}

/// The repository of the instance.
#[derive(Clone)]
pub struct Instance(Database);

impl Instance {
    /// The repository in this database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }

    /// The instance; made, when the database is new.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_or_create(
        &self,
        entropy: Entropy,
        now: Timestamp,
        policies: ControlPolicies,
    ) -> Result<InstanceRow, StoreError> {
        let made = InstanceId::from_random(entropy.bytes());
        self.0
            .write_unrecorded(move |db| {
                lock(db)?;
                if let Some(row) = find(db)? {
                    return Ok(row);
                }
                diesel::insert_into(instance::table)
                    .values((
                        instance::singleton.eq(1),
                        instance::id.eq(made.as_str()),
                        instance::control_policies.eq(policies.as_str()),
                        instance::authn_epoch.eq(0_i64),
                        instance::created_at.eq(now.naive_utc()),
                    ))
                    .execute(db)?;
                Ok(InstanceRow { id: made.clone(), control_policies: policies })
            })
            .await
    }

    /// Remembers where the policies come from.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remember(&self, policies: ControlPolicies) -> Result<(), StoreError> {
        self.0
            .write_unrecorded(move |db| {
                diesel::update(instance::table).set(instance::control_policies.eq(policies.as_str())).execute(db)?;
                Ok(())
            })
            .await
    }

    /// A number that moves with every change that takes a right away from a key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authn_epoch(&self) -> Result<i64, StoreError> {
        self.0.read_apart(|db| Ok(instance::table.select(instance::authn_epoch).get_result(db)?)).await
    }
}

/// Two replicas that start on an empty PostgreSQL at once must make one instance.
fn lock(db: &mut Db) -> Result<(), StoreError> {
    match db {
        Db::Postgres(connection) => {
            diesel::sql_query("LOCK TABLE instance IN SHARE ROW EXCLUSIVE MODE").execute(connection)?;
        }
        // The transaction is SQLite's only writer.
        Db::Sqlite(_) => {}
    }
    Ok(())
}

fn find(db: &mut Db) -> Result<Option<InstanceRow>, StoreError> {
    let row: Option<(String, String)> =
        instance::table.select((instance::id, instance::control_policies)).get_result(db).optional()?;
    Ok(row.map(|(id, policies)| InstanceRow {
        id: InstanceId::from_stored(id),
        control_policies: if policies == ControlPolicies::Folder.as_str() {
            ControlPolicies::Folder
        } else {
            ControlPolicies::Embedded
        },
    }))
}

/// The instance's id.
pub(super) fn stored_instance(db: &mut Db) -> Result<InstanceId, StoreError> {
    find(db)?.map(|row| row.id).ok_or(StoreError::Missing("instance"))
}

/// Holds what [`move_authn_epoch`] changes, for a transaction that finds out later whether it takes a
/// right away: every such transaction begins with this row, so that none waits for another in a circle.
pub(super) fn hold_authn_epoch(db: &mut Db) -> Result<(), StoreError> {
    match db {
        Db::Postgres(connection) => {
            let row = instance::table.select(instance::authn_epoch).for_no_key_update();
            row.get_result::<i64>(connection).optional()?;
        }
        // The transaction is SQLite's only writer.
        Db::Sqlite(_) => {}
    }
    Ok(())
}

/// Makes every replica forget what it cached about keys. It is the first statement of every
/// transaction that takes a right away, or comes after [`hold_authn_epoch`], so it also makes those wait
/// for one another.
pub(super) fn move_authn_epoch(db: &mut Db) -> Result<(), StoreError> {
    diesel::update(instance::table).set(instance::authn_epoch.eq(instance::authn_epoch + 1_i64)).execute(db)?;
    Ok(())
}
