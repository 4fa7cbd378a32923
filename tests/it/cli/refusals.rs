//! What is refused before anything is made.

use std::fs;
use std::path::Path;

use gatewood::config::keys::KEYS;

use super::{config_with, files_in, fresh_key, own_policies, serve};
use crate::support::{ENCRYPTION_KEY, Running, gatewood, run};

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
    // It said so for itself alone.
    let complaint = run(serve(folder.path()).args(mine)).refused();
    assert!(complaint.contains("--control-policies embedded"), "{complaint}");
    fs::rename(folder.path().join("away"), policies.join("gatewood")).unwrap();
    drop(Running::start(serve(folder.path()).args(mine)));
}
