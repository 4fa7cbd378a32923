//! Traces, as a collector sees them.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ask, Collector, Running, framed, gatewood};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// A server in a folder, with some variables.
struct Traced {
    folder: TempDir,
    server: Running,
}

impl Traced {
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        let server = Running::start(command.envs(variables.iter().copied()));
        Self { folder, server }
    }

    fn key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("gatewood.db.root-key")).unwrap().trim().to_owned()
    }

    /// Stops it in good order; gives its lines about requests.
    fn stop(self) -> Vec<Value> {
        let log = self.server.stop();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == "request").collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_one_warning_and_neither_answers_nor_a_good_end() {
    let traced = Traced::start(&[("GATEWOOD_TRACING_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    for _ in 0..20 {
        traced.server.anonymous().get("/healthz").send().await.expect(200);
    }
    let warnings = |log: &str| log.lines().filter(|line| line.contains("traces cannot be exported")).count();
    let began = std::time::Instant::now();
    while warnings(&traced.server.log()) == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", traced.server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    traced.server.anonymous().get("/healthz").send().await.expect(200);
    let log = traced.server.stop();
    assert_eq!(warnings(&log), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_traceparent_is_ignored_and_the_trace_begins_here() {
    let collector = Collector::start().await;
    let traced = Traced::start(&[("GATEWOOD_TRACING_OTLP_ENDPOINT", &collector.url)]);
    let malformed = parent("01").to_uppercase();
    traced.server.anonymous().get("/healthz").header("traceparent", malformed).send().await.expect(200);
    let request = collector.wait_for(|span| span.name == "GET /healthz").await;
    assert_eq!(request.parent, "");
    assert_ne!(request.trace, TRACE);
    let lines = traced.stop();
    assert_eq!(lines[0]["trace.id"], request.trace, "a trace that begins here is in the log as well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_span_below_its_callers_and_its_decision_one_below_that() {
    let collector = Collector::start().await;
    let variables = [("GATEWOOD_TRACING_OTLP_ENDPOINT", &*collector.url), ("GATEWOOD_TRACING_SERVICE_NAME", "door-3")];
    let traced = Traced::start(&variables);
    let key = traced.key();
    let root = traced.server.with_key(&key).with("traceparent", parent("01"));
    root.get("/v1/tenants/01a201d7-cfe3-7fa3-88ed-32306dd742f6").send().await.expect(404);
    let call = root.post("/zitadel.admin.v1.AdminService/GetOIDCSettings");
    let call = call.header("content-type", "application/grpc-web+proto").raw(framed(&Ask::Get.message()));
    call.send().await.expect(200);
    traced.server.anonymous().with("traceparent", parent("01")).get("/secret/place").send().await.expect(401);
    let lines = traced.stop();

    let spans = collector.spans();
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    let request = of("GET /v1/tenants/{id}");
    assert_eq!((&*request.trace, &*request.parent, &*request.service), (TRACE, SPAN, "door-3"));
    assert!(request.is_server && !request.failed && request.events == 0, "{request:#?}");
    assert_eq!(request.attribute("http.request.method"), "GET");
    assert_eq!(request.attribute("http.route"), "/v1/tenants/{id}");
    assert_eq!(request.attribute("http.response.status_code"), "404");
    let decision = spans.iter().find(|span| span.parent == request.id).unwrap();
    assert_eq!((&*decision.name, &*decision.trace), ("decision", TRACE));
    assert_eq!(decision.attribute("gatewood.store"), "gatewood");
    assert_eq!(decision.attribute("gatewood.decision"), "allow");
    assert_eq!(decision.attribute("gatewood.policies"), "root-everything");
    let line = lines.iter().find(|line| line["route"] == "/v1/tenants/{id}").unwrap();
    assert_eq!(
        (&line["trace.id"], &line["request.id"]),
        (&TRACE.into(), &request.attribute("gatewood.request_id").into())
    );
    assert_eq!(line["decision.id"], decision.attribute("gatewood.decision_id"));
    assert_eq!(line["policy.revision"], decision.attribute("gatewood.revision"));

    let call = of("zitadel.admin.v1.AdminService/GetOIDCSettings");
    assert_eq!((&*call.parent, call.attribute("rpc.system")), (SPAN, "grpc"));
    assert_eq!(call.attribute("rpc.service"), "zitadel.admin.v1.AdminService");
    assert_eq!(call.attribute("rpc.method"), "GetOIDCSettings");
    assert_eq!(call.attribute("rpc.grpc.status_code"), "5", "nothing is stored yet");
    assert!(spans.iter().any(|span| span.parent == call.id && span.name == "decision"), "{spans:#?}");

    let stranger = of("GET");
    let denied = spans.iter().find(|span| span.parent == stranger.id).unwrap();
    assert_eq!(denied.attribute("gatewood.decision"), "deny");
    let everything = format!("{spans:#?}");
    for secret in [key.as_str(), &key[40..], "/secret/place", "api_key"] {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_traces_that_begin_here_a_part_is_exported_and_of_others_what_their_callers_want() {
    let collector = Collector::start().await;
    let variables = [("GATEWOOD_TRACING_OTLP_ENDPOINT", &*collector.url), ("GATEWOOD_TRACING_SAMPLE_RATIO", "0")];
    let traced = Traced::start(&variables);
    let anonymous = traced.server.anonymous();
    anonymous.get("/healthz").send().await.expect(200);
    anonymous.get("/readyz").header("traceparent", parent("00")).send().await.expect(200);
    anonymous.get("/openapi.json").header("traceparent", parent("01")).send().await.expect(200);
    traced.stop();
    let mut names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["GET /openapi.json", "decision"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_trace_is_in_the_log_line_also_where_nothing_is_exported() {
    let traced = Traced::start(&[]);
    traced.server.anonymous().get("/healthz").send().await.expect(200);
    traced.server.anonymous().get("/readyz").header("traceparent", parent("00")).send().await.expect(200);
    let lines = traced.stop();
    assert_eq!((&lines[0]["route"], &lines[0]["trace.id"]), (&"/healthz".into(), &Value::Null));
    assert_eq!((&lines[1]["route"], &lines[1]["trace.id"]), (&"/readyz".into(), &TRACE.into()));
}
