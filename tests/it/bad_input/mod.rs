//! What clients send that they should not: each is answered for what it is, nothing is lost, and
//! nothing is said that the caller may not know.

mod bodies;
mod faults;
mod headers;
mod protocol;
mod targets;
mod values;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Backend, Caller, TestServer, Tweaks};

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
    said(app, &bytes, Duration::from_secs(20))
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
