//! Headers that contradict each other or make no sense.

use reqwest::Method;
use serde_json::json;

use super::{is_problem, raw, server, statuses, tells_nothing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_rules_json_out_is_told_so() {
    let app = server().await;
    for no in
        ["text/html", "x", "application/json;q=0", "*/*;q=0", "application/json;q=0, */*", "application/xml, text/*"]
    {
        let answer = app.root().with("accept", no).get("/v1/whoami").send().await.expect(406);
        is_problem(&answer);
        assert_eq!(answer.code(), "not_acceptable", "{no}");
        tells_nothing(&app.anonymous().with("accept", no).get("/v1/whoami").send().await);
    }
    for yes in ["", "*/*", "application/*", "text/html, application/json;q=0.1", "*/*;q=0, application/json"] {
        app.root().with("accept", yes).get("/v1/whoami").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_contradict_each_other_are_refused() {
    let app = server().await;
    let second = app.make_key(None, &json!({ "name": "x", "roles": ["viewer"] })).await;
    let second = second["key"].as_str().unwrap();
    let first = &app.root_key;
    for (headers, status) in [
        (format!("X-API-Key: {first}\nX-API-Key: {first}"), 200),
        (format!("X-API-Key: {first}\nAuthorization: Bearer {first}"), 200),
        (format!("X-API-Key: {first}\nX-API-Key: {second}"), 400),
        (format!("X-API-Key: {first}\nAuthorization: Bearer {second}"), 400),
        (format!("Authorization: Bearer {first}\nAuthorization: Bearer {second}"), 400),
        (format!("X-API-Key: {first}\nAuthorization: Basic eDp5"), 400),
        (format!("X-API-Key: {first}\nX-API-Key: nonsense"), 400),
        (format!("X-API-Key: {first}, {first}"), 401),
        (format!("X-API-Key: \"{first}\""), 401),
        (format!("Authorization: {first}"), 401),
        (format!("Authorization: Bearer  {first}"), 401),
        (format!("Authorization: Basic {first}"), 401),
        (format!("Proxy-Authorization: Bearer {first}"), 401),
        (format!("Cookie: X-API-Key={first}"), 401),
        (format!("X-API-Key: {}", "a".repeat(60_000)), 401),
        ("X-API-Key: \u{e9}".to_owned(), 401),
        ("X-API-Key:".to_owned(), 401),
        ("Authorization:".to_owned(), 401),
        ("Authorization: Bearer".to_owned(), 401),
    ] {
        let answer = raw(&app, &format!("GET /v1/whoami HTTP/1.1\nHost: h\n{headers}"), "");
        assert_eq!(statuses(&answer), [status], "{headers}: {answer}");
        assert!(!answer.contains(first.as_str()) && !answer.contains(second), "{answer}");
        // A credential that is no good is none on a public route either.
        let answer = raw(&app, &format!("GET /healthz HTTP/1.1\nHost: h\n{headers}"), "");
        let other = headers.starts_with("Proxy") || headers.starts_with("Cookie");
        assert_eq!(statuses(&answer), [if other { 200 } else { status }], "{headers}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_named_once() {
    let app = server().await;
    let tenant = app.tenant("Acme").await;
    for headers in [format!("X-Tenant-ID: {tenant}\nX-Tenant-ID: {tenant}"), format!("X-Tenant-ID: {tenant}, {tenant}")]
    {
        let answer = raw(&app, &format!("GET /v1/whoami HTTP/1.1\nHost: h\nX-API-Key: KEY\n{headers}"), "");
        assert!(statuses(&answer) == [400] && answer.contains("\"field\":\"X-Tenant-ID\""), "{answer}");
    }
    let upper = app.root().about(tenant.to_uppercase()).get("/v1/api-keys").send().await;
    upper.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_that_cannot_be_read_is_not_taken_for_none() {
    let app = server().await;
    let root = app.root().about(app.tenant("Acme").await);
    let body = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "s" });
    let stored = root.put("/v1/oidc-config").json(&body).send().await.expect(200);
    for name in ["If-Match", "If-None-Match"] {
        for bad in ["", " ", "x", "\"", "\"a", "\"a\" \"b\"", "*, \"a\"", ",", "W/", "\u{e9}"] {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let answer =
                    root.with(name, bad).request(method, "/v1/oidc-config").json(&body).send().await.expect(400);
                assert_eq!(answer.field(), name, "{bad}");
            }
        }
    }
    let etag = stored.header("etag").unwrap();
    let other = root.with("If-Match", format!("\"{}\"", "a".repeat(30_000)));
    other.delete("/v1/oidc-config").send().await.expect(412);
    let both = root.with("If-Match", &etag).with("If-None-Match", &etag);
    both.delete("/v1/oidc-config").send().await.expect(412);
    assert_eq!(root.get("/v1/oidc-config").send().await.expect(200).header("etag").unwrap(), etag);
    let same = root.with("If-None-Match", &etag).get("/v1/oidc-config").send().await.expect(304);
    assert_eq!((same.text.as_str(), same.header("etag")), ("", Some(etag)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_repeated_only_when_it_is_harmless() {
    let app = server().await;
    let longest = "x".repeat(128);
    for good in ["a", "01HX-abc_1.2~3:4/5+6=", &longest] {
        let answer = app.anonymous().with("x-request-id", good).get("/healthz").send().await.expect(200);
        assert_eq!(answer.header("x-request-id").as_deref(), Some(good));
    }
    let longer = "x".repeat(129);
    for bad in ["", "a b", "a\tb", "a,b", "a\"b", "<b>", "${x}", "%0d%0aX-Evil:1", "\u{e9}", "a;b", &longer] {
        for path in ["/healthz", "/v1/whoami", "/nowhere"] {
            let answer = app.anonymous().with("x-request-id", bad).get(path).send().await;
            let id = answer.header("x-request-id").unwrap();
            assert!(id != bad && uuid::Uuid::try_parse(&id).is_ok(), "{id}");
            assert!(answer.header("x-evil").is_none());
        }
    }
    let answer = raw(&app, "GET /healthz HTTP/1.1\nHost: h\nX-Request-ID: a\nX-Request-ID: b", "");
    assert_eq!(answer.matches("x-request-id: ").count(), 1, "{answer}");
    assert!(!answer.contains("x-request-id: a\r") && !answer.contains("x-request-id: b\r"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_headers_that_make_no_sense_do_no_harm() {
    let app = server().await;
    let languages = "x;q=NaN,".repeat(100);
    let long = "a".repeat(30_000);
    for (name, value) in [
        ("accept-language", languages.as_str()),
        ("accept-language", "\u{e9}"),
        ("accept-charset", "latin1"),
        ("accept-encoding", "identity;q=0"),
        ("range", "bytes=0-3"),
        ("if-modified-since", "yesterday"),
        ("x-forwarded-for", "' OR 1=1, ::1, 300.1.1.1"),
        ("forwarded", "for=\"[::1"),
        ("user-agent", &long),
        ("user-agent", "\u{e9}"),
        ("user-agent", ""),
        ("cookie", &long),
        ("origin", "https://elsewhere.example"),
        ("te", "trailers, gzip"),
        ("via", "1.1 x"),
    ] {
        let answer = app.root().with(name, value).get("/v1/whoami").send().await.expect(200);
        assert!(answer.header("content-range").is_none() && answer.header("content-encoding").is_none());
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}
