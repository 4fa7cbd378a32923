//! A fresh database for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
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

impl TestDatabase {
    /// A connection past the service, for looking at rows and for damaging them.
    pub(crate) fn raw(&self) -> Raw {
        match self.url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = SqliteConnection::establish(path).unwrap();
                connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                Raw::Sqlite(connection)
            }
            None => Raw::Postgres(connect(&self.url).unwrap()),
        }
    }

    /// The database's file, when it is one.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("gatewood.db")
    }
}

/// A connection past the service.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

impl Raw {
    /// Runs statements.
    #[track_caller]
    pub(crate) fn execute(&mut self, statements: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(statements).unwrap(),
            Self::Postgres(connection) => connection.batch_execute(statements).unwrap(),
        }
    }

    /// What the database says to statements that it refuses.
    #[track_caller]
    pub(crate) fn refused(&mut self, statements: &str) -> String {
        let outcome = match self {
            Self::Sqlite(connection) => connection.batch_execute(statements),
            Self::Postgres(connection) => connection.batch_execute(statements),
        };
        outcome.map_or_else(|error| error.to_string(), |()| panic!("it was not refused: {statements}"))
    }

    /// The texts that a query gives in its column `value`.
    #[track_caller]
    pub(crate) fn texts(&mut self, query: &str) -> Vec<String> {
        let rows: Vec<Row> = match self {
            Self::Sqlite(connection) => diesel::sql_query(query).load(connection).unwrap(),
            Self::Postgres(connection) => diesel::sql_query(query).load(connection).unwrap(),
        };
        rows.into_iter().map(|row| row.value).collect()
    }

    /// The one number that a query gives in its column `value`, a text.
    #[track_caller]
    pub(crate) fn number(&mut self, query: &str) -> i64 {
        self.texts(query).first().unwrap().parse().unwrap()
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
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_missing| {
        panic!(
            "this test needs PostgreSQL: run ./scripts/test, or `./scripts/postgres run -- cargo test`, \
             or set TEST_POSTGRES_URL to a server where databases may be made"
        )
    })
}

fn with_database(name: &str) -> String {
    let mut url = url::Url::parse(&admin_url()).unwrap();
    url.set_path(name);
    url.into()
}

fn admin(statement: &str) {
    let mut connection = connect(&admin_url()).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap();
}

/// A connection of the test's own. OpenSSL is initialized as the service does it, or it would clean
/// up at the end of the tests under the feet of threads that are still connecting.
fn connect(url: &str) -> diesel::ConnectionResult<PgConnection> {
    openssl_sys::init();
    PgConnection::establish(url)
}
