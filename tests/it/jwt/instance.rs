//! Users of an issuer that the instance trusts.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{AUDIENCE, in_a_world, with};
use crate::support::{Backend, TestDatabase, TestServer, Tweaks};

in_a_world! {
    async fn a_user_is_told_what_the_service_sees_in_its_token(world) {
        let user = world.of_ours(json!({ "gatewood": { "roles": ["viewer"] }, "groups": ["b", "a#b|c", "b"] }));
        let me = user.get("/v1/whoami").send().await.expect(200).json();
        let url = world.ours.url();
        assert_eq!(me, json!({
            "kind": "user", "id": null, "name": null, "tenant_id": null, "roles": ["viewer"],
            "issuer": url, "subject": "ann", "groups": ["a#b|c", "b"],
            "principal": format!("Gatewood::User::\"{url}#ann\""),
        }));
    }

    async fn a_user_with_the_role_root_administers_the_instance(world) {
        let root = world.of_ours(json!({ "gatewood": { "roles": ["root"] } }));
        let body = json!({ "name": "Acme" });
        let tenant = root.post("/v1/tenants").json(&body).send().await.expect(201).text_at("id");
        let made = root.about(&tenant).post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(201);
        assert_eq!(made.text_at("created_by"), format!("user:{}#ann", world.ours.url()));
        let by_group = world.of_ours(json!({ "groups": ["ops"] }));
        by_group.get("/v1/tenants").send().await.expect(200);
    }

    async fn a_user_without_a_role_learns_who_it_is_and_nothing_else(world) {
        let user = world.of_ours(json!({}));
        assert_eq!(user.get("/v1/whoami").send().await.expect(200).json()["roles"], json!([]));
        for path in ["/v1/tenants", "/v1/api-keys"] {
            assert_eq!(user.get(path).send().await.expect(403).code(), "forbidden", "{path}");
        }
        user.get("/v1/nothing").send().await.expect(404);
        user.post("/v1/tenants").raw_json("{").send().await.expect(400);
        for claims in [json!({ "roles": ["root"] }), json!({ "groups": ["root"] }), json!({ "gatewood_roles": ["root"] })] {
            world.of_ours(claims).get("/v1/tenants").send().await.expect(403);
        }
    }

    async fn a_user_grants_only_roles_that_it_holds(world) {
        let tenant = world.app.tenant("Acme").await;
        let claims = json!({ "gatewood": { "roles": ["admin"] }, "tenant": tenant });
        let admin = world.of_ours(claims).about(&tenant);
        let grant = |role: &str| admin.post("/v1/api-keys").json(&json!({ "name": "k", "roles": [role] }));
        assert_eq!(grant("root").send().await.expect(403).code(), "role_not_held");
        grant("pep").send().await.expect(201);
    }

    async fn a_token_that_names_a_tenant_is_of_that_tenant_and_never_root(world) {
        let (one, two) = (world.app.tenant("One").await, world.app.tenant("Two").await);
        for claims in [json!({ "gatewood": { "roles": ["root", "viewer"] } }), json!({ "groups": ["ops", "readers"] })] {
            let user = world.of_ours(with(claims, json!({ "tenant": one })));
            let me = user.get("/v1/whoami").send().await.expect(200).json();
            assert_eq!((&me["tenant_id"], &me["roles"]), (&json!(one), &json!(["viewer"])));
            assert_eq!(me["principal"], format!("Gatewood::User::\"{one}|{}#ann\"", world.ours.url()));
            user.get(&format!("/v1/tenants/{one}")).send().await.expect(200);
            assert_eq!(user.get(&format!("/v1/tenants/{two}")).send().await.expect(403).code(), "tenant_mismatch");
            assert_eq!(user.about(&two).get("/v1/whoami").send().await.expect(403).code(), "tenant_mismatch");
            user.get("/v1/tenants").send().await.expect(403);
        }
        for malformed in [json!("x"), json!(""), json!(7), json!([one])] {
            let root = world.of_ours(json!({ "gatewood": { "roles": ["root"] }, "tenant": malformed }));
            root.get("/v1/whoami").send().await.expect(401);
        }
    }

    async fn each_allowed_algorithm_is_verified_and_no_other(world) {
        for (algorithm, status) in
            [(Algorithm::RS256, 200), (Algorithm::ES256, 200), (Algorithm::EdDSA, 200), (Algorithm::ES384, 401)]
        {
            let key = world.ours.key(algorithm);
            let token = world.ours.token_with(&key.header(), json!({ "sub": "ann", "aud": AUDIENCE }), &key);
            let user = super::bearer(&world.app, &token);
            assert_eq!(user.get("/v1/whoami").send().await.status, status, "{algorithm:?}");
        }
    }

    async fn a_good_token_is_good_in_each_of_its_forms(world) {
        let key = world.ours.key(Algorithm::ES256);
        for claims in [
            json!({ "aud": ["elsewhere", AUDIENCE] }),
            json!({ "aud": "other" }),
            json!({ "iss": format!("{}/", world.ours.url()) }),
            json!({ "iat": null }),
            json!({ "nbf": chrono::Utc::now().timestamp() - 5 }),
            json!({ "exp": chrono::Utc::now().timestamp() - 5 }),
            json!({ "nbf": chrono::Utc::now().timestamp() + 20, "iat": chrono::Utc::now().timestamp() + 20 }),
            json!({ "exp": 253_402_300_799_i64 }),
            json!({ "exp": 32_503_680_000.5 }),
            json!({ "typ": "Bearer", "anything": { "else": [null, 1.5] } }),
        ] {
            assert_eq!(world.of_ours(claims.clone()).get("/v1/whoami").send().await.status, 200, "{claims}");
        }
        for typ in [None, Some("JWT"), Some("at+jwt"), Some("application/at+jwt"), Some("AT+JWT")] {
            let header = jsonwebtoken::Header { typ: typ.map(str::to_owned), ..key.header() };
            let token = world.ours.token_with(&header, json!({ "sub": "ann", "aud": AUDIENCE }), &key);
            assert_eq!(super::bearer(&world.app, &token).get("/v1/whoami").send().await.status, 200, "{typ:?}");
        }
        let header = jsonwebtoken::Header { kid: None, ..key.header() };
        let token = world.ours.token_with(&header, json!({ "sub": "ann", "aud": AUDIENCE }), &key);
        super::bearer(&world.app, &token).get("/v1/whoami").send().await.expect(200);
    }

    async fn a_token_and_a_key_at_once_are_one_credential_too_many(world) {
        let user = world.of_ours(json!({}));
        let other = world.ours.token(json!({ "sub": "bob", "aud": AUDIENCE }));
        for both in [
            user.get("/v1/whoami").header("x-api-key", &world.app.root_key),
            user.get("/v1/whoami").header("authorization", format!("Bearer {other}")),
        ] {
            assert_eq!(both.send().await.expect(400).field(), "X-API-Key, Authorization");
        }
        world.app.anonymous().with("x-api-key", &other).get("/v1/whoami").send().await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_names_no_tenant_is_of_none_only_where_the_issuer_may() {
    let issuer = crate::support::TestIssuer::start().await;
    let issuers = json!([{
        "issuer": issuer.url(), "audience": AUDIENCE, "tenant_claim": "tenant", "roles_claim": "roles",
    }]);
    let mut flags = issuer.trust();
    flags.push(("issuers", issuers.to_string()));
    let app = TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await;
    let tenant = app.tenant("Acme").await;
    let claims = json!({ "sub": "ann", "aud": AUDIENCE, "roles": ["root"] });
    super::bearer(&app, &issuer.token(claims.clone())).get("/v1/whoami").send().await.expect(401);
    let user = super::bearer(&app, &issuer.token(with(claims, json!({ "tenant": tenant }))));
    user.get("/v1/whoami").send().await.expect(200);
}

/// The error of a start with these issuers.
fn refused(issuers: &Value) -> String {
    let flags = [("issuers", issuers.to_string())];
    let layers = gatewood::config::Layers::collect(None, &flags, []).unwrap();
    gatewood::config::Config::read(&layers).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_issuer_that_could_be_forged_is_refused_at_start() {
    let said = refused(&json!([{ "issuer": "https://h", "audience": "a", "algorithms": ["HS256"] }]));
    assert!(
        said.starts_with("`issuers` (from the flag --issuers): issuer 1 (`https://h`): algorithms[0]: `HS256`"),
        "{said}"
    );
    let said = refused(&json!([{ "issuer": "https://h" }]));
    assert!(said.contains("missing field `audience`"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuers_of_a_file_and_of_the_environment_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatewood.toml");
    let text = "[[issuers]]\nissuer = \"https://h\"\naudience = [\"a\", \"b\"]\n[issuers.roles]\nops = \"root\"\n";
    std::fs::write(&file, text).unwrap();
    let read = |layers: gatewood::config::Layers| {
        let shown = gatewood::config::show(&layers);
        let config = gatewood::config::Config::read(&layers).unwrap();
        (format!("{:?}", config.issuers), shown)
    };
    let (of_file, shown) = read(gatewood::config::Layers::collect(Some(&file), &[], []).unwrap());
    let json = json!([{ "issuer": "https://h", "audience": ["a", "b"], "roles": { "ops": "root" } }]).to_string();
    let variable = ("GATEWOOD_ISSUERS".to_owned(), json);
    let (of_environment, _) = read(gatewood::config::Layers::collect(None, &[], [variable]).unwrap());
    assert_eq!(of_file, of_environment);
    std::fs::write(&file, shown).unwrap();
    let (shown_again, _) = read(gatewood::config::Layers::collect(Some(&file), &[], []).unwrap());
    assert_eq!(of_file, shown_again, "what `gatewood config` prints is a configuration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_skew_is_what_the_configuration_says() {
    let world = super::World::start_with(Backend::Sqlite, &[("oidc.clock_skew", "2m")]).await;
    let now = chrono::Utc::now().timestamp();
    for (claims, status) in [
        (json!({ "exp": now - 60 }), 200),
        (json!({ "exp": now - 121 }), 401),
        (json!({ "nbf": now + 60 }), 200),
        (json!({ "nbf": now + 300 }), 401),
    ] {
        assert_eq!(world.of_ours(claims.clone()).get("/v1/whoami").send().await.status, status, "{claims}");
    }
    for refused in ["6m", "x", "-1s"] {
        let layers = gatewood::config::Layers::collect(None, &[("oidc.clock_skew", refused.to_owned())], []).unwrap();
        assert!(gatewood::config::Config::read(&layers).is_err(), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_trusts_nobody_admits_nobody() {
    let issuer = crate::support::TestIssuer::start().await;
    let tweaks = Tweaks { flags: issuer.trust(), ..Tweaks::default() };
    let started = TestServer::try_start(Backend::Sqlite, TestDatabase::new(Backend::Sqlite), tweaks).await;
    let app = started.unwrap_or_else(|(error, _)| panic!("{error}"));
    let token = issuer.token(json!({ "sub": "ann", "aud": AUDIENCE }));
    super::bearer(&app, &token).get("/v1/whoami").send().await.expect(401);
    assert_eq!(issuer.connections(), 0, "a stranger made the service call somebody");
}
