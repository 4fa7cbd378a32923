//! Configuration: flags over environment over file over defaults, into one validated [`Config`].
//!
//! Every key stands once, in [`keys`], with its documentation; flags, environment variables, the
//! file, `gatewood config` and `docs/configuration.md` all come from there.

mod issuers;
pub mod keys;
mod layers;
mod read;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

pub use layers::{Layers, Origin};
pub use show::{document, show};

use crate::domain::{ClaimPath, ContextPath, DatabaseUrl, Overflow, StoreName, TrustedIssuer, WebOrigin};

/// A configuration in which every value is valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where gRPC is served.
    pub grpc_listen: SocketAddr,
    /// Where the data is kept.
    pub database_url: DatabaseUrl,
    /// The folder of policy stores.
    pub policies: Option<PathBuf>,
    /// The control plane's schema.
    pub schema: Option<PathBuf>,
    /// Which control-plane policies may be used.
    pub control_policies: ControlPolicyChoice,
    /// A root key that is to exist.
    pub root_api_key: Option<SecretString>,
    /// The keys that seal secrets.
    pub encryption_key: Option<SecretString>,
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[server]`
    pub server: ServerConfig,
    /// `[tls]`; `None`: both ports speak clear text.
    pub tls: Option<TlsConfig>,
    /// `[oidc]`
    pub oidc: OidcIssuersConfig,
    /// The issuers that the instance trusts.
    pub issuers: Vec<TrustedIssuer>,
    /// `[oidc]`, of the tokens that are presented.
    pub tokens: TokenConfig,
    /// `[decision_log]`
    pub decision_log: DecisionLogConfig,
    /// `[tracing]`; `None`: no traces are exported.
    pub tracing: Option<TracingConfig>,
    /// The store that is meant when a request names none.
    pub default_store: Option<StoreName>,
    /// `[log]`
    pub log: LogConfig,
}

/// Which control-plane policies may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlPolicyChoice {
    /// Those of the folder where there are some, else the embedded ones; but never the embedded ones
    /// on a database that was last used with a folder.
    Auto,
    /// The embedded ones, whatever was used before.
    Embedded,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// How many connections.
    pub connections: u32,
    /// How long a request waits for one.
    pub wait: Duration,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// How many threads serve HTTP.
    pub workers: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long accepted requests may take to finish after a signal to stop.
    pub drain_timeout: Duration,
    /// Where clients reach HTTP; `None`: at the address that is listened on.
    pub public_url: Option<Url>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Which web pages may call from a browser.
    pub cors_origins: Vec<WebOrigin>,
}

/// `[tls]`: files in PEM. They are there; whether they fit is found out when they are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate, then its intermediates.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Whose certificates clients must have; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// `[oidc]`: how issuers are talked to.
#[derive(Debug, Clone)]
pub struct OidcIssuersConfig {
    /// Which addresses those of the instance may have although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// Which addresses those of tenants may have although they are not public.
    pub tenant_allowed_networks: Vec<IpNet>,
    /// The certificates, in DER, of the authorities that vouch for them beside the platform's.
    pub ca_certificates: Vec<Vec<u8>>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long their keys count.
    pub keys_fresh_for: Duration,
    /// How long they are left alone after their keys were asked for.
    pub keys_cooldown: Duration,
    /// How long their keys count while they do not answer.
    pub keys_stale_bound: Duration,
}

/// `[oidc]`, as far as it is about the tokens that are presented.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// Where the tokens of tenants' issuers have their roles.
    pub tenant_roles_claim: ClaimPath,
    /// Where the tokens of tenants' issuers have their groups.
    pub tenant_groups_claim: ClaimPath,
}

/// `[decision_log]`
#[derive(Debug, Clone)]
pub struct DecisionLogConfig {
    /// Where decisions are recorded.
    pub sink: DecisionSink,
    /// The file.
    pub path: Option<PathBuf>,
    /// What happens to a record for which there is no room.
    pub overflow: Overflow,
    /// How many records may wait to be written.
    pub queue: usize,
    /// How many bytes the file has at most before it is rotated.
    pub rotate_size: u64,
    /// How old its first record is at most before it is rotated.
    pub rotate_after: Duration,
    /// How many rotated files are kept.
    pub keep: usize,
    /// How many bytes may be spilled.
    pub spill_size: u64,
    /// What is hidden.
    pub mask: Vec<ContextPath>,
}

/// Where decisions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionSink {
    /// In the file that is named, else in one beside an SQLite database, else on standard output.
    Auto,
    /// In a file.
    File,
    /// On standard output.
    Stdout,
    /// Nowhere.
    Off,
}

/// `[tracing]`
#[derive(Debug, Clone, PartialEq)]
pub struct TracingConfig {
    /// Where the collector is.
    pub otlp_endpoint: Url,
    /// Which part of the traces that begin here is exported: 0 to 1.
    pub sample_ratio: f64,
    /// What the service is called.
    pub service_name: String,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines there are.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);
