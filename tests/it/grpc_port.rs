//! What the gRPC port does with connections, with what is no call, and about itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use prost::Message;
use reqwest::Method;
use serde_json::Value;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::support::{Ask, Backend, Caller, Running, TestServer, Tweaks, Wire, framed, gatewood, of_headers};

const GET: &str = "/zitadel.admin.v1.AdminService/GetOIDCSettings";
const ADD: &str = "/zitadel.admin.v1.AdminService/AddOIDCSettings";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const GOOD: [Option<(i64, i32)>; 4] = [Some((3600, 0)); 4];

/// A client that speaks HTTP/2 from the first byte, as clients of gRPC do.
fn http2() -> reqwest::Client {
    reqwest::Client::builder().http2_prior_knowledge().timeout(Duration::from_secs(30)).build().unwrap()
}

async fn post(app: &TestServer, caller: &Caller, path: &str, body: Vec<u8>) -> reqwest::Response {
    let request = http2().post(format!("{}{path}", app.grpc_base)).headers(caller.headers().clone());
    request.header("content-type", "application/grpc").body(body).send().await.unwrap()
}

/// The code of an answer that has no message.
fn code(answer: &reqwest::Response) -> i32 {
    of_headers(answer.headers()).unwrap_or_else(|| panic!("no status: {answer:?}")).code
}

/// The message of an answer that has one.
async fn message<M: Message + Default>(answer: reqwest::Response) -> M {
    assert!(of_headers(answer.headers()).is_none(), "{answer:?}");
    M::decode(&answer.bytes().await.unwrap()[5..]).unwrap()
}

async fn start() -> TestServer {
    TestServer::start(Backend::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_to_everybody_and_of_services_that_there_are() {
    let app = start().await;
    let asks = |service: &str| framed(&HealthCheckRequest { service: service.to_owned() }.encode_to_vec());
    let check = "/grpc.health.v1.Health/Check";
    for service in ["", "zitadel.admin.v1.AdminService", "grpc.health.v1.Health"] {
        let answer: HealthCheckResponse = message(post(&app, &app.anonymous(), check, asks(service)).await).await;
        assert_eq!(answer.status, 1, "{service}");
    }
    assert_eq!(code(&post(&app, &app.anonymous(), check, asks("nothing")).await), 5);
    // It is held to what every message is held to, and strangers learn nothing from mistakes.
    let large = framed(&vec![0; 70_000]);
    assert_eq!(code(&post(&app, &app.root(), check, large.clone()).await), 8);
    assert_eq!(code(&post(&app, &app.anonymous(), check, large).await), 16);
    assert_eq!(code(&post(&app, &app.anonymous(), check, framed(&[0xff])).await), 16);
    for other in ["/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Nope", "/grpc.health.v1.Health/"] {
        assert_eq!(code(&post(&app, &app.root(), other, asks("")).await), 12, "{other}");
        assert_eq!(code(&post(&app, &app.anonymous(), other, asks("")).await), 16, "{other}");
    }
    assert_eq!(code(&post(&app, &app.with_key("gwk_no"), check, asks("")).await), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_tells_the_services_and_ends_in_time() {
    let tweaks = Tweaks { flags: vec![("server.body_timeout", "2s".to_owned())], ..Tweaks::default() };
    let app = TestServer::start_with(Backend::Sqlite, tweaks).await;
    let asks = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asks = framed(&asks.encode_to_vec());
    let answer: ServerReflectionResponse = message(post(&app, &app.anonymous(), REFLECTION, asks.clone()).await).await;
    assert!(format!("{answer:?}").contains("zitadel.admin.v1.AdminService"), "{answer:?}");
    // A client that goes on asking for ever is not served for ever.
    let began = Instant::now();
    let endless = futures_util::stream::once(async move { Ok::<_, std::io::Error>(asks) });
    let endless = futures_util::StreamExt::chain(endless, futures_util::stream::pending());
    let request = http2().post(format!("{}{REFLECTION}", app.grpc_base)).header("content-type", "application/grpc");
    let answer = request.body(reqwest::Body::wrap_stream(endless)).send().await.unwrap();
    answer.bytes().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let refused = post(&app, &app.anonymous(), "/grpc.reflection.v1.ServerReflection/Nope", framed(&[])).await;
    assert_eq!(code(&refused), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_call_never_runs_and_goes_through_the_guard() {
    let app = start().await;
    let ask = async |client: &reqwest::Client, caller: &Caller, method: Method, content_type: &str| {
        let request = client.request(method, format!("{}{ADD}", app.grpc_base)).headers(caller.headers().clone());
        let request = request.header("content-type", content_type).body(framed(&Ask::Add(GOOD).message()));
        request.send().await.unwrap().status().as_u16()
    };
    let both = [http2(), reqwest::Client::new()];
    for client in &both {
        for (method, content_type) in [
            (Method::GET, "application/grpc"),
            (Method::PUT, "application/grpc+proto"),
            (Method::POST, "text/plain"),
            (Method::POST, "application/json"),
            (Method::POST, "application/grpc+json"),
            (Method::GET, "application/grpc-web"),
            (Method::OPTIONS, "application/grpc-web-text"),
        ] {
            let what = format!("{method} {content_type}");
            assert_eq!(ask(client, &app.root(), method.clone(), content_type).await, 415, "{what}");
            assert_eq!(ask(client, &app.anonymous(), method.clone(), content_type).await, 401, "{what}");
            assert_eq!(ask(client, &app.with_key("gwk_no"), method, content_type).await, 401, "{what}");
        }
    }
    // Native gRPC needs the trailers of HTTP/2.
    assert_eq!(ask(&both[1], &app.root(), Method::POST, "application/grpc").await, 415);
    assert_eq!(app.ask(Wire::Grpc, &app.root(), Ask::Get).await.code, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn base64_that_cannot_be_read_is_refused_on_both_ports() {
    let app = start().await;
    for base in [&app.base, &app.grpc_base] {
        for body in ["AAAA", "!!!!!!!!", "AAAAAAA", "\u{ff}\u{ff}"] {
            let request = reqwest::Client::new().post(format!("{base}{ADD}")).headers(app.root().headers().clone());
            let request = request.header("content-type", "application/grpc-web-text").body(body.to_owned());
            let answer = request.send().await.unwrap();
            assert_eq!(code(&answer), 3, "{body:?} at {base}: {answer:?}");
        }
    }
    assert_eq!(app.ask(Wire::Grpc, &app.root(), Ask::Get).await.code, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_says_nothing_is_let_go() {
    let app = start().await;
    let address = app.grpc_base.trim_start_matches("http://").to_owned();
    for said in [&b""[..], b"P", b"PRI * HT"] {
        let address = address.clone();
        let waited = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(said).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let ended = stream.read(&mut [0; 64]);
            assert!(!matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{ended:?}");
            began.elapsed()
        });
        assert!(waited.await.unwrap() < Duration::from_secs(25));
    }
}

/// The program with a root key, where its gRPC port is, and a lock on its database that holds every
/// change up.
struct Held {
    running: Running,
    key: String,
    base: String,
    lock: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl Held {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = gatewood(folder.path(), &["keys", "generate"]).output().unwrap().stdout;
        let key = String::from_utf8(key).unwrap();
        let key = key.split_whitespace().find(|word| word.starts_with("gwk_")).unwrap().to_owned();
        let mut command = gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        command.env("GATEWOOD_ROOT_API_KEY", &key);
        let running = Running::start(&mut command);
        let said = running.log();
        let said = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let base = said.filter_map(|line| line["grpc_listen"].as_str().map(str::to_owned)).next_back().unwrap();
        let mut lock = SqliteConnection::establish(folder.path().join("gatewood.db").to_str().unwrap()).unwrap();
        lock.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").unwrap();
        Self { running, key, base, lock, _folder: folder }
    }

    /// A native call.
    fn ask(&self, path: &str, body: Vec<u8>, id: &'static str) -> reqwest::RequestBuilder {
        let request = http2().post(format!("{}{path}", self.base)).header("x-api-key", &self.key);
        request.header("x-request-id", id).header("content-type", "application/grpc").body(body)
    }
}

#[test]
fn a_call_that_its_client_gives_up_is_finished_and_logged() {
    let mut held = Held::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let add = runtime.spawn(held.ask(ADD, framed(&Ask::Add(GOOD).message()), "given-up").send());
    runtime.block_on(held.running.with_key(&held.key).until_somebody_writes());
    add.abort();
    assert!(runtime.block_on(add).unwrap_err().is_cancelled());
    held.lock.batch_execute("COMMIT").unwrap();
    held.running.until_logged("\"given-up\"");
    let log = held.running.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("\"given-up\"")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((&line["route"], &line["grpc.code"]), (&ADD[1..].into(), &0.into()), "{line}");
    let read = runtime.block_on(held.ask(GET, framed(&[]), "read").send()).unwrap();
    assert!(of_headers(read.headers()).is_none(), "it was stored: {read:?}");
    // One line for a call that is waited for as well, with what was decided.
    let log = held.running.stop();
    let lines: Vec<Value> =
        log.lines().filter(|line| line.contains("\"read\"")).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0]["decision.id"].is_string() && lines[0]["caller"].is_string(), "{:?}", lines[0]);
}

#[test]
fn a_call_that_was_accepted_is_answered_although_the_server_is_to_stop() {
    let mut held = Held::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let add = runtime.spawn(held.ask(ADD, framed(&Ask::Add(GOOD).message()), "drained").send());
    runtime.block_on(held.running.with_key(&held.key).until_somebody_writes());
    held.running.begin_to_stop();
    held.lock.batch_execute("COMMIT").unwrap();
    let answer = runtime.block_on(add).unwrap().unwrap();
    assert!(of_headers(answer.headers()).is_none(), "{answer:?}");
    let ended = held.running.wait(Duration::from_secs(15));
    assert!(ended.is_some_and(|status| status.success()), "{}", held.running.log());
}

#[test]
fn a_body_that_is_no_http_ends_its_connection_and_is_logged_on_every_route_alike() {
    let folder = tempfile::tempdir().unwrap();
    let key = gatewood(folder.path(), &["keys", "generate"]).output().unwrap().stdout;
    let key = String::from_utf8(key).unwrap();
    let key = key.split_whitespace().find(|word| word.starts_with("gwk_")).unwrap().to_owned();
    let mut command = gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let running = Running::start(command.env("GATEWOOD_ROOT_API_KEY", &key));
    for (path, content_type) in [("/v1/tenants", "application/json"), (ADD, "application/grpc-web")] {
        let mut stream = TcpStream::connect(running.base.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nx-request-id: broken\r\ncontent-type: {content_type}\r\n\
             transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        // Whether there is time for an answer is for the HTTP library to say; it is none of success.
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.contains("grpc-status: 3") || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    let log = running.stop();
    assert_eq!(log.lines().filter(|line| line.contains("\"broken\"")).count(), 2, "{log}");
}
