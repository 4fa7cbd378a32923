//! What gRPC clients send that they should not, and what the port says about itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Ask, Caller, Running, Said, TestServer, Tweaks, Wire, framed, gatewood, of_headers, on_both};

const GOOD: [Option<(i64, i32)>; 4] = [Some((3600, 0)); 4];

/// Posts bytes to the gRPC port as native gRPC and gives the status that comes back in the headers,
/// as it does whenever there is no message to answer with.
async fn post(app: &TestServer, caller: &Caller, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Said {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let mut request = client
        .post(format!("{}{path}", app.grpc_base))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    request = request.headers(caller.headers().clone());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-request-id"), "{answer:?}");
    of_headers(answer.headers()).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

const ADD: &str = "/zitadel.admin.v1.AdminService/AddOIDCSettings";

/// What is stored now, as root sees it.
async fn stored(app: &TestServer) -> Said {
    app.ask(Wire::Grpc, &app.root(), Ask::Get).await
}

on_both! {
    async fn a_message_that_cannot_be_read_is_refused_and_changes_nothing(app) {
        let good = framed(&Ask::Add(GOOD).message());
        let mut announced = good.clone();
        announced[4] += 10;
        let mut flagged = good.clone();
        flagged[0] = 1;
        let mut odd_flag = good.clone();
        odd_flag[0] = 7;
        // Field 1 says that it is a message of 127 bytes, and there are none.
        let nonsense = framed(&[0x0a, 0x7f]);
        for (what, body) in [
            ("nothing", Vec::new()),
            ("half a head", vec![0, 0]),
            ("less than announced", announced),
            ("a compressed message without a compression", flagged),
            ("a flag that there is not", odd_flag),
            ("no message of this method", nonsense),
            ("two messages", [good.clone(), good.clone()].concat()),
            ("a message and half a head", [good.clone(), vec![0, 0]].concat()),
        ] {
            let said = post(&app, &app.root(), ADD, &[], body.clone()).await;
            assert_eq!((said.code, said.id.as_deref()), (3, Some("invalid_input")), "{what}: {said:?}");
            let stranger = post(&app, &app.anonymous(), ADD, &[], body).await;
            assert_eq!(stranger.code, 16, "{what}: {stranger:?}");
        }
        assert_eq!(stored(&app).await.code, 5);
    }

    async fn a_compressed_message_is_refused_before_it_is_unpacked(app) {
        // 32 MiB of zeros, as gzip packs them.
        let bomb = {
            let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
            packed.extend(std::iter::repeat_n(0, 32 * 1024));
            packed
        };
        let mut body = framed(&bomb);
        body[0] = 1;
        for coding in ["gzip", "deflate", "zstd", "snappy"] {
            let said = post(&app, &app.root(), ADD, &[("grpc-encoding", coding)], body.clone()).await;
            assert_eq!((said.code, said.id.as_deref()), (12, Some("unsupported_media_type")), "{said:?}");
            let stranger = post(&app, &app.anonymous(), ADD, &[("grpc-encoding", coding)], body.clone()).await;
            assert_eq!(stranger.code, 16, "{stranger:?}");
        }
        assert_eq!(stored(&app).await.code, 5);
    }

    async fn a_message_above_the_limit_is_refused_by_its_announcement(app) {
        let head = [0, 0x7f, 0xff, 0xff, 0xff];
        let said = post(&app, &app.root(), ADD, &[], head.to_vec()).await;
        assert_eq!((said.code, said.id.as_deref()), (8, Some("payload_too_large")), "{said:?}");
        // A field that nobody knows, with more in it than a message may have.
        let mut large = vec![0xfa, 0x3f, 0x80, 0x80, 0x08];
        large.resize(128 * 1024 + 5, 0);
        let said = post(&app, &app.root(), ADD, &[], framed(&large)).await;
        assert_eq!((said.code, said.id.as_deref()), (8, Some("payload_too_large")), "{said:?}");
        assert_eq!(stored(&app).await.code, 5);
    }

    async fn nanoseconds_out_of_range_are_refused_and_unknown_fields_are_not(app) {
        for nanos in [1_000_000_000, -1_000_000_000, i32::MAX, i32::MIN, -1] {
            let mut sent = GOOD;
            sent[3] = Some((3600, nanos));
            let said = app.ask(Wire::Grpc, &app.root(), Ask::Add(sent)).await;
            assert_eq!(said.code, 3, "{nanos}: {said:?}");
            assert!(said.message.starts_with("refreshTokenExpiration: "), "{said:?}");
        }
        assert_eq!(stored(&app).await.code, 5);
        let mut newer = Ask::Add(GOOD).message();
        // Field 100, a varint.
        newer.extend([0xa0, 0x06, 0x01]);
        let client = reqwest::Client::new();
        let answer = client
            .post(format!("{}{ADD}", app.base))
            .headers(app.root().headers().clone())
            .header("content-type", "application/grpc-web+proto")
            .body(framed(&newer))
            .send()
            .await
            .unwrap();
        assert!(of_headers(answer.headers()).is_none(), "{answer:?}");
        assert_eq!(stored(&app).await.lifetimes, ["3600s"; 4]);
    }

    async fn a_method_that_there_is_not_is_unimplemented_for_known_callers_only(app) {
        for path in [
            "/zitadel.admin.v1.AdminService/GetIAM",
            "/zitadel.admin.v1.AdminService/",
            "/zitadel.auth.v1.AuthService/Healthz",
            "/nothing",
            "/",
        ] {
            let said = post(&app, &app.root(), path, &[], framed(&[])).await;
            assert_eq!(said.code, 12, "{path}: {said:?}");
            assert_eq!(post(&app, &app.anonymous(), path, &[], framed(&[])).await.code, 16, "{path}");
        }
    }

    async fn a_message_that_takes_too_long_is_given_up(app) {
        let app = TestServer::start_with(app.backend, Tweaks {
            flags: vec![("server.body_timeout", "200ms".to_owned())],
            ..Tweaks::default()
        }).await;
        let began = Instant::now();
        let head = framed(&Ask::Add(GOOD).message())[..7].to_vec();
        let body = futures_util::stream::once(async { Ok::<_, std::io::Error>(head) });
        let body = reqwest::Body::wrap_stream(futures_util::StreamExt::chain(body, futures_util::stream::pending()));
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        let request = client.post(format!("{}{ADD}", app.grpc_base)).headers(app.root().headers().clone());
        let answer = request.header("content-type", "application/grpc").body(body).send().await.unwrap();
        let said = of_headers(answer.headers()).unwrap();
        assert_eq!((said.code, said.id.as_deref()), (4, Some("request_timeout")), "{said:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    async fn the_port_answers_what_is_no_grpc_without_harm(app) {
        let address = app.grpc_base.trim_start_matches("http://").to_owned();
        for (what, sent, expected) in [
            ("plain HTTP", "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 401"),
            ("a control character in the metadata",
                "POST /zitadel.admin.v1.AdminService/GetOIDCSettings HTTP/1.1\r\nhost: x\r\n\
                 content-type: application/grpc-web\r\nx-request-id: a\x01b\r\ncontent-length: 0\r\n\r\n",
                "HTTP/1.1 400"),
            ("nonsense", "\x00\x01\x02\x03\r\n\r\n\r\n", "HTTP/1.1 400"),
        ] {
            let said = tokio::task::block_in_place(|| {
                let mut stream = TcpStream::connect(&address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let _ = stream.write_all(sent.as_bytes());
                let mut said = vec![0; 4096];
                let length = stream.read(&mut said).unwrap_or_default();
                String::from_utf8_lossy(&said[..length]).into_owned()
            });
            assert!(said.starts_with(expected), "{what}: {said}");
        }
        assert_eq!(stored(&app).await.code, 5);
    }

    async fn a_bearer_key_and_the_senders_request_id_work_as_over_http(app) {
        let caller = app.anonymous().with("authorization", format!("Bearer {}", app.root_key));
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        let answer = client
            .post(format!("{}/zitadel.admin.v1.AdminService/GetOIDCSettings", app.grpc_base))
            .headers(caller.headers().clone())
            .header("content-type", "application/grpc")
            .header("x-request-id", "mine-1")
            .body(framed(&[]))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["x-request-id"], "mine-1");
        assert_eq!(of_headers(answer.headers()).unwrap().code, 5);
    }
}

#[test]
fn a_log_has_one_line_for_each_call_with_its_method_code_and_decision() {
    let folder = tempfile::tempdir().unwrap();
    let key = gatewood(folder.path(), &["keys", "generate"]).output().unwrap().stdout;
    let key = String::from_utf8(key).unwrap();
    let key = key.split_whitespace().find(|word| word.starts_with("gwk_")).unwrap().to_owned();
    let mut command = gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"]);
    let running = Running::start(command.env("GATEWOOD_ROOT_API_KEY", &key));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::new();
        for (key, body) in [(key.as_str(), framed(&Ask::Add([None; 4]).message())), ("gwk_no", framed(&[]))] {
            let request = client.post(format!("{}{ADD}", running.base)).header("x-api-key", key);
            request.header("content-type", "application/grpc-web").body(body).send().await.unwrap();
        }
    });
    let log = running.stop();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &serde_json::Value| line["message"] == "request")
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!(lines[0]["route"], "zitadel.admin.v1.AdminService/AddOIDCSettings");
    assert_eq!((&lines[0]["grpc.code"], &lines[0]["code"]), (&json!(3), &json!("invalid_input")));
    assert!(lines[0]["decision.id"].is_string() && lines[0]["caller"].as_str().unwrap().starts_with("api_key:"));
    assert_eq!((&lines[1]["grpc.code"], &lines[1]["code"]), (&json!(16), &json!("unauthenticated")));
    assert!(!log.contains(&key), "the key is in the log");
}
