//! One connection to either backend.

use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, QueryResult, RunQueryDsl};
use secrecy::ExposeSecret;

use super::StoreError;
use crate::domain::DatabaseUrl;

/// A connection to either backend.
///
/// `establish` of the derived type would try one backend after the other, and SQLite takes any text
/// for a file name; [`Manager`] chooses by the URL's scheme and is the only way to a connection.
#[derive(diesel::MultiConnection)]
pub(super) enum Db {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// A connection with what the pool has to know about it.
pub(super) struct Link {
    pub(super) db: Db,
    /// Something happened after which it must not be used again.
    pub(super) broken: bool,
}

/// Makes connections for the pool.
#[derive(Debug, Clone)]
pub(super) struct Manager {
    url: DatabaseUrl,
    access: Access,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading. SQLite holds the connection to it.
    Read,
    /// Reading and writing.
    Write,
}

impl Manager {
    /// How long SQLite waits for another process that writes.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

    pub(super) const fn new(url: DatabaseUrl, access: Access) -> Self {
        Self { url, access }
    }

    /// How long PostgreSQL works on one statement of a request. Whoever asked has been told by then
    /// that there is no answer, and a statement that waits for a lock must not wait on for nobody.
    pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A new connection, ready to be used.
    pub(super) fn establish(&self) -> ConnectionResult<Db> {
        match &self.url {
            DatabaseUrl::Postgres(url) => {
                // Initialized by libpq, OpenSSL would clean up when the process exits, under the feet of
                // threads that are still connecting, and the process would end with a crash.
                openssl_sys::init();
                PgConnection::establish(&with_limits(url.expose_secret())).map(Db::Postgres)
            }
            DatabaseUrl::Sqlite(path) => {
                let path =
                    path.to_str().ok_or_else(|| ConnectionError::BadConnection("the path is not UTF-8".into()))?;
                let mut connection = SqliteConnection::establish(path)?;
                self.prepare(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Db::Sqlite(connection))
            }
        }
    }

    /// WAL lets readers go on while one writes; FULL, because an acknowledged write must survive a power cut.
    fn prepare(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        let timeout = Self::BUSY_TIMEOUT.as_millis();
        connection.batch_execute(&format!("PRAGMA busy_timeout = {timeout}; PRAGMA foreign_keys = ON;"))?;
        match self.access {
            Access::Write => {
                connection.batch_execute("PRAGMA synchronous = FULL;")?;
                enter_wal(connection, Self::BUSY_TIMEOUT)
            }
            Access::Read => connection.batch_execute("PRAGMA query_only = ON;"),
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Link;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Link, ConnectionError> {
        let mut db = self.establish()?;
        if let Db::Postgres(connection) = &mut db {
            let timeout = Self::STATEMENT_TIMEOUT.as_millis();
            let limits =
                format!("SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = {timeout}");
            connection.batch_execute(&limits).map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(Link { db, broken: false })
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), ConnectionError> {
        let pinged = diesel::sql_query("SELECT 1").execute(&mut link.db);
        pinged.map(drop).map_err(ConnectionError::CouldntSetupConfiguration)
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.broken || diesel::r2d2::R2D2Connection::is_broken(&mut link.db)
    }
}

/// Changes a database file to WAL mode, which does nothing when it is in it. Two processes that do so
/// at once on a new file get in each other's way, and SQLite does not wait by itself there.
fn enter_wal(connection: &mut SqliteConnection, patience: Duration) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL;") {
            Err(error) if began.elapsed() < patience && error.to_string().contains("database is locked") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

/// The URL with limits on how long a network that swallows everything is believed. libpq waits for
/// hours by itself. What the URL says itself comes later in it and counts.
fn with_limits(url: &str) -> String {
    const LIMITS: &str =
        "connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=15&keepalives_interval=5&keepalives_count=3";
    match url.split_once('?') {
        Some((before, query)) => format!("{before}?{LIMITS}&{query}"),
        None => format!("{url}?{LIMITS}"),
    }
}

/// Runs `work` in a transaction that has the right to write from its beginning: a transaction of
/// SQLite that starts as a reader can find, once it wants to write, that another process was faster.
///
/// Returns [`StoreError::LostConnection`] only when nothing of `work` has run.
pub(super) fn transaction<T>(
    db: &mut Db,
    work: impl FnOnce(&mut Db) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match db {
        Db::Postgres(connection) => AnsiTransactionManager::begin_transaction(connection)?,
        Db::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")?,
    }
    let done = work(db).map_err(lost_means_unavailable);
    match done {
        Ok(value) => {
            <Db as Connection>::TransactionManager::commit_transaction(db)
                .map_err(StoreError::from)
                .map_err(lost_means_unavailable)?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a rollback that fails leaves a connection that is thrown away.
            if <Db as Connection>::TransactionManager::rollback_transaction(db).is_err() {
                return Err(StoreError::Unavailable(error.to_string()));
            }
            Err(error)
        }
    }
}

fn lost_means_unavailable(error: StoreError) -> StoreError {
    if let StoreError::LostConnection(text) = error { StoreError::Unavailable(text) } else { error }
}
