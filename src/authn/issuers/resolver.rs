//! Names into addresses, all of which may be reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::AddressPolicy;
use super::fetch_error::FetchError;

/// Resolves a name once and checks every address. The client connects to what comes out of here and
/// never asks again, so a name cannot have one address for the check and another for the connection.
pub(super) struct CheckedResolver {
    policy: Arc<AddressPolicy>,
    look_ups: Arc<Semaphore>,
    patience: Duration,
}

impl CheckedResolver {
    /// How many names are looked up at once. A look-up takes a thread until the system's resolver
    /// gives up, even when nobody waits for it any more.
    const LOOK_UPS: usize = 8;

    /// A resolver that waits for `patience` until it takes a name for one without addresses.
    pub(super) fn new(policy: Arc<AddressPolicy>, patience: Duration) -> Self {
        Self { policy, look_ups: Arc::new(Semaphore::new(Self::LOOK_UPS)), patience }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, look_ups) = (Arc::clone(&self.policy), Arc::clone(&self.look_ups));
        let (host, patience) = (name.as_str().to_owned(), self.patience);
        Box::pin(async move {
            let looked_up = tokio::time::timeout(patience, look_up(host.clone(), look_ups)).await;
            let addresses = looked_up.map_err(|_elapsed| FetchError::Unresolved)??;
            check(&policy, &host, &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

async fn look_up(host: String, look_ups: Arc<Semaphore>) -> Result<Vec<SocketAddr>, FetchError> {
    let slot = look_ups.acquire_owned().await.map_err(|_closed| FetchError::Unresolved)?;
    // In a task of its own, so that the slot is held for as long as the thread is.
    let looked_up = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await.map(Vec::from_iter);
        drop(slot);
        found
    });
    let found = looked_up.await.map_err(|_stopped| FetchError::Unresolved)?;
    found.map_err(|_of_the_system| FetchError::Unresolved)
}

/// One address that may not be reached refuses the whole name: a name with a public and a private one
/// is what an attack by DNS looks like.
fn check(policy: &AddressPolicy, host: &str, addresses: &[SocketAddr]) -> Result<(), FetchError> {
    if addresses.is_empty() {
        return Err(FetchError::Unresolved);
    }
    // Plain http is spoken with this name, since it never leaves the machine.
    let local = host == "localhost";
    let admitted = |address: IpAddr| policy.admits(address) && (!local || address.to_canonical().is_loopback());
    if addresses.iter().all(|address| admitted(address.ip())) { Ok(()) } else { Err(FetchError::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: &str, addresses: &[&str]) -> Result<(), FetchError> {
        let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let addresses: Vec<SocketAddr> =
            addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect();
        check(&policy, host, &addresses)
    }

    #[test]
    fn one_bad_address_refuses_the_whole_name() {
        assert_eq!(checked("h", &["8.8.8.8", "2606:4700::1111"]), Ok(()));
        assert_eq!(checked("h", &["8.8.8.8", "10.0.0.1"]), Err(FetchError::Refused));
        assert_eq!(checked("h", &["10.0.0.1", "8.8.8.8"]), Err(FetchError::Refused));
        assert_eq!(checked("h", &["8.8.8.8", "::ffff:10.0.0.1"]), Err(FetchError::Refused));
        assert_eq!(checked("h", &[]), Err(FetchError::Unresolved));
    }

    #[test]
    fn localhost_is_this_machine_whatever_the_name_service_says() {
        assert_eq!(checked("localhost", &["127.0.0.1"]), Ok(()));
        assert_eq!(checked("localhost", &["8.8.8.8"]), Err(FetchError::Refused));
        assert_eq!(checked("localhost", &["127.0.0.1", "::1"]), Err(FetchError::Refused));
    }
}
