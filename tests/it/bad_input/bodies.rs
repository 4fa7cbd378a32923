//! Bodies that are too large, come late, break off, or are of another kind.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{is_problem, raw, server, statuses, tells_nothing, with_flags};

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
