//! HTTPS to places that somebody else names, and to none in the network this runs in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::{ACCEPT, CONTENT_ENCODING};
use reqwest::redirect;
use reqwest::{Certificate, Client, ClientBuilder, Response};
use tokio::runtime::Handle;
use url::{Host, Url};

use super::address::AddressPolicy;
use super::fetch_error::FetchError;
use super::resolver::{CheckedAddresses, addresses};
use super::turns::Turn;

/// What an [`Outbound`] may do.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Addresses that are reached for the instance although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// Addresses that are reached for tenants although they are not public.
    pub tenant_allowed_networks: Vec<IpNet>,
    /// Further certificate authorities, in DER, beside those of the platform.
    pub certificates: Vec<Vec<u8>>,
    /// How long one request may take, from the look-up of the host's name to the last byte.
    pub timeout: Duration,
}

/// Why there is no [`Outbound`].
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The client cannot be made.
    #[error("the client for requests to issuers cannot be made: {0}")]
    Client(String),
    /// It was asked for where no tasks can be run.
    #[error("the client for requests to issuers needs a runtime: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}

/// HTTPS to places that somebody else names, and to none in the network this runs in. Clones are one.
///
/// No redirects, proxies, cookies, compression or connections that are kept; no address but public
/// ones and those that are allowed; limits on time and size.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    client: Client,
    for_instance: AddressPolicy,
    for_tenants: AddressPolicy,
    timeout: Duration,
    runtime: Handle,
}

impl Outbound {
    /// The largest answer: 256 KiB.
    pub const BODY_LIMIT: usize = 256 * 1024;
    /// How many headers an answer may have.
    const HEADERS: usize = 64;

    /// A client with these settings. What it is used for runs on the runtime that it is made on.
    ///
    /// Where the platform has no certificate authorities, and none are given, there is a client that
    /// trusts nobody.
    ///
    /// # Errors
    /// An authority that cannot be used; no runtime.
    pub fn new(settings: OutboundSettings) -> Result<Self, OutboundError> {
        let OutboundSettings { allowed_networks, tenant_allowed_networks, certificates, timeout } = settings;
        let failed = |error: reqwest::Error| {
            let cause = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source()).last();
            OutboundError::Client(cause.map(ToString::to_string).unwrap_or_default())
        };
        let authorities: Result<Vec<_>, _> = certificates.iter().map(|der| Certificate::from_der(der)).collect();
        let authorities = authorities.map_err(failed)?;
        let for_instance = AddressPolicy::new(allowed_networks);
        let for_tenants = AddressPolicy::new(tenant_allowed_networks);
        let none_given = authorities.is_empty();
        let client = match builder(timeout).tls_certs_merge(authorities).build() {
            Err(_no_authorities) if none_given => {
                tracing::warn!(
                    "this machine has no certificate authorities: no issuer is trusted over https until `oidc.ca_certificates` names some"
                );
                builder(timeout).tls_certs_only([]).build()
            }
            built => built,
        };
        let client = client.map_err(failed)?;
        Ok(Self(Arc::new(Inner { client, for_instance, for_tenants, timeout, runtime: Handle::try_current()? })))
    }

    /// Where tasks run that outlive the request that they were started for.
    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// How long one request may take.
    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Fetches a document. On whose behalf the turn is decides which addresses may be reached.
    ///
    /// # Errors
    /// [`FetchError`]: no connection is made to an address that may not be reached.
    pub(super) async fn fetch(&self, url: &Url, turn: &Turn) -> Result<Vec<u8>, FetchError> {
        let Inner { client, for_instance, for_tenants, timeout, .. } = &*self.0;
        let policy = if turn.is_of_tenant() { for_tenants } else { for_instance };
        check(url, policy)?;
        let fetched = async {
            let addresses = match url.host() {
                Some(Host::Domain(name)) => addresses(policy, name, look_up_timeout(*timeout), turn).await?,
                // It was checked, and nobody will ask for it.
                Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => Vec::new(),
            };
            let request = client.get(url.clone()).header(ACCEPT, "application/json");
            let failed = |error: reqwest::Error| FetchError::of(&error, connect_timeout(*timeout));
            read(CheckedAddresses::within(addresses, request.send()).await.map_err(failed)?).await
        };
        tokio::time::timeout(*timeout, fetched).await.map_err(|_elapsed| FetchError::Timeout(*timeout))?
    }
}

fn builder(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("gatewood/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(CheckedAddresses)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .http1_max_headers(Outbound::HEADERS)
        // A connection that is kept would be used without its address being checked again.
        .pool_max_idle_per_host(0)
        .connect_timeout(connect_timeout(timeout))
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
}

/// Looking up and connecting are over before the time is: so a request that takes too long is one that
/// has a connection, and each of the three can be told from the others.
fn look_up_timeout(timeout: Duration) -> Duration {
    timeout * 2 / 5
}

/// See [`look_up_timeout`].
fn connect_timeout(timeout: Duration) -> Duration {
    timeout / 2
}

/// Whether a URL is one that may be fetched at all, whatever the addresses of its host are.
///
/// # Errors
/// Why not, without anything of the URL.
pub(super) fn check_shape(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL has credentials in it");
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("the URL has no host"),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err("the URL is not https (plain http is for loopback hosts only)"),
    }
}

/// A host that is an address is checked here, since nobody resolves it.
fn check(url: &Url, policy: &AddressPolicy) -> Result<(), FetchError> {
    check_shape(url).map_err(FetchError::Url)?;
    let address = match url.host() {
        // The connector would take such a name for the address that it looks like.
        Some(Host::Domain(name)) => name.parse().ok(),
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        None => None,
    };
    if address.is_some_and(|address| !policy.admits(address)) { Err(FetchError::Refused) } else { Ok(()) }
}

async fn read(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchError::Redirect(status.as_u16()));
    }
    if status.as_u16() != 200 {
        return Err(FetchError::Status(status.as_u16()));
    }
    if response.headers().get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(FetchError::Compressed);
    }
    let too_large = FetchError::TooLarge(Outbound::BODY_LIMIT);
    if response.content_length().is_some_and(|length| length > Outbound::BODY_LIMIT as u64) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_broken| FetchError::Broken)? {
        if body.len() + chunk.len() > Outbound::BODY_LIMIT {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(allowed: &[&str], url: &str) -> Result<(), FetchError> {
        let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
        check(&Url::parse(url).unwrap(), &AddressPolicy::new(allowed))
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_spelt() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:a00:1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fe80::1]/",
            "https://0/",
            "http://127.0.0.1:8080/",
        ] {
            assert_eq!(checked(&[], url), Err(FetchError::Refused), "{url}");
        }
    }

    #[test]
    fn plain_http_and_credentials_do_not_leave_the_machine() {
        assert!(matches!(checked(&[], "http://login.example.com/"), Err(FetchError::Url(_))));
        assert!(matches!(checked(&[], "ftp://login.example.com/"), Err(FetchError::Url(_))));
        assert!(matches!(checked(&["10.0.0.0/8"], "http://10.0.0.1/"), Err(FetchError::Url(_))));
        assert!(matches!(checked(&[], "https://user:password@login.example.com/"), Err(FetchError::Url(_))));
        assert_eq!(checked(&["127.0.0.0/8"], "http://127.0.0.1/"), Ok(()));
        assert_eq!(checked(&["10.0.0.0/8"], "https://10.0.0.1:8443/"), Ok(()));
        assert_eq!(checked(&[], "https://login.example.com/"), Ok(()));
        // The name is judged by its addresses, when they are known.
        assert_eq!(checked(&[], "http://localhost/"), Ok(()));
    }
}
