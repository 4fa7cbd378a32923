//! A fresh database for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl};
use tempfile::TempDir;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A database that nobody else uses. It is gone when this is dropped.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    postgres: Option<String>,
}

impl TestDatabase {
    pub(crate) fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite://{}/gatewood.db", folder.path().display());
                Self { url, folder, postgres: None }
            }
            Backend::Postgres => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                admin(&format!("CREATE DATABASE {name}"));
                Self { url: with_database(&name), folder, postgres: Some(name) }
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(name) = &self.postgres {
            admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// The URL of the server's own database. Tests that need PostgreSQL fail without it; they never skip.
pub(crate) fn admin_url() -> String {
    std::env::var("GATEWOOD_TEST_POSTGRES_URL").unwrap_or_else(|_missing| {
        panic!(
            "this test needs PostgreSQL: run ./scripts/test, or `./scripts/postgres run -- cargo test`, \
             or set GATEWOOD_TEST_POSTGRES_URL to a server where databases may be made"
        )
    })
}

fn with_database(name: &str) -> String {
    let mut url = url::Url::parse(&admin_url()).unwrap();
    url.set_path(name);
    url.into()
}

fn admin(statement: &str) {
    let mut connection = PgConnection::establish(&admin_url()).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap();
}
