//! Everything that can fail, before the first request.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server as HttpServerTask;
use tokio::sync::Semaphore;

use super::FirstKey;
use super::control_plane::ControlPlane;
use super::encryption::key_ring;
use super::grpc::GrpcServer;
use super::in_flight::InFlight;
use super::metrics::StoreWatch;
use super::tls::Tls;
use super::{decision_log, http, issuers, metrics, root_key};
use crate::app::search::{PageTokens, Searches};
use crate::app::{App, Failures, Guard, OidcChecks, Repositories};
use crate::audit::Writer;
use crate::authn::issuers::{IssuerCheck, Outbound};
use crate::authn::{Authenticator, Stores, Timing, TokenTrust};
use crate::config::Config;
use crate::domain::{Clock, DatabaseUrl, Entropy};
use crate::grpc::{self, GrpcService, GrpcSettings, Methods};
use crate::http::{Routes, routes};
use crate::persistence::{
    ApiKeys, AuditEvents, Database, Instance, OidcConfigs, PoolSettings, StoreError, StoredOidcSettings, Tenants,
};
use crate::policy::Findings;
use crate::stores::{PolicyFolders, Watcher};
use crate::telemetry::Metrics;

/// What a server would otherwise take from its surroundings.
#[derive(Clone)]
pub struct Ambient {
    /// What time it is.
    pub clock: Clock,
    /// Where ids, keys and nonces are drawn from.
    pub entropy: Entropy,
    /// How often the database is looked at.
    pub timing: Timing,
    /// What there is to be served over HTTP.
    pub routes: Routes,
    /// What there is to be served over gRPC.
    pub methods: Methods,
}

impl Ambient {
    /// The machine's clock and generator, and the routes of the table.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Clock::system(),
            entropy: Entropy::system(),
            timing: Timing::default(),
            routes: routes(),
            methods: grpc::methods(),
        }
    }
}

/// Why the server does not start: one text for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is wrong, in words.
    #[error("{0}")]
    Text(String),
    /// What the database said.
    #[error("{0}")]
    Database(#[from] StoreError),
    /// What is wrong with each policy store that cannot be loaded.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Stores(Vec<Findings>),
}

impl StartError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Text(format!("{}: {error}", path.display()))
    }

    pub(super) fn no_encryption_key(what: &str) -> Self {
        Self::Text(format!(
            "{what}; set GATEWOOD_ENCRYPTION_KEY or GATEWOOD_ENCRYPTION_KEY_FILE (`openssl rand -base64 32` makes a key)"
        ))
    }

    /// Says which database it is about, where the database's own words do not.
    fn about(self, url: &DatabaseUrl) -> Self {
        let named = |text: &str| text.contains(&url.to_string());
        match self {
            Self::Database(error) if !named(&error.to_string()) => Self::Text(format!("{url}: {error}")),
            other @ (Self::Text(_) | Self::Database(_) | Self::Stores(_)) => other,
        }
    }
}

/// A server that has bound its ports and opened its database.
pub struct Server {
    pub(super) http: HttpServerTask,
    pub(super) grpc: GrpcServer,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) tls: Option<Tls>,
    pub(super) watcher: Watcher<PolicyFolders>,
    pub(super) in_flight: InFlight,
    pub(super) drain_timeout: Duration,
    pub(super) decision_writer: Option<Writer>,
    address: SocketAddr,
    grpc_address: SocketAddr,
    revision: String,
    place: String,
    decision_log: String,
    /// The root key, when it was made just now.
    pub first_key: Option<FirstKey>,
}

impl Server {
    /// The largest message of gRPC, in bytes.
    pub(super) const MESSAGE_LIMIT: usize = 64 * 1024;

    /// Opens, checks and binds everything.
    ///
    /// # Errors
    /// Whatever would keep the server from doing its work.
    pub async fn build(config: &Config, ambient: Ambient) -> Result<Self, StartError> {
        Self::assemble(config, ambient).await.map_err(|error| error.about(&config.database_url))
    }

    async fn assemble(config: &Config, ambient: Ambient) -> Result<Self, StartError> {
        let Ambient { clock, entropy, timing, routes, methods } = ambient;
        let metrics = Metrics::new();
        let watch = StoreWatch::new(&metrics);
        let plane = ControlPlane::load(config, &routes, &methods, &clock, watch.observer())?;
        watch.opened(plane.stores.registry());
        let described = plane.place.clone();
        let tls = config.tls.as_ref().map(|files| Tls::load(files, clock.clone())).transpose()?;
        let outbound = issuers::outbound(&config.oidc)?;
        Database::migrate(&config.database_url)?;
        let pool = PoolSettings { connections: config.database.connections, wait: config.database.wait };
        let database = Database::connect(&config.database_url, pool)?;
        let instance = Instance::new(database.clone());
        let row = instance.find_or_create(entropy.clone(), clock.now(), plane.origin).await?;
        plane.check_against(&row, config, &instance).await?;
        let ring = key_ring(config, &database, &entropy).await?;
        let page_tokens = PageTokens::new(ring.derive(PageTokens::PURPOSE));
        let repositories = Repositories {
            tenants: Tenants::new(database.clone()),
            oidc_settings: StoredOidcSettings::new(database.clone(), row.id.clone()),
            audit_events: AuditEvents::new(database.clone()),
            oidc_configs: OidcConfigs::new(database.clone(), Arc::new(ring), entropy.clone()),
            api_keys: ApiKeys::new(database.clone()),
        };
        let keys = repositories.api_keys.clone();
        let authenticator = authenticator(config, &repositories, instance, &outbound, &clock, timing).await?;
        let revision = plane.store.snapshot().revision().to_string();
        let (stores, watcher) = (plane.stores.clone(), Watcher::new(Arc::clone(plane.stores.registry())));
        let decisions = decision_log::start(config, clock.clone())?;
        metrics::collect(&metrics, &database, &decisions.log, clock.now());
        let guard = Guard::new(plane.store, row.id, entropy.clone(), metrics.clone());
        let (now, drawn) = (clock.now(), entropy.clone());
        let oidc_checks = OidcChecks::new(IssuerCheck::new(outbound));
        let app = App {
            guard,
            stores,
            authenticator: Arc::clone(&authenticator),
            repositories,
            oidc_checks,
            store_checks: Arc::new(Semaphore::new(1)),
            searches: Searches::new(page_tokens, config.server.workers),
            decisions: decisions.log,
            clock,
            entropy,
            metrics,
            failures: Failures::default(),
        };
        let (app, in_flight) = (Arc::new(app), InFlight::default());
        let service = grpc_service(config, &app, methods)?;
        let (http, address) = http::bind(config, app, routes, &service, &in_flight, tls.as_ref())?;
        let grpc = GrpcServer::bind(config, &service, tls.as_ref(), &in_flight)?;
        let grpc_address = grpc.address()?;
        // The last step: a key that was made by a start that failed would be shown to nobody.
        let first_key = root_key::ensure(config, &keys, &drawn, now).await?;
        let drain_timeout = config.server.drain_timeout;
        Ok(Self {
            http,
            grpc,
            authenticator,
            tls,
            watcher,
            in_flight,
            drain_timeout,
            decision_writer: decisions.writer,
            decision_log: decisions.place,
            address,
            grpc_address,
            revision,
            place: described,
            first_key,
        })
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where gRPC is served.
    #[must_use]
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// How HTTP is reached: `https` where it speaks TLS, else `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The one line that says what a person wants to know after a start.
    pub fn announce(&self) {
        let (scheme, address) = (self.scheme(), self.address);
        tracing::info!(
            listen = %format_args!("{scheme}://{address}"),
            grpc_listen = %format_args!("{scheme}://{}", self.grpc_address),
            policy.revision = self.revision,
            policies = self.place,
            decision_log = self.decision_log,
            first_request = %format_args!("curl -H \"X-API-Key: $KEY\" {scheme}://{address}/v1/whoami"),
            "listening"
        );
        let open = [address, self.grpc_address].into_iter().filter(|address| !address.ip().is_loopback());
        for address in open.filter(|_| self.tls.is_none()) {
            tracing::warn!(
                listen = %address,
                "listening on other than a loopback address without TLS: API keys and client secrets cross the network in clear text"
            );
        }
    }
}

/// Who is asking, with the keys and issuers that are known at start.
async fn authenticator(
    config: &Config,
    repositories: &Repositories,
    instance: Instance,
    outbound: &Outbound,
    clock: &Clock,
    timing: Timing,
) -> Result<Arc<Authenticator>, StartError> {
    let stores = Stores {
        keys: repositories.api_keys.clone(),
        instance,
        oidc_configs: repositories.oidc_configs.clone(),
        oidc_settings: repositories.oidc_settings.clone(),
        wait: config.database.wait,
    };
    let trust = TokenTrust {
        issuers: config.issuers.clone(),
        clock_skew: config.tokens.clock_skew,
        tenant_roles_claim: config.tokens.tenant_roles_claim.clone(),
        tenant_groups_claim: config.tokens.tenant_groups_claim.clone(),
    };
    let key_sets = issuers::key_sets(&config.oidc, outbound.clone(), clock.clone());
    let authenticator = Authenticator::new(stores, key_sets, trust, clock.clone(), timing);
    authenticator.look().await?;
    authenticator.warn_of_ignored_issuers().await?;
    Ok(Arc::new(authenticator))
}

fn grpc_service(config: &Config, app: &Arc<App>, methods: Methods) -> Result<GrpcService, StartError> {
    let settings = GrpcSettings {
        message_limit: Server::MESSAGE_LIMIT,
        message_timeout: config.server.body_timeout,
        trusted_proxies: config.server.trusted_proxies.clone(),
    };
    GrpcService::new(Arc::clone(app), settings, methods).map_err(StartError::new)
}
