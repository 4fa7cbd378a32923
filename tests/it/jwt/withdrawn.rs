//! Tokens that were good a moment ago.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::{AUDIENCE, World, bearer, in_a_world, refused_within};
use crate::support::Backend;

/// How long a token counts after its end.
const SKEW: Duration = Duration::from_secs(30);
const FRESH_FOR: Duration = Duration::from_mins(10);
const COOLDOWN: Duration = Duration::from_secs(30);
const STALE_BOUND: Duration = Duration::from_hours(1);
const KEYS: [(&str, &str); 3] =
    [("oidc.keys_fresh_for", "10m"), ("oidc.keys_cooldown", "30s"), ("oidc.keys_stale_bound", "1h")];

fn of_tomorrow() -> i64 {
    chrono::Utc::now().timestamp() + 86_400
}

in_a_world! {
    async fn a_tenants_tokens_are_dead_at_once_when_its_configuration_changes_or_goes(world) {
        let acme = world.tenant("Acme").await;
        let (root, user) = (world.app.root().about(&acme), world.of_theirs(json!({})));
        user.get("/v1/whoami").send().await.expect(200);
        world.configure(&acme, json!({ "client_id": "another" })).await;
        user.get("/v1/whoami").send().await.expect(401);
        world.configure(&acme, json!({})).await;
        user.get("/v1/whoami").send().await.expect(200);
        root.delete("/v1/oidc-config").send().await.expect(204);
        user.get("/v1/whoami").send().await.expect(401);
        world.configure(&acme, json!({})).await;
        user.get("/v1/whoami").send().await.expect(200);
        root.delete(&format!("/v1/tenants/{acme}")).send().await.expect(204);
        user.get("/v1/whoami").send().await.expect(401);
    }

    async fn a_refused_change_leaves_the_tokens_as_they_are(world) {
        let acme = world.tenant("Acme").await;
        let user = world.of_theirs(json!({}));
        let root = world.app.root().about(&acme);
        root.delete("/v1/oidc-config").header("if-match", "\"other\"").send().await.expect(412);
        user.get("/v1/whoami").send().await.expect(200);
    }

    async fn the_other_replica_follows_within_a_second_and_a_half(world) {
        let acme = world.tenant("Acme").await;
        let other = world.app.replica().await;
        let token = world.theirs.token(json!({ "sub": "tom", "aud": super::CLIENT, "scope": "openid" }));
        let there = bearer(&other, &token);
        there.get("/v1/whoami").send().await.expect(200);
        world.app.root().about(&acme).delete("/v1/oidc-config").send().await.expect(204);
        refused_within(&there, Duration::from_millis(1500)).await;
        // What was refused is admitted again as quickly.
        world.configure(&acme, json!({})).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        there.get("/v1/whoami").send().await.expect(200);
    }

    async fn a_token_that_expires_is_refused_though_it_was_known(world) {
        let user = world.of_ours(json!({ "exp": chrono::Utc::now().timestamp() + 300 }));
        user.get("/v1/whoami").send().await.expect(200);
        world.hands.pass(Duration::from_mins(5) + SKEW);
        user.get("/v1/whoami").send().await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_its_issuer_withdraws_takes_its_tokens_along() {
    let world = World::start_with(Backend::Sqlite, &KEYS).await;
    let key = world.ours.key(Algorithm::ES256);
    let claims = json!({ "sub": "ann", "aud": AUDIENCE, "exp": of_tomorrow() });
    let user = bearer(&world.app, &world.ours.token_with(&key.header(), claims.clone(), &key));
    user.get("/v1/whoami").send().await.expect(200);
    world.ours.rotate_keys();
    user.get("/v1/whoami").send().await.expect(200);
    world.hands.pass(FRESH_FOR);
    user.get("/v1/whoami").send().await.expect(401);
    bearer(&world.app, &world.ours.token(claims)).get("/v1/whoami").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_issuer_is_away_its_known_keys_go_on_verifying_for_a_while() {
    let world = World::start_with(Backend::Sqlite, &KEYS).await;
    let user = world.of_ours(json!({ "exp": of_tomorrow() }));
    user.get("/v1/whoami").send().await.expect(200);
    world.ours.away(true);
    world.hands.pass(FRESH_FOR);
    user.get("/v1/whoami").send().await.expect(200);
    world.of_ours(json!({ "sub": "bob", "exp": of_tomorrow() })).get("/v1/whoami").send().await.expect(200);
    world.hands.pass(STALE_BOUND);
    user.get("/v1/whoami").send().await.expect(401);
    world.ours.away(false);
    world.hands.pass(COOLDOWN);
    user.get("/v1/whoami").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_never_answered_admits_nobody_and_is_left_in_peace() {
    let world = World::start(Backend::Sqlite).await;
    world.ours.away(true);
    let user = world.of_ours(json!({}));
    for _ in 0..20 {
        user.get("/v1/whoami").send().await.expect(401);
    }
    assert!(world.ours.connections() <= 3, "{}", world.ours.connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_token_costs_the_issuer_nothing() {
    let world = World::start(Backend::Sqlite).await;
    let user = world.of_ours(json!({}));
    for _ in 0..30 {
        user.get("/v1/whoami").send().await.expect(200);
    }
    assert_eq!(world.ours.requests(), 2, "the discovery document and the keys");
}
