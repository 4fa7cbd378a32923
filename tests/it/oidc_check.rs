//! `POST /v1/oidc-config/check`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Backend, Behaviour, Caller, Hands, TestIssuer, TestServer, Tweaks, on_both};

const PATH: &str = "/v1/oidc-config/check";
const ALL: [&str; 9] =
    ["issuer_url", "address", "connection", "discovery", "issuer", "jwks_uri", "keys_address", "keys", "usable_keys"];

async fn check(caller: &Caller, issuer: &str) -> Answer {
    caller.post(PATH).json(&json!({ "issuer_url": issuer })).send().await.expect(200)
}

fn names(answer: &Answer) -> Vec<String> {
    let steps = answer.json()["steps"].as_array().unwrap().clone();
    steps.iter().map(|step| step["name"].as_str().unwrap().to_owned()).collect()
}

/// The step that failed, which must be the last one, and what was said of it.
#[track_caller]
fn failed(answer: &Answer) -> (String, String) {
    let json = answer.json();
    let (last, before) = json["steps"].as_array().unwrap().split_last().unwrap();
    assert_eq!(names(answer), ALL[..=before.len()], "{answer:#?}");
    assert!(before.iter().all(|step| step["ok"] == json!(true)), "{answer:#?}");
    assert_eq!((&json["ok"], &last["ok"]), (&json!(false), &json!(false)), "{answer:#?}");
    (last["name"].as_str().unwrap().to_owned(), last["detail"].as_str().unwrap().to_owned())
}

/// An issuer, a server that may reach it, and an administrator of a tenant.
async fn world() -> (TestIssuer, TestServer, Caller) {
    let issuer = TestIssuer::start().await;
    let app = TestServer::start_with(Backend::Sqlite, issuer.tweaks()).await;
    let tenant = app.tenant("Acme").await;
    let admin = app.key(&tenant, "admin").await;
    (issuer, app, admin)
}

/// A server with one tenant and as many of them as are needed to ask often.
async fn in_a_new_tenant(app: &TestServer) -> Caller {
    let tenant = app.tenant(&uuid::Uuid::now_v7().to_string()).await;
    app.root().about(&tenant)
}

on_both! {
    async fn a_tenant_without_a_configuration_has_nothing_to_be_tried_out(app) {
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await;
        assert_eq!(admin.post(PATH).send().await.expect(404).code(), "not_found");
        let unknown = app.root().about(uuid::Uuid::now_v7().to_string());
        unknown.post(PATH).send().await.expect(404);
        let trial = json!({ "issuer_url": "https://127.0.0.1" });
        unknown.post(PATH).json(&trial).send().await.expect(404);
    }

    async fn only_the_tenants_own_administrator_and_root_try_out(app) {
        let issuer = TestIssuer::start().await;
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let trial = json!({ "issuer_url": issuer.url() });
        app.anonymous().about(&one).post(PATH).json(&trial).send().await.expect(401);
        for role in ["editor", "viewer", "security", "pep"] {
            let denied = app.key(&one, role).await.post(PATH).json(&trial).send().await.expect(403);
            assert_eq!(denied.code(), "forbidden", "{role}");
        }
        let intruder = app.key(&two, "admin").await.about(&one);
        assert_eq!(intruder.post(PATH).json(&trial).send().await.expect(403).code(), "tenant_mismatch");
        assert_eq!(intruder.post(PATH).send().await.expect(403).code(), "tenant_mismatch");
        let without = app.root().post(PATH).json(&trial).send().await.expect(400);
        assert_eq!(without.field(), "X-Tenant-ID");
        app.key(&one, "admin").await.post(PATH).json(&trial).send().await.expect(200);
        app.root().about(&one).post(PATH).json(&trial).send().await.expect(200);
        assert_eq!(issuer.connections(), 0);
    }

    async fn what_is_sent_keeps_the_rules_about_what_is_stored(app) {
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await;
        let right = json!({
            "issuer_url": "https://127.0.0.1", "client_id": "c", "client_secret": "hunter2", "scopes": ["openid"],
            "audience": "api", "accept_id_tokens": true,
        });
        admin.post(PATH).json(&right).send().await.expect(200);
        for (field, value, about) in [
            ("issuer_url", json!("http://login.example.com"), "issuer_url"),
            ("issuer_url", json!("https://user:hunter2@login.example.com"), "issuer_url"),
            ("issuer_url", json!(null), "issuer_url"),
            ("client_id", json!(""), "client_id"),
            ("client_id", json!(null), "client_id"),
            ("client_secret", json!(""), "client_secret"),
            ("client_secret", json!(["hunter2"]), "client_secret"),
            ("scopes", json!(["a b"]), "scopes[0]"),
            ("audience", json!("a\u{7}"), "audience"),
            ("accept_id_tokens", json!("yes"), "accept_id_tokens"),
            ("issuer", json!("https://login.example.com"), "issuer"),
        ] {
            let mut wrong = right.clone();
            wrong[field] = value;
            let answer = admin.post(PATH).json(&wrong).send().await.expect(400);
            assert_eq!(answer.field(), about);
            assert!(!answer.text.contains("hunter2"), "{answer:#?}");
        }
        let without = admin.post(PATH).json(&json!({})).send().await.expect(400);
        assert_eq!(without.field(), "issuer_url");
    }
}

async fn a_configuration_can_be_tried_out_on(backend: Backend) {
    let issuer = TestIssuer::start().await;
    let app = TestServer::start_with(backend, issuer.tweaks()).await;
    let tenant = app.tenant("Acme").await;
    let admin = app.key(&tenant, "admin").await;
    let given = check(&admin, issuer.url()).await;
    assert_eq!((names(&given), &given.json()["ok"]), (ALL.map(str::to_owned).to_vec(), &json!(true)));
    assert_eq!(given.json()["steps"][8]["detail"], "4 usable keys, for ES256, ES384, EdDSA, RS256");
    assert_eq!(given.header("cache-control").as_deref(), Some("no-store"));
    admin.get("/v1/oidc-config").send().await.expect(404);
    let stored = json!({ "issuer_url": format!("{}/", issuer.url()), "client_id": "c", "client_secret": "s" });
    admin.put("/v1/oidc-config").json(&stored).send().await.expect(200);
    let stored = admin.post(PATH).send().await.expect(200);
    assert_eq!(stored.json(), given.json());
    assert_eq!(issuer.requests(), 4, "nothing that was fetched before is used");
    // Another tenant has stored nothing.
    in_a_new_tenant(&app).await.post(PATH).send().await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_and_a_given_configuration_can_be_tried_out() {
    a_configuration_can_be_tried_out_on(Backend::Sqlite).await;
    a_configuration_can_be_tried_out_on(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_found_at_its_step_and_nothing_that_was_fetched_is_repeated() {
    let (issuer, app, _) = world().await;
    let marked = |status, headers: &str, body: &str| {
        Behaviour::Raw(status, format!("{headers}X-Marker: hunter2\r\n"), body.as_bytes().to_vec())
    };
    let document = |name: &str, uri: &str| Behaviour::Json(json!({ "issuer": name, "jwks_uri": uri, "x": "hunter2" }));
    let own_keys = format!("{}/keys", issuer.url());
    let right = || Behaviour::Right;
    let keys = |keys: Value| Behaviour::Json(json!({ "keys": keys, "x": "hunter2" }));
    let cases: Vec<(Behaviour, Behaviour, &str)> = vec![
        (marked(500, "", "hunter2"), right(), "discovery"),
        (marked(302, "Location: https://hunter2.example.com/\r\n", ""), right(), "discovery"),
        (marked(200, "", "hunter2"), right(), "discovery"),
        (marked(200, "Content-Encoding: hunter2\r\n", "{}"), right(), "discovery"),
        (marked(200, "", &"hunter2".repeat(40_000)), right(), "discovery"),
        (Behaviour::Broken, right(), "discovery"),
        (document("https://hunter2.example.com", &own_keys), right(), "issuer"),
        (document(issuer.url(), "http://hunter2.example.com/keys"), right(), "jwks_uri"),
        (document(issuer.url(), "https://hunter2@127.0.0.1/keys"), right(), "jwks_uri"),
        (document(issuer.url(), "https://10.1.2.3/hunter2"), right(), "keys_address"),
        (right(), marked(404, "", "hunter2"), "keys"),
        (right(), marked(200, "", "hunter2"), "keys"),
        (right(), keys(json!([])), "usable_keys"),
        (right(), keys(json!([{ "kty": "oct", "kid": "hunter2", "k": "hunter2" }])), "usable_keys"),
        (right(), keys(json!([{ "kty": "hunter2", "kid": "hunter2", "alg": "hunter2" }, "hunter2"])), "usable_keys"),
    ];
    for (discovery, jwks, step) in cases {
        issuer.discovery(discovery);
        issuer.jwks(jwks);
        let answer = check(&in_a_new_tenant(&app).await, issuer.url()).await;
        assert_eq!(failed(&answer).0, step, "{answer:#?}");
        assert!(!answer.text.contains("hunter2") && !answer.text.contains("10.1.2.3"), "{answer:#?}");
        assert!(answer.headers.values().all(|value| !value.as_bytes().windows(7).any(|part| part == b"hunter2")));
    }
    let counted = keys(json!([
        issuer.key(jsonwebtoken::Algorithm::ES256).jwk,
        { "kty": "oct", "k": "hunter2" },
        { "kty": "RSA", "n": "u".repeat(170) + "A", "e": "AQAB" },
    ]));
    issuer.jwks(counted);
    issuer.discovery(Behaviour::Right);
    let answer = check(&in_a_new_tenant(&app).await, issuer.url()).await;
    assert_eq!(answer.json()["ok"], true);
    let detail = "1 usable key, for ES256; passed over: 1 symmetric, 1 too weak";
    assert_eq!(answer.json()["steps"][8]["detail"], detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_a_connection_are_told_without_a_name_of_the_certificate() {
    let (_, app, _) = world().await;
    let untrusted = TestIssuer::start_untrusted().await;
    let answer = check(&in_a_new_tenant(&app).await, untrusted.url()).await;
    let (step, detail) = failed(&answer);
    assert_eq!(step, "connection");
    assert!(detail.contains("not of an authority that is trusted"), "{detail}");
    let other = TestIssuer::start_with("127.0.0.1", &["hunter2.example.com"]).await;
    let answer = check(&in_a_new_tenant(&app).await, other.url()).await;
    assert_eq!(failed(&answer).0, "connection");
    assert!(!answer.text.contains("hunter2"), "{answer:#?}");
    // Nobody listens there, and nobody else can come to.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = held.local_addr().unwrap();
    let answer = check(&in_a_new_tenant(&app).await, &format!("https://{closed}")).await;
    assert_eq!(failed(&answer), ("connection".to_owned(), "no connection could be made".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_address_tells_nothing_of_the_network_this_runs_in() {
    let app = TestServer::start(Backend::Sqlite).await;
    let issuer = TestIssuer::start().await;
    let port = issuer.url().rsplit(':').next().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // A label of 64 characters resolves nowhere, and nobody has to be asked for that.
    let nowhere = format!("https://{}.example", "a".repeat(64));
    let mut said = Vec::new();
    for url in [
        format!("https://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{closed}"),
        format!("https://localhost:{port}"),
        format!("http://localhost:{port}"),
        "https://10.0.0.1".to_owned(),
        "https://169.254.169.254".to_owned(),
        "https://[fd00:ec2::254]".to_owned(),
        nowhere,
    ] {
        let (step, detail) = failed(&check(&in_a_new_tenant(&app).await, &url).await);
        assert_eq!(step, "address", "{url}: {detail}");
        said.push(detail);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "the same for each: {said:#?}");
    assert_eq!(issuer.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_tries_out_a_few_times_a_minute_and_its_neighbour_is_not_held_up() {
    let issuer = TestIssuer::start().await;
    let hands = Hands::default();
    let app = TestServer::start_with(Backend::Sqlite, Tweaks { ambient: hands.ambient(), flags: issuer.trust() }).await;
    let (one, two) = (in_a_new_tenant(&app).await, in_a_new_tenant(&app).await);
    let trial = json!({ "issuer_url": issuer.url() });
    for _ in 0..6 {
        assert_eq!(check(&one, issuer.url()).await.json()["ok"], true);
    }
    let asked = issuer.requests();
    let limited = one.post(PATH).json(&trial).send().await.expect(429);
    assert_eq!((limited.code(), limited.notices()), ("rate_limited".to_owned(), Vec::new()));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(issuer.requests(), asked);
    // What is no check does not count, and does not get through either.
    one.post(PATH).json(&json!({ "issuer_url": "nonsense" })).send().await.expect(400);
    check(&two, issuer.url()).await;
    hands.pass(Duration::from_secs(wait));
    check(&one, issuer.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_says_how_long_whom_and_where() {
    let issuer = TestIssuer::start().await;
    issuer.discovery(Behaviour::Slow(Duration::from_mins(10)));
    let failing = async |flags: Vec<(&'static str, String)>| {
        let app = TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await;
        failed(&check(&in_a_new_tenant(&app).await, issuer.url()).await)
    };
    let mut impatient = issuer.trust();
    impatient.push(("oidc.timeout", "3s".to_owned()));
    let (step, detail) = failing(impatient).await;
    assert_eq!((step.as_str(), detail.as_str()), ("discovery", "it took longer than 3000 ms"));
    let [authorities, networks_of_the_instance, networks] = issuer.trust().try_into().unwrap();
    assert_eq!(failing(vec![authorities, networks_of_the_instance]).await.0, "address");
    assert_eq!(failing(vec![networks]).await.0, "connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_of_the_instance_fails_the_check_as_it_fails_elsewhere() {
    let issuer = TestIssuer::start().await;
    let app = TestServer::start_with(Backend::Sqlite, issuer.tweaks()).await;
    let tenant = app.tenant("Acme").await;
    let stored = json!({ "issuer_url": issuer.url(), "client_id": "c", "client_secret": "s" });
    app.root().about(&tenant).put("/v1/oidc-config").json(&stored).send().await.expect(200);
    let mut flags = issuer.trust();
    flags.push(("issuers", json!([{ "issuer": issuer.url(), "audience": "gatewood" }]).to_string()));
    flags.push(("root_api_key", app.root_key.clone()));
    let tweaks = Tweaks { flags, ..Tweaks::default() };
    let started = TestServer::try_start(Backend::Sqlite, app.stop().await, tweaks).await;
    let app = started.unwrap_or_else(|(error, _)| panic!("{error}"));
    let admin = app.key(&tenant, "admin").await;
    for url in [issuer.url().to_owned(), format!("{}/", issuer.url()), issuer.url().replace("https", "HTTPS")] {
        let refused = admin.post(PATH).json(&json!({ "issuer_url": url })).send().await.expect(400);
        assert_eq!((refused.code().as_str(), refused.field().as_str()), ("invalid_input", "issuer_url"), "{url}");
    }
    let (step, detail) = failed(&admin.post(PATH).send().await.expect(200));
    assert_eq!(
        (step.as_str(), detail.as_str()),
        ("issuer_url", "it is an issuer of the instance itself, and admits nobody here")
    );
    assert_eq!(issuer.requests(), 0);
}
