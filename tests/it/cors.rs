//! Pages of other origins: those that are configured may call and read, nobody else notices anything.

use actix_web::HttpResponse;
use gatewood::app::service::ReadHealth;
use gatewood::http::{Permitted, Problem};
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Backend, Caller, Running, TestServer, Tweaks, gatewood, run};

const CONSOLE: &str = "https://console.example";
const OTHERS: [&str; 8] = [
    "https://evil.example",
    "http://console.example",
    "https://console.example:8443",
    "https://console.example.evil.example",
    "https://console.example/",
    "https://CONSOLE.example",
    "null",
    "",
];

async fn server() -> TestServer {
    let origins = format!("{CONSOLE}, http://localhost:5173");
    let flags = vec![("server.cors_origins", origins)];
    TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await
}

/// What a browser asks before it sends.
async fn preflight(caller: &Caller, origin: &[u8], path: &str) -> Answer {
    let asks = caller.with("origin", origin).with("access-control-request-method", "PUT");
    asks.with("access-control-request-headers", "x-api-key, x-tenant-id").request(Method::OPTIONS, path).send().await
}

/// The headers of the CORS protocol.
fn cors_headers(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

/// What a browser lets the page of an origin read.
#[track_caller]
fn is_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(origin), "{answer:#?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("vary").as_deref(), Some("Origin"), "{answer:#?}");
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in
        ["x-request-id", "gatewood-notice", "etag", "location", "retry-after", "www-authenticate", "grpc-status"]
    {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} is not in {exposed}");
    }
    assert!(answer.header("x-request-id").is_some(), "{answer:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_origins_there_is_no_cors_and_a_preflight_is_an_unknown_method() {
    let app = TestServer::start(Backend::Sqlite).await;
    let refused = preflight(&app.anonymous(), CONSOLE.as_bytes(), "/v1/tenants").await.expect(401);
    assert!(cors_headers(&refused).is_empty() && refused.header("vary").is_none(), "{refused:#?}");
    preflight(&app.root(), CONSOLE.as_bytes(), "/v1/tenants").await.expect(405);
    let read = app.root().with("origin", CONSOLE).get("/v1/tenants").send().await.expect(200);
    assert!(cors_headers(&read).is_empty() && read.header("vary").is_none(), "{read:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_origin_is_answered_like_any_client_and_its_preflight_like_any_unknown_method() {
    let app = server().await;
    let others = OTHERS.map(str::as_bytes).into_iter().chain([&b"https://console.example\xff"[..], b"\xff\xfe"]);
    for origin in others {
        let named = String::from_utf8_lossy(origin);
        let refused = preflight(&app.anonymous(), origin, "/v1/tenants").await.expect(401);
        assert!(cors_headers(&refused).is_empty(), "{named}: {refused:#?}");
        assert_eq!(refused.code(), "unauthenticated");
        let refused = preflight(&app.root(), origin, "/v1/tenants").await.expect(405);
        assert!(cors_headers(&refused).is_empty(), "{named}: {refused:#?}");
        let read = app.root().with("origin", origin).get("/v1/tenants").send().await.expect(200);
        assert!(cors_headers(&read).is_empty(), "{named}: {read:#?}");
        assert_eq!(read.header("vary").as_deref(), Some("Origin"));
    }
    // Two origins are none, whichever comes first.
    for (one, other) in [(CONSOLE, OTHERS[0]), (OTHERS[0], CONSOLE)] {
        let two = app.root().get("/v1/tenants").header("origin", one).header("origin", other).send().await.expect(200);
        assert!(cors_headers(&two).is_empty(), "{two:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_preflight_of_a_configured_origin_is_answered_the_same_on_every_path() {
    let app = server().await;
    for origin in [CONSOLE, "http://localhost:5173"] {
        for path in ["/v1/tenants", "/v1/oidc-config", "/healthz", "/nowhere", "/v1/api-keys/x/rotate"] {
            let answer = preflight(&app.anonymous(), origin.as_bytes(), path).await.expect(204);
            is_readable(&answer, origin);
            assert_eq!(answer.text, "");
            let methods = answer.header("access-control-allow-methods").unwrap();
            assert_eq!(methods, "GET, HEAD, POST, PUT, PATCH, DELETE");
            let headers = answer.header("access-control-allow-headers").unwrap();
            for name in ["authorization", "x-api-key", "x-tenant-id", "content-type", "if-match", "x-grpc-web"] {
                assert!(headers.split(", ").any(|allowed| allowed == name), "{name} is not in {headers}");
            }
            assert_eq!(answer.header("access-control-max-age").as_deref(), Some("600"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grpc_port_lets_the_same_pages_in() {
    let app = server().await;
    let path = "/zitadel.admin.v1.AdminService/GetOIDCSettings";
    let stranger = app.beside(&app.anonymous());
    is_readable(&preflight(&stranger, CONSOLE.as_bytes(), path).await.expect(204), CONSOLE);
    let ask = async |origin: &str| {
        let page = stranger.with("origin", origin).with("content-type", "application/grpc-web");
        page.post(path).raw(vec![0; 5]).send().await.expect(200)
    };
    let readable = ask(CONSOLE).await;
    is_readable(&readable, CONSOLE);
    assert_eq!(readable.header("grpc-status").as_deref(), Some("16"));
    for other in OTHERS {
        let answer = ask(other).await;
        assert!(cors_headers(&answer).is_empty(), "{answer:#?}");
        let refused = preflight(&stranger, other.as_bytes(), path).await;
        assert!(refused.status >= 400 && cors_headers(&refused).is_empty(), "{refused:#?}");
    }
    let app = TestServer::start(Backend::Sqlite).await;
    let refused = preflight(&app.beside(&app.anonymous()), CONSOLE.as_bytes(), path).await;
    assert!(refused.status >= 400 && cors_headers(&refused).is_empty(), "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_preflight_passes_the_guard_by() {
    let app = server().await;
    let page = app.anonymous().with("origin", CONSOLE);
    // `OPTIONS` without the method that it asks for is no preflight.
    page.request(Method::OPTIONS, "/v1/tenants").send().await.expect(401);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::TRACE] {
        let asked = page.with("access-control-request-method", "GET").request(method, "/v1/tenants");
        is_readable(&asked.send().await.expect(401), CONSOLE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reads_successes_and_errors_alike() {
    let app = server().await;
    let (page, stranger) = (app.root().with("origin", CONSOLE), app.anonymous().with("origin", CONSOLE));
    is_readable(&page.get("/v1/tenants").send().await.expect(200), CONSOLE);
    is_readable(&stranger.get("/v1/tenants").send().await.expect(401), CONSOLE);
    is_readable(&page.get("/nowhere").send().await.expect(404), CONSOLE);
    is_readable(&page.put("/v1/tenants").send().await.expect(405), CONSOLE);
    is_readable(&page.post("/v1/tenants").raw_json("{").send().await.expect(400), CONSOLE);
    is_readable(&page.post("/v1/tenants").raw_json(vec![b' '; 70_000]).send().await.expect(413), CONSOLE);
    let viewer = app.instance_key("viewer").await.with("origin", CONSOLE);
    let denied = viewer.post("/v1/tenants").json(&json!({ "name": "Acme" })).send().await.expect(403);
    is_readable(&denied, CONSOLE);
}

async fn boom(_call: Permitted<ReadHealth>) -> Result<HttpResponse, Problem> {
    panic!("boom")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reads_that_the_service_failed() {
    let mut tweaks = Tweaks::default();
    tweaks.flags.push(("server.cors_origins", CONSOLE.to_owned()));
    tweaks.ambient.routes = tweaks.ambient.routes.get("/boom", boom);
    let app = TestServer::start_with(Backend::Sqlite, tweaks).await;
    is_readable(&app.anonymous().with("origin", CONSOLE).get("/boom").send().await.expect(500), CONSOLE);
    let other = app.anonymous().with("origin", OTHERS[0]).get("/boom").send().await.expect(500);
    assert!(cors_headers(&other).is_empty(), "{other:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_is_logged_like_any_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let server = Running::start(command.env("GATEWOOD_SERVER_CORS_ORIGINS", CONSOLE));
    let page = server.anonymous().with("x-request-id", "the-preflight");
    let answer = preflight(&page, CONSOLE.as_bytes(), "/v1/tenants").await.expect(204);
    assert_eq!(answer.header("x-request-id").as_deref(), Some("the-preflight"));
    let log = server.stop();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the-preflight")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["\"method\":\"OPTIONS\"", "\"route\":\"/v1/tenants\"", "\"status\":204"] {
        assert!(lines[0].contains(part), "{log}");
    }
}

#[test]
fn origins_that_no_browser_sends_and_wildcards_are_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    for (origins, complaint) in [
        (
            "*",
            "`server.cors_origins` (from the environment variable GATEWOOD_SERVER_CORS_ORIGINS) has `*`, and wildcards are not accepted: credentials are headers here",
        ),
        (
            "https://a.example,https://b.example/",
            "has `https://b.example/`, which no browser sends as an origin; it sends `https://b.example`",
        ),
        ("console.example", "which is no origin; one is a scheme (http or https), a host"),
    ] {
        let refused = run(gatewood(folder.path(), &["serve"]).env("GATEWOOD_SERVER_CORS_ORIGINS", origins)).refused();
        assert!(refused.contains(complaint), "{refused}");
    }
}

#[test]
fn origins_are_read_from_a_list_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[server]\ncors_origins = ['https://a.example', 'http://localhost:5173']\n";
    std::fs::write(folder.path().join("a.toml"), file).unwrap();
    let shown = run(&mut gatewood(folder.path(), &["config", "--config", "a.toml"])).succeeded();
    assert!(shown.contains("cors_origins = \"https://a.example,http://localhost:5173\""), "{shown}");
}
