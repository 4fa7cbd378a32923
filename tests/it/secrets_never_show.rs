//! Secrets are in no log line, no answer, no configuration that is shown and no column of a table.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatewood::config::{Config, Layers};
use gatewood::domain::{Clock, Entropy, KeyMaterial};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Answer, Backend, Caller, Raw, Running, TestDatabase, gatewood, run};

const ENCRYPTION_BYTES: &[u8; 32] = b"recognisable-encryption-key-0001";
const CLIENT_SECRET: &str = "recognisable-client-secret-Zq8";

/// A secret in every form in which it could come to light.
struct Needle {
    what: &'static str,
    forms: Vec<String>,
}

impl Needle {
    fn new(what: &'static str, secret: &[u8]) -> Self {
        let text = String::from_utf8_lossy(secret).into_owned();
        Self { what, forms: vec![text, hex::encode(secret), STANDARD.encode(secret)] }
    }

    /// A key's text, and its random part alone.
    fn key(what: &'static str, key: &str) -> Self {
        let random = &key[37..101];
        let mut needle = Self::new(what, key.as_bytes());
        needle.forms.push(random.to_owned());
        needle.forms.push(STANDARD.encode(hex::decode(random).unwrap()));
        needle
    }

    #[track_caller]
    fn is_not_in(&self, place: &str, text: &str) {
        let lower = text.to_lowercase();
        for form in &self.forms {
            if let Some(at) = lower.find(&form.to_lowercase()) {
                let around: String = lower[..at].chars().rev().take(200).collect();
                let around: String = around.chars().rev().collect();
                panic!("the {} is in {place}, after: {around}", self.what);
            }
        }
    }

    #[track_caller]
    fn is_not_in_bytes(&self, place: &str, bytes: &[u8]) {
        for form in &self.forms {
            let found = bytes.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form.as_bytes()));
            assert!(!found, "the {} is in {place}", self.what);
        }
    }
}

/// Requests of every kind, good and bad, with secrets where they belong and where they do not.
async fn every_kind_of_request(server: &Running, root_key: &str) -> (Vec<Answer>, Vec<String>) {
    let (root, secret) = (server.with_key(root_key), CLIENT_SECRET);
    let (mut answers, mut issued) = (Vec::new(), Vec::new());
    let tenant = root.post("/v1/tenants").json(&json!({ "name": "Acme" })).send().await.expect(201).text_at("id");
    let about = root.about(&tenant);
    let good = json!({ "issuer_url": "https://login.example.com", "client_id": "findable", "client_secret": secret });
    for answer in [
        about.put("/v1/oidc-config").json(&good).send().await.expect(200),
        about.get("/v1/oidc-config").send().await.expect(200),
        root.get("/v1/whoami").send().await.expect(200),
        root.get("/v1/tenants").send().await.expect(200),
        root.get("/v1/api-keys").send().await.expect(200),
        server
            .anonymous()
            .with("authorization", format!("Bearer {root_key}"))
            .get("/v1/whoami")
            .send()
            .await
            .expect(200),
        server.anonymous().get("/openapi.json").send().await.expect(200),
        about.delete("/v1/oidc-config").header("if-match", format!("\"{secret}\"")).send().await.expect(412),
    ] {
        answers.push(answer);
    }
    // A key is shown when it is made, and in that answer only.
    let made = about.post("/v1/api-keys").json(&json!({ "name": "ci", "roles": ["viewer"] })).send().await.expect(201);
    issued.push(made.text_at("key"));
    let path = format!("/v1/api-keys/{}", made.text_at("id"));
    issued.push(about.post(&format!("{path}/rotate")).send().await.expect(200).text_at("key"));
    let viewer = server.with_key(&issued[0]).about(&tenant);
    answers.push(viewer.put("/v1/oidc-config").json(&good).send().await.expect(403));
    answers.push(about.get(&path).send().await.expect(200));
    answers.push(about.get("/v1/api-keys").send().await.expect(200));
    answers.push(about.delete(&path).send().await.expect(204));
    let history = root.get("/v1/audit-events").send().await.expect(200);
    assert!(history.text.contains("client_secret") && history.text.contains("RotateApiKey"), "{history:?}");
    answers.push(history);
    answers.push(about.get("/v1/audit-events").send().await.expect(200));
    bodies_that_are_no_good(&about, &mut answers).await;
    secrets_in_wrong_places(server, root_key, &tenant, &mut answers).await;
    (answers, issued)
}

async fn bodies_that_are_no_good(about: &Caller, answers: &mut Vec<Answer>) {
    let secret = CLIENT_SECRET;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": secret });
        body[field] = value;
        body
    };
    for body in [
        with("client_secret", json!([secret])),
        with("client_secret", json!({ "is": secret })),
        with("client_secret", json!(secret.repeat(200))),
        with("issuer_url", json!(format!("https://user:{secret}@h"))),
        with("issuer_url", json!(format!("http://user:{secret}@h.example"))),
        with("issuer_url", json!(format!("https://h/?client_secret={secret}"))),
        with("issuer_url", json!(format!("http://h.example/#{secret}"))),
        with("issuer_url", json!(7)),
        with("scopes", json!("openid")),
        with("unknown", json!(secret)),
    ] {
        answers.push(about.put("/v1/oidc-config").json(&body).send().await.expect(400));
    }
    let raw = [
        format!("{{\"client_secret\": \"{secret}"),
        format!("{{\"client_secret\": \"{secret}\", \"client_secret\": \"{secret}\"}}"),
        format!("\"{secret}\""),
        format!("[{secret}]"),
        format!("{{\"issuer_url\": \"{secret}\\u0000\", \"client_id\": \"c\", \"client_secret\": \"{secret}\"}}"),
    ];
    for body in &raw[..4] {
        answers.push(about.put("/v1/oidc-config").raw_json(body.clone()).send().await.expect(400));
    }
    let whole = with("client_id", json!("c")).to_string();
    answers.push(about.put("/v1/oidc-config").raw(whole.clone()).send().await.expect(415));
    let large = format!("{whole}{}", secret.repeat(4000));
    answers.push(about.put("/v1/oidc-config").raw_json(large).send().await.expect(413));
    answers.push(
        about.with("accept", "text/html").put("/v1/oidc-config").raw_json(whole.clone()).send().await.expect(406),
    );
    answers.push(about.request(Method::POST, "/v1/oidc-config").raw_json(whole).send().await.expect(405));
}

async fn secrets_in_wrong_places(server: &Running, key: &str, tenant: &str, answers: &mut Vec<Answer>) {
    let root = server.with_key(key);
    let typo = format!("{}{}", &key[..109], if key.ends_with('0') { '1' } else { '0' });
    let basic = format!("Basic {}", STANDARD.encode(format!("root:{key}")));
    let nobody = server.anonymous();
    for answer in [
        nobody.with("x-api-key", &typo).get("/v1/tenants").send().await.expect(401),
        nobody.with("x-api-key", format!("{key} ")).get("/v1/tenants").send().await,
        nobody.with("authorization", key).get("/v1/tenants").send().await.expect(401),
        nobody.with("authorization", basic).get("/v1/tenants").send().await.expect(401),
        nobody.with("cookie", format!("key={key}")).get("/v1/tenants").send().await.expect(401),
        nobody.with("x-tenant-id", key).get("/v1/tenants").send().await,
        root.with("x-tenant-id", key).get("/v1/tenants").send().await.expect(400),
        root.with("x-tenant-id", key).get("/v1/oidc-config").send().await.expect(400),
        root.with("x-request-id", key).get("/v1/whoami").send().await.expect(200),
        root.with("user-agent", key).get("/v1/whoami").send().await.expect(200),
        root.with("referer", key).get("/v1/whoami").send().await.expect(200),
        root.with("accept-language", key).get("/v1/whoami").send().await,
        root.with("if-match", key).about(tenant).get("/v1/oidc-config").send().await,
        root.with("x-forwarded-for", key).get("/v1/whoami").send().await,
        root.with("content-type", key).about(tenant).put("/v1/oidc-config").raw(CLIENT_SECRET).send().await,
        root.get(&format!("/v1/tenants/{key}")).send().await.expect(400),
        root.get(&format!("/v1/{key}")).send().await.expect(404),
        root.get(&format!("/v1/tenants?limit={key}")).send().await.expect(400),
        root.get(&format!("/v1/tenants?page_token={key}")).send().await.expect(400),
        root.get(&format!("/v1/tenants?{key}=1")).send().await.expect(400),
        root.get(&format!("/v1/audit-events?actor={key}")).send().await.expect(200),
        root.get(&format!("/v1/audit-events?since={key}")).send().await.expect(400),
        root.get(&format!("/v1/audit-events?action={key}")).send().await.expect(400),
        root.delete(&format!("/v1/api-keys/{key}")).send().await.expect(400),
        nobody.get(&format!("/v1/tenants?api_key={key}")).send().await,
    ] {
        answers.push(answer);
    }
    let mut bad_key = root.post("/v1/api-keys").json(&json!({ "name": "x", "roles": [key] })).send().await;
    answers.push(bad_key.expect(400));
    bad_key =
        root.post("/v1/api-keys").json(&json!({ "name": "x", "roles": ["root"], "expires_at": key })).send().await;
    answers.push(bad_key.expect(400));
}

/// Every column of every table.
fn dump(raw: &mut Raw) -> String {
    match raw {
        Raw::Postgres(_) => {
            let tables = raw
                .texts("SELECT table_name::text AS value FROM information_schema.tables WHERE table_schema = 'public'");
            let rows =
                tables.iter().flat_map(|table| raw.texts(&format!("SELECT t::text AS value FROM \"{table}\" t")));
            rows.collect::<Vec<_>>().join("\n")
        }
        Raw::Sqlite(_) => {
            let mut dump = String::new();
            for table in raw.texts("SELECT name AS value FROM sqlite_master WHERE type = 'table'") {
                for column in raw.texts(&format!("SELECT name AS value FROM pragma_table_info('{table}')")) {
                    dump += &raw.texts(&format!("SELECT quote(\"{column}\") AS value FROM \"{table}\"")).join("\n");
                }
            }
            dump
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    secrets_never_show(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    secrets_never_show(Backend::Postgres).await;
}

async fn secrets_never_show(backend: Backend) {
    let database = TestDatabase::new(backend);
    let root = KeyMaterial::generate(&Entropy::system(), Clock::system().now());
    let root_key = root.reveal().expose_secret().to_owned();
    let encryption = format!("primary:{}", STANDARD.encode(ENCRYPTION_BYTES));
    let environment = [
        ("GATEWOOD_DATABASE_URL", database.url.as_str()),
        ("GATEWOOD_ROOT_API_KEY", root_key.as_str()),
        ("GATEWOOD_ENCRYPTION_KEY", encryption.as_str()),
        ("GATEWOOD_LOG_LEVEL", "trace"),
        ("GATEWOOD_SERVER_WORKERS", "1"),
    ];
    let folder = database.folder.path();
    let decisions = folder.join("decisions.ndjson");
    let mut command = gatewood(folder, &["serve", "--listen", "127.0.0.1:0"]);
    let server = Running::start(command.envs(environment).env("GATEWOOD_DECISION_LOG_PATH", &decisions));
    let (mut answers, issued) = every_kind_of_request(&server, &root_key).await;
    let dumped = dump(&mut database.raw());
    let files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    // The last thing that can go wrong: the database's own words about what it was to do.
    let tenant = database.raw().texts("SELECT id AS value FROM tenants").remove(0);
    let config = json!({ "issuer_url": "https://h", "client_id": "c", "client_secret": CLIENT_SECRET });
    database.raw().execute("ALTER TABLE oidc_configs RENAME COLUMN secret_sealed TO secret_gone");
    answers
        .push(server.with_key(&root_key).about(&tenant).put("/v1/oidc-config").json(&config).send().await.expect(500));
    let log = server.stop();
    let recorded = fs::read_to_string(decisions).unwrap();
    let shown = run(gatewood(folder, &["config"]).envs(environment)).succeeded();

    let mut needles = vec![
        Needle::key("root key", &root_key),
        Needle::new("encryption key", ENCRYPTION_BYTES),
        Needle::new("client secret", CLIENT_SECRET.as_bytes()),
    ];
    needles.extend(issued.iter().map(|key| Needle::key("issued key", key)));
    let password = url::Url::parse(&database.url).unwrap().password().map(str::to_owned);
    needles.extend(password.map(|password| Needle::new("database password", password.as_bytes())));
    assert_eq!(needles.len(), if backend == Backend::Sqlite { 5 } else { 6 }, "the test's PostgreSQL has no password");
    for needle in &needles {
        needle.is_not_in("the log", &log);
        needle.is_not_in("the decision log", &recorded);
        needle.is_not_in("`gatewood config`", &shown);
        needle.is_not_in("a table", &dumped);
        for answer in &answers {
            needle.is_not_in("an answer", &format!("{answer:?}"));
        }
        for (name, bytes) in &files {
            needle.is_not_in_bytes(name, bytes);
        }
    }
    // The search finds what is there: otherwise all of this proves nothing.
    assert!(dumped.contains("findable") && dumped.contains("Acme") && dumped.contains("primary"), "{dumped}");
    assert!(log.contains("/v1/oidc-config") && log.contains("\"TRACE\"") && log.lines().count() > 50, "{log}");
    assert!(recorded.contains("findable") && recorded.lines().count() > 50, "{recorded}");
    assert!(shown.contains("GATEWOOD_ENCRYPTION_KEY"), "{shown}");
}

#[test]
fn a_configuration_that_is_printed_whole_has_no_secret_in_it() {
    let key = KeyMaterial::generate(&Entropy::system(), Clock::system().now());
    let key = key.reveal().expose_secret().to_owned();
    let encryption = STANDARD.encode(ENCRYPTION_BYTES);
    let values = [
        ("root_api_key", key.clone()),
        ("encryption_key", encryption.clone()),
        ("database_url", "postgres://me:recognisable-password@h/d?password=recognisable-password".to_owned()),
    ];
    let layers = Layers::collect(None, &values, []).unwrap();
    let config = Config::read(&layers).unwrap();
    for text in [format!("{config:#?}"), format!("{config:?}"), format!("{layers:#?}"), format!("{layers:?}")] {
        assert!(text.contains("root_api_key"), "{text}");
        for needle in [
            Needle::key("root key", &key),
            Needle::new("encryption key", ENCRYPTION_BYTES),
            Needle::new("database password", b"recognisable-password"),
        ] {
            needle.is_not_in("the configuration", &text);
        }
    }
}
