//! The real server, on a port of its own.

use std::path::PathBuf;
use std::time::Duration;

use gatewood::config::{Config, Layers};
use gatewood::server::{Ambient, Server, StartError};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Backend, Caller, Relay, TestDatabase};
use gatewood::domain::{Clock, Entropy, KeyMaterial};

/// A running server with its database. Both are gone when this is dropped.
pub(crate) struct TestServer {
    pub(crate) database: TestDatabase,
    pub(crate) backend: Backend,
    pub(crate) base: String,
    pub(crate) grpc_base: String,
    pub(crate) root_key: String,
    flags: Vec<(&'static str, String)>,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<tokio::task::JoinHandle<Result<(), StartError>>>,
}

/// What a test wants different from usual.
#[derive(Clone)]
pub(crate) struct Tweaks {
    /// Configuration by key.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// Clock, entropy, timing and routes.
    pub(crate) ambient: Ambient,
}

impl Default for Tweaks {
    fn default() -> Self {
        Self { flags: Vec::new(), ambient: Ambient::system() }
    }
}

/// The encryption key of every test server: the standard base64 of 32 times 7.
pub(crate) const ENCRYPTION_KEY: &str = "test:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

impl TestServer {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::start_with(backend, Tweaks::default()).await
    }

    pub(crate) async fn start_with(backend: Backend, tweaks: Tweaks) -> Self {
        Self::try_start(backend, TestDatabase::new(backend), tweaks)
            .await
            .unwrap_or_else(|(error, _)| panic!("{error}"))
    }

    /// Starts on a database that is there already.
    pub(crate) async fn try_start(
        backend: Backend,
        database: TestDatabase,
        tweaks: Tweaks,
    ) -> Result<Self, (StartError, TestDatabase)> {
        let root = KeyMaterial::generate(&Entropy::system(), Clock::system().now());
        let root_key = root.reveal().expose_secret().to_owned();
        let mut flags = vec![
            ("listen", "127.0.0.1:0".to_owned()),
            ("grpc_listen", "127.0.0.1:0".to_owned()),
            ("database_url", database.url.clone()),
            ("root_api_key", root_key.clone()),
            ("encryption_key", ENCRYPTION_KEY.to_owned()),
            ("server.workers", "1".to_owned()),
            ("database.connections", "4".to_owned()),
            // A machine with other work on it takes its time; what a wait ends in has tests of its own.
            ("database.wait", "30s".to_owned()),
            ("decision_log.path", decisions(&database).display().to_string()),
        ];
        flags.extend(tweaks.flags);
        let config = configure(&flags);
        let root_key = config.root_api_key.as_ref().map_or(root_key, |key| key.expose_secret().to_owned());
        let server = match Server::build(&config, tweaks.ambient).await {
            Ok(server) => server,
            Err(error) => return Err((error, database)),
        };
        let base = format!("{}://{}", server.scheme(), server.address());
        let grpc_base = format!("{}://{}", server.scheme(), server.grpc_address());
        let (stop, asked) = oneshot::channel();
        let stop_asked = async {
            let _ = asked.await;
        };
        let stopped = tokio::spawn(server.run_until_stopped(stop_asked, futures_util::stream::pending()));
        let client = reqwest::Client::builder().timeout(Duration::from_mins(2)).build().unwrap();
        Ok(Self {
            database,
            backend,
            base,
            grpc_base,
            root_key,
            flags,
            client,
            stop: Some(stop),
            stopped: Some(stopped),
        })
    }

    /// A server whose PostgreSQL is behind a relay, and which waits a second for it: when it starts,
    /// too, so that it may need more than one try on a busy machine.
    pub(crate) async fn behind_a_relay(flags: Vec<(&'static str, String)>) -> (Self, Relay) {
        let relay = Relay::start().await;
        let mut database = TestDatabase::new(Backend::Postgres);
        database.url = relay.through(&database.url);
        let flags = [vec![("database.wait", "1s".to_owned())], flags].concat();
        let mut tries = 0;
        loop {
            let tweaks = Tweaks { flags: flags.clone(), ..Tweaks::default() };
            match Self::try_start(Backend::Postgres, database, tweaks).await {
                Ok(server) => return (server, relay),
                Err((error, _)) if tries == 5 => panic!("{error}"),
                Err((_, given_back)) => database = given_back,
            }
            tries += 1;
        }
    }

    /// A second server on the same database: another replica.
    pub(crate) async fn replica(&self) -> Self {
        let database = TestDatabase::new(Backend::Sqlite);
        let mut flags = self.flags.clone();
        flags.push(("root_api_key", self.root_key.clone()));
        Self::try_start(self.backend, database, Tweaks { flags, ..Tweaks::default() })
            .await
            .unwrap_or_else(|(error, _)| panic!("{error}"))
    }

    /// Stops the server in good order and keeps its database.
    pub(crate) async fn stop(mut self) -> TestDatabase {
        self.stop.take().map(|stop| stop.send(()));
        self.stopped.take().unwrap().await.unwrap().unwrap();
        std::mem::replace(&mut self.database, TestDatabase::new(Backend::Sqlite))
    }

    /// The file of the decision log, unless it was tweaked.
    pub(crate) fn decisions(&self) -> PathBuf {
        decisions(&self.database)
    }

    fn caller(&self) -> Caller {
        Caller { client: self.client.clone(), base: self.base.clone(), headers: HeaderMap::new() }
    }

    /// The same caller, calling the gRPC port.
    pub(crate) fn beside(&self, caller: &Caller) -> Caller {
        Caller { base: self.grpc_base.clone(), ..caller.clone() }
    }

    /// Somebody without a credential.
    pub(crate) fn anonymous(&self) -> Caller {
        self.caller()
    }

    /// The holder of the root key.
    pub(crate) fn root(&self) -> Caller {
        self.with_key(&self.root_key)
    }

    /// The holder of a key of which the text is known.
    pub(crate) fn with_key(&self, key: &str) -> Caller {
        self.caller().with("x-api-key", key)
    }

    /// Makes a tenant and returns its id.
    pub(crate) async fn tenant(&self, name: &str) -> String {
        let body = json!({ "name": name });
        self.root().post("/v1/tenants").json(&body).send().await.expect(201).text_at("id")
    }

    /// Makes a key with one role for a tenant; calls about that tenant.
    pub(crate) async fn key(&self, tenant: &str, role: &str) -> Caller {
        let made = self.make_key(Some(tenant), &json!({ "name": role, "roles": [role] })).await;
        self.with_key(made["key"].as_str().unwrap()).about(tenant)
    }

    /// Makes a key of the instance with one role.
    pub(crate) async fn instance_key(&self, role: &str) -> Caller {
        let made = self.make_key(None, &json!({ "name": role, "roles": [role] })).await;
        self.with_key(made["key"].as_str().unwrap())
    }

    /// Makes a key and returns what was answered.
    pub(crate) async fn make_key(&self, tenant: Option<&str>, body: &Value) -> Value {
        let root = tenant.map_or_else(|| self.root(), |tenant| self.root().about(tenant));
        root.post("/v1/api-keys").json(body).send().await.expect(201).json()
    }
}

fn decisions(database: &TestDatabase) -> PathBuf {
    database.folder.path().join("decisions.ndjson")
}

/// A configuration from values by key.
pub(crate) fn configure(flags: &[(&'static str, String)]) -> Config {
    let layers = Layers::collect(None, flags, []).unwrap();
    Config::read(&layers).unwrap()
}
