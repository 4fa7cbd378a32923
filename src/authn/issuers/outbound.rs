//! HTTPS to places that somebody else names, and to none in the network this runs in.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// What an [`Outbound`] may do.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Addresses that are reached although they are private.
    pub allowed_networks: Vec<IpNet>,
    /// Further certificate authorities, in DER, beside those of the platform.
    pub certificates: Vec<Vec<u8>>,
    /// How long one request may take, from the look-up of the name to the last byte.
    pub timeout: Duration,
}

/// Why there is no [`Outbound`].
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// A certificate authority that cannot be read, counted from 1.
    #[error("certificate {0} is not a certificate authority that can be used: {1}")]
    Certificate(usize, String),
    /// The HTTP client cannot be made.
    #[error("the client for outbound requests cannot be made: {0}")]
    Client(String),
}

/// HTTPS to places that somebody else names, and to none in the network this runs in. Clones share one client.
#[derive(Clone)]
pub struct Outbound(#[expect(dead_code, reason = "nothing is fetched yet")] Arc<OutboundSettings>);

impl Outbound {
    /// A client with these settings.
    ///
    /// # Errors
    /// A certificate authority that cannot be used.
    pub fn new(settings: OutboundSettings) -> Result<Self, OutboundError> {
        Ok(Self(Arc::new(settings)))
    }
}
