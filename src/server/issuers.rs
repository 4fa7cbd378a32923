//! How issuers are talked to, as the configuration says.

use super::StartError;
use crate::authn::issuers::{KeySetTiming, KeySets, Outbound, OutboundSettings};
use crate::config::OidcIssuersConfig;
use crate::domain::Clock;

/// The client for requests to issuers.
///
/// # Errors
/// A certificate authority that cannot be used.
pub fn outbound(config: &OidcIssuersConfig) -> Result<Outbound, StartError> {
    let settings = OutboundSettings {
        allowed_networks: config.allowed_networks.clone(),
        tenant_allowed_networks: config.tenant_allowed_networks.clone(),
        certificates: config.ca_certificates.clone(),
        timeout: config.timeout,
    };
    Outbound::new(settings).map_err(|error| StartError::new(format!("{error} (see `oidc.ca_certificates`)")))
}

/// The issuers' keys, fetched by this client.
#[must_use]
pub fn key_sets(config: &OidcIssuersConfig, outbound: Outbound, clock: Clock) -> KeySets {
    let timing = KeySetTiming {
        fresh_for: config.keys_fresh_for,
        cooldown: config.keys_cooldown,
        stale_bound: config.keys_stale_bound,
    };
    KeySets::new(outbound, clock, timing)
}
