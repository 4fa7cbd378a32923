//! What an operator sees of tokens: the log, and a database that is away.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use super::{AUDIENCE, CLIENT, bearer, trusting};
use crate::support::{Running, TestIssuer, TestServer, gatewood};

/// Tokens, and what the log has to say of each.
fn tokens(issuer: &TestIssuer, forger: &TestIssuer) -> Vec<(String, &'static str)> {
    let now = chrono::Utc::now().timestamp();
    let token =
        |claims: Value| issuer.token(super::with(json!({ "sub": "recognisable-subject", "aud": AUDIENCE }), claims));
    let key = issuer.key(Algorithm::ES256);
    let made_up = forger.token(json!({ "iss": issuer.url(), "sub": "eve", "aud": AUDIENCE }));
    let foreign = forger.key(Algorithm::ES256);
    let header = Header { kid: Some(key.kid.clone()), ..foreign.header() };
    let claims = json!({ "sub": "eve", "aud": AUDIENCE });
    vec![
        (token(json!({ "iss": "https://nobody.example" })), "nobody trusts its issuer (`iss`)"),
        (token(json!({ "aud": "recognisable-audience" })), "it is meant for somebody else (`aud`)"),
        (token(json!({ "exp": now - 600 })), "it has expired (`exp`)"),
        (token(json!({ "nbf": now + 600 })), "it does not count yet (`nbf`)"),
        (token(json!({ "iat": now + 600 })), "it was issued in the future (`iat`)"),
        (token(json!({ "sub": null })), "it has no `sub`"),
        (token(json!({ "email": ["recognisable@mail.example"] })), "its `email` is no text"),
        (token(json!({ "nonce": "n" })), "it is an ID token"),
        (issuer.token_with(&header, claims.clone(), &foreign), "its signature is not its issuer's"),
        (
            forger.token_with(
                &Header { kid: Some("unheard-of".to_owned()), ..foreign.header() },
                json!({ "iss": issuer.url(), "sub": "eve", "aud": AUDIENCE }),
                &foreign,
            ),
            "the issuer has no such key",
        ),
        (made_up, "the token is refused"),
        (
            issuer.token(json!({ "sub": "eve", "aud": AUDIENCE, "iss": "https://a\u{202e}b\n.example" })),
            "has a character that no URL has",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_why_a_token_is_refused_and_has_nothing_else_of_it() {
    let (issuer, forger) = (TestIssuer::start().await, TestIssuer::start().await);
    let folder = tempfile::tempdir().unwrap();
    let variables = trusting(&issuer)
        .into_iter()
        .map(|(key, value)| (format!("GATEWOOD_{}", key.replace('.', "_").to_uppercase()), value));
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"];
    let server = Running::start(gatewood(folder.path(), &arguments).envs(variables).env("GATEWOOD_LOG_LEVEL", "debug"));
    let mut bad = tokens(&issuer, &forger);
    for (token, _) in &bad {
        server.anonymous().with("authorization", format!("Bearer {token}")).get("/v1/whoami").send().await.expect(401);
    }
    let good = issuer.token(json!({ "sub": "ann", "aud": AUDIENCE }));
    server.anonymous().with("authorization", format!("Bearer {good}")).get("/v1/whoami").send().await.expect(200);
    let log = server.stop();
    assert!(log.contains(&format!("user:{}#ann", issuer.url())), "{log}");
    bad.push((good, "user:"));
    for (token, why) in &bad {
        assert!(log.contains(why), "{why} is not in {log}");
        for part in token.split('.').skip(1).chain([token.as_str()]) {
            assert!(!log.contains(part), "a part of a token is in {log}");
        }
    }
    for word in ["recognisable", "\u{202e}"] {
        assert!(!log.contains(word), "{word} is in {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_a_token_is_neither_admitted_nor_called_bad() {
    let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
    let (app, relay) = TestServer::behind_a_relay(trusting(&ours)).await;
    let tenant = app.tenant("Acme").await;
    let config = json!({ "issuer_url": theirs.url(), "client_id": CLIENT, "client_secret": "s" });
    app.root().about(&tenant).put("/v1/oidc-config").json(&config).send().await.expect(200);
    let of_ours = bearer(&app, &ours.token(json!({ "sub": "ann", "aud": AUDIENCE })));
    let of_theirs = bearer(&app, &theirs.token(json!({ "sub": "tom", "aud": CLIENT, "scope": "openid" })));
    for user in [&of_ours, &of_theirs] {
        user.get("/v1/whoami").send().await.expect(200);
    }
    relay.cut();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for user in [&of_ours, &of_theirs] {
        assert_eq!(user.get("/v1/whoami").send().await.expect(503).code(), "unavailable");
    }
    relay.restore();
    let began = Instant::now();
    for user in [&of_ours, &of_theirs] {
        while user.get("/v1/whoami").send().await.status != 200 {
            assert!(began.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
