//! The schema's versions.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, HarnessWithOutput, MigrationHarness, embed_migrations};

use super::StoreError;
use super::connection::{Db, transaction};
use super::schema::{api_keys, audit_events, instance, oidc_configs, oidc_settings, tenants};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Brings the database to this binary's version, in one transaction that only one process can be in.
pub(super) fn run(db: &mut Db) -> Result<(), StoreError> {
    transaction(db, |db| {
        match db {
            // Any constant will do, as long as every Gatewood takes the same.
            Db::Postgres(connection) => {
                diesel::sql_query("SELECT pg_advisory_xact_lock(7166218)").execute(connection)?;
                apply::<Pg, _>(connection, POSTGRES)?;
            }
            // The transaction began as a writer, and SQLite has one writer at a time.
            Db::Sqlite(connection) => apply::<Sqlite, _>(connection, SQLITE)?,
        }
        probe(db).map_err(|error| StoreError::Failed(format!("a table of Gatewood cannot be read: {error}")))
    })
}

fn apply<B, C>(connection: &mut C, known: EmbeddedMigrations) -> Result<(), StoreError>
where
    B: diesel::backend::Backend,
    C: MigrationHarness<B> + SimpleConnection,
    EmbeddedMigrations: MigrationSource<B>,
{
    let failed = |error: &dyn std::fmt::Display| StoreError::Failed(format!("the migration failed: {error}"));
    let known_versions: Vec<MigrationVersion<'_>> = MigrationSource::<B>::migrations(&known)
        .map_err(|error| failed(&error))?
        .iter()
        .map(|migration| migration.name().version().as_owned())
        .collect();
    let applied = connection.applied_migrations().map_err(|error| classify(error.as_ref()))?;
    if let Some(newer) = applied.iter().find(|version| !known_versions.contains(version)) {
        return Err(StoreError::Failed(format!(
            "the database is newer than this binary: it has the migration {newer}, which this binary does not know; start a newer one"
        )));
    }
    // What it says is for people who run migrations by hand; the log has its own line.
    let mut harness = HarnessWithOutput::new(connection, std::io::sink());
    let done = harness.run_pending_migrations(known).map_err(|error| failed(&error))?;
    if !done.is_empty() {
        tracing::info!(migrations = done.len(), "the database was brought up to date");
    }
    Ok(())
}

/// Keeps "read-only" and "locked" what they are when a migration meets them.
fn classify(error: &(dyn std::error::Error + 'static)) -> StoreError {
    match error.downcast_ref::<diesel::result::Error>() {
        Some(diesel::result::Error::DatabaseError(_, information)) => {
            StoreError::Failed(format!("the database cannot be used: {}", information.message()))
        }
        _ => StoreError::Failed(format!("the database cannot be used: {error}")),
    }
}

/// Reads nothing from every table: enough to know that each is there.
pub(super) fn probe(db: &mut Db) -> Result<(), StoreError> {
    instance::table.select(instance::id).limit(0).load::<String>(db)?;
    tenants::table.select(tenants::id).limit(0).load::<String>(db)?;
    oidc_configs::table.select(oidc_configs::id).limit(0).load::<String>(db)?;
    oidc_settings::table.select(oidc_settings::singleton).limit(0).load::<i32>(db)?;
    api_keys::table.select(api_keys::id).limit(0).load::<String>(db)?;
    audit_events::table.select(audit_events::id).limit(0).load::<String>(db)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_backends_have_the_same_migrations_and_each_can_be_undone() {
        let names = |source: &EmbeddedMigrations| -> Vec<String> {
            let migrations = MigrationSource::<Sqlite>::migrations(source).unwrap();
            migrations.iter().map(|migration| migration.name().to_string()).collect()
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection.run_pending_migrations(SQLITE).unwrap();
        connection.revert_all_migrations(SQLITE).unwrap();
        connection.run_pending_migrations(SQLITE).unwrap();
    }

    #[test]
    fn configurations_that_were_stored_before_are_found_by_their_issuer_as_well() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let all = MigrationSource::<Sqlite>::migrations(&SQLITE).unwrap();
        let earlier = |name: &str| name < "2026-11-22-000004_tenant_issuers";
        // This makes the table that keeps account of them.
        connection.applied_migrations().unwrap();
        for migration in all.iter().filter(|migration| earlier(&migration.name().to_string())) {
            connection.run_migration(migration.as_ref()).unwrap();
        }
        connection
            .batch_execute(
                "INSERT INTO tenants VALUES ('01a201e2-9e0c-7076-b067-769f0a9aebf5', 't', '2026-01-01', '2026-01-01');
                 INSERT INTO oidc_configs (id, tenant_id, issuer_url, client_id, scopes, secret_key_id, secret_sealed,
                   version, created_at, updated_at)
                 VALUES ('01a201e2-9e0c-7076-b067-769f0a9aebf6', '01a201e2-9e0c-7076-b067-769f0a9aebf5',
                   'https://h/a//', 'c', '', 'k', x'00', 1, '2026-01-01', '2026-01-01');",
            )
            .unwrap();
        connection.run_pending_migrations(SQLITE).unwrap();
        let row = oidc_configs::table.select((
            oidc_configs::issuer_key,
            oidc_configs::audience,
            oidc_configs::accept_id_tokens,
        ));
        let stored: (String, Option<String>, bool) = row.get_result(&mut connection).unwrap();
        assert_eq!(stored, ("https://h/a".to_owned(), None, false));
    }
}
