//! Moving every sealed secret under the primary key.

use std::sync::Arc;

use diesel::prelude::*;

use super::change::{Change, Changed};
use super::connection::Db;
use super::instance::stored_instance;
use super::key_ring::Sealed;
use super::oidc_configs::stored_config_id;
use super::schema::oidc_configs;
use super::tenants::stored_id;
use super::{Database, KeyRing, StoreError};
use crate::domain::{Entropy, Origin};

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that were sealed anew.
    pub moved: u64,
    /// Rows that were under the primary key already.
    pub current: u64,
    /// What is wrong with each row that does not open. Such a row is left as it is.
    pub failed: Vec<String>,
}

/// How many rows there are to look at.
///
/// # Errors
/// When the database does not answer.
pub async fn count_rows(database: &Database) -> Result<u64, StoreError> {
    let count = database.read(|db| Ok(oidc_configs::table.count().get_result::<i64>(db)?)).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Seals every row anew that is not under the primary key, in small transactions, so that a server
/// that is running meanwhile is hardly held up. `progress` is told after each batch how many rows
/// were looked at in it. The first batch that moves something leaves the one event in history that
/// stands for them all: so nothing is moved that history does not know of, however it ends.
///
/// # Errors
/// When the database does not answer. What was moved until then stays moved; run it again.
pub async fn reseal(
    database: &Database,
    keys: &Arc<KeyRing>,
    entropy: &Entropy,
    origin: &Origin,
    mut progress: impl FnMut(u64),
) -> Result<Resealed, StoreError> {
    let mut total = Resealed::default();
    let mut after = String::new();
    loop {
        let (keys, entropy, from) = (Arc::clone(keys), entropy.clone(), after.clone());
        let known = total.moved > 0;
        let work = move |db: &mut Db| {
            let found = if known { Vec::new() } else { other_keys(db, &keys)? };
            let batch = reseal_batch(db, &keys, &entropy, &from)?;
            if known || batch.done.moved == 0 {
                return Ok(Changed::nothing(batch));
            }
            let change = Change::about("Instance", stored_instance(db)?.as_str().to_owned(), None);
            Ok(change.with("secret_key_id", found, vec![keys.primary()]).giving(batch))
        };
        let batch = database.change(origin.clone(), work).await?;
        let Some(last) = batch.last else { return Ok(total) };
        after = last;
        progress(batch.done.moved + batch.done.current + batch.done.failed.len() as u64);
        total.moved += batch.done.moved;
        total.current += batch.done.current;
        total.failed.extend(batch.done.failed);
    }
}

/// The keys besides the primary one that something is sealed under.
fn other_keys(db: &mut Db, keys: &KeyRing) -> Result<Vec<String>, StoreError> {
    lock(db)?;
    let others = oidc_configs::table.filter(oidc_configs::secret_key_id.ne(keys.primary()));
    let ids = others.select(oidc_configs::secret_key_id).distinct().order(oidc_configs::secret_key_id);
    Ok(ids.load(db)?)
}

struct Batch {
    done: Resealed,
    last: Option<String>,
}

fn reseal_batch(db: &mut Db, keys: &KeyRing, entropy: &Entropy, after: &str) -> Result<Batch, StoreError> {
    const ROWS: i64 = 100;
    lock(db)?;
    let rows: Vec<(String, String, String, Vec<u8>)> = oidc_configs::table
        .filter(oidc_configs::id.gt(after))
        .order(oidc_configs::id)
        .limit(ROWS)
        .select((oidc_configs::id, oidc_configs::tenant_id, oidc_configs::secret_key_id, oidc_configs::secret_sealed))
        .load(db)?;
    let last = rows.last().map(|(id, ..)| id.clone());
    let mut done = Resealed::default();
    for (id, tenant, key_id, bytes) in rows {
        if key_id == keys.primary() {
            done.current += 1;
            continue;
        }
        let opened = stored_config_id(&id).and_then(|row| {
            let tenant = stored_id(&tenant)?;
            Ok((tenant, row, keys.open(tenant, row, &Sealed { key_id, bytes })?))
        });
        match opened {
            Err(error) => done.failed.push(error.to_string()),
            Ok((tenant, row, secret)) => {
                let sealed = keys.seal(entropy, tenant, row, &secret)?;
                let under =
                    (oidc_configs::secret_key_id.eq(sealed.key_id), oidc_configs::secret_sealed.eq(sealed.bytes));
                diesel::update(oidc_configs::table.filter(oidc_configs::id.eq(id))).set(under).execute(db)?;
                done.moved += 1;
            }
        }
    }
    Ok(Batch { done, last })
}

/// Writers of single configurations wait for a batch, so that none of their secrets is overwritten by an older one.
fn lock(db: &mut Db) -> Result<(), StoreError> {
    match db {
        Db::Postgres(connection) => {
            diesel::sql_query("LOCK TABLE oidc_configs IN SHARE ROW EXCLUSIVE MODE").execute(connection)?;
        }
        // The transaction is SQLite's only writer.
        Db::Sqlite(_) => {}
    }
    Ok(())
}
