//! What happens when something breaks: the database, the network, the process.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatewood::domain::{Clock, Entropy, KeyMaterial};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{
    Answer, Backend, Caller, ENCRYPTION_KEY, Relay, Running, TestDatabase, TestServer, Tweaks, admin_url, gatewood,
    on_both, run, without_configuration,
};

const BOTH: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

fn fresh_key() -> String {
    KeyMaterial::generate(&Entropy::system(), Clock::system().now()).reveal().expose_secret().to_owned()
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

/// Fails unless the answer says that the database is away, and nothing of what it said.
#[track_caller]
fn unavailable(answer: Answer) {
    let answer = answer.expect(503);
    assert_eq!(answer.code(), "unavailable");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    tells_nothing(&answer);
}

/// Fails when the client is told what only the log should be told.
#[track_caller]
fn tells_nothing(answer: &Answer) {
    for word in
        ["SELECT", "INSERT", "oidc_configs", "table", "relation", "locked", "readonly", "connection", "127.0.0.1"]
    {
        assert!(!answer.text.contains(word), "{answer:#?}");
    }
}

/// Asks until the answer has this status, for at most 10 seconds. Whatever comes before is 503.
async fn recovers(request: impl Fn() -> crate::support::Request, status: u16) -> Answer {
    let began = Instant::now();
    loop {
        let answer = request().send().await;
        if answer.status == status {
            return answer;
        }
        unavailable(answer);
        assert!(began.elapsed() < Duration::from_secs(10), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the service says that all is well, for at most 10 seconds.
async fn is_ready(app: &TestServer) {
    let began = Instant::now();
    while app.anonymous().get("/readyz").send().await.expect(200).text_at("status") != "ok" {
        assert!(began.elapsed() < Duration::from_secs(10), "it is not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn start_error(backend: Backend, database: TestDatabase, flags: Vec<(&'static str, String)>) -> String {
    let started = TestServer::try_start(backend, database, Tweaks { flags, ..Tweaks::default() }).await;
    match started {
        Ok(_) => panic!("it started"),
        Err((error, _)) => error.to_string(),
    }
}

// SQLite: locked, read-only, full.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_refuses_writes_for_a_while_and_reads_go_on() {
    let app = TestServer::start(Backend::Sqlite).await;
    let mut other = app.database.raw();
    other.execute("BEGIN EXCLUSIVE");
    let began = Instant::now();
    unavailable(app.root().post("/v1/tenants").json(&named("refused")).send().await);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    app.root().get("/v1/tenants").send().await.expect(200);
    is_ready(&app).await;
    // A lock that is let go of in time costs nothing but time.
    let waiting = tokio::spawn(app.root().post("/v1/tenants").json(&named("waited")).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.execute("ROLLBACK");
    waiting.await.unwrap().expect(201);
    app.tenant("refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_sqlite_refuses_writes_and_reads_go_on() {
    // Root may write into every file, so the file itself says that it must not be written: a format
    // version that this SQLite can read and not write (file format, bytes 18 and 19).
    const WRITE_VERSION: u64 = 18;
    let app = TestServer::start(Backend::Sqlite).await;
    app.tenant("before").await;
    let mut other = app.database.raw();
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let file = OpenOptions::new().write(true).open(app.database.file()).unwrap();
    file.write_all_at(&[3], WRITE_VERSION).unwrap();
    // Connections look at these bytes once, so the writer has to be a new one: its busy predecessor is thrown away.
    other.execute("BEGIN EXCLUSIVE");
    unavailable(app.root().post("/v1/tenants").json(&named("locked")).send().await);
    other.execute("ROLLBACK");
    unavailable(app.root().post("/v1/tenants").json(&named("read-only")).send().await);
    // It was not locked by anybody.
    other.execute("BEGIN IMMEDIATE; ROLLBACK");
    let listed = app.root().get("/v1/tenants").send().await.expect(200);
    assert_eq!(listed.json()["items"].as_array().unwrap().len(), 1);
    file.write_all_at(&[2], WRITE_VERSION).unwrap();
    recovers(|| app.root().post("/v1/tenants").json(&named("after")), 201).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_sqlite_is_an_error_at_start_that_names_the_file() {
    let database = TestServer::start(Backend::Sqlite).await.stop().await;
    database.raw().execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let file = OpenOptions::new().write(true).open(database.file()).unwrap();
    file.write_all_at(&[3], 18).unwrap();
    let name = database.file().display().to_string();
    let error = start_error(Backend::Sqlite, database, vec![]).await;
    assert!(error.contains("readonly database") && error.contains(&name), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_is_an_error_at_start_and_stays_as_it_was() {
    let database = TestDatabase::new(Backend::Sqlite);
    fs::write(database.file(), "this is somebody's letter, not a database".repeat(100)).unwrap();
    let (name, path) = (database.file().display().to_string(), database.file());
    let before = fs::read(&path).unwrap();
    let started = TestServer::try_start(Backend::Sqlite, database, Tweaks::default()).await;
    let Err((error, _database)) = started else { panic!("it started") };
    let error = error.to_string();
    assert!(error.contains("not a database") && error.contains(&name), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_loses_nothing_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let key = fresh_key();
    // A file must not grow beyond a limit, and the process is told so instead of being killed.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap '' XFSZ; exec \"$0\" serve --listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_gatewood"),
    ]);
    without_configuration(&mut command);
    let server = Running::start(command.current_dir(folder.path()).env("GATEWOOD_ROOT_API_KEY", &key));
    let limit = |size: &str| {
        let limit = format!("--fsize={size}:");
        let set = Command::new("prlimit").args(["--pid", &server.id().to_string(), &limit]).status();
        assert!(set.expect("this test needs `prlimit` (Debian: util-linux)").success());
    };
    let root = server.with_key(&key);
    let log_size = fs::metadata(folder.path().join("gatewood.db-wal")).unwrap().len();
    limit(&(log_size + 60_000).to_string());
    let mut kept = BTreeSet::new();
    let refused = loop {
        let answer = root.post("/v1/tenants").json(&named(&format!("tenant {}", kept.len()))).send().await;
        if answer.status != 201 {
            break answer;
        }
        kept.insert(answer.text_at("id"));
        assert!(kept.len() < 200, "the disk is not full");
    };
    unavailable(refused);
    unavailable(root.post("/v1/tenants").json(&named("another")).send().await);
    let listed = || async {
        let listed = root.get("/v1/tenants?limit=1000").send().await.expect(200).json();
        let items = listed["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(listed().await, kept);
    limit("unlimited");
    kept.insert(recovers(|| root.post("/v1/tenants").json(&named("after")), 201).await.text_at("id"));
    assert_eq!(listed().await, kept);
}

// Tables that are not as they should be.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_table_is_an_error_at_start_that_names_it() {
    for backend in BOTH {
        let database = TestServer::start(backend).await.stop().await;
        database.raw().execute("DROP TABLE api_keys");
        let error = start_error(backend, database, vec![]).await;
        assert!(error.contains("api_keys"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_newer_than_the_binary_is_left_alone() {
    for backend in BOTH {
        let database = TestServer::start(backend).await.stop().await;
        database.raw().execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
        let error = start_error(backend, database, vec![]).await;
        assert!(error.contains("newer than this binary") && error.contains("99990101000000"), "{error}");
    }
}

on_both! {
    async fn a_table_that_goes_away_is_the_services_fault_and_its_own_secret(app) {
        let tenant = app.tenant("Acme").await;
        app.database.raw().execute("DROP TABLE oidc_configs");
        let config = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "hunter2" });
        let root = app.root().about(&tenant);
        for answer in [
            root.get("/v1/oidc-config").send().await,
            root.put("/v1/oidc-config").json(&config).send().await,
            root.delete("/v1/oidc-config").send().await,
        ] {
            let answer = answer.expect(500);
            assert_eq!(answer.code(), "internal");
            tells_nothing(&answer);
        }
        app.root().get("/v1/tenants").send().await.expect(200);
    }
}

// PostgreSQL away at start.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_cannot_be_reached_is_an_error_at_start_that_says_where_and_no_password() {
    let began = Instant::now();
    let mut database = TestDatabase::new(Backend::Sqlite);
    database.url = "postgres://me:hunter2@127.0.0.1:1/gw".to_owned();
    let error = start_error(Backend::Postgres, database, vec![]).await;
    assert!(error.contains("127.0.0.1:1/gw") && error.contains("refused"), "{error}");
    let mut database = TestDatabase::new(Backend::Sqlite);
    let mut wrong = url::Url::parse(&admin_url()).unwrap();
    wrong.set_password(Some("hunter2")).unwrap();
    database.url = wrong.to_string();
    let denied = start_error(Backend::Postgres, database, vec![]).await;
    assert!(denied.contains("password authentication failed"), "{denied}");
    let mut database = TestDatabase::new(Backend::Sqlite);
    database.url = admin_url().replace("/postgres?", "/not_there?").replace("/postgres", "/not_there");
    let absent = start_error(Backend::Postgres, database, vec![]).await;
    assert!(absent.contains("not_there"), "{absent}");
    let right = url::Url::parse(&admin_url()).unwrap().password().unwrap_or("hunter2").to_owned();
    for text in [&error, &denied, &absent] {
        assert!(!text.contains("hunter2") && !text.contains(&right) && !text.contains('\n'), "{text}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_silent_at_start_is_given_up() {
    let relay = Relay::start().await;
    relay.hold();
    let mut database = TestDatabase::new(Backend::Sqlite);
    database.url = relay.through(&admin_url());
    let began = Instant::now();
    let error = start_error(Backend::Postgres, database, vec![]).await;
    assert!(error.contains("timeout expired"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

// PostgreSQL away while the service runs.

fn every_kind_of_request(root: &Caller, tenant: &str) -> Vec<crate::support::Request> {
    let config = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "hunter2" });
    let about = root.about(tenant);
    vec![
        root.get("/v1/tenants"),
        root.post("/v1/tenants").json(&named("while it was away")),
        about.get("/v1/oidc-config"),
        about.put("/v1/oidc-config").json(&config),
        about.get("/v1/api-keys"),
        about.post("/v1/api-keys").json(&named("key")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_goes_away_is_503_until_it_comes_back() {
    let (app, relay) = TestServer::behind_a_relay(Vec::new()).await;
    let tenant = app.tenant("Acme").await;
    relay.cut();
    for round in 0..2 {
        for request in every_kind_of_request(&app.root(), &tenant) {
            unavailable(request.send().await);
        }
        // What needs no database is answered as ever.
        app.anonymous().get("/healthz").send().await.expect(200);
        app.anonymous().get("/v1/tenants").send().await.expect(401);
        app.with_key("gwk_malformed").get("/v1/tenants").send().await.expect(401);
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    assert_eq!(app.anonymous().get("/readyz").send().await.expect(200).text_at("status"), "degraded");
    unavailable(app.with_key(&fresh_key()).get("/v1/whoami").send().await);
    relay.restore();
    recovers(|| app.root().get("/v1/tenants"), 200).await;
    let root = app.root();
    recovers(|| root.post("/v1/tenants").json(&named("after")), 201).await;
    is_ready(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_falls_silent_is_503_in_bounded_time() {
    let (app, relay) = TestServer::behind_a_relay(Vec::new()).await;
    let tenant = app.tenant("Acme").await;
    relay.hold();
    let began = Instant::now();
    let requests =
        every_kind_of_request(&app.root(), &tenant).into_iter().chain(every_kind_of_request(&app.root(), &tenant));
    let answers: Vec<_> = requests.map(|request| tokio::spawn(request.send())).collect();
    for answer in answers {
        unavailable(answer.await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    app.anonymous().get("/healthz").send().await.expect(200);
    assert_eq!(app.anonymous().get("/readyz").send().await.expect(200).text_at("status"), "degraded");
    relay.restore();
    recovers(|| app.root().get("/v1/tenants"), 200).await;
    let root = app.root();
    recovers(|| root.post("/v1/tenants").json(&named("after")), 201).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_strangers_is_503_in_bounded_time_while_postgres_is_silent() {
    let (app, relay) = TestServer::behind_a_relay(Vec::new()).await;
    let issuer = crate::support::TestIssuer::start().await;
    relay.hold();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    let token = |number| {
        let claims = json!({ "iss": format!("https://h/{number}"), "aud": "a", "sub": "s" });
        app.anonymous().with("authorization", format!("Bearer {}", issuer.token(claims)))
    };
    let strangers = (0..30).flat_map(|number| [token(number), app.with_key(&fresh_key())]);
    let answers: Vec<_> = strangers.map(|stranger| tokio::spawn(stranger.get("/v1/whoami").send())).collect();
    for answer in answers {
        unavailable(answer.await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_nobody_lets_go_of_is_503_in_bounded_time_and_blocks_nobody_else() {
    let (app, _relay) = TestServer::behind_a_relay(Vec::new()).await;
    let tenant = app.tenant("Acme").await;
    let mut other = app.database.raw();
    other.execute("BEGIN; LOCK TABLE oidc_configs IN ACCESS EXCLUSIVE MODE");
    let began = Instant::now();
    let waiting = tokio::spawn(app.root().about(&tenant).get("/v1/oidc-config").send());
    app.root().get("/v1/tenants").send().await.expect(200);
    unavailable(waiting.await.unwrap());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // The statement was ended with the request; no connection is held up any more.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waits = "SELECT count(*)::text AS value FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    assert_eq!(other.number(waits), 0);
    other.execute("ROLLBACK");
    recovers(|| app.root().about(&tenant).get("/v1/oidc-config"), 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ended_while_they_lay_idle_are_not_noticed_by_anybody() {
    let app = TestServer::start(Backend::Postgres).await;
    let root = app.root();
    let warm: Vec<_> = (0..20).map(|_| tokio::spawn(root.get("/v1/tenants").send())).collect();
    for request in warm {
        request.await.unwrap().expect(200);
    }
    let end = "SELECT pg_terminate_backend(pid)::text AS value FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for n in 0..3 {
        assert!(!app.database.raw().texts(end).is_empty());
        root.post("/v1/tenants").json(&named(&format!("tenant {n}"))).send().await.expect(201);
        app.database.raw().texts(end);
        root.get("/v1/tenants").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_became_read_only_refuses_writes_and_reads_go_on() {
    let app = TestServer::start(Backend::Postgres).await;
    let change = |to: &str| {
        let mut raw = app.database.raw();
        let name = raw.texts("SELECT current_database()::text AS value").remove(0);
        raw.execute("SET default_transaction_read_only = off");
        raw.execute(&format!("ALTER DATABASE {name} {to}"));
        raw.texts(
            "SELECT pg_terminate_backend(pid)::text AS value FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    };
    change("SET default_transaction_read_only = on");
    unavailable(app.root().post("/v1/tenants").json(&named("refused")).send().await);
    app.root().get("/v1/tenants").send().await.expect(200);
    change("RESET default_transaction_read_only");
    let root = app.root();
    recovers(|| root.post("/v1/tenants").json(&named("after")), 201).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_spoken_to_over_tls() {
    let data = std::env::var("TEST_POSTGRES_PGDATA").ok();
    let mut modes = vec!["sslmode=require".to_owned()];
    modes.extend(data.map(|data| format!("sslmode=verify-full&sslrootcert={data}/server.crt")));
    for mode in modes {
        let mut database = TestDatabase::new(Backend::Postgres);
        let mut raw = database.raw();
        database.url = format!("{}?{mode}", database.url);
        let app = TestServer::try_start(Backend::Postgres, database, Tweaks::default()).await;
        let app = app.unwrap_or_else(|(error, _)| panic!("{mode}: {error}"));
        app.tenant("Acme").await;
        let encrypted = raw.texts(
            "SELECT DISTINCT ssl::text AS value FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        assert_eq!(encrypted, ["true"], "{mode}");
    }
    let mut database = TestDatabase::new(Backend::Postgres);
    let stranger = database.folder.path().join("none.crt");
    fs::write(&stranger, "").unwrap();
    database.url = format!("{}?sslmode=verify-full&sslrootcert={}", database.url, stranger.display());
    let error = start_error(Backend::Postgres, database, vec![]).await;
    assert!(error.contains("certificate"), "{error}");
}

// The process.

/// The real program on a database, with a preset root key or without.
fn serve(database: &TestDatabase, key: Option<&str>) -> Command {
    let mut command = gatewood(database.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("GATEWOOD_DATABASE_URL", &database.url).env("GATEWOOD_SERVER_WORKERS", "1");
    if database.url.starts_with("postgres") {
        command.env("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY);
    }
    if let Some(key) = key {
        command.env("GATEWOOD_ROOT_API_KEY", key);
    }
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_an_empty_sqlite_make_one_instance() {
    for _ in 0..4 {
        replicas_start_at_once(Backend::Sqlite, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_an_empty_postgres_make_one_instance() {
    for preset in [None, Some(fresh_key()), None] {
        replicas_start_at_once(Backend::Postgres, preset).await;
    }
}

async fn replicas_start_at_once(backend: Backend, preset: Option<String>) {
    let database = TestDatabase::new(backend);
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let mut command = serve(&database, preset.as_deref());
            std::thread::spawn(move || Running::start(&mut command))
        })
        .collect();
    let replicas: Vec<Running> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let mut raw = database.raw();
    assert_eq!(raw.number("SELECT CAST(count(*) AS TEXT) AS value FROM instance"), 1);
    assert_eq!(raw.number("SELECT CAST(count(*) AS TEXT) AS value FROM api_keys"), 1);
    let key = preset.unwrap_or_else(|| {
        let mut files = fs::read_dir(database.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|path| path.extension().is_some_and(|extension| extension == "root-key")).unwrap();
        fs::read_to_string(file).unwrap().trim().to_owned()
    });
    for (n, replica) in replicas.iter().enumerate() {
        let root = replica.with_key(&key);
        let tenant = root.post("/v1/tenants").json(&named(&n.to_string())).send().await.expect(201).text_at("id");
        let config = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": "hunter2" });
        root.about(&tenant).put("/v1/oidc-config").json(&config).send().await.expect(200);
    }
    // Each replica sealed under the same key, or this would not start.
    assert_eq!(raw.texts("SELECT DISTINCT secret_key_id AS value FROM oidc_configs").len(), 1);
    drop(replicas);
    drop(Running::start(&mut serve(&database, None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_process_loses_nothing_that_was_acknowledged_on_sqlite() {
    kill_in_the_middle_of_writes(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_process_loses_nothing_that_was_acknowledged_on_postgres() {
    kill_in_the_middle_of_writes(Backend::Postgres).await;
}

async fn kill_in_the_middle_of_writes(backend: Backend) {
    let database = TestDatabase::new(backend);
    let key = fresh_key();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..3 {
        let mut server = Running::start(&mut serve(&database, Some(&key)));
        let before = acknowledged.lock().unwrap().len();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (root, acknowledged) = (server.with_key(&key), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for n in 0.. {
                        let body = named(&format!("{round} {writer} {n}"));
                        let Ok(answer) = root.post("/v1/tenants").json(&body).try_send().await else { return };
                        let id = answer.expect(201).text_at("id");
                        acknowledged.lock().unwrap().insert(id);
                    }
                })
            })
            .collect();
        let enough = || acknowledged.lock().unwrap().len() > before + 40;
        while !enough() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let server = Running::start(&mut serve(&database, Some(&key)));
    server.with_key(&key).get("/v1/tenants").send().await.expect(200);
    let mut raw = database.raw();
    let stored: BTreeSet<String> = raw.texts("SELECT id AS value FROM tenants").into_iter().collect();
    let lost: Vec<_> = acknowledged.lock().unwrap().difference(&stored).cloned().collect();
    assert_eq!(lost, Vec::<String>::new());
    if backend == Backend::Sqlite {
        assert_eq!(raw.texts("SELECT integrity_check AS value FROM pragma_integrity_check"), ["ok"]);
        assert_eq!(raw.texts("SELECT journal_mode AS value FROM pragma_journal_mode"), ["wal"]);
    }
}

/// Whether a new connection is answered. The kernel may still take it though nobody reads from it.
async fn is_answered(server: &Running) -> bool {
    let Ok(mut late) = TcpStream::connect(server.base.trim_start_matches("http://")).await else { return false };
    let _ = late.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_millis(300), late.read_to_end(&mut answer)).await;
    !answer.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_body_is_still_arriving_at_sigterm_finishes() {
    let database = TestDatabase::new(Backend::Sqlite);
    let key = fresh_key();
    let mut server = Running::start(&mut serve(&database, Some(&key)));
    let (mut stream, rest) = server.unfinished_request(&key).await;
    server.begin_to_stop();
    assert!(server.wait(Duration::from_millis(300)).is_none(), "{}", server.log());
    // Who accepts connections may hear of it a little later than who says so.
    let began = Instant::now();
    while is_answered(&server).await {
        assert!(began.elapsed() < Duration::from_secs(10), "new requests are accepted after SIGTERM");
    }
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let status = server.wait(Duration::from_secs(10));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    assert_eq!(database.raw().texts("SELECT name AS value FROM tenants"), ["xyz"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_delay_the_end() {
    let database = TestDatabase::new(Backend::Sqlite);
    let mut server = Running::start(&mut serve(&database, Some(&fresh_key())));
    let connect = || TcpStream::connect(server.base.trim_start_matches("http://").to_owned());
    let mut idle = connect().await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 1024];
    assert!(idle.read(&mut answer).await.unwrap() > 12);
    let _silent = connect().await.unwrap();
    let mut half = connect().await.unwrap();
    half.write_all(b"GET /healthz HT").await.unwrap();
    let mut h2 = connect().await.unwrap();
    // The preface and empty settings of HTTP/2.
    h2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    assert!(h2.read(&mut answer).await.unwrap() > 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM");
    let began = Instant::now();
    let status = server.wait(Duration::from_secs(25)).unwrap();
    assert!(status.success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}\n{}", began.elapsed(), server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    let database = TestDatabase::new(Backend::Sqlite);
    let key = fresh_key();
    for second in ["TERM", "INT"] {
        let mut server = Running::start(&mut serve(&database, Some(&key)));
        let (_stream, _rest) = server.unfinished_request(&key).await;
        server.begin_to_stop();
        assert!(server.wait(Duration::from_millis(300)).is_none(), "{}", server.log());
        server.signal(second);
        let status = server.wait(Duration::from_secs(3)).expect("it goes on");
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_start_on_a_locked_database_is_given_up_and_says_which() {
    let database = TestDatabase::new(Backend::Sqlite);
    drop(Running::start(&mut serve(&database, None)));
    let mut raw = database.raw();
    raw.execute("BEGIN EXCLUSIVE");
    let complaint = run(&mut serve(&database, None)).refused();
    assert!(complaint.contains("gatewood.db") && complaint.contains("locked"), "{complaint}");
}
