//! `/v1/audit-events`: history.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Backend, Caller, Raw, Running, TestDatabase, TestServer, gatewood, on_both, run, time};

/// How many events there are, whoever may read them.
fn count(raw: &mut Raw) -> i64 {
    raw.number("SELECT CAST(count(*) AS TEXT) AS value FROM audit_events")
}

/// The events that a caller lists, the newest first.
async fn list(caller: &Caller, query: &str) -> Vec<Value> {
    let answer = caller.get(&format!("/v1/audit-events?limit=1000&{query}")).send().await.expect(200).json();
    assert!(answer["next_page_token"].is_null());
    answer["items"].as_array().unwrap().clone()
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

fn config(client_id: &str, secret: &str) -> Value {
    json!({ "issuer_url": "https://login.example.com", "client_id": client_id, "client_secret": secret })
}

/// Which events a filter is to leave.
type Picks<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

/// Looks at what each request adds to history.
struct Watch<'a> {
    app: &'a TestServer,
    raw: Raw,
    seen: i64,
}

impl<'a> Watch<'a> {
    fn new(app: &'a TestServer) -> Self {
        let mut raw = app.database.raw();
        let seen = count(&mut raw);
        Self { app, raw, seen }
    }

    /// The one event that was added since the last look.
    #[track_caller]
    fn must_have(&mut self, added: i64) {
        let now = count(&mut self.raw);
        assert_eq!(now - self.seen, added, "events were added");
        self.seen = now;
    }

    /// Fails unless the answer left exactly this event.
    async fn left(
        &mut self,
        answer: &Answer,
        action: &str,
        kind: &str,
        id: &str,
        tenant: Option<&str>,
        changes: Value,
    ) {
        self.must_have(1);
        let event = list(&self.app.root(), "").await.remove(0);
        let root = self.app.root().get("/v1/whoami").send().await.text_at("id");
        let shown = json!({
            "id": event["id"], "at": event["at"], "decision_id": event["decision_id"],
            "tenant_id": tenant,
            "actor": format!("api_key:{root}"),
            "action": action,
            "resource": { "type": kind, "id": id },
            "request_id": answer.header("x-request-id").unwrap(),
            "changes": changes,
        });
        assert_eq!(event, shown);
        let decision = event["decision_id"].as_str().unwrap();
        assert!(uuid::Uuid::try_parse(decision).is_ok_and(|id| !id.is_nil()), "{decision}");
        assert!((chrono::Utc::now() - time(&event["at"])).num_seconds().abs() < 60, "{event}");
    }
}

on_both! {
    async fn what_is_denied_invalid_or_in_conflict_leaves_no_event(app) {
        let (tenant, other) = (app.tenant("Acme").await, app.tenant("Other").await);
        let root = app.root().about(&tenant);
        root.put("/v1/oidc-config").json(&config("c", "s")).send().await.expect(200);
        let (viewer, stranger) = (app.key(&tenant, "viewer").await, app.key(&other, "admin").await);
        let key = app.make_key(Some(&tenant), &json!({ "name": "k", "roles": ["viewer"] })).await;
        let key = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
        let me = app.root().get("/v1/whoami").send().await.text_at("id");
        let mut watch = Watch::new(&app);
        let nobody = "/v1/api-keys/00000000-0000-4000-8000-000000000000";
        let path = format!("/v1/tenants/{tenant}");
        let named = |name: &str| json!({ "name": name });
        for (request, status) in [
            (viewer.post("/v1/tenants").json(&named("x")), 403),
            (viewer.put("/v1/oidc-config").json(&config("d", "s")), 403),
            (viewer.delete(&key), 403),
            (viewer.delete(&path), 403),
            (app.anonymous().post("/v1/tenants").json(&named("x")), 401),
            (stranger.about(&tenant).delete("/v1/oidc-config"), 403),
            (root.post("/v1/tenants").json(&named(" ")), 400),
            (root.post("/v1/tenants").json(&named("Other")), 409),
            (root.patch(&path).json(&named("Other")), 409),
            (root.put("/v1/oidc-config").json(&config("", "s")), 400),
            (root.put("/v1/oidc-config").header("if-none-match", "*").json(&config("d", "s")), 412),
            (root.delete("/v1/oidc-config").header("if-match", "\"x\""), 412),
            (app.root().about(&other).delete("/v1/oidc-config"), 404),
            (root.post("/v1/api-keys").json(&json!({ "name": "x", "roles": ["root"] })), 400),
            (root.delete(nobody), 404),
            (root.post(&format!("{nobody}/rotate")), 404),
            (root.post(&format!("{nobody}/suspend")), 404),
            (root.post(&format!("{nobody}/resume")), 404),
            (root.post(&format!("{key}/rotate")).json(&json!({ "grace_seconds": -1 })), 400),
            (app.root().delete(&format!("/v1/api-keys/{me}")), 409),
            (app.root().delete("/v1/tenants/00000000-0000-4000-8000-000000000000"), 404),
            (app.root().patch("/v1/tenants/00000000-0000-4000-8000-000000000000").json(&named("y")), 404),
            (viewer.get("/v1/oidc-config"), 200),
            (viewer.get("/v1/whoami"), 200),
            (root.get("/v1/audit-events"), 200),
        ] {
            request.send().await.expect(status);
            watch.must_have(0);
        }
    }

    async fn every_change_leaves_one_event_that_says_what_it_was(app) {
        let (root, mut watch) = (app.root(), Watch::new(&app));
        let made = root.post("/v1/tenants").json(&json!({ "name": "Acme" })).send().await.expect(201);
        let tenant = made.text_at("id");
        let t = Some(tenant.as_str());
        watch.left(&made, "CreateTenant", "Tenant", &tenant, t, json!({ "name": { "from": null, "to": "Acme" } })).await;
        let path = format!("/v1/tenants/{tenant}");
        let renamed = root.patch(&path).json(&json!({ "name": "Acme Ltd" })).send().await.expect(200);
        let changes = json!({ "name": { "from": "Acme", "to": "Acme Ltd" } });
        watch.left(&renamed, "UpdateTenant", "Tenant", &tenant, t, changes).await;
        let same = root.patch(&path).json(&json!({ "name": "Acme Ltd" })).send().await.expect(200);
        watch.left(&same, "UpdateTenant", "Tenant", &tenant, t, json!({})).await;

        let about = root.about(&tenant);
        let stored = about.put("/v1/oidc-config").json(&config("one", "s1")).send().await.expect(200);
        let mut upsert = async |answer: Answer, changes| {
            watch.left(&answer, "UpsertOidcConfig", "OidcConfig", &tenant, t, changes).await;
        };
        let (id, usual) = (stored.text_at("id"), json!(["openid", "profile", "email"]));
        upsert(stored, json!({
            "id": { "from": null, "to": id }, "issuer_url": { "from": null, "to": "https://login.example.com" },
            "client_id": { "from": null, "to": "one" }, "scopes": { "from": null, "to": usual },
            "accept_id_tokens": { "from": null, "to": false },
            "client_secret": { "changed": true },
        })).await;
        let put = async |body: Value| about.put("/v1/oidc-config").json(&body).send().await.expect(200);
        upsert(put(config("two", "s1")).await, json!({ "client_id": { "from": "one", "to": "two" } })).await;
        upsert(put(config("two", "s2")).await, json!({ "client_secret": { "changed": true } })).await;
        upsert(put(config("two", "s2")).await, json!({})).await;
        let mut scoped = config("two", "s3");
        scoped["scopes"] = json!(["openid"]);
        let changes = json!({ "scopes": { "from": usual, "to": ["openid"] }, "client_secret": { "changed": true } });
        upsert(put(scoped).await, changes).await;
        let deleted = about.delete("/v1/oidc-config").send().await.expect(204);
        watch.left(&deleted, "DeleteOidcConfig", "OidcConfig", &tenant, t, json!({
            "id": { "from": id, "to": null }, "issuer_url": { "from": "https://login.example.com", "to": null },
            "client_id": { "from": "two", "to": null }, "scopes": { "from": ["openid"], "to": null },
            "accept_id_tokens": { "from": false, "to": null },
            "client_secret": { "changed": true },
        })).await;
    }

    async fn every_change_of_the_lifetimes_leaves_one_event_and_a_refused_one_none(app) {
        let (root, path) = (app.root(), "/admin/v1/settings/oidc");
        let lifetimes = |access: &str| json!({ "accessTokenLifetime": access, "idTokenLifetime": "1s",
            "refreshTokenIdleExpiration": "2s", "refreshTokenExpiration": "3s" });
        let mut watch = Watch::new(&app);
        root.put(path).json(&lifetimes("1s")).send().await.expect(404);
        root.post(path).json(&lifetimes("0s")).send().await.expect(400);
        root.post(path).json(&lifetimes("90000s")).send().await.expect(403);
        watch.must_have(0);
        let added = root.post(path).json(&lifetimes("1.5s")).send().await.expect(200);
        let instance = added.text_at("details/resourceOwner");
        watch.left(&added, "AddOidcSettings", "OidcSettings", &instance, None, json!({
            "access_token_lifetime": { "from": null, "to": "1.5s" }, "id_token_lifetime": { "from": null, "to": "1s" },
            "refresh_token_idle_expiration": { "from": null, "to": "2s" },
            "refresh_token_expiration": { "from": null, "to": "3s" },
        })).await;
        root.post(path).json(&lifetimes("1s")).send().await.expect(409);
        root.put(path).json(&lifetimes("1.5s")).send().await.expect(400);
        watch.must_have(0);
        let updated = root.put(path).json(&lifetimes("60s")).send().await.expect(200);
        let changes = json!({ "access_token_lifetime": { "from": "1.5s", "to": "60s" } });
        watch.left(&updated, "UpdateOidcSettings", "OidcSettings", &instance, None, changes).await;
    }

    async fn every_change_of_a_key_leaves_one_event_in_its_scope(app) {
        let tenant = app.tenant("Acme").await;
        for scope in [Some(tenant.as_str()), None] {
            let root = scope.map_or_else(|| app.root(), |tenant| app.root().about(tenant));
            let mut watch = Watch::new(&app);
            let body = json!({ "name": "ci", "roles": ["viewer", "pep"], "expires_at": "2999-12-31T00:00:00Z" });
            let made = root.post("/v1/api-keys").json(&body).send().await.expect(201);
            let id = made.text_at("id");
            watch.left(&made, "CreateApiKey", "ApiKeyRecord", &id, scope, json!({
                "name": { "from": null, "to": "ci" }, "roles": { "from": null, "to": ["pep", "viewer"] },
                "expires_at": { "from": null, "to": "2999-12-31T00:00:00Z" }, "secret": { "changed": true },
            })).await;
            let path = format!("/v1/api-keys/{id}");
            let rotated = root.post(&format!("{path}/rotate")).send().await.expect(200);
            let until = rotated.text_at("previous_valid_until");
            watch.left(&rotated, "RotateApiKey", "ApiKeyRecord", &id, scope, json!({
                "secret": { "changed": true }, "previous_valid_until": { "from": null, "to": until },
            })).await;
            let suspended = root.post(&format!("{path}/suspend")).send().await.expect(200);
            let since = suspended.text_at("suspended_at");
            let changes = json!({ "suspended_at": { "from": null, "to": since } });
            watch.left(&suspended, "SuspendApiKey", "ApiKeyRecord", &id, scope, changes).await;
            root.post(&format!("{path}/suspend")).send().await.expect(200);
            watch.must_have(0);
            let resumed = root.post(&format!("{path}/resume")).send().await.expect(200);
            let changes = json!({ "suspended_at": { "from": since, "to": null } });
            watch.left(&resumed, "ResumeApiKey", "ApiKeyRecord", &id, scope, changes).await;
            root.post(&format!("{path}/resume")).send().await.expect(200);
            watch.must_have(0);
            let revoked = root.delete(&path).send().await.expect(204);
            let stored = format!("SELECT CAST(revoked_at AS TEXT) AS value FROM api_keys WHERE id = '{id}'");
            let stored = watch.raw.texts(&stored).remove(0);
            let event = list(&app.root(), "").await.remove(0);
            let to = event["changes"]["revoked_at"]["to"].as_str().unwrap().to_owned();
            let bare = |text: &str| text.replace('T', " ").trim_end_matches('Z').trim_end_matches('0').to_owned();
            assert_eq!(bare(&to), bare(&stored), "{event}");
            let changes = json!({ "revoked_at": { "from": null, "to": to } });
            watch.left(&revoked, "RevokeApiKey", "ApiKeyRecord", &id, scope, changes).await;
        }
    }

    async fn the_events_of_a_deleted_tenant_are_still_there(app) {
        let (tenant, empty) = (app.tenant("Acme").await, app.tenant("Empty").await);
        let root = app.root();
        root.about(&tenant).put("/v1/oidc-config").json(&config("c", "s")).send().await.expect(200);
        for name in ["one", "two", "three"] {
            let made = app.make_key(Some(&tenant), &json!({ "name": name, "roles": ["viewer"] })).await;
            if name == "three" {
                let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
                root.about(&tenant).delete(&path).send().await.expect(204);
            }
        }
        let mut watch = Watch::new(&app);
        let gone = root.delete(&format!("/v1/tenants/{tenant}")).send().await.expect(204);
        watch.left(&gone, "DeleteTenant", "Tenant", &tenant, Some(&tenant), json!({
            "name": { "from": "Acme", "to": null }, "api_keys": { "from": 2, "to": 0 },
            "oidc_config": { "from": true, "to": false },
        })).await;
        let gone = root.delete(&format!("/v1/tenants/{empty}")).send().await.expect(204);
        let changes = json!({ "name": { "from": "Empty", "to": null } });
        watch.left(&gone, "DeleteTenant", "Tenant", &empty, Some(&empty), changes).await;
        let actions = |events: &[Value]| -> Vec<String> {
            events.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
        };
        let expected = ["DeleteTenant", "RevokeApiKey", "CreateApiKey", "CreateApiKey", "CreateApiKey", "UpsertOidcConfig", "CreateTenant"];
        assert_eq!(actions(&list(&root.about(&tenant), "").await), expected);
        let of_all = list(&root, "").await;
        let its_own: Vec<Value> = of_all.into_iter().filter(|event| event["tenant_id"] == json!(tenant)).collect();
        assert_eq!(actions(&its_own), expected);
    }

    async fn without_its_event_a_change_is_not_made(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        root.put("/v1/oidc-config").json(&config("before", "s")).send().await.expect(200);
        let made = app.make_key(Some(&tenant), &json!({ "name": "k", "roles": ["viewer"] })).await;
        let holder = app.with_key(made["key"].as_str().unwrap()).about(&tenant);
        let key = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        let path = format!("/v1/tenants/{tenant}");
        let reads = ["/v1/tenants", path.as_str(), "/v1/oidc-config", "/v1/api-keys"];
        let mut before = Vec::new();
        for read in reads {
            before.push(root.get(read).send().await.expect(200).text);
        }
        app.database.raw().execute("ALTER TABLE audit_events RENAME TO audit_events_away");
        for request in [
            root.post("/v1/tenants").json(&json!({ "name": "New" })),
            root.patch(&path).json(&json!({ "name": "New" })),
            root.delete(&path),
            root.put("/v1/oidc-config").json(&config("after", "s")),
            root.delete("/v1/oidc-config"),
            root.post("/v1/api-keys").json(&json!({ "name": "new" })),
            root.post(&format!("{key}/rotate")).json(&json!({ "grace_seconds": 0 })),
            root.post(&format!("{key}/suspend")),
            root.delete(&key),
        ] {
            let answer = request.send().await.expect(500);
            assert_eq!(answer.code(), "internal");
            assert!(!answer.text.contains("audit_events"), "{answer:?}");
            holder.get("/v1/oidc-config").send().await.expect(200);
        }
        root.get("/v1/audit-events").send().await.expect(500);
        app.database.raw().execute("ALTER TABLE audit_events_away RENAME TO audit_events");
        for (read, text) in reads.into_iter().zip(before) {
            let now = root.get(read).send().await.expect(200).text;
            assert_eq!(without_use(&now), without_use(&text), "{read}");
        }
        root.delete(&key).send().await.expect(204);
        holder.get("/v1/oidc-config").send().await.expect(401);
    }

    async fn what_was_once_written_stays(app) {
        app.tenant("Acme").await;
        let mut raw = app.database.raw();
        let everything = "SELECT id || action || actor || changes AS value FROM audit_events ORDER BY id";
        let before = raw.texts(everything);
        assert!(before.len() >= 2, "{before:?}");
        let mut attempts = vec![
            "UPDATE audit_events SET actor = 'somebody else'",
            "UPDATE audit_events SET changes = changes WHERE action = 'CreateTenant'",
            "DELETE FROM audit_events",
            "DELETE FROM audit_events WHERE action = 'CreateTenant'",
        ];
        match raw {
            Raw::Sqlite(_) => attempts.extend([
                "INSERT OR REPLACE INTO audit_events SELECT id, at, NULL, 'x', 'x', 'x', 'x', NULL, NULL, '{}' FROM audit_events",
                "REPLACE INTO audit_events SELECT * FROM audit_events",
                "UPDATE OR REPLACE audit_events SET actor = 'x'",
                "INSERT INTO audit_events SELECT * FROM audit_events WHERE true ON CONFLICT (id) DO UPDATE SET actor = 'x'",
            ]),
            Raw::Postgres(_) => attempts.extend([
                "TRUNCATE audit_events",
                "TRUNCATE audit_events CASCADE",
                "INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor = 'x'",
            ]),
        }
        for attempt in attempts {
            let refused = raw.refused(attempt);
            assert!(refused.contains("audit events are n"), "{attempt}: {refused}");
        }
        assert_eq!(raw.texts(everything), before);
        app.tenant("Another").await;
    }

    async fn no_event_has_a_secret_nor_what_is_made_of_one(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        let secrets = ["recognisable-secret-one", "recognisable-secret-two"];
        for secret in secrets {
            root.put("/v1/oidc-config").json(&config("findable", secret)).send().await.expect(200);
        }
        let made = root.post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(201);
        let path = format!("/v1/api-keys/{}", made.text_at("id"));
        let rotated = root.post(&format!("{path}/rotate")).send().await.expect(200);
        root.delete(&path).send().await.expect(204);
        let mut raw = app.database.raw();
        let hidden = match raw {
            Raw::Sqlite(_) => raw.texts("SELECT lower(hex(secret_sealed)) AS value FROM oidc_configs"),
            Raw::Postgres(_) => raw.texts("SELECT encode(secret_sealed, 'hex') AS value FROM oidc_configs"),
        };
        root.delete(&format!("/v1/tenants/{tenant}")).send().await.expect(204);
        let stored = raw.texts(
            "SELECT id || actor || action || resource_type || resource_id || coalesce(request_id, '') \
             || coalesce(decision_id, '') || changes AS value FROM audit_events",
        ).join("\n").to_lowercase();
        let answered = app.root().get("/v1/audit-events?limit=1000").send().await.expect(200).text.to_lowercase();
        let mut needles: Vec<String> = secrets.map(str::to_owned).to_vec();
        needles.extend(hidden);
        for secret in secrets {
            needles.push(hex::encode(Sha256::digest(secret)));
        }
        for key in [made.text_at("key"), rotated.text_at("key"), app.root_key.clone()] {
            needles.extend([key[37..101].to_owned(), hex::encode(Sha256::digest(&key)), key]);
        }
        assert!(needles.iter().all(|needle| needle.len() > 20));
        for text in [&stored, &answered] {
            for needle in &needles {
                assert!(!text.contains(needle.as_str()), "{needle}");
            }
            assert!(text.contains("findable") && text.contains("client_secret"), "{text}");
        }
    }

    async fn tenants_do_not_see_each_others_history(app) {
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let (security, admin) = (app.key(&one, "security").await, app.key(&two, "admin").await);
        admin.put("/v1/oidc-config").json(&config("c", "s")).send().await.expect(200);
        let denied = security.about(&two).get("/v1/audit-events").send().await.expect(403);
        assert_eq!(denied.code(), "tenant_mismatch");
        let without = security.without("x-tenant-id");
        assert_eq!(without.get("/v1/audit-events").send().await.expect(400).field(), "X-Tenant-ID");
        for role in ["viewer", "editor", "pep"] {
            let caller = app.key(&one, role).await;
            assert_eq!(caller.get("/v1/audit-events").send().await.expect(403).code(), "forbidden");
        }
        app.instance_key("security").await.get("/v1/audit-events").send().await.expect(403);
        app.instance_key("admin").await.about(&one).get("/v1/audit-events").send().await.expect(403);
        app.anonymous().about(&one).get("/v1/audit-events").send().await.expect(401);
        let everything = list(&app.root(), "").await;
        let own = |tenant: &str| -> Vec<Value> {
            everything.iter().filter(|event| event["tenant_id"] == json!(tenant)).cloned().collect()
        };
        let (ones, twos) = (own(&one), own(&two));
        assert!(ones.len() >= 5 && twos.len() >= 3 && everything.len() > ones.len() + twos.len());
        assert_eq!(list(&security, "").await, ones);
        assert_eq!(list(&admin, "").await, twos);
        assert_eq!(list(&app.root().about(&one), "").await, ones);
        // Neither a filter nor the token of another's page opens anything.
        let upsert = list(&admin, "action=UpsertOidcConfig").await;
        let actor = upsert[0]["actor"].as_str().unwrap();
        for query in [format!("resource_id={two}"), format!("actor={actor}"), "action=UpsertOidcConfig".to_owned()] {
            assert_eq!(list(&security, &query).await, Vec::<Value>::new(), "{query}");
            assert!(!list(&admin, &query).await.is_empty(), "{query}");
        }
        let token = twos[0]["id"].as_str().unwrap().replace('-', "");
        for event in list(&security, &format!("page_token={token}")).await {
            assert_eq!(event["tenant_id"], json!(one));
        }
    }

    async fn a_tenant_that_never_was_is_404_for_root_and_403_for_others(app) {
        let nobody = "00000000-0000-4000-8000-000000000000";
        app.root().about(nobody).get("/v1/audit-events").send().await.expect(404);
        let tenant = app.tenant("Acme").await;
        app.key(&tenant, "admin").await.about(nobody).get("/v1/audit-events").send().await.expect(403);
        // A tenant from before there was history has none, but is there.
        app.database.raw().execute(
            "INSERT INTO tenants SELECT '00000000-0000-4000-8000-000000000001', 'old', created_at, updated_at FROM tenants");
        assert!(list(&app.root().about("00000000-0000-4000-8000-000000000001"), "").await.is_empty());
    }

    async fn filters_leave_what_they_name(app) {
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let admin = app.key(&one, "admin").await;
        admin.put("/v1/oidc-config").json(&config("a", "s")).send().await.expect(200);
        admin.put("/v1/oidc-config").json(&config("b", "s")).send().await.expect(200);
        app.root().about(&two).put("/v1/oidc-config").json(&config("c", "s")).send().await.expect(200);
        let all = list(&app.root(), "").await;
        let actor = all.iter().find(|event| event["changes"]["client_id"]["to"] == "b").unwrap()["actor"].clone();
        let at = |n: usize| all[n]["at"].as_str().unwrap();
        let plus = at(1).replace('Z', "%2B00:00");
        let elsewhere = time(&all[1]["at"]).with_timezone(&chrono::FixedOffset::west_opt(5 * 3600).unwrap()).to_rfc3339();
        let cases: Vec<(String, Picks<'_>)> = vec![
            ("action=UpsertOidcConfig".to_owned(), Box::new(|event| event["action"] == "UpsertOidcConfig")),
            (format!("actor={}", actor.as_str().unwrap()), Box::new(|event| event["actor"] == actor)),
            ("actor=system:preset".to_owned(), Box::new(|event| event["actor"] == "system:preset")),
            ("resource_type=Tenant".to_owned(), Box::new(|event| event["resource"]["type"] == "Tenant")),
            (format!("resource_id={}", two.to_uppercase()), Box::new(|event| event["resource"]["id"] == json!(two))),
            (
                format!("resource_type=OidcConfig&resource_id={one}&actor={}&action=UpsertOidcConfig", actor.as_str().unwrap()),
                Box::new(|event| event["action"] == "UpsertOidcConfig" && event["tenant_id"] == json!(one)),
            ),
            (format!("since={}", at(2)), Box::new(|event| time(&event["at"]) >= time(&all[2]["at"]))),
            (format!("until={}", at(2)), Box::new(|event| time(&event["at"]) < time(&all[2]["at"]))),
            (format!("since={plus}"), Box::new(|event| time(&event["at"]) >= time(&all[1]["at"]))),
            (format!("since={elsewhere}"), Box::new(|event| time(&event["at"]) >= time(&all[1]["at"]))),
            (
                format!("since={}&until={}", at(3), at(1)),
                Box::new(|event| (time(&all[3]["at"])..time(&all[1]["at"])).contains(&time(&event["at"]))),
            ),
        ];
        for (query, picks) in cases {
            let expected: Vec<Value> = all.iter().filter(|event| picks(event)).cloned().collect();
            assert!(!expected.is_empty() && expected.len() < all.len(), "{query}");
            assert_eq!(list(&app.root(), &query).await, expected, "{query}");
        }
        for none in ["action=NeverHeardOf", "actor=api_key:nobody", "until=1969-12-31T00:00:00Z", "since=9999-12-31T23:59:59Z"] {
            assert!(list(&app.root(), none).await.is_empty(), "{none}");
        }
        assert!(list(&app.root(), &format!("since={0}&until={0}", at(1))).await.is_empty());
        assert!(list(&app.root(), &format!("since={}&until={}", at(0), at(2))).await.is_empty());
        assert_eq!(list(&app.root(), "since=1969-12-31T00:00:00Z&until=9999-12-31T23:59:59Z").await, all);
    }

    async fn a_filter_that_cannot_be_read_is_named(app) {
        for (query, field) in [
            ("action=", "action"),
            ("action=Create%20Tenant", "action"),
            ("resource_type=Gatewood::Tenant", "resource_type"),
            ("resource_id=", "resource_id"),
            ("actor=%00", "actor"),
            ("since=yesterday", "since"),
            ("since=2026-11-22T00:00:00+01:00", "since"),
            ("until=2026-11-22", "until"),
            ("since=2026-11-22T00:00:00Z&since=2026-11-22T00:00:00Z", "since"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("page_token=x", "page_token"),
            ("tenant_id=x", "query"),
        ] {
            let refused = app.root().get(&format!("/v1/audit-events?{query}")).send().await.expect(400);
            assert_eq!(refused.field(), field, "{query}");
        }
        let key = app.root().get(&format!("/v1/audit-events?since={}", app.root_key)).send().await.expect(400);
        assert!(!key.text.contains(&app.root_key), "{key:?}");
    }

    async fn pages_miss_nothing_and_repeat_nothing_while_events_arrive(app) {
        for n in 0..7 {
            app.tenant(&format!("tenant {n}")).await;
        }
        let all = list(&app.root(), "").await;
        let (mut found, mut token) = (Vec::new(), String::new());
        for page in 0.. {
            let answer = app.root().get(&format!("/v1/audit-events?limit=3{token}")).send().await.expect(200).json();
            found.extend(answer["items"].as_array().unwrap().clone());
            app.tenant(&format!("newer {page}")).await;
            match answer["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
        assert_eq!(ids(&found), ids(&all));
        assert_eq!(found, all);
    }

    async fn of_many_writers_each_leaves_its_event_in_the_order_of_the_changes(app) {
        let replica = app.replica().await;
        let tenant = app.tenant("0").await;
        let writers: Vec<_> = (1..=24).map(|n| {
            let root = if n % 2 == 0 { app.root() } else { replica.root() };
            let root = root.with("x-request-id", format!("writer-{n}"));
            let path = format!("/v1/tenants/{tenant}");
            tokio::spawn(async move { root.patch(&path).json(&json!({ "name": n.to_string() })).send().await.status })
        }).collect();
        let mut done = 0;
        for writer in writers {
            // A busy database may send somebody away; what it did not acknowledge need not be there.
            done += usize::from(writer.await.unwrap() == 200);
        }
        let mut events = list(&app.root(), &format!("resource_id={tenant}")).await;
        events.reverse();
        assert_eq!(events.len(), done + 1);
        let mut name = Value::Null;
        let mut at = chrono::DateTime::UNIX_EPOCH;
        for event in &events {
            assert_eq!(event["changes"]["name"]["from"], name, "{events:#?}");
            name = event["changes"]["name"]["to"].clone();
            assert!(at < time(&event["at"]), "{events:#?}");
            at = time(&event["at"]);
            if event["action"] == "UpdateTenant" {
                assert_eq!(event["request_id"], json!(format!("writer-{}", name.as_str().unwrap())));
            }
        }
        let now = app.root().get(&format!("/v1/tenants/{tenant}")).send().await.text_at("name");
        assert_eq!(json!(now), name);
        let decisions: BTreeSet<_> = events.iter().map(|event| event["decision_id"].as_str()).collect();
        assert_eq!(decisions.len(), events.len());
    }

    async fn a_damaged_event_does_not_hide_the_others(app) {
        let tenant = app.tenant("Acme").await;
        let all = list(&app.root(), "").await;
        let mut raw = app.database.raw();
        for (id, tenant, decision, changes) in [
            ("01a00000-0000-7000-8000-000000000000", "NULL", "NULL", "no object"),
            ("01a00000-0000-7000-8000-000000000001", "NULL", "'nobody'", "{}"),
            ("01a00000-0000-7000-8000-000000000002", "'nobody'", "NULL", "{}"),
        ] {
            raw.execute(&format!(
                "INSERT INTO audit_events SELECT '{id}', at, {tenant}, 'a', 'b', 'c', 'd', NULL, {decision}, '{changes}' \
                 FROM audit_events LIMIT 1"));
        }
        assert_eq!(list(&app.root(), "").await, all);
        assert_eq!(list(&app.root().about(&tenant), "").await.len(), 1);
        // Nor does one whose id cannot be read stand in the way of a change.
        raw.execute(&format!(
            "INSERT INTO audit_events SELECT 'zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz', at, NULL, 'a', 'b', 'Tenant', '{tenant}', \
             NULL, NULL, '{{}}' FROM audit_events LIMIT 1"));
        let renamed = json!({ "name": "Acme Ltd" });
        app.root().patch(&format!("/v1/tenants/{tenant}")).json(&renamed).send().await.expect(200);
        assert_eq!(list(&app.root().about(&tenant), "").await.len(), 2);
    }
}

/// A list of keys without what reading it changes.
fn without_use(text: &str) -> Value {
    let mut body: Value = serde_json::from_str(text).unwrap();
    for item in body["items"].as_array_mut().into_iter().flatten() {
        item["last_used_at"] = Value::Null;
    }
    body
}

// What the service and its command line do by themselves.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_line_does_is_history_on_sqlite() {
    what_the_command_line_does_is_history(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_line_does_is_history_on_postgres() {
    what_the_command_line_does_is_history(Backend::Postgres).await;
}

async fn what_the_command_line_does_is_history(backend: Backend) {
    const OLD: &str = "old:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    const NEW: &str = "new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
    let database = TestDatabase::new(backend);
    let folder = database.folder.path();
    let both = format!("{NEW},{OLD}");
    let program = |arguments: &[&str], keys: &str| {
        let mut command = gatewood(folder, arguments);
        command.env("GATEWOOD_DATABASE_URL", &database.url).env("GATEWOOD_ENCRYPTION_KEY", keys);
        command.env("GATEWOOD_SERVER_WORKERS", "1");
        command
    };
    let serve = |keys: &str| Running::start(&mut program(&["serve", "--listen", "127.0.0.1:0"], keys));
    serve(OLD).stop();
    let key = run(&mut program(&["keys", "create", "--root"], OLD)).succeeded();
    let server = serve(OLD);
    let root = server.with_key(key.trim());
    let tenant = root.post("/v1/tenants").json(&json!({ "name": "Acme" })).send().await.expect(201).text_at("id");
    root.about(&tenant).put("/v1/oidc-config").json(&config("c", "s")).send().await.expect(200);
    server.stop();
    // Nothing is moved the first time, so there is nothing to remember; nor is there the third time.
    for (keys, printed) in [(OLD, "sealed 0 anew"), (both.as_str(), "sealed 1 anew"), (both.as_str(), "sealed 0 anew")]
    {
        let said = run(&mut program(&["secrets", "reseal"], keys)).succeeded();
        assert!(said.contains(printed), "{said}");
    }
    let server = serve(&both);
    let root = server.with_key(key.trim());
    let by_itself: Vec<Value> =
        list(&root, "").await.into_iter().filter(|event| event["request_id"].is_null()).collect();
    let instance = database.raw().texts("SELECT id AS value FROM instance").remove(0);
    let of = |n: usize| {
        let event = &by_itself[n];
        assert!(event["decision_id"].is_null() && event["tenant_id"].is_null(), "{event}");
        (
            event["actor"].as_str().unwrap(),
            event["action"].as_str().unwrap(),
            event["resource"]["type"].as_str().unwrap(),
        )
    };
    assert_eq!(by_itself.len(), 3, "{by_itself:#?}");
    assert_eq!(of(0), ("system:command-line", "ResealSecrets", "Instance"));
    assert_eq!(by_itself[0]["resource"]["id"], json!(instance));
    assert_eq!(by_itself[0]["changes"], json!({ "secret_key_id": { "from": ["old"], "to": ["new"] } }));
    assert_eq!(of(1), ("system:command-line", "CreateApiKey", "ApiKeyRecord"));
    assert_eq!(of(2), ("system:first-start", "CreateApiKey", "ApiKeyRecord"));
    assert_eq!(by_itself[2]["changes"]["roles"], json!({ "from": null, "to": ["root"] }));
    assert_eq!(list(&root, "actor=system:command-line").await, by_itself[..2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_root_key_is_history_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = TestServer::start(backend).await;
        let replica = app.replica().await;
        let made = list(&replica.root(), "").await;
        assert_eq!(made.len(), 1, "{made:#?}");
        assert_eq!((&made[0]["actor"], &made[0]["action"]), (&json!("system:preset"), &json!("CreateApiKey")));
        assert_eq!(made[0]["changes"]["secret"], json!({ "changed": true }));
    }
}
