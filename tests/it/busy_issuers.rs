//! Issuers that do not answer, and what they do to others: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use gatewood::authn::issuers::{KeyError, Requester};
use gatewood::domain::TenantId;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::issuers::World;
use crate::support::{Backend, TestIssuer, TestServer, Tweaks};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that takes every connection and never says a word.
struct Mute {
    address: std::net::SocketAddr,
    connections: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<()>,
}

impl Mute {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        let serving = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, connections, serving }
    }

    fn url(&self, number: usize) -> String {
        format!("https://{}/{number}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Breaks every connection off.
    fn stop(&self) {
        self.serving.abort();
    }
}

fn tenant() -> TenantId {
    TenantId::new(uuid::Uuid::now_v7())
}

async fn ask(world: &World, requester: Requester<'_>, url: &str) -> Result<(), KeyError> {
    world.keys.find(requester, url, Some("p256-1"), Algorithm::ES256).await.map(|_key| ())
}

/// Starts asking on behalf of a tenant, and waits for nothing.
fn start_asking(world: &Arc<World>, tenant: TenantId, url: String) -> tokio::task::JoinHandle<Result<(), KeyError>> {
    let world = Arc::clone(world);
    tokio::spawn(async move { ask(&world, Requester::Tenants(&[tenant]), &url).await })
}

async fn until_connected(mute: &Mute, connections: usize) {
    for _ in 0..500 {
        if mute.connections() == connections {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} connections, and not {connections}", mute.connections());
}

#[tokio::test]
async fn one_tenant_that_names_one_mute_issuer_after_the_other_holds_one_connection_and_nobody_up() {
    let (mute, good) = (Mute::start().await, TestIssuer::start().await);
    let world = Arc::new(World::with(&["127.0.0.0/8"], PATIENCE));
    let (rude, neighbour) = (tenant(), tenant());
    let first = start_asking(&world, rude, mute.url(0));
    until_connected(&mute, 1).await;
    let others = join_all((1..50).map(|number| start_asking(&world, rude, mute.url(number)))).await;
    for other in others {
        let Err(KeyError::Unavailable(why)) = other.unwrap() else { panic!("there is a key") };
        assert_eq!(why, "an issuer is being asked for the tenant already");
    }
    assert_eq!(ask(&world, Requester::Tenants(&[neighbour]), good.url()).await, Ok(()));
    assert_eq!(mute.connections(), 1);
    first.abort();
}

#[tokio::test]
async fn tenants_that_hold_every_turn_of_tenants_hold_up_no_issuer_of_the_instance() {
    let (mute, good) = (Mute::start().await, TestIssuer::start().await);
    let world = Arc::new(World::with(&["127.0.0.0/8"], PATIENCE));
    let waiting: Vec<_> = (0..40).map(|number| start_asking(&world, tenant(), mute.url(number))).collect();
    until_connected(&mute, 32).await;
    let began = Instant::now();
    assert_eq!(ask(&world, Requester::Instance, good.url()).await, Ok(()));
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert_eq!(mute.connections(), 32);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn an_issuer_for_which_there_was_no_turn_is_not_left_alone_for_that() {
    let (mute, good) = (Mute::start().await, TestIssuer::start().await);
    let world = Arc::new(World::with(&["127.0.0.0/8"], PATIENCE));
    let moved = tenant();
    let before = start_asking(&world, moved, mute.url(0));
    until_connected(&mute, 1).await;
    let busy = ask(&world, Requester::Tenants(&[moved]), good.url()).await;
    assert!(matches!(busy, Err(KeyError::Unavailable(_))), "{busy:?}");
    mute.stop();
    assert!(before.await.unwrap().is_err());
    // No time has passed on the clock of cooldowns.
    assert_eq!(ask(&world, Requester::Tenants(&[moved]), good.url()).await, Ok(()));
}

#[tokio::test]
async fn a_shared_issuer_is_asked_while_one_of_its_tenants_has_no_turn() {
    let (mute, good) = (Mute::start().await, TestIssuer::start().await);
    let world = Arc::new(World::with(&["127.0.0.0/8"], PATIENCE));
    let (rude, neighbour) = (tenant(), tenant());
    let held = start_asking(&world, rude, mute.url(0));
    until_connected(&mute, 1).await;
    assert_eq!(ask(&world, Requester::Tenants(&[rude, neighbour]), good.url()).await, Ok(()));
    held.abort();
}

#[tokio::test]
async fn issuers_of_the_instance_and_of_neighbours_outlast_whatever_a_tenant_names() {
    let (staff, neighbours) = (TestIssuer::start().await, TestIssuer::start().await);
    let world = World::new();
    let (rude, neighbour) = (tenant(), tenant());
    assert_eq!(ask(&world, Requester::Instance, staff.url()).await, Ok(()));
    assert_eq!(ask(&world, Requester::Tenants(&[neighbour]), neighbours.url()).await, Ok(()));
    for number in 0..2_000 {
        // Refused without a connection.
        let url = format!("https://10.0.0.1/{number}");
        assert!(ask(&world, Requester::Tenants(&[rude]), &url).await.is_err());
    }
    assert_eq!(ask(&world, Requester::Instance, staff.url()).await, Ok(()));
    assert_eq!(ask(&world, Requester::Tenants(&[neighbour]), neighbours.url()).await, Ok(()));
    assert_eq!((staff.key_requests(), neighbours.key_requests()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_for_which_there_is_no_turn_is_refused_and_does_not_count() {
    let (issuer, mute) = (TestIssuer::start().await, Mute::start().await);
    let mut flags = issuer.trust();
    flags.push(("oidc.timeout", "60s".to_owned()));
    let app = TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await;
    let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
    let (one, two) = (app.root().about(&one), app.root().about(&two));
    let check = async |caller: &crate::support::Caller, url: &str| {
        caller.post("/v1/oidc-config/check").json(&json!({ "issuer_url": url })).send().await
    };
    let others = async {
        until_connected(&mute, 1).await;
        for _ in 0..10 {
            let refused = check(&one, issuer.url()).await.expect(429);
            assert_eq!((refused.code(), refused.notices()), ("rate_limited".to_owned(), Vec::new()));
            assert!(refused.header("retry-after").is_some());
        }
        assert_eq!(check(&two, issuer.url()).await.expect(200).json()["ok"], true);
        mute.stop();
    };
    let url = mute.url(0);
    let (first, ()) = tokio::join!(check(&one, &url), others);
    let steps = first.expect(200).json()["steps"].clone();
    assert_eq!(steps.as_array().unwrap().last().unwrap()["name"], "connection", "{steps}");
    for _ in 0..5 {
        check(&one, issuer.url()).await.expect(200);
    }
    check(&one, issuer.url()).await.expect(429);
}
