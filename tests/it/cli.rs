//! The command line, through the real program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatewood::config::keys::KEYS;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Backend, ENCRYPTION_KEY, Ended, Raw, Running, StoreFolder, TestDatabase, gatewood, run, without_configuration,
    without_roots_power_over_files,
};

const OTHER_KEY: &str = "other:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// A server on any port, with a database in the folder.
fn serve(folder: &Path) -> Command {
    let mut command = gatewood(folder, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("GATEWOOD_SERVER_WORKERS", "1");
    command
}

fn fresh_key() -> String {
    let folder = tempfile::tempdir().unwrap();
    run(&mut gatewood(folder.path(), &["keys", "generate"])).succeeded().trim().to_owned()
}

/// `gatewood config` with these variables.
fn config_with(variables: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    run(gatewood(folder.path(), &["config"]).envs(variables.iter().copied()))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The log's lines as JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The public id in a key's text, in the form that it has everywhere else.
fn id_of(key: &str) -> String {
    uuid::Uuid::try_parse(&key[4..36]).unwrap().as_hyphenated().to_string()
}

fn oidc_config(secret: &str) -> Value {
    json!({ "issuer_url": "https://login.example.com/", "client_id": "client", "client_secret": secret })
}

/// Makes a tenant with a configuration; gives the tenant's id.
async fn seal_something(server: &Running, key: &str, secret: &str) -> String {
    let root = server.with_key(key);
    let body = json!({ "name": format!("tenant of {secret}") });
    let tenant = root.post("/v1/tenants").json(&body).send().await.expect(201).text_at("id");
    root.about(&tenant).put("/v1/oidc-config").json(&oidc_config(secret)).send().await.expect(200);
    tenant
}

// What is refused.

#[test]
fn an_unknown_key_is_refused_with_those_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "listen = '127.0.0.1:0'\n[server]\nworker = 1\n").unwrap();
    let complaint = run(&mut gatewood(folder.path(), &["config", "--config", "a.toml"])).refused();
    assert!(complaint.contains("`server.worker` in a.toml is not known"), "{complaint}");
    assert!(complaint.contains("server.workers") && complaint.contains("log.level"), "{complaint}");
    let complaint = config_with(&[("GATEWOOD_LISTENS", "127.0.0.1:0")]).refused();
    assert!(complaint.contains("GATEWOOD_LISTENS is not known"), "{complaint}");
    assert!(complaint.contains("GATEWOOD_LISTEN,"), "{complaint}");
    let ended = run(&mut gatewood(folder.path(), &["serve", "--root-api-key=gwk_hunter2"]));
    assert_eq!(ended.code, Some(2));
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[test]
fn a_bad_value_is_refused_with_its_key_and_what_is_accepted() {
    for key in KEYS {
        for value in ["", "no\u{7f}good"] {
            // By default no proxy is trusted, no page let in, no network open and nothing masked; and whether keys
            // open what is sealed is seen at start.
            if matches!(
                (key.name, value.is_empty()),
                (
                    "server.trusted_proxies"
                        | "server.cors_origins"
                        | "oidc.allowed_networks"
                        | "oidc.tenant_allowed_networks"
                        | "decision_log.mask",
                    true
                ) | ("encryption_key", false)
            ) {
                continue;
            }
            let complaint = config_with(&[(&key.variable(), value)]).refused();
            assert!(complaint.contains(&format!("`{}`", key.name)), "{complaint}");
            assert!(complaint.contains(&key.variable()), "{complaint}");
            if !key.name.ends_with("_file") {
                assert!(complaint.contains(key.accepts), "{complaint}");
            }
        }
    }
    for (variable, value) in [
        ("GATEWOOD_DATABASE_CONNECTIONS", "0"),
        ("GATEWOOD_DATABASE_CONNECTIONS", "501"),
        ("GATEWOOD_DATABASE_WAIT", "0s"),
        ("GATEWOOD_DATABASE_WAIT", "5"),
        ("GATEWOOD_LISTEN", "localhost:8080"),
        ("GATEWOOD_LISTEN", "127.0.0.1"),
        ("GATEWOOD_LISTEN", "127.0.0.1:65536"),
        ("GATEWOOD_SERVER_WORKERS", "-1"),
        ("GATEWOOD_SERVER_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("GATEWOOD_TRACING_OTLP_ENDPOINT", "127.0.0.1:4317"),
        ("GATEWOOD_TRACING_OTLP_ENDPOINT", "ftp://127.0.0.1"),
        ("GATEWOOD_TRACING_OTLP_ENDPOINT", "http://127.0.0.1:4318/?key=1"),
        ("GATEWOOD_TRACING_SAMPLE_RATIO", "1.1"),
        ("GATEWOOD_TRACING_SAMPLE_RATIO", "NaN"),
        ("GATEWOOD_LOG_LEVEL", "inof"),
        ("GATEWOOD_LOG_LEVEL", "info,gatewood"),
        ("GATEWOOD_LOG_LEVEL", "gatewood=loud"),
    ] {
        let complaint = config_with(&[(variable, value)]).refused();
        assert!(complaint.contains(variable) && complaint.contains("accepted is"), "{complaint}");
    }
    let complaint = config_with(&[("GATEWOOD_TRACING_OTLP_ENDPOINT", "https://u:hunter2@h")]).refused();
    assert!(complaint.contains("without user") && !complaint.contains("hunter2"), "{complaint}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "listen = 1.5\n").unwrap();
    let complaint = run(&mut gatewood(folder.path(), &["config", "--config", "a.toml"])).refused();
    assert!(complaint.contains("`listen` in a.toml") && complaint.contains("127.0.0.1:8080"), "{complaint}");
}

#[test]
fn a_variable_that_is_not_text_is_refused_and_not_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let broken = std::ffi::OsStr::from_bytes(b"gwk_hunter2\xff");
    let complaint = run(gatewood(folder.path(), &["config"]).env("GATEWOOD_ROOT_API_KEY", broken)).refused();
    assert!(complaint.contains("GATEWOOD_ROOT_API_KEY") && !complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn a_complaint_never_repeats_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("syntax.toml"), "listen = '127.0.0.1:0'\nencryption_key = 'hunter2\n").unwrap();
    fs::write(path("type.toml"), "encryption_key = [['hunter2'], 1.5]\n").unwrap();
    fs::write(path("key"), "hunter2").unwrap();
    let key = fresh_key();
    let sealing = ENCRYPTION_KEY.split_once(':').unwrap().1;
    let cases: [(&[(&str, &str)], &str); 17] = [
        (&[("GATEWOOD_CONFIG", "syntax.toml")], "line 2"),
        (&[("GATEWOOD_CONFIG", "type.toml")], "`encryption_key`"),
        (&[("GATEWOOD_ROOT_API_KEY", "hunter2")], "`root_api_key`"),
        (&[("GATEWOOD_ROOT_API_KEY_FILE", "key")], "`root_api_key_file`"),
        (&[("GATEWOOD_ROOT_API_KEY_FILE", &key)], "`root_api_key_file`"),
        (&[("GATEWOOD_ENCRYPTION_KEY", "hunter2")], "`encryption_key`"),
        (&[("GATEWOOD_ENCRYPTION_KEY", "a:hunter2")], "`encryption_key`"),
        (&[("GATEWOOD_ENCRYPTION_KEY_FILE", "key")], "`encryption_key_file`"),
        (&[("GATEWOOD_ENCRYPTION_KEY_FILE", sealing)], "`encryption_key_file`"),
        (&[("GATEWOOD_ENCRYPTION_KEY", "hunter2"), ("GATEWOOD_ENCRYPTION_KEY_FILE", "key")], "set one"),
        (&[("GATEWOOD_DATABASE_URL", "postgre://me:hunter2@h/d")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me:hunter2")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me:hun/hunter2@127.0.0.1:1/d")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me:hun?hunter2@127.0.0.1:1/d")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me:hun@hunter2@127.0.0.1:1/d")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me:hunter2%zz@127.0.0.1:1/d")], "`database_url`"),
        (&[("GATEWOOD_DATABASE_URL", "postgres://me@127.0.0.1:1/d?hunter2")], "`database_url`"),
    ];
    for (variables, expected) in cases {
        let complaint = run(serve(folder.path()).envs(variables.iter().copied())).refused();
        assert!(complaint.contains(expected), "{variables:?}: {complaint}");
        for secret in ["hunter2", "hun@", &key[40..], &sealing[..12]] {
            assert!(!complaint.contains(secret), "{variables:?}: {complaint}");
        }
    }
}

#[test]
fn a_database_url_without_a_known_scheme_is_refused_and_no_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "gatewood.db",
        "./gatewood.db",
        "/tmp/gatewood.db",
        "sqlite:gatewood.db",
        "file:gatewood.db",
        "mysql://h/d",
        "sqlite://",
        "sqlite://:memory:",
        "sqlite://file:x.db",
        "sqlite://x.db?mode=ro",
        "",
    ] {
        let complaint =
            run(gatewood(folder.path(), &["serve", "--database-url", url]).args(["--listen", "127.0.0.1:0"]));
        let complaint = complaint.refused();
        assert!(complaint.contains("`database_url`") && complaint.contains("sqlite:///abs/path"), "{url}: {complaint}");
        assert_eq!(files_in(folder.path()), Vec::<String>::new(), "{url}");
    }
}

#[test]
fn kubernetes_service_variables_are_passed_over() {
    let shown = config_with(&[
        ("GATEWOOD_PORT", "tcp://10.0.0.1:8080"),
        ("GATEWOOD_SERVICE_HOST", "10.0.0.1"),
        ("GATEWOOD_SERVICE_PORT", "8080"),
        ("GATEWOOD_SERVICE_PORT_HTTP", "8080"),
        ("GATEWOOD_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("GATEWOOD_PORT_8080_TCP_ADDR", "10.0.0.1"),
        // Of a service called "gatewood-grpc".
        ("GATEWOOD_GRPC_PORT", "tcp://10.0.0.2:8081"),
        ("GATEWOOD_GRPC_SERVICE_HOST", "10.0.0.2"),
        ("GATEWOOD_GRPC_SERVICE_PORT", "8081"),
        ("GATEWOOD_GRPC_SERVICE_PORT_GRPC", "8081"),
        ("GATEWOOD_GRPC_PORT_8081_TCP", "tcp://10.0.0.2:8081"),
        ("GATEWOOD_GRPC_PORT_8081_TCP_PROTO", "tcp"),
    ]);
    assert!(shown.succeeded().contains("127.0.0.1:8080"));
    let complaint = config_with(&[("GATEWOOD_SERVER_PORT", "8080")]).refused();
    assert!(complaint.contains("GATEWOOD_SERVER_PORT is not known"), "{complaint}");
}

#[test]
fn a_port_that_is_taken_is_an_error_and_costs_no_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let complaint = run(&mut gatewood(folder.path(), &["serve", "--listen", &address])).refused();
    assert!(complaint.contains(&format!("cannot listen on {address}")), "{complaint}");
    drop(Running::start(&mut serve(folder.path())));
    assert!(folder.path().join("gatewood.db.root-key").is_file(), "the root key was made and shown to nobody");
}

#[test]
fn a_broken_policy_or_schema_is_an_error_with_its_place_and_costs_no_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let policies = own_policies(folder.path());
    let broken = policies.join("gatewood/broken.cedar");
    let complaint = |folder: &Path| run(serve(folder).args(["--policies", "mine"])).refused();
    fs::write(&broken, "// A comment.\n\n@id(\"x\")\npermit (principal, action, resource) when { 1 + };\n").unwrap();
    let text = complaint(folder.path());
    assert!(text.contains("broken.cedar:4:"), "{text}");
    fs::write(&broken, "@id(\"x\")\npermit (principal, action, resource)\nwhen { context.request.iq.isLoopback() };\n")
        .unwrap();
    let text = complaint(folder.path());
    assert!(text.contains("broken.cedar:3:") || text.contains("broken.cedar:2:"), "{text}");
    fs::remove_file(&broken).unwrap();
    fs::write(folder.path().join("my.cedarschema"), "namespace Gatewood {\n  entity Tenant = { \n}\n").unwrap();
    let text = run(serve(folder.path()).args(["--policies", "mine", "--schema", "my.cedarschema"])).refused();
    assert!(text.contains("my.cedarschema:"), "{text}");
    assert!(!folder.path().join("gatewood.db").exists(), "a start that fails for its policies leaves no database");
    drop(Running::start(serve(folder.path()).args(["--policies", "mine"])));
    assert!(folder.path().join("gatewood.db.root-key").is_file());
}

/// The shipped policies, in a folder of their own: `mine/gatewood`.
fn own_policies(folder: &Path) -> PathBuf {
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/gatewood"), folder.join("mine"));
    fs::create_dir_all(to.join("gatewood")).unwrap();
    for name in files_in(&from) {
        fs::copy(from.join(&name), to.join("gatewood").join(&name)).unwrap();
    }
    to
}

#[test]
fn weaker_policies_do_not_come_back_when_the_folder_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let policies = own_policies(folder.path());
    let mine = ["--policies", "mine"];
    let log = Running::start(serve(folder.path()).args(mine)).stop();
    assert!(log.contains("\"policies\":\"mine/gatewood\""), "{log}");
    fs::rename(policies.join("gatewood"), folder.path().join("away")).unwrap();
    for arguments in [&mine[..], &[]] {
        let complaint = run(serve(folder.path()).args(arguments)).refused();
        assert!(complaint.contains("--control-policies embedded"), "{complaint}");
    }
    let log = Running::start(serve(folder.path()).args(mine).args(["--control-policies", "embedded"])).stop();
    assert!(log.contains("\"policies\":\"embedded\""), "{log}");
    drop(Running::start(serve(folder.path()).args(mine)));
}

// The first start and the next.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_needs_nothing_and_a_second_one_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let first = Running::start(&mut serve(folder.path()));
    for name in ["gatewood.db", "gatewood.db-wal", "gatewood.db.root-key", "gatewood.db.encryption-key"] {
        assert_eq!(mode(&path(name)), 0o600, "{name}");
    }
    let key = fs::read_to_string(path("gatewood.db.root-key")).unwrap();
    let key = key.strip_suffix('\n').unwrap();
    let tenant = seal_something(&first, key, "hunter2").await;
    let revision = |log: &str| {
        let log = lines(log);
        let said: Vec<&Value> = log.iter().filter(|line| line["message"] == "listening").collect();
        assert_eq!(said.len(), 1, "{log:#?}");
        assert!(said[0]["listen"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert!(said[0]["first_request"].as_str().unwrap().contains("/v1/whoami"));
        said[0]["policy.revision"].as_str().unwrap().to_owned()
    };
    let before = first.stop();
    assert!(!before.contains(key) && !before.contains("gwk_") && !before.contains("hunter2"), "{before}");
    assert!(before.contains("gatewood.db.root-key"), "{before}");
    let sealing = fs::read_to_string(path("gatewood.db.encryption-key")).unwrap();
    assert!(!before.contains(sealing.trim()));
    fs::remove_file(path("gatewood.db.root-key")).unwrap();
    let second = Running::start(&mut serve(folder.path()));
    let root = second.with_key(key).about(&tenant);
    root.get("/v1/oidc-config").send().await.expect(200);
    let after = second.stop();
    assert_eq!(revision(&before), revision(&after));
    assert!(!after.contains(" made "), "{after}");
    assert!(!path("gatewood.db.root-key").exists());
    assert_eq!(fs::read_to_string(path("gatewood.db.encryption-key")).unwrap(), sealing);
}

#[test]
fn an_encryption_key_that_others_may_read_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    drop(Running::start(&mut serve(folder.path())));
    let file = folder.path().join("gatewood.db.encryption-key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let log = Running::start(&mut serve(folder.path())).stop();
    assert!(log.contains("\"WARN\"") && log.contains("make it mode 0600"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_terminal_the_root_key_is_shown_there_and_written_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0";
    let program = format!(
        "echo $$ >id; exec {} serve --listen {listen} --grpc-listen {listen} 2>log",
        env!("CARGO_BIN_EXE_gatewood")
    );
    // `script` gives its command a terminal and keeps what is shown on it.
    let mut command = Command::new("script");
    command.args(["--quiet", "--flush", "--return", "--command", &program, "shown"]).current_dir(folder.path());
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    without_configuration(&mut command);
    let mut terminal = command.spawn().expect("this test needs `script` (Debian: bsdutils)");
    let log = folder.path().join("log");
    let (mut said, mut shown) = (String::new(), String::new());
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        said = fs::read_to_string(&log).unwrap_or_default();
        // What `script` keeps comes after what the program logs.
        shown = fs::read_to_string(folder.path().join("shown")).unwrap_or_default();
        if said.contains("listening") && shown.contains("gwk_") {
            break;
        }
    }
    // A terminal that goes away is a hangup to the program, which does not end of it.
    let id = fs::read_to_string(folder.path().join("id")).unwrap();
    assert!(Command::new("sh").args(["-c", &format!("kill {id}")]).status().unwrap().success());
    terminal.wait().unwrap();
    let key = shown.split_whitespace().find(|word| word.starts_with("gwk_")).expect(&shown);
    assert!(said.contains("listening") && !said.contains("gwk_"), "{said}");
    assert!(!folder.path().join("gatewood.db.root-key").exists());
    let second = Running::start(&mut serve(folder.path()));
    second.with_key(key).get("/v1/whoami").send().await.expect(200);
}

// The preset root key.

#[test]
fn a_preset_root_key_that_is_malformed_or_empty_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let key = fresh_key();
    let (short, typo) = (&key[..80], format!("{}{}", &key[..109], if key.ends_with('0') { '1' } else { '0' }));
    fs::write(folder.path().join("empty"), "\n").unwrap();
    for (variable, value) in [
        ("GATEWOOD_ROOT_API_KEY", ""),
        ("GATEWOOD_ROOT_API_KEY", "  "),
        ("GATEWOOD_ROOT_API_KEY", "hunter2"),
        ("GATEWOOD_ROOT_API_KEY", short),
        ("GATEWOOD_ROOT_API_KEY", &typo),
        ("GATEWOOD_ROOT_API_KEY_FILE", "empty"),
        ("GATEWOOD_ROOT_API_KEY_FILE", "not-there"),
    ] {
        let complaint = run(serve(folder.path()).env(variable, value)).refused();
        assert!(complaint.contains(variable), "{complaint}");
        assert!(value.trim().is_empty() || value.len() < 10 || !complaint.contains(value), "{complaint}");
        assert_eq!(files_in(folder.path()), ["empty"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_root_key_is_added_once_and_stays_revoked_once_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (fresh_key(), fresh_key());
    let start = |key: &str| Running::start(serve(folder.path()).env("GATEWOOD_ROOT_API_KEY", key));
    let added = |log: &str| -> Vec<String> {
        let log = lines(log);
        let added = log.iter().filter(|line| line["message"] == "added the preset root API key");
        added.map(|line| line["api_key.id"].as_str().unwrap().to_owned()).collect()
    };
    let server = start(&one);
    server.with_key(&one).get("/v1/whoami").send().await.expect(200);
    assert_eq!(added(&server.stop()), [id_of(&one)]);
    assert!(!folder.path().join("gatewood.db.root-key").exists());
    let server = start(&one);
    server.with_key(&one).get("/v1/whoami").send().await.expect(200);
    assert_eq!(added(&server.stop()), Vec::<String>::new());
    let server = start(&two);
    server.with_key(&one).get("/v1/whoami").send().await.expect(200);
    server.with_key(&two).delete(&format!("/v1/api-keys/{}", id_of(&one))).send().await.expect(204);
    assert_eq!(added(&server.stop()), [id_of(&two)]);
    let server = start(&one);
    server.with_key(&one).get("/v1/whoami").send().await.expect(401);
    server.with_key(&two).get("/v1/whoami").send().await.expect(200);
    let log = server.stop();
    assert!(log.contains("was revoked, and stays so") && log.contains(&id_of(&one)), "{log}");
    assert!(!log.contains(&one) && !log.contains(&two));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_root_key_with_the_id_of_another_one_gives_no_right() {
    let folder = tempfile::tempdir().unwrap();
    let one = fresh_key();
    drop(Running::start(serve(folder.path()).env("GATEWOOD_ROOT_API_KEY", &one)));
    let body = format!("{}_{}", &one[..36], "0".repeat(64));
    let forged = format!("{body}_{:08x}", crc32(body.as_bytes()));
    let server = Running::start(serve(folder.path()).env("GATEWOOD_ROOT_API_KEY", &forged));
    server.with_key(&forged).get("/v1/whoami").send().await.expect(401);
    server.with_key(&one).get("/v1/whoami").send().await.expect(200);
    let log = server.stop();
    assert!(log.contains("was rotated") && log.contains(&id_of(&one)), "{log}");
    assert!(!log.contains(&forged) && !log.contains(&one));
}

/// The checksum at a key's end (CRC-32 as of Ethernet), written out: the tests do not trust the code's own.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

// Making keys.

#[test]
fn keys_generate_prints_one_key_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Not even a configuration that is no good keeps it from its work.
    let ended = run(gatewood(folder.path(), &["keys", "generate"]).env("GATEWOOD_DATABASE_URL", "nonsense"));
    assert_eq!(ended.stderr, "");
    let printed = ended.succeeded();
    let key = printed.strip_suffix('\n').unwrap();
    assert_eq!(key.len(), 110);
    let (body, checksum) = key.rsplit_once('_').unwrap();
    assert_eq!(checksum, format!("{:08x}", crc32(body.as_bytes())));
    assert!(gatewood::domain::KeyMaterial::parse(key).is_some());
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
    assert_ne!(fresh_key(), key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_root_key_is_replaced_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = run(&mut gatewood(folder.path(), &["keys", "create", "--root"])).refused();
    assert!(nowhere.contains("gatewood.db") && files_in(folder.path()).is_empty(), "{nowhere}");
    let without = run(&mut gatewood(folder.path(), &["keys", "create"]));
    assert_eq!(without.code, Some(2));
    let server = Running::start(&mut serve(folder.path()));
    let printed = run(&mut gatewood(folder.path(), &["keys", "create", "--root"])).succeeded();
    let key = printed.strip_suffix('\n').unwrap();
    let me = server.with_key(key).get("/v1/whoami").send().await.expect(200);
    assert_eq!(me.text_at("id"), id_of(key));
    server.with_key(key).get("/v1/tenants").send().await.expect(200);
}

// The keys that seal.

#[test]
fn postgres_is_not_used_without_an_encryption_key() {
    let database = TestDatabase::new(Backend::Postgres);
    let complaint = run(serve(database.folder.path()).env("GATEWOOD_DATABASE_URL", &database.url)).refused();
    assert!(complaint.contains("GATEWOOD_ENCRYPTION_KEY") && complaint.contains("openssl rand"), "{complaint}");
    let mut raw = database.raw();
    assert_eq!(raw.number("SELECT CAST(count(*) AS TEXT) AS value FROM api_keys"), 0, "a root key was made and lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_rows_without_their_key_keep_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = fresh_key();
    let server = Running::start(serve(folder.path()).env("GATEWOOD_ROOT_API_KEY", &key));
    let tenant = seal_something(&server, &key, "hunter2").await;
    server.stop();
    fs::rename(path("gatewood.db.encryption-key"), path("away")).unwrap();
    let complaint = run(&mut serve(folder.path())).refused();
    assert!(complaint.contains("gatewood.db.encryption-key is gone"), "{complaint}");
    assert!(!path("gatewood.db.encryption-key").exists(), "a new key was made");
    let complaint = run(serve(folder.path()).env("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY)).refused();
    let sealed_under = Raw::Sqlite(diesel::Connection::establish(path("gatewood.db").to_str().unwrap()).unwrap())
        .texts("SELECT secret_key_id AS value FROM oidc_configs");
    assert!(complaint.contains(&format!("`{}`", sealed_under[0])), "{complaint}");
    fs::write(path("gatewood.db.encryption-key"), "hunter2").unwrap();
    let complaint = run(&mut serve(folder.path())).refused();
    assert!(complaint.contains("gatewood.db.encryption-key") && !complaint.contains("hunter2"), "{complaint}");
    fs::remove_file(path("gatewood.db.encryption-key")).unwrap();
    let server = Running::start(serve(folder.path()).env("GATEWOOD_ENCRYPTION_KEY_FILE", path("away")));
    server.with_key(&key).about(&tenant).get("/v1/oidc-config").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reseal_moves_every_row_on_sqlite() {
    reseal_moves_every_row(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reseal_moves_every_row_on_postgres() {
    reseal_moves_every_row(Backend::Postgres).await;
}

async fn reseal_moves_every_row(backend: Backend) {
    let database = TestDatabase::new(backend);
    let folder = database.folder.path();
    let key = fresh_key();
    let start = |keys: &str| {
        let mut command = serve(folder);
        command.env("GATEWOOD_DATABASE_URL", &database.url).env("GATEWOOD_ROOT_API_KEY", &key);
        command.env("GATEWOOD_ENCRYPTION_KEY", keys);
        command
    };
    let reseal = |keys: &str| {
        let mut command = gatewood(folder, &["secrets", "reseal", "--database-url", &database.url]);
        run(command.env("GATEWOOD_ENCRYPTION_KEY", keys))
    };
    let both = format!("{OTHER_KEY},{ENCRYPTION_KEY}");
    let server = Running::start(&mut start(ENCRYPTION_KEY));
    let mut tenants = Vec::new();
    for n in 0..3 {
        tenants.push(seal_something(&server, &key, &format!("hunter{n}")).await);
    }
    server.stop();
    let complaint = reseal(OTHER_KEY).refused();
    assert!(complaint.contains("`test`"), "{complaint}");
    // One row is another tenant's: it does not open, is named, and holds nothing else up.
    let mut raw = database.raw();
    let swap = |raw: &mut Raw, from: &str, to: &str| {
        raw.execute(&format!("UPDATE oidc_configs SET tenant_id = '{to}' WHERE tenant_id = '{from}'"));
    };
    let spare = "00000000-0000-4000-8000-000000000000";
    raw.execute(&format!("INSERT INTO tenants SELECT '{spare}', 'spare', created_at, updated_at FROM tenants LIMIT 1"));
    swap(&mut raw, &tenants[0], spare);
    let server = Running::start(&mut start(&both));
    let ended = reseal(&both);
    assert!(ended.stdout.contains("sealed 2 anew under `other`, 0 were"), "{ended:#?}");
    let complaint = ended.refused();
    assert!(complaint.contains("does not open") && complaint.contains("1 could not be opened"), "{complaint}");
    swap(&mut raw, spare, &tenants[0]);
    let printed = reseal(&both).succeeded();
    assert!(printed.contains("sealed 1 anew under `other`, 2 were"), "{printed}");
    assert_eq!(raw.texts("SELECT DISTINCT secret_key_id AS value FROM oidc_configs"), ["other"]);
    server.stop();
    let complaint = run(&mut start(ENCRYPTION_KEY)).refused();
    assert!(complaint.contains("`other`"), "{complaint}");
    let server = Running::start(&mut start(OTHER_KEY));
    for tenant in &tenants {
        server.with_key(&key).about(tenant).get("/v1/oidc-config").send().await.expect(200);
    }
}

// The layers, and what each key does.

#[test]
fn every_layer_overrides_the_one_below_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "listen = '127.0.0.1:2'\n[server]\nbody_timeout = '2s'\n").unwrap();
    let shown = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = gatewood(folder.path(), &["config"]);
        run(command.args(arguments).envs(variables.iter().copied())).succeeded()
    };
    let file = ["--config", "a.toml"];
    let variable = [("GATEWOOD_LISTEN", "127.0.0.1:3"), ("GATEWOOD_SERVER_BODY_TIMEOUT", "3s")];
    let has =
        |shown: String, expected: &str| assert!(shown.lines().any(|line| line == expected), "{expected}\n{shown}");
    has(shown(&[], &[]), "listen = \"127.0.0.1:8080\" # default");
    has(shown(&file, &[]), "listen = \"127.0.0.1:2\" # from the file a.toml");
    has(shown(&[], &[("GATEWOOD_CONFIG", "a.toml")]), "listen = \"127.0.0.1:2\" # from the file a.toml");
    has(shown(&file, &variable), "listen = \"127.0.0.1:3\" # from the environment variable GATEWOOD_LISTEN");
    let flag = ["--config", "a.toml", "--listen", "127.0.0.1:4"];
    has(shown(&flag, &variable), "listen = \"127.0.0.1:4\" # from the flag --listen");
    has(shown(&file, &[]), "body_timeout = \"2s\" # from the file a.toml");
    has(shown(&file, &variable), "body_timeout = \"3s\" # from the environment variable GATEWOOD_SERVER_BODY_TIMEOUT");
}

#[test]
fn config_prints_every_key_without_secrets_in_a_form_that_can_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = fresh_key();
    let variables = [
        ("GATEWOOD_ROOT_API_KEY", key.as_str()),
        ("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("GATEWOOD_DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/gw?password=hunter2"),
    ];
    let shown = config_with(&variables).succeeded();
    for secret in ["hunter2", key.as_str(), &key[40..], "BwcHBwcH"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for key in KEYS {
        assert!(shown.contains(key.name.rsplit('.').next().unwrap()), "{}", key.name);
    }
    assert!(shown.contains("# root_api_key is set, from the environment variable GATEWOOD_ROOT_API_KEY"), "{shown}");
    fs::write(folder.path().join("again.toml"), &shown).unwrap();
    let again = run(&mut gatewood(folder.path(), &["config", "--config", "again.toml"])).succeeded();
    assert!(again.contains("listen = \"127.0.0.1:8080\" # from the file again.toml"), "{again}");
    assert_eq!(files_in(folder.path()), ["again.toml"], "looking at the configuration makes nothing");
}

/// One folder, a server in it with some variables, and what comes of it.
struct Effect(TempDir);

impl Effect {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn start(&self, variables: &[(&str, &str)]) -> Running {
        Running::start(serve(self.path()).envs(variables.iter().copied()))
    }

    fn key(&self) -> String {
        fs::read_to_string(self.path().join("gatewood.db.root-key")).unwrap().trim().to_owned()
    }
}

/// Every key of the configuration, with the test that sees what it does.
const COVERAGE: &[(&str, &str)] = &[
    ("listen", "listen_says_where"),
    ("grpc_listen", "grpc_listen_says_where"),
    ("database_url", "database_url_says_where_the_file_is"),
    ("policies", "weaker_policies_do_not_come_back_when_the_folder_is_gone"),
    ("schema", "a_broken_policy_or_schema_is_an_error_with_its_place_and_costs_no_root_key"),
    ("control_policies", "weaker_policies_do_not_come_back_when_the_folder_is_gone"),
    ("root_api_key", "a_preset_root_key_is_added_once_and_stays_revoked_once_it_is"),
    ("root_api_key_file", "the_root_key_may_stand_in_a_file"),
    ("encryption_key", "reseal_moves_every_row"),
    ("encryption_key_file", "sealed_rows_without_their_key_keep_the_server_from_starting"),
    ("issuers", "the_issuers_of_a_file_and_of_the_environment_are_the_same"),
    ("database.connections", "there_are_never_more_connections_than_configured"),
    ("database.wait", "database_wait_says_when_a_busy_database_is_given_up"),
    ("server.workers", "there_are_as_many_workers_as_configured"),
    ("server.body_timeout", "body_timeout_says_when_a_slow_body_is_given_up"),
    ("server.drain_timeout", "drain_timeout_bounds_the_end"),
    ("server.public_url", "metadata_has_the_configured_url_and_never_that_of_the_request"),
    ("server.trusted_proxies", "forwarded_addresses_count_from_trusted_proxies_only"),
    ("server.cors_origins", "a_page_reads_successes_and_errors_alike"),
    ("tls.cert", "https_works_over_both_versions_of_http_and_of_tls"),
    ("tls.key", "https_works_over_both_versions_of_http_and_of_tls"),
    ("tls.client_ca", "with_a_client_authority_only_its_clients_are_let_in"),
    ("oidc.allowed_networks", "a_network_that_is_open_for_the_instance_is_closed_for_tenants_and_the_other_way_round"),
    ("oidc.tenant_allowed_networks", "the_configuration_says_how_long_whom_and_where"),
    ("oidc.ca_certificates", "the_configuration_says_how_long_whom_and_where"),
    ("oidc.timeout", "the_configuration_says_how_long_whom_and_where"),
    ("oidc.keys_fresh_for", "how_long_keys_count_and_issuers_are_left_alone_is_configured"),
    ("oidc.keys_cooldown", "how_long_keys_count_and_issuers_are_left_alone_is_configured"),
    ("oidc.keys_stale_bound", "how_long_keys_count_and_issuers_are_left_alone_is_configured"),
    ("oidc.clock_skew", "the_skew_is_what_the_configuration_says"),
    ("oidc.tenant_roles_claim", "the_claims_of_tenants_issuers_are_those_of_the_configuration"),
    ("oidc.tenant_groups_claim", "the_claims_of_tenants_issuers_are_those_of_the_configuration"),
    ("decision.default_store", "a_request_names_the_store_where_there_are_several_and_no_default"),
    ("decision_log.sink", "it_goes_to_standard_output_where_there_is_no_file_or_when_it_is_told_to"),
    ("decision_log.path", "what_was_spilled_is_brought_back_by_the_next_start"),
    ("decision_log.overflow", "under_block_nothing_is_decided_that_cannot_be_recorded"),
    ("decision_log.queue", "under_block_nothing_is_decided_that_cannot_be_recorded"),
    ("decision_log.rotate_size", "a_file_is_rotated_by_size_and_by_age_and_old_ones_are_removed"),
    ("decision_log.rotate_after", "a_file_is_rotated_by_size_and_by_age_and_old_ones_are_removed"),
    ("decision_log.keep", "a_file_is_rotated_by_size_and_by_age_and_old_ones_are_removed"),
    ("decision_log.spill_size", "no_more_is_spilled_than_configured"),
    ("decision_log.mask", "masked_paths_are_not_shown"),
    ("tracing.otlp_endpoint", "a_request_is_a_span_below_its_callers_and_its_decision_one_below_that"),
    ("tracing.sample_ratio", "of_traces_that_begin_here_a_part_is_exported_and_of_others_what_their_callers_want"),
    ("tracing.service_name", "a_request_is_a_span_below_its_callers_and_its_decision_one_below_that"),
    ("log.format", "log_lines_look_and_are_as_configured"),
    ("log.level", "log_lines_look_and_are_as_configured"),
];

#[test]
fn every_key_of_the_configuration_has_a_test_that_sees_its_effect() {
    let covered: Vec<&str> = COVERAGE.iter().map(|(key, _)| *key).collect();
    let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(covered, known, "add a test that sees the key's effect, and name it in COVERAGE");
    let source = [
        include_str!("authzen/mod.rs"),
        include_str!("cli.rs"),
        include_str!("cors.rs"),
        include_str!("decisions.rs"),
        include_str!("decision_log.rs"),
        include_str!("issuers.rs"),
        include_str!("jwt/instance.rs"),
        include_str!("jwt/tenants.rs"),
        include_str!("oidc_check.rs"),
        include_str!("tls.rs"),
        include_str!("traces.rs"),
    ]
    .concat();
    for (key, test) in COVERAGE {
        assert!(source.contains(&format!("fn {test}(")), "the test {test} of `{key}` is not there");
    }
}

#[test]
fn listen_says_where() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut command = gatewood(effect.path(), &["serve"]);
    let server = Running::start(command.env("GATEWOOD_LISTEN", "127.0.0.2:0"));
    assert!(server.base.starts_with("http://127.0.0.2:"), "{}", server.base);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[test]
fn grpc_listen_says_where() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut command = gatewood(effect.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let server = Running::start(command.env("GATEWOOD_GRPC_LISTEN", "127.0.0.3:0"));
    let log = server.log();
    let said = lines(&log).into_iter().find_map(|line| line["grpc_listen"].as_str().map(str::to_owned)).unwrap();
    let address = said.strip_prefix("http://").unwrap();
    assert!(address.starts_with("127.0.0.3:"), "{said}");
    std::net::TcpStream::connect(address).unwrap();
}

#[test]
fn listening_beyond_this_machine_is_warned_about() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut command = gatewood(effect.path(), &["serve", "--listen", "0.0.0.0:0"]);
    let log = Running::start(command.env("GATEWOOD_LOG_LEVEL", "warn")).stop();
    assert_eq!(lines(&log).len(), 1, "{log}");
    assert!(log.contains("clear text"), "{log}");
}

#[test]
fn database_url_says_where_the_file_is() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let url = format!("sqlite://{}/elsewhere.db", effect.path().display());
    drop(effect.start(&[("GATEWOOD_DATABASE_URL", &url)]));
    drop(Running::start(
        gatewood(effect.path(), &["serve", "--listen", "127.0.0.1:0"]).args(["--database-url", "sqlite://relative.db"]),
    ));
    let files = files_in(effect.path());
    for name in ["elsewhere.db", "elsewhere.db.root-key", "relative.db", "relative.db.encryption-key"] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    assert!(!files.iter().any(|file| file.starts_with("gatewood.db")), "{files:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_key_may_stand_in_a_file() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let key = fresh_key();
    fs::write(effect.path().join("key"), format!("{key}\n")).unwrap();
    let server = effect.start(&[("GATEWOOD_ROOT_API_KEY_FILE", "key")]);
    server.with_key(&key).get("/v1/whoami").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_configured() {
    // One more is kept apart from the requests.
    for (connections, at_least, at_most) in [("1", 2, 2), ("3", 3, 4)] {
        let database = TestDatabase::new(Backend::Postgres);
        let key = fresh_key();
        let server = Running::start(serve(database.folder.path()).envs([
            ("GATEWOOD_DATABASE_URL", database.url.as_str()),
            ("GATEWOOD_ENCRYPTION_KEY", ENCRYPTION_KEY),
            ("GATEWOOD_ROOT_API_KEY", &key),
            ("GATEWOOD_DATABASE_CONNECTIONS", connections),
        ]));
        let root = server.with_key(&key);
        let requests: Vec<_> = (0..40).map(|_| tokio::spawn(root.get("/v1/tenants").send())).collect();
        for request in requests {
            request.await.unwrap().expect(200);
        }
        let count = database.raw().number(
            "SELECT count(*)::text AS value FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        assert!((at_least..=at_most).contains(&count), "{connections}: {count}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_wait_says_when_a_busy_database_is_given_up() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let server = effect.start(&[("GATEWOOD_DATABASE_WAIT", "100ms")]);
    let root = server.with_key(&effect.key());
    let path = effect.path().join("gatewood.db");
    let mut raw = Raw::Sqlite(diesel::Connection::establish(path.to_str().unwrap()).unwrap());
    raw.execute("BEGIN EXCLUSIVE");
    let body = json!({ "name": "x" });
    let first = tokio::spawn(root.post("/v1/tenants").json(&body).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    root.post("/v1/tenants").json(&body).send().await.expect(503);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    first.await.unwrap().expect(503);
}

#[test]
fn there_are_as_many_workers_as_configured() {
    let workers = |workers: &str| {
        let effect = Effect(tempfile::tempdir().unwrap());
        let server = effect.start(&[("GATEWOOD_SERVER_WORKERS", workers)]);
        std::thread::sleep(Duration::from_millis(200));
        let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
        let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).unwrap());
        names.filter(|name| name.starts_with("actix-server wo")).count()
    };
    assert_eq!((workers("5"), workers("2")), (5, 2));
    assert!(workers("0") >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn body_timeout_says_when_a_slow_body_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let effect = Effect(tempfile::tempdir().unwrap());
    let server = effect.start(&[("GATEWOOD_SERVER_BODY_TIMEOUT", "200ms")]);
    let mut stream = tokio::net::TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/tenants HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{{\"name\"",
        effect.key()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let began = std::time::Instant::now();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_timeout_bounds_the_end() {
    use tokio::io::AsyncWriteExt;
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut server = effect.start(&[("GATEWOOD_SERVER_DRAIN_TIMEOUT", "1s")]);
    let mut stream = tokio::net::TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/tenants HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{{",
        effect.key()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM");
    assert!(server.wait(Duration::from_millis(500)).is_none(), "the request was not waited for:\n{}", server.log());
    let status = server.wait(Duration::from_secs(4)).expect("the bound was not kept");
    assert!(status.success(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarded_addresses_count_from_trusted_proxies_only() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let policies = own_policies(effect.path());
    let policy = "@id(\"not-from-there\")\n@code(\"not_from_there\")\nforbid (principal, action, resource)\n\
                  when { context.request.ip == ip(\"203.0.113.7\") };\n";
    fs::write(policies.join("gatewood/mine.cedar"), policy).unwrap();
    for (trusted, status) in [("", 200), ("127.0.0.0/8", 403), ("192.0.2.1, ::1", 200)] {
        let server = effect.start(&[("GATEWOOD_POLICIES", "mine"), ("GATEWOOD_SERVER_TRUSTED_PROXIES", trusted)]);
        let root = server.with_key(&effect.key());
        let answer = root.get("/v1/whoami").header("x-forwarded-for", "198.51.100.1, 203.0.113.7").send().await;
        answer.expect(status);
    }
}

#[test]
fn log_lines_look_and_are_as_configured() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let log = effect.start(&[]).stop();
    assert!(lines(&log).iter().all(|line| line["level"] == "INFO"), "{log}");
    assert_eq!(lines(&effect.start(&[("GATEWOOD_LOG_FORMAT", "json")]).stop()).last().unwrap()["level"], "INFO");
    let log = effect.start(&[("GATEWOOD_LOG_FORMAT", "human")]).stop();
    assert!(log.lines().all(|line| line.contains(" INFO ") && !line.starts_with('{')), "{log}");
    let log = effect.start(&[("GATEWOOD_LOG_LEVEL", "trace")]).stop();
    assert!(lines(&log).iter().any(|line| line["level"] == "TRACE"), "{log}");
}

#[test]
fn a_hangup_is_heard_and_does_not_end_the_server() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut server = effect.start(&[]);
    server.signal("HUP");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !server.log().contains("asked to load the policies again") {
        assert!(server.wait(Duration::from_millis(20)).is_none(), "it ended:\n{}", server.log());
        assert!(std::time::Instant::now() < deadline, "it was not heard:\n{}", server.log());
    }
    server.stop();
}

#[tokio::test]
async fn policies_that_become_unreadable_leave_what_was_in_force() {
    let (effect, stores, key) = (Effect(tempfile::tempdir().unwrap()), StoreFolder::shop(""), fresh_key());
    let mut command = without_roots_power_over_files(&serve(effect.path()));
    command.env("GATEWOOD_POLICIES", stores.root()).env("GATEWOOD_ROOT_API_KEY", &key);
    let server = Running::start(&mut command);
    let root = server.with_key(&key);
    let before = root.get("/v1/stores/shop").send().await.expect(200).json();
    let question = json!({ "principal": "User::\"eve\"", "action": "Action::\"see\"", "resource": "Item::\"hat\"" });
    let allow = |path: &str, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (name, usual) in [("shop", 0o755), ("shop/shop.cedar", 0o644), ("shop/schema.cedarschema", 0o644), ("", 0o755)]
    {
        let path = stores.path(name).display().to_string();
        allow(&path, 0o000);
        let reload = root.post("/v1/stores/shop/reload").send().await.expect(200).json();
        assert_eq!(reload["outcome"], "failed", "{name}: {reload:#}");
        let now = root.get("/v1/stores/shop").send().await.expect(200).json();
        assert_eq!((&now["health"], &now["revision"]), (&json!("failed"), &before["revision"]), "{name}");
        let said = now["error"]["findings"][0].to_string();
        assert!(said.contains("Permission denied") || said.contains("gone"), "{name}: {said}");
        let answer = root.post("/v1/is-authorized").json(&question).send().await.expect(200).json();
        assert_eq!((&answer["decision"], &answer["revision"]), (&json!("allow"), &before["revision"]), "{name}");
        allow(&path, usual);
        root.post("/v1/stores/shop/reload").send().await.expect(200);
        let mended = root.get("/v1/stores/shop").send().await.expect(200).json();
        assert_eq!((&mended["health"], &mended["revision"]), (&json!("ok"), &before["revision"]), "{name}");
    }
    server.stop();
}

#[tokio::test]
async fn a_log_that_nobody_reads_any_more_fails_no_request() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = serve(folder.path()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let base = loop {
        let line: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        if let (Some(base), "listening") = (line["listen"].as_str(), line["message"].as_str().unwrap()) {
            break base.to_owned();
        }
    };
    drop(log);
    for _ in 0..5 {
        // The first lines may be gathered still, and are written by then.
        tokio::time::sleep(Duration::from_millis(30)).await;
        for (path, status) in [("/healthz", 200), ("/v1/whoami", 401)] {
            assert_eq!(reqwest::get(format!("{base}{path}")).await.unwrap().status(), status, "{path}");
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
