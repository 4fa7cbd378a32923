//! `/v1/oidc-config`.

use serde_json::json;

use crate::support::{on_both, time};

fn config() -> serde_json::Value {
    json!({ "issuer_url": "https://login.example.com/", "client_id": "client", "client_secret": "hunter2" })
}

on_both! {
    async fn the_answer_has_exactly_six_fields_and_no_secret(app) {
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await;
        let put = admin.put("/v1/oidc-config").json(&config()).send().await.expect(200);
        let body = put.json();
        let mut fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["client_id", "created_at", "id", "issuer_url", "scopes", "updated_at"]);
        assert_eq!(body["issuer_url"], "https://login.example.com/");
        assert_eq!(body["scopes"], json!(["openid", "profile", "email"]));
        assert!(body["created_at"].as_str().unwrap().ends_with('Z'));
        let get = admin.get("/v1/oidc-config").send().await.expect(200);
        assert_eq!(get.json(), body);
        assert_eq!(get.header("etag"), put.header("etag"));
        assert!(!put.text.contains("hunter2") && !get.text.contains("hunter2"));
    }

    async fn an_update_keeps_id_and_creation_and_moves_the_rest(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        let first = root.put("/v1/oidc-config").json(&config()).send().await.expect(200);
        let mut changed = config();
        changed["scopes"] = json!(["openid"]);
        let second = root.put("/v1/oidc-config").json(&changed).send().await.expect(200);
        let (one, two) = (first.json(), second.json());
        assert_eq!((&one["id"], &one["created_at"]), (&two["id"], &two["created_at"]));
        assert!(time(&one["updated_at"]) < time(&two["updated_at"]));
        assert_eq!(two["scopes"], json!(["openid"]));
        assert_ne!(first.header("etag"), second.header("etag"));
    }

    async fn a_deleted_configuration_is_gone_and_a_new_one_is_another(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        root.delete("/v1/oidc-config").send().await.expect(404);
        let first = root.put("/v1/oidc-config").json(&config()).send().await.expect(200);
        root.delete("/v1/oidc-config").send().await.expect(204);
        let gone = root.get("/v1/oidc-config").send().await.expect(404);
        assert_eq!(gone.code(), "not_found");
        let second = root.put("/v1/oidc-config").json(&config()).send().await.expect(200);
        assert_ne!(first.json()["id"], second.json()["id"]);
        assert_ne!(first.header("etag"), second.header("etag"));
    }

    async fn preconditions_are_honoured(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        root.put("/v1/oidc-config").header("if-match", "*").json(&config()).send().await.expect(412);
        let fresh = root.put("/v1/oidc-config").header("if-none-match", "*").json(&config()).send().await.expect(200);
        let etag = fresh.header("etag").unwrap();
        let again = root.put("/v1/oidc-config").header("if-none-match", "*").json(&config()).send().await.expect(412);
        assert_eq!(again.code(), "precondition_failed");
        root.put("/v1/oidc-config").header("if-match", "\"other\"").json(&config()).send().await.expect(412);
        let moved = root.put("/v1/oidc-config").header("if-match", &etag).json(&config()).send().await.expect(200);
        root.put("/v1/oidc-config").header("if-match", &etag).json(&config()).send().await.expect(412);
        let etag = moved.header("etag").unwrap();
        root.get("/v1/oidc-config").header("if-none-match", &etag).send().await.expect(304);
        root.get("/v1/oidc-config").header("if-none-match", "\"other\"").send().await.expect(200);
        root.get("/v1/oidc-config").header("if-match", "\"other\"").send().await.expect(412);
        root.delete("/v1/oidc-config").header("if-match", "\"other\"").send().await.expect(412);
        let bad = root.delete("/v1/oidc-config").header("if-match", "unquoted").send().await.expect(400);
        assert_eq!(bad.field(), "If-Match");
        root.delete("/v1/oidc-config").header("if-match", &etag).send().await.expect(204);
    }

    async fn an_unknown_tenant_is_404_for_root_and_403_for_a_stranger_to_it(app) {
        let unknown = uuid::Uuid::now_v7().to_string();
        let root = app.root().about(&unknown);
        root.put("/v1/oidc-config").json(&config()).send().await.expect(404);
        root.get("/v1/oidc-config").send().await.expect(404);
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await.about(&unknown);
        let denied = admin.get("/v1/oidc-config").send().await.expect(403);
        assert_eq!(denied.code(), "tenant_mismatch");
    }

    async fn tenants_never_meet(app) {
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let mut of_one = config();
        of_one["client_id"] = json!("of one");
        app.root().about(&one).put("/v1/oidc-config").json(&of_one).send().await.expect(200);
        app.root().about(&two).put("/v1/oidc-config").json(&config()).send().await.expect(200);
        let intruder = app.key(&two, "admin").await.about(&one);
        for denied in [
            intruder.get("/v1/oidc-config").send().await,
            intruder.put("/v1/oidc-config").json(&config()).send().await,
            intruder.delete("/v1/oidc-config").send().await,
        ] {
            let denied = denied.expect(403);
            assert_eq!(denied.code(), "tenant_mismatch");
            assert_eq!(denied.text_at("message"), "the credential belongs to another tenant");
            assert_eq!(denied.notices(), ["The credential belongs to another tenant than the one the request is about."]);
        }
        let kept = app.root().about(&one).get("/v1/oidc-config").send().await.expect(200);
        assert_eq!(kept.text_at("client_id"), "of one");
    }

    async fn concurrent_upserts_make_one_row_and_all_succeed(app) {
        let tenant = app.tenant("Acme").await;
        let root = app.root().about(&tenant);
        let writers = (0..40).map(|n| {
            let mut body = config();
            body["client_id"] = json!(format!("client-{n}"));
            let request = root.put("/v1/oidc-config").json(&body);
            tokio::spawn(request.send())
        });
        let mut ids = std::collections::BTreeSet::new();
        for writer in writers.collect::<Vec<_>>() {
            ids.insert(writer.await.unwrap().expect(200).text_at("id"));
        }
        assert_eq!(ids.len(), 1);
    }
}
