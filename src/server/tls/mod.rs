//! TLS for both ports: one configuration, whose certificate and client authorities follow their files.

mod current;
mod material;
mod validity;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, server};

use self::current::Current;
use self::material::{Contents, Fingerprint, Material};
use self::watcher::Watcher;
use super::StartError;
use crate::config::TlsConfig;
use crate::domain::Clock;

/// TLS as both ports speak it: 1.2 and 1.3, with the primitives of AWS-LC.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    files: TlsConfig,
    current: Arc<ArcSwap<Material>>,
    loaded: Fingerprint,
    clock: Clock,
}

impl Tls {
    /// How long a client may take for its handshake before its connection is closed.
    pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
    /// How many handshakes a worker has at once; more connections wait to be accepted.
    pub(super) const MOST_HANDSHAKES: usize = 512;
    /// What a client may speak after the handshake (RFC 7301), best first.
    const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
    /// How many sessions are kept for clients that come back, where they may.
    const SESSIONS: usize = 1024;

    /// Loads the files.
    ///
    /// # Errors
    /// What is wrong with which file, and which key of the configuration named it.
    pub(super) fn load(files: &TlsConfig, clock: Clock) -> Result<Self, StartError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let contents = Contents::read(files);
        let loaded = contents.fingerprint();
        let material = Material::load(files, &contents, &provider).map_err(|bad| StartError::new(bad.to_string()))?;
        let current = Arc::new(ArcSwap::from_pointee(material));
        let config = server_config(&provider, &current, &clock)
            .map_err(|error| StartError::new(format!("TLS cannot be set up: {error}")))?;
        Ok(Self { config: Arc::new(config), files: files.clone(), current, loaded, clock })
    }

    /// What a listener accepts connections with: `h2` and `http/1.1` by ALPN, and a client certificate
    /// where `tls.client_ca` is set. The certificate and the authorities of clients are looked up at
    /// each handshake, so a listener may keep this for as long as it lives. Clones share the sessions.
    /// A listener bounds its handshakes by [`Tls::HANDSHAKE_TIMEOUT`].
    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The same for actix, which adds the protocols itself.
    pub(super) fn for_actix(&self) -> ServerConfig {
        let mut config = ServerConfig::clone(&self.server_config());
        config.alpn_protocols.clear();
        config
    }

    /// Follows the files until it is dropped. It ends by itself only when something is broken.
    pub(super) async fn watch(self) {
        let Self { files, current, loaded, clock, config } = self;
        let provider = Arc::clone(config.crypto_provider());
        Watcher::new(files, current, loaded, clock, provider).run().await;
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    current: &Arc<ArcSwap<Material>>,
    clock: &Clock,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_details(Arc::clone(provider), Arc::new(Time(clock.clone())))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let needs_client = current.load().clients.is_some();
    let current = Arc::new(Current(Arc::clone(current)));
    let builder = if needs_client {
        builder.with_client_cert_verifier(Arc::clone(&current) as Arc<dyn server::danger::ClientCertVerifier>)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(current);
    config.alpn_protocols = Tls::PROTOCOLS.map(<[u8]>::to_vec).into();
    // Whoever resumes a session is taken for the client that began it, and shows no certificate again
    // (RFC 8446, section 2.2). So a session would outlive an authority that is no longer trusted.
    if needs_client {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.session_storage = ServerSessionMemoryCache::new(Tls::SESSIONS);
    }
    Ok(config)
}

/// The service's clock, for the validity of client certificates.
struct Time(Clock);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().timestamp()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
