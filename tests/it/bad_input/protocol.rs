//! What is no HTTP, and HTTP that is written to confuse.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{raw, said, server, statuses};

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
