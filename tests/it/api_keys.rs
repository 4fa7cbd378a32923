//! `/v1/api-keys`.

use serde_json::json;

use crate::support::{Backend, Hands, TestServer, Tweaks, on_both};

on_both! {
    async fn a_key_is_shown_once_and_works(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.root().about(&tenant).post("/v1/api-keys").json(&json!({ "name": "ci" })).send().await.expect(201);
        let body = made.json();
        assert_eq!(body["roles"], json!(["admin"]));
        assert_eq!(body["tenant_id"], json!(tenant));
        assert!(body["created_by"].as_str().unwrap().starts_with("api_key:"));
        let mut fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["created_at", "created_by", "expires_at", "id", "key", "name", "roles", "tenant_id"]);
        let key = body["key"].as_str().unwrap();
        let holder = app.with_key(key).about(&tenant);
        let me = holder.get("/v1/whoami").send().await.expect(200);
        assert_eq!(me.json()["id"], body["id"]);
        assert_eq!(me.text_at("principal"), format!("Gatewood::ApiKey::\"{}\"", body["id"].as_str().unwrap()));
        let path = format!("/v1/api-keys/{}", body["id"].as_str().unwrap());
        let read = holder.get(&path).send().await.expect(200);
        let list = holder.get("/v1/api-keys").send().await.expect(200);
        assert!(!read.text.contains(key) && !list.text.contains(key));
        assert_eq!(made.header("location").unwrap(), path);
    }

    async fn the_bearer_scheme_takes_the_same_key(app) {
        let bearer = app.anonymous().with("authorization", format!("Bearer {}", app.root_key));
        bearer.get("/v1/whoami").send().await.expect(200);
        let both = bearer.with("x-api-key", &app.root_key);
        both.get("/v1/whoami").send().await.expect(200);
    }

    async fn a_revoked_key_is_dead_at_once(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(Some(&tenant), &json!({ "name": "ci", "roles": ["viewer"] })).await;
        let holder = app.with_key(made["key"].as_str().unwrap()).about(&tenant);
        holder.get("/v1/whoami").send().await.expect(200);
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        app.root().about(&tenant).delete(&path).send().await.expect(204);
        holder.get("/v1/whoami").send().await.expect(401);
        app.root().about(&tenant).delete(&path).send().await.expect(404);
        app.root().about(&tenant).get(&path).send().await.expect(404);
    }

    async fn a_suspended_key_works_again_once_it_is_resumed(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(Some(&tenant), &json!({ "name": "ci", "roles": ["viewer"] })).await;
        let holder = app.with_key(made["key"].as_str().unwrap()).about(&tenant);
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        let root = app.root().about(&tenant);
        let suspended = root.post(&format!("{path}/suspend")).send().await.expect(200);
        assert!(suspended.json()["suspended_at"].is_string());
        holder.get("/v1/whoami").send().await.expect(401);
        let again = root.post(&format!("{path}/suspend")).send().await.expect(200);
        assert_eq!(again.json()["suspended_at"], suspended.json()["suspended_at"]);
        let resumed = root.post(&format!("{path}/resume")).send().await.expect(200);
        assert!(resumed.json()["suspended_at"].is_null());
        holder.get("/v1/whoami").send().await.expect(200);
    }

    async fn a_rotated_key_lives_on_for_its_grace_only(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(Some(&tenant), &json!({ "name": "ci", "roles": ["viewer"] })).await;
        let path = format!("/v1/api-keys/{}/rotate", made["id"].as_str().unwrap());
        let root = app.root().about(&tenant);
        let old = app.with_key(made["key"].as_str().unwrap()).about(&tenant);
        let rotated = root.post(&path).send().await.expect(200).json();
        assert!(rotated["previous_valid_until"].is_string());
        let new = app.with_key(rotated["key"].as_str().unwrap()).about(&tenant);
        old.get("/v1/whoami").send().await.expect(200);
        new.get("/v1/whoami").send().await.expect(200);
        root.post(&path).json(&json!({ "grace_seconds": 0 })).send().await.expect(200);
        old.get("/v1/whoami").send().await.expect(401);
        new.get("/v1/whoami").send().await.expect(401);
        let refused = root.post(&path).json(&json!({ "grace_seconds": -1 })).send().await.expect(400);
        assert_eq!(refused.field(), "grace_seconds");
    }

    async fn an_expired_key_does_not_work(app) {
        let hands = Hands::default();
        let ambient = hands.ambient();
        let app = TestServer::start_with(app.backend, Tweaks { ambient, ..Tweaks::default() }).await;
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        let past = json!({ "name": "ci", "expires_at": "2020-01-01T00:00:00Z" });
        assert_eq!(root.post("/v1/api-keys").json(&past).send().await.expect(400).field(), "expires_at");
        let soon = chrono::Utc::now() + chrono::Duration::hours(1);
        let body = json!({ "name": "ci", "roles": ["viewer"], "expires_at": soon.to_rfc3339() });
        let made = app.make_key(Some(&tenant), &body).await;
        let holder = app.with_key(made["key"].as_str().unwrap()).about(&tenant);
        holder.get("/v1/whoami").send().await.expect(200);
        hands.pass(std::time::Duration::from_hours(1));
        holder.get("/v1/whoami").send().await.expect(401);
    }

    async fn a_key_grants_only_roles_that_its_maker_holds(app) {
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await;
        let denied = admin.post("/v1/api-keys").json(&json!({ "name": "x", "roles": ["root"] })).send().await.expect(403);
        assert_eq!(denied.code(), "role_not_held");
        assert_eq!(denied.notices(), ["A key can grant only roles that its maker holds."]);
        admin.post("/v1/api-keys").json(&json!({ "name": "x", "roles": ["pep", "security"] })).send().await.expect(201);
        let root = app.root().about(&tenant);
        let refused = root.post("/v1/api-keys").json(&json!({ "name": "x", "roles": ["root"] })).send().await.expect(400);
        assert_eq!(refused.field(), "roles");
    }

    async fn the_last_root_key_cannot_be_revoked_or_suspended(app) {
        let me = app.root().get("/v1/whoami").send().await.expect(200).text_at("id");
        let path = format!("/v1/api-keys/{me}");
        for refused in [
            app.root().delete(&path).send().await,
            app.root().post(&format!("{path}/suspend")).send().await,
        ] {
            let refused = refused.expect(409);
            assert_eq!(refused.code(), "conflict");
            assert_eq!(refused.notices(), ["This is the last root key that works. Create another one first."]);
        }
        let other = app.make_key(None, &json!({ "name": "second", "roles": ["root"] })).await;
        app.root().delete(&path).send().await.expect(204);
        app.root().get("/v1/whoami").send().await.expect(401);
        let second = app.with_key(other["key"].as_str().unwrap());
        let its = format!("/v1/api-keys/{}", other["id"].as_str().unwrap());
        second.delete(&its).send().await.expect(409);
    }

    async fn two_root_keys_that_revoke_each_other_leave_one(app) {
        let first = app.root().get("/v1/whoami").send().await.expect(200).text_at("id");
        let other = app.make_key(None, &json!({ "name": "second", "roles": ["root"] })).await;
        let second = app.with_key(other["key"].as_str().unwrap());
        let (one, two) = tokio::join!(
            app.root().delete(&format!("/v1/api-keys/{}", other["id"].as_str().unwrap())).send(),
            second.delete(&format!("/v1/api-keys/{first}")).send(),
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert!(statuses == [204, 409] || statuses == [204, 401], "{statuses:?}");
    }

    async fn an_instance_level_key_names_its_roles_and_is_in_no_tenant(app) {
        let refused = app.root().post("/v1/api-keys").json(&json!({ "name": "x" })).send().await.expect(400);
        assert_eq!(refused.field(), "roles");
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(None, &json!({ "name": "x", "roles": ["pep"] })).await;
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        app.root().get(&path).send().await.expect(200);
        app.root().about(&tenant).get(&path).send().await.expect(404);
        app.root().about(&tenant).delete(&path).send().await.expect(404);
        let listed = app.root().about(&tenant).get("/v1/api-keys").send().await.expect(200).json();
        assert_eq!(listed["items"], json!([]));
    }

    async fn a_tenant_cannot_touch_the_keys_of_another(app) {
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let target = app.make_key(Some(&one), &json!({ "name": "t", "roles": ["viewer"] })).await;
        let path = format!("/v1/api-keys/{}", target["id"].as_str().unwrap());
        let intruder = app.key(&two, "admin").await;
        intruder.delete(&path).send().await.expect(404);
        intruder.get(&path).send().await.expect(404);
        intruder.post(&format!("{path}/rotate")).send().await.expect(404);
        intruder.about(&one).delete(&path).send().await.expect(403);
        app.with_key(target["key"].as_str().unwrap()).about(&one).get("/v1/whoami").send().await.expect(200);
    }

    async fn a_tenants_key_must_say_its_tenant(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(Some(&tenant), &json!({ "name": "x" })).await;
        let holder = app.with_key(made["key"].as_str().unwrap());
        assert_eq!(holder.get("/v1/api-keys").send().await.expect(400).field(), "X-Tenant-ID");
        assert_eq!(holder.get("/v1/oidc-config").send().await.expect(400).field(), "X-Tenant-ID");
        assert_eq!(app.root().get("/v1/oidc-config").send().await.expect(400).field(), "X-Tenant-ID");
        holder.get("/v1/whoami").send().await.expect(200);
    }

    async fn a_revocation_is_in_force_on_the_other_replica_within_a_second(app) {
        let tenant = app.tenant("Acme").await;
        let made = app.make_key(Some(&tenant), &json!({ "name": "ci", "roles": ["viewer"] })).await;
        let other = app.replica().await;
        let there = other.with_key(made["key"].as_str().unwrap()).about(&tenant);
        there.get("/v1/whoami").send().await.expect(200);
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        app.root().about(&tenant).delete(&path).send().await.expect(204);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        there.get("/v1/whoami").send().await.expect(401);
    }
}

/// Sends the head and all but the last byte of a body, does something, and sends the last byte.
async fn with_slow_body(app: &TestServer, key: &str, tenant: &str, meanwhile: impl Future<Output = ()>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    let body = "{\"name\":\"late\"}";
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\nx-tenant-id: {tenant}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (most, last) = body.split_at(body.len() - 1);
    stream.write_all(format!("{head}{most}").as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    meanwhile.await;
    stream.write_all(last.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_revoked_while_its_request_arrives_is_dead() {
    let app = TestServer::start(Backend::Sqlite).await;
    let tenant = app.tenant("Acme").await;
    let made = app.make_key(Some(&tenant), &json!({ "name": "stolen" })).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(with_slow_body(&app, key, &tenant, async {}).await, "HTTP/1.1 201 Created");
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    let revoke = async {
        app.root().about(&tenant).delete(&path).send().await.expect(204);
    };
    assert_eq!(with_slow_body(&app, key, &tenant, revoke).await, "HTTP/1.1 401 Unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_root_key_that_was_rotated_does_not_stop_a_start_and_does_not_come_back() {
    let app = TestServer::start(Backend::Sqlite).await;
    let preset = app.root_key.clone();
    let me = app.root().get("/v1/whoami").send().await.expect(200).text_at("id");
    let body = json!({ "grace_seconds": 0 });
    let rotated = app.root().post(&format!("/v1/api-keys/{me}/rotate")).json(&body).send().await.expect(200);
    let database = app.stop().await;
    let flags = vec![("root_api_key", preset.clone())];
    let started = TestServer::try_start(Backend::Sqlite, database, Tweaks { flags, ..Tweaks::default() }).await;
    let app = started.unwrap_or_else(|(error, _)| panic!("{error}"));
    app.with_key(&preset).get("/v1/whoami").send().await.expect(401);
    app.with_key(&rotated.text_at("key")).get("/v1/whoami").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_root_learns_which_root_key_is_the_last() {
    let app = TestServer::start(Backend::Sqlite).await;
    let last = app.root().get("/v1/whoami").send().await.expect(200).text_at("id");
    for role in ["viewer", "admin", "pep"] {
        let curious = app.instance_key(role).await;
        let denied = curious.delete(&format!("/v1/api-keys/{last}")).send().await.expect(403);
        assert_eq!((denied.code().as_str(), denied.notices()), ("forbidden", vec![]));
    }
}
