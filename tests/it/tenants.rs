//! `/v1/tenants`.

use serde_json::json;

use crate::support::{on_both, time};

on_both! {
    async fn a_tenant_is_made_read_renamed_and_deleted(app) {
        let root = app.root();
        let made = root.post("/v1/tenants").json(&json!({ "name": "Acme" })).send().await.expect(201);
        let id = made.text_at("id");
        assert_eq!(made.header("location").unwrap(), format!("/v1/tenants/{id}"));
        let path = format!("/v1/tenants/{id}");
        assert_eq!(root.get(&path).send().await.expect(200).json(), made.json());
        let renamed = root.patch(&path).json(&json!({ "name": "Acme Inc." })).send().await.expect(200);
        assert_eq!(renamed.text_at("name"), "Acme Inc.");
        assert_eq!(renamed.json()["created_at"], made.json()["created_at"]);
        assert!(time(&made.json()["updated_at"]) < time(&renamed.json()["updated_at"]));
        root.delete(&path).send().await.expect(204);
        root.get(&path).send().await.expect(404);
        root.patch(&path).json(&json!({ "name": "x" })).send().await.expect(404);
        root.delete(&path).send().await.expect(404);
    }

    async fn a_name_is_taken_once(app) {
        let (one, _two) = (app.tenant("One").await, app.tenant("Two").await);
        let body = json!({ "name": "Two" });
        let made = app.root().post("/v1/tenants").json(&body).send().await.expect(409);
        assert_eq!(made.code(), "conflict");
        app.root().patch(&format!("/v1/tenants/{one}")).json(&body).send().await.expect(409);
        app.root().patch(&format!("/v1/tenants/{one}")).json(&json!({ "name": "One" })).send().await.expect(200);
    }

    async fn a_list_comes_in_pages_that_miss_nothing(app) {
        let mut expected = Vec::new();
        for n in 0..7 {
            expected.push(app.tenant(&format!("tenant {n}")).await);
        }
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _page in 0..4 {
            let path = match &token {
                None => "/v1/tenants?limit=2".to_owned(),
                Some(token) => format!("/v1/tenants?limit=2&page_token={token}"),
            };
            let page = app.root().get(&path).send().await.expect(200).json();
            found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            token = page["next_page_token"].as_str().map(str::to_owned);
        }
        assert_eq!(token, None);
        assert_eq!(found, expected);
    }

    async fn deleting_a_tenant_deletes_what_is_its_own_and_kills_its_keys(app) {
        let tenant = app.tenant("Acme").await;
        let admin = app.key(&tenant, "admin").await;
        admin.get("/v1/whoami").send().await.expect(200);
        app.root().delete(&format!("/v1/tenants/{tenant}")).send().await.expect(204);
        admin.get("/v1/whoami").send().await.expect(401);
        app.root().about(&tenant).get("/v1/oidc-config").send().await.expect(404);
        app.root().about(&tenant).get("/v1/api-keys").send().await.expect(404);
        app.tenant("Acme").await;
    }

    async fn the_header_must_fit_the_path(app) {
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        let denied = app.root().about(&one).get(&format!("/v1/tenants/{two}")).send().await.expect(403);
        assert_eq!(denied.code(), "tenant_mismatch");
        app.root().about(&one).get(&format!("/v1/tenants/{one}")).send().await.expect(200);
        let unknown = app.key(&one, "admin").await.about(&two).get("/v1/nonsense").send().await.expect(403);
        assert_eq!(unknown.code(), "tenant_mismatch");
        let viewer = app.key(&one, "viewer").await.about(&two);
        assert_eq!(viewer.get("/v1/whoami").send().await.expect(403).code(), "tenant_mismatch");
    }
}
