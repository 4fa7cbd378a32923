//! JSON, numbers, times, ids and pages that are none.

use reqwest::Method;
use serde_json::{Value, json};

use super::{is_problem, refused, server, tells_nothing};
use crate::support::on_both;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_does_not_fit_is_refused_with_its_field() {
    let app = server().await;
    let root = app.root();
    let deep = "[".repeat(60_000);
    for (body, field) in [
        ("", "body"),
        ("  ", "body"),
        ("null", "body"),
        ("true", "body"),
        ("17", "body"),
        ("\"name\"", "body"),
        ("[]", "body"),
        ("[\"name\"]", "body"),
        ("{", "body"),
        ("{\"name\": \"a\"} x", "body"),
        ("{\"name\": \"a\"}{}", "body"),
        ("{\"name\": \"a\",}", "body"),
        ("{'name': 'a'}", "body"),
        ("{\"name\": NaN}", "body"),
        ("{\"name\": \"\\ud800\"}", "body"),
        ("\u{feff}{\"name\": \"a\"}", "body"),
        ("{}", "name"),
        ("{\"name\": null}", "name"),
        ("{\"name\": 1}", "name"),
        ("{\"name\": [\"a\"]}", "name"),
        ("{\"name\": {\"name\": \"a\"}}", "name"),
        ("{\"name\": \"\"}", "name"),
        ("{\"name\": \" a\"}", "name"),
        ("{\"name\": \"a\\u0000b\"}", "name"),
        ("{\"name\": \"a\\u061cb\"}", "name"),
        ("{\"name\": \"a\\u00adb\"}", "name"),
        ("{\"name\": \"a\", \"name\": \"b\"}", "name"),
        ("{\"n\\u0061me\": \"a\", \"name\": \"b\"}", "name"),
        ("{\"Name\": \"a\"}", "Name"),
        ("{\"name\": \"a\", \"id\": 1}", "id"),
        ("{\"name\": \"a\", \"__proto__\": {}}", "__proto__"),
        ("{\"name\": \"a\", \"\": 1}", "\"\""),
        ("{\"name\": \"a\", \"a\\nb\": 1}", "a\\nb"),
        (&format!("{{\"name\": {deep}"), "name"),
        (&format!("{{\"other\": {deep}"), "other"),
        (&deep, "body"),
    ] {
        assert_eq!(refused(&root, Method::POST, "/v1/tenants", body).await, field, "{body}");
    }
    let long = format!("{{\"name\": \"a\", \"{}\": 1}}", "k".repeat(5000));
    assert!(refused(&root, Method::POST, "/v1/tenants", &long).await.chars().count() < 100);
    let nothing = root.get("/v1/tenants").send().await.expect(200).json();
    assert_eq!(nothing["items"], json!([]), "something was made of a body that was refused");
    // 100,000 levels are more bytes than a body may have.
    let deeper = "[".repeat(100_000);
    assert_eq!(root.post("/v1/tenants").raw_json(deeper).send().await.expect(413).code(), "payload_too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_utf_8_are_no_json() {
    let app = server().await;
    let utf_16: Vec<u8> = "{\"name\": \"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [b"{\"name\": \"\xff\xfe\"}".to_vec(), b"\xff\xfe".to_vec(), b"{\"\xc3\x28\": 1}".to_vec(), utf_16] {
        let answer = app.root().post("/v1/tenants").raw_json(body).send().await.expect(400);
        assert_eq!((answer.code().as_str(), answer.field().as_str()), ("invalid_input", "body"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_configuration_never_repeats_the_secret_and_leaves_the_stored_one_alone() {
    let app = server().await;
    let root = app.root().about(app.tenant("Acme").await);
    let good = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "s" });
    let stored = root.put("/v1/oidc-config").json(&good).send().await.expect(200);
    for (name, value, field) in [
        ("client_secret", json!({ "hunter2": "hunter2" }), "client_secret"),
        ("client_secret", json!(["hunter2"]), "client_secret"),
        ("client_secret", json!("hunter2".repeat(600)), "client_secret"),
        ("client_secret", json!(""), "client_secret"),
        ("client_secret", Value::Null, "client_secret"),
        ("client_secret", json!(12345), "client_secret"),
        ("issuer_url", Value::Null, "issuer_url"),
        ("issuer_url", json!("https://user:hunter2@h"), "issuer_url"),
        ("issuer_url", json!("https://h:99999"), "issuer_url"),
        ("issuer_url", json!("https://ex%61mple.com"), "issuer_url"),
        ("client_id", json!(""), "client_id"),
        ("client_id", json!("a\u{202e}b"), "client_id"),
        ("scopes", Value::Null, "scopes"),
        ("scopes", json!("openid"), "scopes"),
        ("scopes", json!({ "0": "openid" }), "scopes"),
        ("scopes", json!([null]), "scopes[0]"),
        ("scopes", json!(["openid", "openid"]), "scopes[1]"),
        ("scopes", json!(["a b"]), "scopes[0]"),
        ("scopes", json!(vec!["x"; 51]), "scopes"),
        ("scope", json!([]), "scope"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let found = refused(&root, Method::PUT, "/v1/oidc-config", &body.to_string()).await;
        assert_eq!(found, field, "{body}");
    }
    assert_eq!(root.get("/v1/oidc-config").send().await.expect(200).json(), stored.json());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_do_not_fit_are_refused_in_words_of_json() {
    let app = server().await;
    let tenant = app.tenant("Acme").await;
    let key = app.make_key(Some(&tenant), &json!({ "name": "ci", "roles": ["viewer"] })).await;
    let path = format!("/v1/api-keys/{}/rotate", key["id"].as_str().unwrap());
    let root = app.root().about(&tenant);
    for number in ["0.5", "1e9", "-1", "604801", "9223372036854775808", "\"3\"", "true", "{}", "[]", "null"] {
        let body = format!("{{\"grace_seconds\": {number}}}");
        let answer = root.post(&path).raw_json(body).send().await.expect(400);
        assert_eq!(answer.field(), "grace_seconds", "{number}");
        assert!(!answer.text.contains("f64"), "{answer:#?}");
    }
    assert_eq!(refused(&root, Method::POST, &path, "{\"grace_seconds\": 1e999}").await, "body");
    app.with_key(key["key"].as_str().unwrap()).get("/v1/whoami").send().await.expect(200);
    for number in ["6e1", "60.0", "60"] {
        root.post(&path).raw_json(format!("{{\"grace_seconds\": {number}}}")).send().await.expect(200);
    }
    assert_eq!(refused(&root, Method::POST, &path, "null").await, "body");
}

on_both! {
    async fn a_time_that_is_none_is_refused_and_a_leap_second_is_the_second_after_it(app) {
        let root = app.root();
        let body = |expiry: &str| json!({ "name": "x", "roles": ["pep"], "expires_at": expiry }).to_string();
        for bad in [
            "", "tomorrow", "2999-02-30T00:00:00Z", "2999-12-31T24:00:00Z", "2999-12-31T23:59:61Z", "2999-12-31",
            "2999-12-31T23:59:59", "+12999-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "1970-01-01T00:00:00Z",
            "2999-12-31T23:59:59.Z",
        ] {
            assert_eq!(refused(&root, Method::POST, "/v1/api-keys", &body(bad)).await, "expires_at", "{bad}");
        }
        for (sent, kept) in [
            ("2998-12-31T23:59:60Z", "2999-01-01T00:00:00Z"),
            ("2998-12-31T23:59:60.5Z", "2999-01-01T00:00:00.500Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
            ("2999-01-01T00:00:00+14:00", "2998-12-31T10:00:00Z"),
        ] {
            let made = root.post("/v1/api-keys").raw_json(body(sent)).send().await.expect(201);
            assert_eq!(made.text_at("expires_at"), kept);
            let path = made.header("location").unwrap();
            assert_eq!(root.get(&path).send().await.expect(200).text_at("expires_at"), kept);
        }
    }

    async fn odd_but_valid_texts_survive_storage(app) {
        let root = app.root();
        let long = "\u{1f600}".repeat(255);
        for name in ["'; DROP TABLE tenants; --", "%s%n", "Zo\u{eb} & \u{6771}\u{4eac}", "\\\"$1 ?1", "a\u{301}", &long] {
            let made = root.post("/v1/tenants").json(&json!({ "name": name })).send().await.expect(201);
            let read = root.get(&made.header("location").unwrap()).send().await.expect(200);
            assert_eq!(read.text_at("name"), name);
        }
        let about = root.about(app.tenant("Acme").await);
        let secret = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "a\u{0}b\u{ffff}" });
        about.put("/v1/oidc-config").json(&secret).send().await.expect(200);
    }

    async fn ids_that_are_no_uuids_are_refused_and_unknown_ones_are_not_found(app) {
        let root = app.root();
        let nil = "00000000-0000-0000-0000-000000000000";
        for base in ["/v1/tenants", "/v1/api-keys"] {
            for bad in [
                "x", "0", "-1", "%00", "%ff", "%zz", "%2F", "%F0%9F%98%80", "..%2f..", "{id}", "*",
                "00000000000000000000000000000000", "%7B00000000-0000-0000-0000-000000000000%7D",
                "urn:uuid:00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000g",
            ] {
                let answer = root.get(&format!("{base}/{bad}")).send().await.expect(400);
                is_problem(&answer);
                assert_eq!(answer.field(), "id", "{bad}");
                tells_nothing(&app.anonymous().get(&format!("{base}/{bad}")).send().await);
            }
            for unknown in [nil, "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"] {
                is_problem(&root.get(&format!("{base}/{unknown}")).send().await.expect(404));
                tells_nothing(&app.anonymous().get(&format!("{base}/{unknown}")).send().await);
            }
        }
        for bad in ["x", "", "00000000000000000000000000000000", "*", "\u{e9}"] {
            let answer = root.about(bad).get("/v1/oidc-config").send().await.expect(400);
            assert_eq!(answer.field(), "X-Tenant-ID", "{bad}");
        }
        root.about(nil).get("/v1/oidc-config").send().await.expect(404);
    }

    async fn pages_are_asked_for_properly_or_not_at_all(app) {
        let root = app.root();
        for (query, field) in [
            ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=abc", "limit"), ("limit=", "limit"),
            ("limit=-1", "limit"), ("limit=1.5", "limit"), ("limit=99999999999999999999", "limit"),
            ("limit=%ff", "limit"), ("limit=1%00", "limit"), ("limit=1;page_token=x", "limit"),
            ("limit=1&limit=1", "limit"), ("limit=1&li%6dit=2", "limit"),
            ("page_token=", "page_token"), ("page_token=x", "page_token"),
            ("page_token=00000000-0000-0000-0000-000000000000", "page_token"),
            ("page_token=0000000000000000000000000000000G", "page_token"),
            ("page_token=' OR 1=1 --", "page_token"),
            ("Limit=1", "query"), ("tenant_id=x", "query"), ("x", "query"), ("=1", "query"), ("%00=1", "query"),
            ("%0d%0aX-Evil:%201=1&%0d%0aX-Evil:%201=1", "\\r\\nX-Evil: 1"),
        ] {
            for path in ["/v1/tenants", "/v1/api-keys"] {
                let answer = root.get(&format!("{path}?{query}")).send().await.expect(400);
                is_problem(&answer);
                assert_eq!(answer.field(), field, "{query}");
                assert!(answer.header("x-evil").is_none());
                tells_nothing(&app.anonymous().get(&format!("{path}?{query}")).send().await);
            }
        }
        root.get("/v1/whoami?limit=1").send().await.expect(400);
        root.get("/v1/tenants?&&&").send().await.expect(200);
        // A forged token shows nothing that a list would not.
        let (one, two) = (app.tenant("One").await, app.tenant("Two").await);
        app.make_key(Some(&one), &json!({ "name": "secret of one" })).await;
        let viewer = app.key(&two, "viewer").await;
        let forged = viewer.get(&format!("/v1/api-keys?page_token={}", "0".repeat(32))).send().await.expect(200);
        assert!(!forged.text.contains("secret of one"), "{forged:#?}");
        let past = root.get(&format!("/v1/tenants?page_token={}", "f".repeat(32))).send().await.expect(200);
        assert_eq!(past.json(), json!({ "items": [], "next_page_token": null }));
    }
}
