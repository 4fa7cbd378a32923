//! What clients send that they should not: each is answered for what it is, nothing is lost, and
//! nothing is said that the caller may not know.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse};
use gatewood::app::service::ReadHealth;
use gatewood::http::{Permitted, Problem, observe, routes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Backend, Caller, TestServer, Tweaks, on_both};

/// Everything that a server says on one connection to `bytes`, until it closes it or falls silent.
fn said(app: &TestServer, bytes: &[u8], silence: Duration) -> String {
    tokio::task::block_in_place(|| {
        let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(silence)).unwrap();
        // A server may answer and hang up before it has everything.
        let _ = stream.write_all(bytes);
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        loop {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&part[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error}"),
            }
        }
        String::from_utf8(answer).unwrap()
    })
}

/// Sends a head with the root key in place of `KEY`, and a body, and asks for the connection to be closed.
fn raw(app: &TestServer, head: &str, body: impl AsRef<[u8]>) -> String {
    let head = head.replace("KEY", &app.root_key).replace('\n', "\r\n");
    let mut bytes = format!("{head}\r\nConnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body.as_ref());
    said(app, &bytes, Duration::from_secs(5))
}

/// The statuses of the answers in what was said.
fn statuses(said: &str) -> Vec<u16> {
    let answers = said.match_indices("HTTP/1.").filter_map(|(at, _)| said.get(at + 9..at + 12));
    answers.map(|status| status.parse().unwrap()).collect()
}

/// An error in the one shape that errors have.
#[track_caller]
fn is_problem(answer: &Answer) {
    let json = answer.json();
    assert!(json["code"].is_string() && json["message"].is_string() && json["notices"].is_array(), "{answer:#?}");
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{answer:#?}");
}

/// Nothing but that a credential is needed.
#[track_caller]
fn tells_nothing(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:#?}");
    let nothing = json!({ "code": "unauthenticated", "message": "a valid credential is needed", "notices": [] });
    assert_eq!(answer.json(), nothing);
    assert!(answer.header("www-authenticate").is_some() && answer.header("allow").is_none(), "{answer:#?}");
}

async fn server() -> TestServer {
    TestServer::start(Backend::Sqlite).await
}

async fn with_flags(flags: Vec<(&'static str, String)>) -> TestServer {
    TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await
}

/// Sends a body that is refused; returns the field that is complained about.
async fn refused(caller: &Caller, method: Method, path: &str, body: &str) -> String {
    let answer = caller.request(method, path).raw_json(body.to_owned()).send().await.expect(400);
    is_problem(&answer);
    assert_eq!(answer.code(), "invalid_input", "{body}");
    assert!(!answer.text.contains("hunter2"), "{answer:#?}");
    answer.field()
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let app = server().await;
    let big = format!("{{\"name\": \"{}\"}}", "x".repeat(65_536));
    let answer = app.root().post("/v1/tenants").raw_json(big.clone()).send().await.expect(413);
    is_problem(&answer);
    assert_eq!(answer.code(), "payload_too_large");
    tells_nothing(&app.anonymous().post("/v1/tenants").raw_json(big.clone()).send().await);
    // A body without an announced length is cut off when it has grown too large.
    let head = "POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\nContent-Type: application/json";
    let chunks: String = big
        .as_bytes()
        .chunks(8192)
        .map(|part| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)))
        .collect();
    let answer = raw(&app, &format!("{head}\nTransfer-Encoding: chunked"), format!("{chunks}0\r\n\r\n"));
    assert_eq!(statuses(&answer), [413], "{answer}");
    // A body that is announced as too large is not waited for.
    for length in ["65537", "99999999999", "18446744073709551615"] {
        let answer = raw(&app, &format!("{head}\nContent-Length: {length}"), "");
        assert_eq!(statuses(&answer), [413], "{answer}");
        let answer = raw(&app, &format!("{head}\nExpect: 100-continue\nContent-Length: {length}"), "");
        assert_eq!(statuses(&answer).last(), Some(&413), "{answer}");
    }
    // Right at the limit it is read: what is wrong then is the name.
    let full = format!("{{\"name\": \"{}\"}}", "x".repeat(65_536 - 12));
    assert_eq!(full.len(), 65_536);
    assert_eq!(app.root().post("/v1/tenants").raw_json(full).send().await.expect(400).field(), "name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
    let app = with_flags(vec![("server.body_timeout", "300ms".to_owned())]).await;
    let head = "POST /v1/tenants HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: 20";
    let answer = raw(&app, &format!("{head}\nX-API-Key: KEY"), "{\"name\":");
    assert_eq!(statuses(&answer), [408], "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\"") && answer.contains("x-request-id: "), "{answer}");
    let answer = raw(&app, head, "{\"name\":");
    assert_eq!(statuses(&answer), [401], "{answer}");
    app.root().get("/v1/whoami").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_not_acted_upon() {
    let app = server().await;
    let head = "POST /v1/tenants HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
    let head = format!("{head}X-API-Key: {}\r\nContent-Length: 14\r\n\r\n", app.root_key);
    // The client hangs up in the middle, and once after the whole text but before the announced end.
    for body in ["{\"name\":", "{\"name\":\"a\"}"] {
        let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        drop(stream);
    }
    let broken = "POST /v1/tenants HTTP/1.1\nHost: h\nContent-Type: application/json\nX-API-Key: KEY\nTransfer-Encoding: chunked";
    let answer = raw(&app, broken, "c\r\n{\"name\":\"a\"}\r\nzz\r\n");
    // The protocol's layer may give the connection up before the answer is there.
    assert!(matches!(statuses(&answer)[..], [] | [400]), "{answer}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let listed = app.root().get("/v1/tenants").send().await.expect(200).json();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_says_once_that_it_is_plain_json() {
    let app = server().await;
    let send = |headers: &[(&str, &str)]| {
        let mut request = app.root().post("/v1/tenants").raw("{\"name\": 5}");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send()
    };
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert_eq!(send(&[("content-type", good)]).await.expect(400).field(), "name", "{good}");
    }
    for bad in [
        &[][..],
        &[("content-type", "")],
        &[("content-type", "text/plain")],
        &[("content-type", "text/json")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "application/vnd.api+json")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "application/json; charset=utf-8; charset=latin1")],
        &[("content-type", "application/json, text/plain")],
        &[("content-type", "application/json"), ("content-type", "text/plain")],
        &[("content-type", "text/plain"), ("content-type", "application/json")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-encoding", "")],
        &[("content-type", "application/json"), ("content-encoding", "identity, gzip")],
        &[("content-type", "application/json"), ("content-encoding", "\u{e9}")],
        &[("content-type", "application/json"), ("content-encoding", "identity"), ("content-encoding", "gzip")],
    ] {
        let answer = send(bad).await.expect(415);
        is_problem(&answer);
        assert_eq!(answer.code(), "unsupported_media_type", "{bad:?}");
    }
    tells_nothing(&app.anonymous().post("/v1/tenants").raw("{}").send().await);
    // Where nothing is read, nothing is asked about what it is.
    app.root().get("/v1/whoami").header("content-type", "text/plain").send().await.expect(200);
}

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
async fn an_unknown_path_is_not_found_by_those_who_may_know() {
    let app = server().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/whoami",
        "/v1/whoami/",
        "/v1//whoami",
        "//v1/whoami",
        "/V1/whoami",
        "/v1%2Fwhoami",
        "/v1/tenants/",
        "/v1/tenants/x/y",
        "/metrics2",
        "/.git/config",
        "/v1/oidc-config/x",
        "/healthz/",
        "/%",
        "/%ff",
        "/v1/whoami%00",
        "/v1/whoami;a=b",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let answer = app.root().request(method.clone(), path).send().await.expect(404);
            is_problem(&answer);
            assert_eq!(answer.code(), "not_found", "{path}");
            tells_nothing(&app.anonymous().request(method, path).send().await);
        }
    }
    // Dot segments that a client does not resolve itself.
    for path in ["/v1/x/../whoami", "/v1/x/%2e%2e/whoami", "/%2e%2e/%2e%2e/etc/passwd", "/v1/./whoami"] {
        let answer = raw(&app, &format!("GET {path} HTTP/1.1\nHost: h\nX-API-Key: KEY"), "");
        assert_eq!(statuses(&answer), [404], "{answer}");
        assert_eq!(statuses(&raw(&app, &format!("GET {path} HTTP/1.1\nHost: h"), "")), [401]);
    }
    // An escaped letter is the letter (RFC 3986, section 6.2.2.2): the same route, decided the same way.
    app.root().get("/v1/%77hoami").send().await.expect(200);
    tells_nothing(&app.anonymous().get("/v1/%77hoami").send().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_path_has_not_is_answered_with_those_that_it_has() {
    let app = server().await;
    let id = "00000000-0000-0000-0000-000000000000";
    for (path, allow) in [
        ("/healthz".to_owned(), "GET, HEAD"),
        ("/v1/whoami".to_owned(), "GET, HEAD"),
        ("/v1/oidc-config".to_owned(), "DELETE, GET, HEAD, PUT"),
        ("/v1/tenants".to_owned(), "GET, HEAD, POST"),
        (format!("/v1/tenants/{id}"), "DELETE, GET, HEAD, PATCH"),
        (format!("/v1/api-keys/{id}/rotate"), "POST"),
    ] {
        for method in
            ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get", "PROPFIND"]
        {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = raw(&app, &format!("{method} {path} HTTP/1.1\nHost: h\nX-API-Key: KEY"), "");
            assert_eq!(statuses(&answer), [405], "{method} {answer}");
            assert!(answer.contains(&format!("allow: {allow}\r\n")), "{method} {answer}");
            assert_eq!(answer.contains("method_not_allowed"), method != "HEAD", "{answer}");
            let answer = raw(&app, &format!("{method} {path} HTTP/1.1\nHost: h"), "");
            assert_eq!(statuses(&answer), [401], "{method} {answer}");
            assert!(!answer.contains("allow:"), "{answer}");
        }
    }
    // What a request says besides its method does not change it.
    let answer = app.root().with("x-http-method-override", "DELETE").get("/v1/whoami").send().await.expect(200);
    assert!(answer.text.contains("api_key"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_get_without_the_body() {
    let app = server().await;
    let answer = raw(&app, "HEAD /v1/whoami HTTP/1.1\nHost: h\nX-API-Key: KEY", "");
    assert!(statuses(&answer) == [200] && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = raw(&app, "HEAD /v1/whoami HTTP/1.1\nHost: h", "");
    assert!(statuses(&answer) == [401] && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = raw(&app, "HEAD /nowhere HTTP/1.1\nHost: h\nX-API-Key: KEY", "");
    assert!(statuses(&answer) == [404] && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_request_targets_find_no_way_around_the_guard() {
    let app = server().await;
    for (target, known, stranger) in [
        ("http://elsewhere.example/v1/whoami", 200, 401),
        ("http://elsewhere.example", 404, 401),
        ("/v1/whoami#fragment", 200, 401),
        ("*", 404, 401),
        ("?x", 400, 400),
        ("v1/whoami", 400, 400),
        ("", 400, 400),
        ("/v1/ whoami", 400, 400),
        ("http://[/", 400, 400),
    ] {
        let answer = raw(&app, &format!("GET {target} HTTP/1.1\nHost: h\nX-API-Key: KEY"), "");
        assert_eq!(statuses(&answer), [known], "{target}: {answer}");
        let answer = raw(&app, &format!("GET {target} HTTP/1.1\nHost: h"), "");
        assert_eq!(statuses(&answer), [stranger], "{target}: {answer}");
    }
    let answer = raw(&app, "CONNECT elsewhere.example:443 HTTP/1.1\nHost: h\nX-API-Key: KEY", "");
    assert_eq!(statuses(&answer), [404], "{answer}");
    let long = "a".repeat(60_000);
    let answer = raw(&app, &format!("GET /v1/tenants/{long} HTTP/1.1\nHost: h\nX-API-Key: KEY"), "");
    assert!(statuses(&answer) == [400] && answer.len() < 2000, "{answer}");
    let longer = "a".repeat(70_000);
    let answer = raw(&app, &format!("GET /{longer} HTTP/1.1\nHost: h\nX-API-Key: KEY"), "");
    assert_eq!(statuses(&answer), [400], "{answer}");
}

/// What is no HTTP is answered by the protocol's own layer, which knows no callers: a bare status, and
/// the connection is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused_and_the_connection_closed() {
    let app = server().await;
    let json = "Content-Type: application/json";
    for (head, body) in [
        ("\u{16}\u{3}\u{1}\u{2}", ""),
        ("GET /healthz", ""),
        ("GET /healthz HTTP/3.0\nHost: h", ""),
        ("GET /healthz HTTP/1.1", ""),
        ("GET /healthz HTTP/1.1\nHost: a\nHost: b", ""),
        ("GET /healthz HTTP/1.1\nHost: h\nX-API-Key : KEY", ""),
        ("GET /healthz HTTP/1.1\nHost: h\nX-Folded: a\n b", ""),
        ("GET /healthz HTTP/1.1\nHost: h\nX-Request-ID: a\0b", ""),
        ("GET /healthz HTTP/1.1\nHost: h\nX-Request-ID: a\rX-Evil: 1", ""),
        ("GET /healthz HTTP/1.1\nHost: h\nno colon", ""),
        (
            &format!(
                "POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nContent-Length: 12\nContent-Length: 13"
            ),
            "{\"name\":\"a\"} ",
        ),
        (
            &format!("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nContent-Length: -12"),
            "{\"name\":\"a\"}",
        ),
        (
            &format!("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nContent-Length: +12"),
            "{\"name\":\"a\"}",
        ),
        (
            &format!("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nContent-Length: 12, 12"),
            "{\"name\":\"a\"}",
        ),
        (
            &format!(
                "POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nContent-Length: 12\nTransfer-Encoding: chunked"
            ),
            "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        ),
        (
            &format!("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nTransfer-Encoding: gzip, chunked"),
            "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        ),
        (
            &format!("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\n{json}\nTransfer-Encoding: xchunked"),
            "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n",
        ),
    ] {
        let answer = raw(&app, head, body);
        assert_eq!(statuses(&answer), [400], "{head}: {answer}");
        assert!(answer.contains("connection: close") && !answer.contains("evil"), "{answer}");
    }
    for head in [
        format!("GET /healthz HTTP/1.1\nHost: h{}", (0..100).map(|n| format!("\nX-{n}: a")).collect::<String>()),
        format!("GET /healthz HTTP/1.1\nHost: h\nX-Long: {}", "a".repeat(140_000)),
    ] {
        let answer = raw(&app, &head, "");
        assert_eq!(statuses(&answer), [431], "{answer}");
    }
    let listed = app.root().get("/v1/tenants").send().await.expect(200).json();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_on_one_connection_do_not_run_into_each_other() {
    let app = server().await;
    // The key of the second request is not the third one's.
    let first = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned();
    let second = format!("GET /v1/whoami HTTP/1.1\r\nHost: h\r\nX-API-Key: {}\r\n\r\n", app.root_key);
    let third = "GET /v1/whoami HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = said(&app, format!("{first}{second}{third}").as_bytes(), Duration::from_secs(5));
    assert_eq!(statuses(&answer), [200, 200, 401], "{answer}");
    // A request inside of a body stays a body, also where no body is read.
    let smuggled = format!("GET /v1/whoami HTTP/1.1\nHost: h\nX-API-Key: {}\n\n", app.root_key).replace('\n', "\r\n");
    for (head, status) in [
        ("GET /healthz HTTP/1.1\nHost: h", 200),
        ("DELETE /v1/oidc-config HTTP/1.1\nHost: h", 401),
        ("POST /nowhere HTTP/1.1\nHost: h", 401),
        ("POST /healthz HTTP/1.1\nHost: h\nX-API-Key: KEY", 405),
        ("POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\nContent-Type: application/json", 400),
    ] {
        let answer = raw(&app, &format!("{head}\nContent-Length: {}", smuggled.len()), &smuggled);
        assert_eq!(statuses(&answer), [status], "{head}: {answer}");
        let chunked = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
        let answer = raw(&app, &format!("{head}\nTransfer-Encoding: chunked"), chunked);
        assert_eq!(statuses(&answer), [status], "{head}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_whether_to_go_on_is_told_so() {
    let app = server().await;
    let head = "POST /v1/tenants HTTP/1.1\nHost: h\nX-API-Key: KEY\nContent-Type: application/json\nContent-Length: 12";
    let answer = raw(&app, &format!("{head}\nExpect: 100-continue"), "{\"name\":\"a\"}");
    assert_eq!(statuses(&answer), [100, 201], "{answer}");
    // An upgrade that is not offered is not made.
    let upgrade = "GET /v1/whoami HTTP/1.1\nHost: h\nUpgrade: websocket";
    assert_eq!(statuses(&raw(&app, upgrade, "")), [401]);
    // HTTP/1.0 needs no host.
    assert_eq!(statuses(&raw(&app, "GET /v1/whoami HTTP/1.0\nX-API-Key: KEY", "")), [200]);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_served_on_the_same_port_by_the_same_rules() {
    let app = server().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().timeout(Duration::from_secs(10)).build().unwrap();
    let url = |path: &str| format!("{}{path}", app.base);
    let answer = client.get(url("/v1/whoami")).header("x-api-key", &app.root_key).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    let key = ("x-api-key", app.root_key.as_str());
    let json = ("content-type", "application/json");
    let big = "x".repeat(70_000);
    for (method, path, headers, body, status) in [
        (Method::GET, "/healthz", &[][..], "", 200),
        (Method::GET, "/v1/whoami", &[], "", 401),
        (Method::GET, "/nowhere", &[], "", 401),
        (Method::GET, "/nowhere", &[key], "", 404),
        (Method::TRACE, "/v1/whoami", &[key], "", 405),
        (Method::POST, "/v1/tenants", &[key], "{}", 415),
        (Method::POST, "/v1/tenants", &[key, json], "[\"a\"]", 400),
        (Method::POST, "/v1/tenants", &[key, json], &big, 413),
        (Method::POST, "/v1/tenants", &[key, json], "{\"name\": \"a\"}", 201),
    ] {
        let request = client.request(method, url(path)).body(body.to_owned());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.headers().contains_key("x-request-id"));
    }
}

async fn boom(_call: Permitted<ReadHealth>) -> Result<HttpResponse, Problem> {
    panic!("hunter2")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_answered_500_with_the_request_id_and_the_server_lives_on() {
    let mut tweaks = Tweaks::default();
    tweaks.ambient.routes = tweaks.ambient.routes.get("/boom", boom);
    let app = TestServer::start_with(Backend::Sqlite, tweaks).await;
    for n in 0..5 {
        let id = format!("request-{n}");
        let answer = app.anonymous().with("x-request-id", &id).get("/boom").send().await.expect(500);
        is_problem(&answer);
        assert_eq!(answer.code(), "internal");
        assert_eq!(answer.header("x-request-id").unwrap(), id);
        assert!(!answer.text.contains("hunter2") && !answer.text.contains("panic"), "{answer:#?}");
        app.root().get("/v1/whoami").send().await.expect(200);
    }
}

#[actix_web::test]
async fn a_router_without_its_state_answers_500_everywhere() {
    let table = routes();
    let bare = actix_web::test::init_service(App::new().configure(|config| table.register(config))).await;
    let table = routes();
    let observed = App::new().configure(|config| table.register(config)).wrap(from_fn(observe));
    let observed = actix_web::test::init_service(observed).await;
    let paths = table.iter().map(|route| (route.method.clone(), route.path.replace("{id}", "x")));
    let others = [
        (actix_web::http::Method::GET, "/nowhere".to_owned()),
        (actix_web::http::Method::TRACE, "/healthz".to_owned()),
    ];
    for (method, path) in paths.chain(others) {
        let request = || actix_web::test::TestRequest::default().method(method.clone()).uri(&path).to_request();
        let answer = actix_web::test::call_service(&bare, request()).await;
        assert_eq!(answer.status().as_u16(), 500, "{method} {path}");
        let answer = actix_web::test::call_service(&observed, request()).await;
        assert_eq!(answer.status().as_u16(), 500, "{method} {path}");
        let body: Value = actix_web::test::read_body_json(answer).await;
        let code = if path.starts_with("/admin/v1") { &body["details"][0]["id"] } else { &body["code"] };
        assert_eq!(code, "internal");
    }
}
