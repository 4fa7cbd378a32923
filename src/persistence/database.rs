//! The pools, and the one place from which blocking work leaves the async threads.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::ConnectionError;
use tokio::task::JoinHandle;

use super::change::Changed;
use super::connection::{Access, Db, Manager, transaction};
use super::{StoreError, migrations};
use crate::domain::{DatabaseUrl, Origin};

/// How many connections there are and how long a request waits for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Connections to PostgreSQL, or readers of an SQLite file, which has one writer besides.
    pub connections: u32,
    /// How long a request waits for a connection before it is told that the database is away.
    pub wait: Duration,
}

/// How a pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// `read`, `write` (SQLite's writer alone; PostgreSQL writes on the same connections as it reads) or `apart`
    /// (for looks that must not wait behind requests).
    pub name: &'static str,
    /// Connections that there are.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub limit: u32,
}

/// The database. Cloning it is cheap.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    url: DatabaseUrl,
    readers: Lane,
    /// `None`: writers use the readers' connections.
    writer: Option<Lane>,
    /// One connection for looks that must not wait behind requests.
    apart: Lane,
    wait: Duration,
}

/// A pool of connections with as many threads as it has connections. Whoever waits for one costs no
/// thread, and a thread that is done takes the next piece of work without going to sleep, which is
/// most of what a short query costs otherwise.
struct Lane {
    pool: r2d2::Pool<Manager>,
    threads: Option<tokio::runtime::Runtime>,
    last_error: LastError,
}

impl Database {
    /// Connects once, to learn at once what is wrong, and makes the pools. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], with the database's own words.
    pub fn connect(url: &DatabaseUrl, settings: PoolSettings) -> Result<Self, StoreError> {
        drop(Self::first_connection(url)?);
        let lanes = match url {
            DatabaseUrl::Postgres(_) => (Lane::new(url, Access::Write, settings.connections, settings.wait)?, None),
            DatabaseUrl::Sqlite(_) => (
                Lane::new(url, Access::Read, sqlite_readers(settings.connections), settings.wait)?,
                Some(Lane::new(url, Access::Write, 1, settings.wait)?),
            ),
        };
        let (readers, writer) = lanes;
        let apart = Lane::new(url, Access::Read, 1, settings.wait)?;
        Ok(Self(Arc::new(Inner { url: url.clone(), readers, writer, apart, wait: settings.wait })))
    }

    /// Brings the database to the version of this binary, under a lock, so that two replicas that
    /// start at once do not collide. Blocks.
    ///
    /// # Errors
    /// When the database is away, read-only, newer than this binary, or lacks a table.
    pub fn migrate(url: &DatabaseUrl) -> Result<(), StoreError> {
        if let Some(file) = url.sqlite_file() {
            make_private(file)?;
        }
        let mut db = Self::first_connection(url)?;
        migrations::run(&mut db).map_err(|error| error.at(url))
    }

    fn first_connection(url: &DatabaseUrl) -> Result<Db, StoreError> {
        let manager = Manager::new(url.clone(), Access::Write);
        manager.establish().map_err(|error| StoreError::Unavailable(format!("{url}: {}", plain(&error))))
    }

    /// Where the data is kept.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// How the pools are used at the moment. Does not wait.
    pub fn pools(&self) -> impl Iterator<Item = PoolState> {
        let lanes =
            [("read", Some(&self.0.readers)), ("write", self.0.writer.as_ref()), ("apart", Some(&self.0.apart))];
        lanes.into_iter().filter_map(|(name, lane)| {
            let pool = &lane?.pool;
            let state = pool.state();
            let (connections, idle, limit) = (state.connections, state.idle_connections, pool.max_size());
            Some(PoolState { name, connections, idle, limit })
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(migrations::probe).await
    }

    /// Runs `work` on a connection for reading. It may run twice, when the first connection turns
    /// out to be dead.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        self.on(|inner| &inner.readers, work).await
    }

    /// The same, on a connection that requests do not use: whatever they do, this need not wait for them.
    pub(super) async fn read_apart<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        self.on(|inner| &inner.apart, work).await
    }

    /// Runs `work` in one transaction that may write, and there puts what it has changed into history.
    /// Whatever was done is undone when either fails.
    pub(super) async fn change<T, F>(&self, origin: Origin, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Db) -> Result<Changed<T>, StoreError> + Send + 'static,
    {
        self.write_unrecorded(move |db| work(db)?.record(db, &origin)).await
    }

    /// The same for what is no history: what the service notes for itself, and nobody decided upon.
    pub(super) async fn write_unrecorded<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        self.on(|inner| inner.writer.as_ref().unwrap_or(&inner.readers), move |db| transaction(db, &work)).await
    }

    async fn on<T, F>(&self, lane: fn(&Inner) -> &Lane, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        let span = tracing::Span::current();
        // Whoever sets it first has it: the thread that begins the work, or the caller who gives up.
        let claimed = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&claimed);
        let _abandoned = Abandoned(Arc::clone(&claimed));
        let too_busy = || StoreError::Unavailable("every connection was busy for too long".to_owned());
        let blocking = lane(&self.0).spawn(move || {
            if begins.swap(true, Ordering::AcqRel) {
                return Err(too_busy());
            }
            span.in_scope(|| lane(&inner).run(&work))
        });
        let Some(mut blocking) = blocking else {
            return Err(StoreError::Failed("the database was closed".to_owned()));
        };
        let mut done = tokio::time::timeout(self.0.wait, &mut blocking).await;
        if done.is_err() {
            if !claimed.swap(true, Ordering::AcqRel) {
                return Err(too_busy());
            }
            // A thread that waits for a database that is silent cannot be ended; it keeps its place until
            // the connection is given up. What it was asked may have been done, and was not acknowledged.
            done = tokio::time::timeout(Manager::STATEMENT_TIMEOUT, blocking).await;
        }
        match done {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(StoreError::Failed(format!("the database task ended: {error}"))),
            Err(_elapsed) => Err(StoreError::Unavailable("no answer in time".to_owned())),
        }
    }
}

/// Whoever goes away before the work has begun, wants it no more: it must not be done for nobody, or
/// clients that come and go would make a queue without an end.
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Drop for Lane {
    /// A runtime that is dropped waits for its threads, which an asynchronous thread must not.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Lane {
    fn new(url: &DatabaseUrl, access: Access, connections: u32, wait: Duration) -> Result<Self, StoreError> {
        let last_error = LastError::default();
        let pool = r2d2::Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .connection_timeout(wait)
            .test_on_check_out(false)
            .error_handler(Box::new(last_error.clone()))
            .build(Manager::new(url.clone(), access))
            .map_err(|error| StoreError::Unavailable(format!("{url}: {error}")))?;
        // Nothing runs on this runtime but blocking work; its other thread never does anything.
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(usize::try_from(connections).unwrap_or(1))
            .thread_name("database")
            .build()
            .map_err(|error| StoreError::Unavailable(format!("no threads for the database: {error}")))?;
        Ok(Self { pool, threads: Some(threads), last_error })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place from which blocking work leaves the async threads")]
    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
        self.threads.as_ref().map(|threads| threads.spawn_blocking(work))
    }

    /// Runs `work` on a pooled connection. A connection that lay idle may have died meanwhile; it
    /// says so before anything has run, and then another one is tried, at most once for every
    /// connection that the pool can hold.
    fn run<T>(&self, work: &impl Fn(&mut Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut last = StoreError::Unavailable("no connection was tried".to_owned());
        for _attempt in 0..=self.pool.max_size() {
            let mut link = self.pool.get().map_err(|error| StoreError::Unavailable(self.last_error.explain(&error)))?;
            match work(&mut link.db) {
                Err(error @ StoreError::LostConnection(_)) => {
                    link.broken = true;
                    last = StoreError::Unavailable(error.to_string());
                }
                Err(error) => {
                    link.broken = error.breaks_connection();
                    return Err(error);
                }
                Ok(value) => return Ok(value),
            }
        }
        Err(last)
    }
}

/// More readers of one file than there are processors only get in each other's way.
fn sqlite_readers(connections: u32) -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    connections.min(u32::try_from(processors).unwrap_or(u32::MAX))
}

/// Makes a database file that only its owner may read; SQLite would ask for no such thing. The files
/// that SQLite puts beside it take its mode.
fn make_private(file: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::Unavailable(format!("{}: {error}", file.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Keeps what went wrong with the last attempt to connect, for the error that the request gets, and logs it.
#[derive(Debug, Clone, Default)]
struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    fn explain(&self, timeout: &r2d2::Error) -> String {
        let last = self.0.lock().map(|mut last| last.take()).unwrap_or_default();
        last.unwrap_or_else(|| timeout.to_string())
    }
}

impl r2d2::HandleError<ConnectionError> for LastError {
    fn handle_error(&self, error: ConnectionError) {
        let text = plain(&error);
        tracing::warn!(error = %text, "cannot connect to the database");
        if let Ok(mut last) = self.0.lock() {
            *last = Some(text);
        }
    }
}

/// The error on one line: libpq breaks its texts into several.
fn plain(error: &ConnectionError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
