//! Tokens and the settings of the instance: how old a token may be.

use std::time::Duration;

use serde_json::{Value, json};

use super::{bearer, in_a_world, refused_within};
use crate::support::{Answer, Caller, TestIssuer};

const SETTINGS: &str = "/admin/v1/settings/oidc";

/// Settings with this lifetime of access tokens.
fn lifetime(access: &str) -> Value {
    json!({
        "accessTokenLifetime": access, "idTokenLifetime": "43200s",
        "refreshTokenIdleExpiration": "1296000s", "refreshTokenExpiration": "2592000s",
    })
}

async fn whoami(caller: &Caller) -> Answer {
    caller.get("/v1/whoami").send().await
}

in_a_world! {
    async fn a_token_older_than_the_settings_allow_is_refused_and_told_the_limit(world) {
        world.tenant("Acme").await;
        let now = chrono::Utc::now().timestamp();
        let old = |seconds: i64| json!({ "iat": now - seconds, "exp": now + 3600 });
        let (ancient, undated) = (world.of_ours(old(100_000_000)), world.of_ours(json!({ "iat": null })));
        whoami(&ancient).await.expect(200);
        whoami(&undated).await.expect(200);
        world.app.root().post(SETTINGS).json(&lifetime("43200s")).send().await.expect(200);
        let limit = "the token is older than the accessTokenLifetime of 12h; get a new one";
        for too_old in [ancient, world.of_ours(old(43_300)), world.of_theirs(old(43_300))] {
            let refused = whoami(&too_old).await.expect(401);
            assert_eq!((refused.code().as_str(), refused.text_at("message").as_str()), ("unauthenticated", limit));
            assert_eq!((refused.field().as_str(), refused.text_at("details/reason").as_str()), ("Authorization", limit));
            assert!(refused.header("www-authenticate").is_some());
            let refused = too_old.get(SETTINGS).send().await.expect(401).json();
            assert_eq!((&refused["code"], &refused["message"]), (&json!(16), &json!(limit)));
        }
        let refused = whoami(&undated).await.expect(401);
        assert!(refused.text_at("message").contains("no `iat`"), "{refused:?}");
        for young in [world.of_ours(old(40_000)), world.of_theirs(json!({})), world.of_ours(json!({ "iat": now + 5 }))] {
            whoami(&young).await.expect(200);
        }
        // A key is no token.
        world.app.root().get("/v1/whoami").send().await.expect(200);
    }

    async fn the_limit_is_told_to_those_only_whose_token_is_good_otherwise(world) {
        world.app.root().post(SETTINGS).json(&lifetime("60s")).send().await.expect(200);
        let nonsense = whoami(&bearer(&world.app, "nonsense")).await.expect(401);
        let now = chrono::Utc::now().timestamp();
        let old = json!({ "sub": "ann", "aud": super::AUDIENCE, "iat": now - 3600, "exp": now + 3600 });
        assert_ne!(whoami(&world.of_ours(old.clone())).await.expect(401).text, nonsense.text);
        let forger = TestIssuer::start().await;
        let mut faked = old.clone();
        faked["iss"] = json!(world.ours.url());
        for bad in [
            bearer(&world.app, &forger.token(faked)),
            world.of_ours(super::with(old.clone(), json!({ "aud": "somebody" }))),
            world.of_ours(super::with(old.clone(), json!({ "exp": now - 60 }))),
            world.of_ours(super::with(old.clone(), json!({ "nonce": "n" }))),
            world.of_ours(super::with(old, json!({ "sub": null }))),
        ] {
            assert_eq!(whoami(&bad).await.expect(401).text, nonsense.text);
        }
    }

    async fn a_change_of_the_limit_is_in_force_at_once_and_elsewhere_within_a_second_and_a_half(world) {
        let other = world.app.replica().await;
        let now = chrono::Utc::now().timestamp();
        let token = world.ours.token(json!({ "sub": "ann", "aud": super::AUDIENCE, "iat": now - 600, "exp": now + 3600 }));
        let (first, second) = (bearer(&world.app, &token), bearer(&other, &token));
        world.app.root().post(SETTINGS).json(&lifetime("3600s")).send().await.expect(200);
        whoami(&first).await.expect(200);
        whoami(&second).await.expect(200);
        world.app.root().put(SETTINGS).json(&lifetime("300s")).send().await.expect(200);
        assert!(whoami(&first).await.expect(401).text_at("message").contains("5m"));
        assert!(refused_within(&second, Duration::from_millis(1500)).await.text_at("message").contains("5m"));
        world.app.root().put(SETTINGS).json(&lifetime("3600s")).send().await.expect(200);
        whoami(&first).await.expect(200);
    }

    async fn a_known_token_grows_old(world) {
        world.app.root().post(SETTINGS).json(&lifetime("120s")).send().await.expect(200);
        let user = world.of_ours(json!({ "iat": chrono::Utc::now().timestamp() }));
        whoami(&user).await.expect(200);
        world.hands.pass(Duration::from_secs(121));
        let refused = whoami(&user).await.expect(401);
        assert!(refused.text_at("message").contains("2m"), "{refused:?}");
    }
}
