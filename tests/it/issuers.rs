//! Issuers' keys: what is fetched, what is refused, and what is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gatewood::authn::issuers::{KeyError, KeySetTiming, KeySets, Outbound, OutboundSettings, Requester};
use gatewood::domain::{Clock, TenantId};
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{Behaviour, SigningKey, TestIssuer, configure, eventually};

const FRESH_FOR: i64 = 600;
const COOLDOWN: i64 = 30;
const STALE_BOUND: i64 = 86_400;

/// Key sets with a clock of their own.
pub(crate) struct World {
    pub(crate) keys: KeySets,
    seconds: Arc<AtomicI64>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&["127.0.0.0/8", "::1/128"], Duration::from_secs(20))
    }

    /// A clock that stands still, and its hands.
    fn clock() -> (Arc<AtomicI64>, Clock) {
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = Clock::from_fn({
            let seconds = Arc::clone(&seconds);
            move || chrono::DateTime::from_timestamp(seconds.load(Ordering::SeqCst), 0).unwrap()
        });
        (seconds, clock)
    }

    pub(crate) fn with(allowed: &[&str], timeout: Duration) -> Self {
        let (seconds, clock) = Self::clock();
        let allowed: Vec<_> = allowed.iter().map(|network| network.parse().unwrap()).collect();
        let outbound = Outbound::new(OutboundSettings {
            allowed_networks: allowed.clone(),
            tenant_allowed_networks: allowed,
            certificates: vec![TestIssuer::ca_der()],
            timeout,
        });
        let seconds_of = |seconds: i64| Duration::from_secs(seconds.try_into().unwrap());
        let timing = KeySetTiming {
            fresh_for: seconds_of(FRESH_FOR),
            cooldown: seconds_of(COOLDOWN),
            stale_bound: seconds_of(STALE_BOUND),
        };
        Self { keys: KeySets::new(outbound.unwrap(), clock, timing), seconds }
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn find(&self, issuer: &TestIssuer, kid: &str) -> Result<(), KeyError> {
        self.keys.find(Requester::Instance, issuer.url(), Some(kid), Algorithm::ES256).await.map(|_key| ())
    }

    /// The text for the log of a look-up that must fail because the keys cannot be fetched.
    async fn why(&self, url: &str) -> String {
        match self.keys.find(Requester::Instance, url, Some("p256-1"), Algorithm::ES256).await {
            Err(KeyError::Unavailable(why)) => why,
            Err(KeyError::Unknown) => panic!("unknown, and not unavailable"),
            Ok(_key) => panic!("there is a key"),
        }
    }
}

#[tokio::test]
async fn every_kind_of_key_verifies_what_it_signed() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let signing = issuer.key(algorithm);
        let token = issuer.token_with(&signing.header(), json!({ "sub": "somebody" }), &signing);
        let key = world.keys.find(Requester::Instance, issuer.url(), Some(&signing.kid), algorithm).await.ok().unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.set_issuer(&[issuer.url()]);
        let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key.decoding, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "somebody");
        assert!(world.keys.is_current(issuer.url(), &key));
    }
    let token = issuer.token(json!({ "sub": "somebody" }));
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key = world.keys.find(Requester::Instance, issuer.url(), header.kid.as_deref(), header.alg).await.ok().unwrap();
    let validation = jsonwebtoken::Validation::new(header.alg);
    jsonwebtoken::decode::<serde_json::Value>(&token, &key.decoding, &validation).unwrap();
    assert_eq!(issuer.requests(), 2, "one discovery document and one key set, for all of them");
}

// ------------------------------------------------------------------ where nothing is fetched from

#[tokio::test]
async fn an_address_of_the_network_this_runs_in_is_refused_before_a_connection() {
    let issuer = TestIssuer::start().await;
    let world = World::with(&[], Duration::from_secs(20));
    let port = issuer.url().rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "10.0.0.1", "169.254.169.254", "0.0.0.0"] {
        let why = world.why(&format!("https://{host}:{port}")).await;
        assert!(why.starts_with("address: ") && why.contains("not public"), "{host}: {why}");
    }
    let plain = world.why(&format!("http://localhost:{port}")).await;
    assert!(plain.contains("not public"), "{plain}");
    assert_eq!(issuer.connections(), 0);
}

#[tokio::test]
async fn an_allowed_network_opens_a_name_only_with_all_of_its_addresses() {
    let issuer = TestIssuer::start_with("localhost", &["localhost"]).await;
    let open = World::new();
    assert_eq!(open.find(&issuer, "p256-1").await, Ok(()));
    let other = World::with(&["10.0.0.0/8"], Duration::from_secs(20));
    assert!(other.why(issuer.url()).await.contains("not public"));
}

#[tokio::test]
async fn keys_at_a_private_address_are_refused_although_the_issuer_is_not() {
    let issuer = TestIssuer::start().await;
    let world = World::with(&["127.0.0.1/32"], Duration::from_secs(20));
    let victim = TestIssuer::start().await;
    let port = victim.url().rsplit(':').next().unwrap();
    for uri in [format!("https://127.0.0.2:{port}/keys"), "https://169.254.169.254/latest/meta-data/".to_owned()] {
        issuer.discovery(Behaviour::Json(json!({ "issuer": issuer.url(), "jwks_uri": uri })));
        let why = world.why(issuer.url()).await;
        assert!(why.starts_with("keys_address: "), "{uri}: {why}");
        world.wait(COOLDOWN);
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn keys_over_plain_http_are_refused_but_from_this_machine() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    for uri in ["http://login.example.com/keys", "http://8.8.8.8/keys", "file:///etc/passwd", "/keys"] {
        issuer.discovery(Behaviour::Json(json!({ "issuer": issuer.url(), "jwks_uri": uri })));
        let why = world.why(issuer.url()).await;
        assert!(why.starts_with("jwks_uri: "), "{uri}: {why}");
        world.wait(COOLDOWN);
    }
    let plain = TestIssuer::start_plain().await;
    assert_eq!(world.find(&plain, "p256-1").await, Ok(()));
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let victim = TestIssuer::start().await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/.well-known/openid-configuration\r\n", victim.url());
        issuer.discovery(Behaviour::Raw(status, location, Vec::new()));
        assert!(world.why(issuer.url()).await.contains("redirect"));
        world.wait(COOLDOWN);
    }
    issuer.discovery(Behaviour::Right);
    issuer.jwks(Behaviour::Raw(302, format!("Location: {}/keys\r\n", victim.url()), Vec::new()));
    assert!(world.why(issuer.url()).await.contains("redirect"));
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_for_another_name_ends_it() {
    let untrusted = TestIssuer::start_untrusted().await;
    let world = World::new();
    let why = world.why(untrusted.url()).await;
    assert_eq!(why, "connection: TLS failed: the server's certificate is not of an authority that is trusted here");
    assert_eq!(untrusted.requests(), 0);
    let other = TestIssuer::start_with("127.0.0.1", &["secret-name.example.com"]).await;
    let why = world.why(other.url()).await;
    assert_eq!(why, "connection: TLS failed: the server's certificate is for another name");
    let mail = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", mail.local_addr().unwrap());
    let served =
        async { mail.accept().await.unwrap().0.write_all(b"220 secret.example.com at your service\r\n").await };
    let (why, served) = tokio::join!(world.why(&url), served);
    served.unwrap();
    assert_eq!(why, "connection: TLS failed: the server does not speak TLS");
}

// ------------------------------------------------------------------ what is not taken for keys

#[tokio::test]
async fn an_answer_that_is_not_a_discovery_document_gives_no_keys() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let right = json!({ "issuer": issuer.url(), "jwks_uri": format!("{}/keys", issuer.url()) });
    let raw = |status, headers: &str, body: &str| Behaviour::Raw(status, headers.to_owned(), body.as_bytes().to_vec());
    let with_issuer = |name: &str| {
        let mut document = right.clone();
        document["issuer"] = json!(name);
        Behaviour::Json(document)
    };
    for (behaviour, why) in [
        (raw(500, "", ""), "discovery: the answer has the status 500 and not 200"),
        (raw(404, "", ""), "discovery: the answer has the status 404 and not 200"),
        (raw(200, "", "<html>"), "discovery: the answer is not a JSON object with an issuer and a jwks_uri"),
        (raw(200, "", "[\"a\",\"b\"]"), "discovery: the answer is not a JSON object with an issuer and a jwks_uri"),
        (Behaviour::Json(json!({})), "discovery: the answer is not a JSON object with an issuer and a jwks_uri"),
        (raw(200, "Content-Encoding: gzip\r\n", &right.to_string()), "discovery: the answer is compressed"),
        (raw(200, "", &" ".repeat(256 * 1024 + 1)), "discovery: the answer has more than 262144 bytes"),
        (Behaviour::Endless, "discovery: the answer has more than 262144 bytes"),
        (Behaviour::Broken, "discovery: the answer could not be read as HTTP to its end"),
        (
            raw(200, &"X: y\r\n".repeat(100), &right.to_string()),
            "discovery: the answer could not be read as HTTP to its end",
        ),
        (
            with_issuer("https://other.example.com"),
            "issuer: the document names another issuer than the URL that it came from",
        ),
        (
            with_issuer(&format!("{}/realm", issuer.url())),
            "issuer: the document names another issuer than the URL that it came from",
        ),
        (
            with_issuer(&issuer.url().replace("https:", "http:")),
            "issuer: the document names another issuer than the URL that it came from",
        ),
    ] {
        issuer.discovery(behaviour);
        assert_eq!(world.why(issuer.url()).await, why);
        world.wait(COOLDOWN);
    }
    issuer.discovery(with_issuer(&format!("{}/", issuer.url())));
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
}

#[tokio::test]
async fn an_answer_that_is_not_a_key_set_gives_no_keys() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    for (behaviour, why) in [
        (Behaviour::Json(json!([])), "keys: the answer is not a JSON object with a list `keys`"),
        (Behaviour::Json(json!({ "keys": vec![json!({}); 101] })), "keys: there are more than 100 keys"),
        (Behaviour::Raw(503, String::new(), Vec::new()), "keys: the answer has the status 503 and not 200"),
        (Behaviour::Endless, "keys: the answer has more than 262144 bytes"),
    ] {
        issuer.jwks(behaviour);
        assert_eq!(world.why(issuer.url()).await, why);
        world.wait(COOLDOWN);
    }
}

#[tokio::test]
async fn an_issuer_that_is_slow_is_given_up() {
    let issuer = TestIssuer::start().await;
    let world = World::with(&["127.0.0.0/8"], Duration::from_secs(3));
    issuer.discovery(Behaviour::Slow(Duration::from_mins(10)));
    assert_eq!(world.why(issuer.url()).await, "discovery: it took longer than 3000 ms");
    // One that accepts and never says a word of TLS.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let why = world.why(&format!("https://{}", mute.local_addr().unwrap())).await;
    assert_eq!(why, "connection: no connection could be made within 1500 ms");
}

#[tokio::test]
async fn symmetric_and_weak_keys_verify_nothing() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    issuer.jwks(Behaviour::Json(json!({ "keys": [
        { "kty": "oct", "kid": "p256-1", "k": "c2VjcmV0" },
        { "kty": "RSA", "kid": "weak", "n": "u".repeat(170) + "A", "e": "AQAB" },
        { "kty": "EC", "kid": "enc", "use": "enc", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) },
    ] })));
    for (kid, algorithm) in [
        ("p256-1", Algorithm::HS256),
        ("p256-1", Algorithm::ES256),
        ("weak", Algorithm::RS256),
        ("enc", Algorithm::ES256),
    ] {
        let found = world.keys.find(Requester::Instance, issuer.url(), Some(kid), algorithm).await;
        assert_eq!(found.err(), Some(KeyError::Unknown), "{kid}");
    }
}

// ------------------------------------------------------------------ what is remembered

#[tokio::test]
async fn requests_at_once_are_one_fetch_also_when_the_first_goes_away() {
    let issuer = TestIssuer::start().await;
    let world = Arc::new(World::new());
    issuer.discovery(Behaviour::Slow(Duration::from_millis(500)));
    let first = {
        let (world, url) = (Arc::clone(&world), issuer.url().to_owned());
        tokio::spawn(async move {
            world.keys.find(Requester::Instance, &url, Some("p256-1"), Algorithm::ES256).await.is_ok()
        })
    };
    eventually("the first request arrives", async || issuer.requests(), |requests| *requests == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let found = futures_util::future::join_all((0..50).map(|_| world.find(&issuer, "p256-1"))).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn strangers_with_unknown_key_ids_do_not_make_the_service_hammer_an_issuer() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    for number in 0..200 {
        assert_eq!(world.find(&issuer, &format!("made-up-{number}")).await, Err(KeyError::Unknown));
    }
    assert_eq!(issuer.key_requests(), 1);
    world.wait(COOLDOWN);
    for number in 0..200 {
        assert_eq!(world.find(&issuer, &format!("made-up-{number}")).await, Err(KeyError::Unknown));
    }
    assert_eq!(issuer.key_requests(), 2);
}

#[tokio::test]
async fn an_issuer_that_fails_is_left_alone_for_the_cooldown() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    issuer.discovery(Behaviour::Raw(500, String::new(), Vec::new()));
    for _ in 0..100 {
        assert!(world.why(issuer.url()).await.contains("status 500"));
    }
    assert_eq!(issuer.requests(), 1);
    issuer.discovery(Behaviour::Right);
    world.wait(COOLDOWN - 1);
    world.why(issuer.url()).await;
    world.wait(1);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
}

#[tokio::test]
async fn a_new_key_is_found_after_the_cooldown_and_the_old_one_is_dead_from_then_on() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let old = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    issuer.rotate_keys();
    assert_eq!(world.find(&issuer, "p256-2").await, Err(KeyError::Unknown), "it was asked just now");
    assert!(world.keys.is_current(issuer.url(), &old));
    world.wait(COOLDOWN);
    assert_eq!(world.find(&issuer, "p256-2").await, Ok(()));
    assert!(!world.keys.is_current(issuer.url(), &old));
    assert_eq!(world.find(&issuer, "p256-1").await, Err(KeyError::Unknown));
}

#[tokio::test]
async fn a_key_that_stays_is_still_the_same_after_a_refresh_and_one_with_other_numbers_is_not() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let (kept, replaced) = (SigningKey::p256("kept"), SigningKey::p256("replaced"));
    issuer.set_keys(vec![kept.clone(), replaced]);
    let of =
        async |kid| world.keys.find(Requester::Instance, issuer.url(), Some(kid), Algorithm::ES256).await.ok().unwrap();
    let before = (of("kept").await, of("replaced").await);
    issuer.set_keys(vec![kept, SigningKey::p256("replaced")]);
    world.wait(FRESH_FOR);
    let after = (of("kept").await, of("replaced").await);
    assert!(Arc::ptr_eq(&before.0, &after.0));
    assert!(!Arc::ptr_eq(&before.1, &after.1));
    assert!(world.keys.is_current(issuer.url(), &before.0));
    assert!(!world.keys.is_current(issuer.url(), &before.1));
}

#[tokio::test]
async fn keys_in_use_are_fetched_anew_before_anybody_has_to_wait() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    world.wait(FRESH_FOR * 3 / 4 - 1);
    assert!(world.keys.is_current(issuer.url(), &key));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(issuer.requests(), 2);
    world.wait(1);
    issuer.rotate_keys();
    assert!(world.keys.is_current(issuer.url(), &key), "nobody waits");
    eventually(
        "the keys are fetched anew",
        async || world.keys.is_current(issuer.url(), &key),
        |is_current| !is_current,
    )
    .await;
    assert_eq!(issuer.key_requests(), 2);
}

#[tokio::test]
async fn keys_that_are_no_longer_fresh_do_not_count_until_they_are_fetched_anew() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    issuer.rotate_keys();
    world.wait(FRESH_FOR);
    assert!(!world.keys.is_current(issuer.url(), &key));
    assert_eq!(world.find(&issuer, "p256-1").await, Err(KeyError::Unknown));
    assert_eq!(world.find(&issuer, "p256-2").await, Ok(()));
}

#[tokio::test]
async fn stale_keys_count_while_the_issuer_is_away_up_to_the_bound() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    issuer.away(true);
    world.wait(FRESH_FOR);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    assert!(world.keys.is_current(issuer.url(), &key));
    assert!(matches!(world.find(&issuer, "p256-2").await, Err(KeyError::Unavailable(_))), "who knows what it has now");
    let asked = issuer.connections();
    for _ in 0..100 {
        assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    }
    assert_eq!(issuer.connections(), asked);
    world.wait(STALE_BOUND - FRESH_FOR - 1);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    world.wait(1);
    assert!(!world.keys.is_current(issuer.url(), &key));
    assert!(matches!(world.find(&issuer, "p256-1").await, Err(KeyError::Unavailable(_))));
    issuer.away(false);
    world.wait(COOLDOWN);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
}

#[tokio::test]
async fn an_issuer_that_was_away_long_ago_is_asked_before_a_stale_key_counts() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    issuer.away(true);
    world.wait(COOLDOWN);
    assert_eq!(world.find(&issuer, "made-up").await, Err(KeyError::Unknown));
    assert_eq!(issuer.connections(), 3, "it was asked in vain");
    issuer.away(false);
    issuer.rotate_keys();
    world.wait(STALE_BOUND / 2);
    assert!(!world.keys.is_current(issuer.url(), &key));
    assert_eq!(world.find(&issuer, "p256-1").await, Err(KeyError::Unknown));
    assert_eq!(world.find(&issuer, "p256-2").await, Ok(()));
}

#[tokio::test]
async fn stale_keys_count_while_an_issuer_that_is_away_is_asked_once_more() {
    // Asking may take longer than two cooldowns.
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    issuer.discovery(Behaviour::Raw(500, String::new(), Vec::new()));
    world.wait(FRESH_FOR);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()), "it failed just now");
    issuer.discovery(Behaviour::Slow(Duration::from_mins(10)));
    world.wait(COOLDOWN);
    assert!(world.keys.is_current(issuer.url(), &key));
    eventually("it is asked once more", async || issuer.requests(), |requests| *requests == 4).await;
    world.wait(COOLDOWN + 2 * 20);
    assert!(world.keys.is_current(issuer.url(), &key), "it is being asked for two cooldowns and two requests");
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    world.wait(21);
    assert!(!world.keys.is_current(issuer.url(), &key), "no fetch takes this long");
}

#[tokio::test]
async fn a_clock_that_is_turned_back_makes_no_key_younger() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let key = world.keys.find(Requester::Instance, issuer.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    world.wait(-1);
    assert!(!world.keys.is_current(issuer.url(), &key));
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    assert_eq!(issuer.key_requests(), 2);
}

#[tokio::test]
async fn a_slash_at_the_end_of_an_issuer_makes_no_difference() {
    let issuer = TestIssuer::start().await;
    let world = World::new();
    let with_slash = format!("{}/", issuer.url());
    let key = world.keys.find(Requester::Instance, &with_slash, Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    assert!(world.keys.is_current(issuer.url(), &key));
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    assert_eq!(issuer.key_requests(), 1);
}

#[tokio::test]
async fn a_key_of_one_issuer_is_none_of_another() {
    let (one, two) = (TestIssuer::start().await, TestIssuer::start().await);
    let world = World::new();
    let key = world.keys.find(Requester::Instance, one.url(), Some("p256-1"), Algorithm::ES256).await.ok().unwrap();
    assert_eq!(world.find(&two, "p256-1").await, Ok(()));
    assert!(!world.keys.is_current(two.url(), &key));
    assert!(!world.keys.is_current("https://login.example.com", &key));
}

// ------------------------------------------------------------------ as it is configured

fn configured(issuer: &TestIssuer, flags: &[(&'static str, &str)]) -> World {
    let mut all = issuer.trust();
    all.extend(flags.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let config = configure(&all).oidc;
    let outbound = gatewood::server::outbound(&config).unwrap();
    let (seconds, clock) = World::clock();
    World { keys: gatewood::server::key_sets(&config, outbound, clock), seconds }
}

#[tokio::test]
async fn how_long_keys_count_and_issuers_are_left_alone_is_configured() {
    let issuer = TestIssuer::start().await;
    let world = configured(
        &issuer,
        &[("oidc.keys_fresh_for", "40s"), ("oidc.keys_cooldown", "3s"), ("oidc.keys_stale_bound", "100s")],
    );
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    world.wait(2);
    assert_eq!(world.find(&issuer, "made-up").await, Err(KeyError::Unknown));
    assert_eq!(issuer.key_requests(), 1);
    world.wait(1);
    assert_eq!(world.find(&issuer, "made-up").await, Err(KeyError::Unknown));
    assert_eq!(issuer.key_requests(), 2, "the cooldown is over");
    world.wait(40);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    assert_eq!(issuer.key_requests(), 3, "they are no longer fresh");
    issuer.away(true);
    world.wait(99);
    assert_eq!(world.find(&issuer, "p256-1").await, Ok(()));
    world.wait(1);
    assert!(matches!(world.find(&issuer, "p256-1").await, Err(KeyError::Unavailable(_))));
}

#[tokio::test]
async fn a_network_that_is_open_for_the_instance_is_closed_for_tenants_and_the_other_way_round() {
    let issuer = TestIssuer::start().await;
    let [authorities, for_instance, for_tenants] = issuer.trust().try_into().unwrap();
    let tenants = [TenantId::new(uuid::Uuid::now_v7())];
    let (instance, tenants) = (Requester::Instance, Requester::Tenants(&tenants));
    for (networks, may, may_not) in [(for_instance, instance, tenants), (for_tenants, tenants, instance)] {
        let config = configure(&[authorities.clone(), networks]).oidc;
        let outbound = gatewood::server::outbound(&config).unwrap();
        let keys = gatewood::server::key_sets(&config, outbound, World::clock().1);
        let found = async |requester, url: &str| keys.find(requester, url, Some("p256-1"), Algorithm::ES256).await;
        // By its address, and by a name.
        for url in [issuer.url().to_owned(), issuer.url().replace("127.0.0.1", "localhost")] {
            let Err(KeyError::Unavailable(why)) = found(may_not, &url).await else { panic!("{may_not:?} reached it") };
            assert!(why.starts_with("address: ") && why.contains("not public"), "{why}");
        }
        assert!(found(may, &format!("{}/", issuer.url())).await.is_ok(), "{may:?}");
    }
}

#[tokio::test]
async fn a_file_may_have_several_authorities_in_it() {
    let issuer = TestIssuer::start().await;
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    let path = issuer.ca_file();
    std::fs::write(&path, format!("# ours\n{}\n# another\n{}", other.cert.pem(), TestIssuer::ca_pem())).unwrap();
    assert_eq!(configure(&issuer.trust()).oidc.ca_certificates.len(), 2);
    assert_eq!(configured(&issuer, &[]).find(&issuer, "p256-1").await, Ok(()));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let garbled = file("garbled.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    for (key, value, said) in [
        ("oidc.ca_certificates", file("empty.pem", ""), "which has no certificate in PEM in it"),
        ("oidc.ca_certificates", garbled, "which is not PEM that can be read"),
        ("oidc.ca_certificates", format!("{}/missing.pem", folder.path().display()), "which cannot be read"),
        ("oidc.allowed_networks", "10.0.0.0/33".to_owned(), "accepted is a list of networks"),
        ("oidc.timeout", "0s".to_owned(), "accepted is a duration"),
        ("oidc.keys_stale_bound", "9m".to_owned(), "no shorter than `oidc.keys_fresh_for`"),
        ("oidc.keys_cooldown", "151s".to_owned(), "no longer than a quarter of `oidc.keys_fresh_for`"),
        ("oidc.keys_cooldown", "15m".to_owned(), "no longer than a quarter of `oidc.keys_fresh_for`"),
    ] {
        let layers = gatewood::config::Layers::collect(None, &[(key, value)], []).unwrap();
        let error = gatewood::config::Config::read(&layers).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}` (from the flag")) && error.contains(said), "{error}");
    }
    // Well-formed on the outside only: it is found at start, before anything else is touched.
    let hollow = file("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let config = configure(&[("oidc.ca_certificates", hollow)]).oidc;
    let error = gatewood::server::outbound(&config).err().unwrap().to_string();
    assert!(error.contains("`oidc.ca_certificates`"), "{error}");
}
