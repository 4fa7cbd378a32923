//! The decision log: one record for each decision, with everything in it but secrets.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{
    Ask, Backend, ENCRYPTION_KEY, Running, TestDatabase, TestServer, Tweaks, Wire, gatewood, on_both, run,
};

/// How long after the first half of a body the second comes.
const LATE: Duration = Duration::from_millis(200);

/// The records of a file.
fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Stops a server, and gives the records that it wrote into the default file of the tests.
async fn stopped(app: TestServer) -> Vec<Value> {
    let path = app.decisions();
    let database = app.stop().await;
    let records = records(&path);
    drop(database);
    records
}

/// The last record of an action.
#[track_caller]
fn last<'a>(records: &'a [Value], action: &str) -> &'a Value {
    let named = format!("Gatewood::Action::\"{action}\"");
    let found = records.iter().rev().find(|record| record["action"] == *named);
    found.unwrap_or_else(|| panic!("there is no {action} in {records:#?}"))
}

async fn with(backend: Backend, flags: &[(&'static str, &str)]) -> TestServer {
    let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    TestServer::start_with(backend, Tweaks { flags, ..Tweaks::default() }).await
}

on_both! {
    async fn every_decision_leaves_one_record_with_all_its_fields(app) {
        let tenant = app.tenant("Acme").await;
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let root = app.root().about(&tenant).with("x-request-id", "r-1").with("user-agent", "curl/8");
        let root = root.with("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
        let key = root.post("/v1/api-keys").json(&json!({ "name": "ci", "roles": ["viewer"] })).send().await.expect(201);
        let id = uuid::Uuid::try_parse(&app.root_key[4..36]).unwrap();
        root.get("/v1/whoami").send().await.expect(200);
        app.anonymous().get("/v1/tenants").send().await.expect(401);
        let viewer = app.with_key(&key.text_at("key")).about(&tenant);
        viewer.delete(&format!("/v1/tenants/{tenant}")).send().await;
        let records = stopped(app).await;
        assert_eq!(records.len(), 5, "{records:#?}");

        let made = last(&records, "CreateApiKey");
        assert_eq!(made["request_id"], "r-1");
        assert_eq!(made["trace_id"], trace);
        assert_eq!(made["tenant"], *tenant);
        assert_eq!(made["channel"], "control");
        assert_eq!(made["caller"], format!("api_key:{id}"));
        assert_eq!(made["store"], "gatewood");
        assert_eq!(made["revision"].as_str().unwrap().len(), 64);
        assert_eq!(made["principal"], format!("Gatewood::ApiKey::\"{id}\""));
        assert_eq!(made["resource"], format!("Gatewood::Tenant::\"{tenant}\""));
        assert_eq!(made["decision"], "allow");
        assert!(!made["determining"].as_array().unwrap().is_empty(), "{made:#}");
        assert_eq!((&made["errors"], &made["notices"]), (&json!([]), &json!([])));
        let context = &made["context"];
        assert_eq!(context["input"]["name"], "ci");
        assert_eq!(context["tenant"], format!("Gatewood::Tenant::\"{tenant}\""));
        assert_eq!(context["request"]["path"], "/v1/api-keys");
        assert_eq!((&context["request"]["ip"], &context["request"]["user_agent"]), (&json!("127.0.0.1"), &json!("curl/8")));
        let at = |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_millis();
        assert_eq!(at(&made["time"]), at(&context["now"]));
        let micros = |name: &str| made[name].as_u64().unwrap();
        assert!((1..=micros("total_us")).contains(&micros("evaluation_us")), "{made:#}");

        let stranger = last(&records, "ListTenants");
        assert_eq!((&stranger["decision"], &stranger["caller"]), (&json!("deny"), &json!("anonymous")));
        assert!(["tenant", "trace_id", "guard"].iter().all(|name| stranger.get(name).is_none()), "{stranger:#}");
        let mut ids: Vec<_> = records.iter().map(|record| record["decision_id"].as_str().unwrap()).collect();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }

    async fn a_denial_is_recorded_with_what_determined_it(app) {
        let (own, other) = (app.tenant("Acme").await, app.tenant("Other").await);
        let admin = app.key(&own, "admin").await;
        let denied = admin.about(&other).get("/v1/oidc-config").send().await.expect(403);
        let notices = denied.notices();
        let records = stopped(app).await;
        let record = last(&records, "ReadOidcConfig");
        assert_eq!((&record["decision"], &record["determining"]), (&json!("deny"), &json!(["tenant-isolation"])));
        assert_eq!(record["notices"], json!(notices));
        assert!(!notices.is_empty());
    }

    async fn probes_are_not_recorded_and_what_cannot_be_read_is(app) {
        for path in ["/healthz", "/readyz"] {
            app.anonymous().get(path).send().await.expect(200);
        }
        app.root().get("/v1/nothing").send().await.expect(404);
        app.root().get("/v1/tenants?limit=x").send().await.expect(400);
        app.anonymous().get("/openapi.json").send().await;
        app.anonymous().get("/metrics").send().await.expect(401);
        let records = stopped(app).await;
        let actions: Vec<_> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
        let named = |action: &str| format!("Gatewood::Action::\"{action}\"");
        assert_eq!(actions, ["UseUnknownRoute", "SendMalformed", "ReadOpenApi", "ReadMetrics"].map(named));
        assert_eq!(records[1]["context"]["problem"], "invalid_input");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_grpc_are_recorded_on_either_port() {
    let app = TestServer::start(Backend::Sqlite).await;
    let mut wires = 0;
    for wire in Wire::ALL {
        wires += 1;
        app.ask(wire, &app.root(), Ask::Get).await;
    }
    let records = stopped(app).await;
    let read = records.iter().filter(|record| record["action"] == "Gatewood::Action::\"ReadOidcSettings\"").count();
    assert_eq!(read, wires, "{records:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_takes_as_long_as_its_request_and_its_decision_as_long_as_itself() {
    let app = TestServer::start(Backend::Sqlite).await;
    let question = r#"{ "principal": "User::\"eve\"", "action": "Action::\"view\"", "resource": "Photo::\"x\"" }"#;
    let halves = futures_util::stream::iter([question[..9].to_owned(), question[9..].to_owned()]);
    let slowly = halves.then(|half| async {
        tokio::time::sleep(LATE).await;
        Ok::<_, std::io::Error>(half)
    });
    let body = reqwest::Body::wrap_stream(slowly);
    app.root().post("/v1/is-authorized").raw_json(body).send().await.expect(200);
    let metrics = app.root().get("/metrics").send().await.expect(200).text;
    let sum = r#"gatewood_decision_duration_seconds_sum{store="photoflash"} "#;
    let decided = metrics.lines().find_map(|line| line.strip_prefix(sum)).unwrap().parse::<f64>().unwrap();
    let records = stopped(app).await;
    let record = records.iter().find(|record| record["channel"] == "rest").unwrap();
    let whole = Duration::from_micros(record["total_us"].as_u64().unwrap());
    assert!(whole >= Duration::from_secs_f64(decided) + LATE, "{decided} s of {record:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masked_paths_are_not_shown() {
    let app = with(Backend::Sqlite, &[("decision_log.mask", "request.user_agent, input.*, request.ip")]).await;
    let root = app.root().with("user-agent", "recognisable-agent");
    root.post("/v1/tenants").json(&json!({ "name": "recognisable-name" })).send().await.expect(201);
    let records = stopped(app).await;
    let context = &last(&records, "CreateTenant")["context"];
    assert_eq!(context["input"], json!({ "name": "***" }));
    assert_eq!((&context["request"]["user_agent"], &context["request"]["ip"]), (&json!("***"), &json!("***")));
    assert_eq!(context["request"]["method"], "POST");
    assert!(!format!("{records:?}").contains("recognisable"), "{records:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_schema_marks_as_sensitive_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let schema = fs::read_to_string("schema.cedarschema").unwrap();
    let marked = schema.replace("        user_agent?: String,\n", "        @sensitive user_agent?: String,\n");
    assert_ne!(schema, marked);
    let path = folder.path().join("schema.cedarschema");
    fs::write(&path, marked).unwrap();
    let app = with(Backend::Sqlite, &[("schema", path.to_str().unwrap()), ("control_policies", "embedded")]).await;
    app.root().with("user-agent", "recognisable").get("/v1/whoami").send().await.expect(200);
    let records = stopped(app).await;
    assert_eq!(last(&records, "WhoAmI")["context"]["request"]["user_agent"], "***");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_rotated_by_size_and_by_age_and_old_ones_are_removed() {
    let rotated = |app: &TestServer| {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let names = fs::read_dir(app.database.folder.path()).unwrap().map(name);
        names.filter(|name| name.contains("ndjson.") && name.ends_with('Z')).count()
    };
    for flags in [
        [("decision_log.rotate_size", "1kB"), ("decision_log.keep", "2")],
        [("decision_log.rotate_after", "1us"), ("decision_log.keep", "2")],
    ] {
        let app = with(Backend::Sqlite, &flags).await;
        // What is in one batch is in one file, so each waits for the one before.
        for n in 1..=5 {
            let id = format!("r-{n}");
            app.root().with("x-request-id", &id).get("/v1/whoami").send().await.expect(200);
            while !fs::read_to_string(app.decisions()).is_ok_and(|text| text.contains(&id)) {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(rotated(&app), 2, "{flags:?}");
        assert_eq!(stopped(app).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_block_nothing_is_decided_that_cannot_be_recorded() {
    let app = with(
        Backend::Sqlite,
        &[
            ("decision_log.overflow", "block"),
            ("decision_log.queue", "1"),
            ("decision_log.path", "/dev/full"),
            ("decision_log.sink", "file"),
            ("server.drain_timeout", "100ms"),
        ],
    )
    .await;
    let hasty = reqwest::Client::builder().timeout(std::time::Duration::from_millis(500)).build().unwrap();
    let mut answered = 0;
    loop {
        let asked = hasty.get(format!("{}/v1/whoami", app.base)).header("x-api-key", &app.root_key).send().await;
        if asked.is_err() {
            break;
        }
        answered += 1;
        assert!(answered < 50, "it goes on although nothing can be recorded");
    }
    app.anonymous().get("/healthz").send().await.expect(200);
    drop(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_drop_a_sink_that_fails_delays_nobody_and_the_log_says_so() {
    let database = TestDatabase::new(Backend::Sqlite);
    let variables = [("GATEWOOD_DECISION_LOG_PATH", "/dev/full"), ("GATEWOOD_DECISION_LOG_QUEUE", "1")];
    let server =
        Running::start(gatewood(database.folder.path(), &["serve", "--listen", "127.0.0.1:0"]).envs(variables));
    let (stranger, began) = (server.anonymous(), Instant::now());
    for _ in 0..20 {
        stranger.get("/v1/whoami").send().await.expect(401);
    }
    let log = server.stop();
    // Every ten seconds, whatever happens meanwhile.
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 10).unwrap();
    assert!((1..=most).contains(&log.matches("the decision log cannot be written").count()), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spilled_is_brought_back_by_the_next_start() {
    let database = TestDatabase::new(Backend::Sqlite);
    let spill = database.folder.path().join("decisions.ndjson.spill");
    fs::write(&spill, "{\"decision_id\":\"left\"}\n{\"half").unwrap();
    let flags = vec![("decision_log.overflow", "spill".to_owned()), ("decision_log.spill_size", "1MB".to_owned())];
    let app = TestServer::try_start(Backend::Sqlite, database, Tweaks { flags, ..Tweaks::default() }).await;
    let app = app.unwrap_or_else(|(error, _)| panic!("{error}"));
    app.root().get("/v1/whoami").send().await.expect(200);
    let records = stopped(app).await;
    assert_eq!((records.len(), &records[0]["decision_id"]), (2, &json!("left")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_spilled_than_configured() {
    let database = TestDatabase::new(Backend::Sqlite);
    let (sink, away) = (database.folder.path().join("sink"), database.folder.path().join("away"));
    fs::create_dir(&sink).unwrap();
    let path = sink.join("log.ndjson");
    let flags = vec![
        ("decision_log.path", path.display().to_string()),
        ("decision_log.overflow", "spill".to_owned()),
        ("decision_log.queue", "1".to_owned()),
        ("decision_log.spill_size", "1kB".to_owned()),
    ];
    let app = TestServer::try_start(Backend::Sqlite, database, Tweaks { flags, ..Tweaks::default() }).await;
    let app = app.unwrap_or_else(|(error, _)| panic!("{error}"));
    fs::rename(&sink, &away).unwrap();
    for _ in 0..12 {
        app.root().get("/v1/whoami").send().await.expect(200);
    }
    let spilled = away.join("log.ndjson.spill").metadata().unwrap().len();
    assert!((1..=1000).contains(&spilled), "{spilled}");
    fs::rename(&away, &sink).unwrap();
    let database = app.stop().await;
    // One in the hand of the thread, one in the queue, one spilled: there is room for no more.
    assert!((2..=3).contains(&records(&path).len()));
    drop(database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_it_lies_beside_the_database_and_the_start_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(&mut gatewood(folder.path(), &["serve", "--listen", "127.0.0.1:0"]));
    server.anonymous().get("/v1/whoami").send().await.expect(401);
    let log = server.stop();
    assert!(log.contains("\"decision_log\":\"gatewood.db.decisions.ndjson\""), "{log}");
    assert_eq!(records(&folder.path().join("gatewood.db.decisions.ndjson")).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_to_standard_output_where_there_is_no_file_or_when_it_is_told_to() {
    for (backend, sink) in [(Backend::Postgres, "auto"), (Backend::Sqlite, "stdout")] {
        let database = TestDatabase::new(backend);
        let out = database.folder.path().join("out");
        let mut command = gatewood(database.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        command.env("GATEWOOD_DATABASE_URL", &database.url).env("GATEWOOD_DECISION_LOG_SINK", sink);
        command.env("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY);
        let server = Running::start_into(&mut command, fs::File::create(&out).unwrap().into());
        server.anonymous().get("/v1/whoami").send().await.expect(401);
        let log = server.stop();
        assert!(log.contains("\"decision_log\":\"stdout\""), "{log}");
        assert_eq!(records(&out).len(), 1, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_is_off() {
    let database = TestDatabase::new(Backend::Sqlite);
    let out = database.folder.path().join("out");
    let mut command = gatewood(database.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let server =
        Running::start_into(command.env("GATEWOOD_DECISION_LOG_SINK", "off"), fs::File::create(&out).unwrap().into());
    server.anonymous().get("/v1/whoami").send().await.expect(401);
    let log = server.stop();
    assert!(log.contains("\"decision_log\":\"off\""), "{log}");
    let names = fs::read_dir(database.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.map(|name| name.into_string().unwrap()).all(|name| !name.contains("decisions")));
    assert_eq!(fs::read_to_string(&out).unwrap(), "");
}

#[test]
fn settings_that_mean_nothing_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, value, reason) in [
        ("SINK", "syslog", "accepted is auto, file, stdout or off"),
        ("OVERFLOW", "wait", "accepted is drop, block or spill"),
        ("QUEUE", "0", "accepted is a number from 1 to 1000000"),
        ("PATH", "missing/log.ndjson", "accepted is the path of a file in a folder that exists"),
        ("PATH", ".", "accepted is the path of a file in a folder that exists"),
        ("ROTATE_SIZE", "0", "accepted is a number of bytes, like 500kB or 100MiB"),
        ("ROTATE_SIZE", "much", "accepted is a number of bytes, like 500kB or 100MiB"),
        ("ROTATE_AFTER", "0s", "accepted is a duration"),
        ("KEEP", "-1", "accepted is a number from 0 to 10000"),
        ("SPILL_SIZE", "-1", "accepted is a number of bytes"),
        (
            "MASK",
            "input.client_id,input..x",
            "has the path `input..x`, in which a name is empty; accepted is a list of",
        ),
        ("MASK", "context.input", "begins with `context`; paths begin within it"),
    ] {
        let variable = format!("GATEWOOD_DECISION_LOG_{variable}");
        let error = run(gatewood(folder.path(), &["serve"]).env(&variable, value)).refused();
        assert!(error.contains(reason), "{variable}={value}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_a_file_has_to_be_named() {
    for (key, value) in [("decision_log.sink", "file"), ("decision_log.overflow", "spill")] {
        let database = TestDatabase::new(Backend::Postgres);
        let mut command = gatewood(database.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        command.env("GATEWOOD_DATABASE_URL", &database.url).env("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY);
        command.env(format!("GATEWOOD_{}", key.replace('.', "_").to_uppercase()), value);
        let error = run(&mut command).refused();
        assert!(
            error.contains(&format!("`{key}` is `{value}`")) && error.contains("set `decision_log.path`"),
            "{error}"
        );
    }
}
