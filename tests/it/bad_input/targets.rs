//! Paths and methods that are not there, and odd ways to name them.

use reqwest::Method;

use super::{is_problem, raw, server, statuses, tells_nothing};

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
