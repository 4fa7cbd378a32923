//! Names into addresses, all of which may be reached.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::AddressPolicy;
use super::fetch_error::FetchError;
use super::turns::Turn;

tokio::task_local! {
    /// The addresses that the request at hand may go to.
    static CHECKED: Vec<SocketAddr>;
}

/// Gives the client the addresses that were checked. It never asks anybody, so a name cannot have one
/// address for the check and another for the connection; and where nothing was checked, there is nothing.
pub(super) struct CheckedAddresses;

impl CheckedAddresses {
    /// Runs a request that goes to these.
    pub(super) async fn within<F: Future>(addresses: Vec<SocketAddr>, request: F) -> F::Output {
        CHECKED.scope(addresses, request).await
    }
}

impl Resolve for CheckedAddresses {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses = CHECKED.try_with(Clone::clone);
        Box::pin(async move {
            let addresses = addresses.map_err(|_not_within| FetchError::Unresolved)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host, all of which may be reached. Who finds none within `patience` takes it for
/// a name without addresses.
///
/// # Errors
/// [`FetchError::Unresolved`] or [`FetchError::Refused`].
pub(super) async fn addresses(
    policy: &AddressPolicy,
    host: &str,
    patience: Duration,
    turn: &Turn,
) -> Result<Vec<SocketAddr>, FetchError> {
    let looked_up = tokio::time::timeout(patience, look_up(host.to_owned(), turn.clone())).await;
    let addresses = looked_up.map_err(|_elapsed| FetchError::Unresolved)??;
    check(policy, host, &addresses)?;
    Ok(addresses)
}

/// A look-up takes a thread until the system's resolver gives up, even when nobody waits for it any
/// more. So it is in a task of its own, and the turn lasts as long as the thread is taken.
async fn look_up(host: String, turn: Turn) -> Result<Vec<SocketAddr>, FetchError> {
    let looked_up = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await.map(Vec::from_iter);
        drop(turn);
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
