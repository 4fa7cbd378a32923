//! The layers of the configuration, and what each key does.

use std::fs;
use std::time::Duration;

use gatewood::config::keys::KEYS;
use serde_json::json;

use super::{Effect, config_with, files_in, fresh_key, lines, own_policies, serve};
use crate::support::{Backend, ENCRYPTION_KEY, Raw, Running, TestDatabase, gatewood, run};

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
        include_str!("../authzen/mod.rs"),
        include_str!("configuration.rs"),
        include_str!("encryption.rs"),
        include_str!("keys.rs"),
        include_str!("refusals.rs"),
        include_str!("../cors.rs"),
        include_str!("../decisions.rs"),
        include_str!("../decision_log.rs"),
        include_str!("../issuers.rs"),
        include_str!("../jwt/instance.rs"),
        include_str!("../jwt/tenants.rs"),
        include_str!("../oidc_check.rs"),
        include_str!("../tls.rs"),
        include_str!("../traces.rs"),
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
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        assert!((at_least..=at_most).contains(&count), "{connections}: {count}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_wait_says_when_a_busy_database_is_given_up() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let server = effect.start(&[("GATEWOOD_DATABASE_WAIT", "1s")]);
    let root = server.with_key(&effect.key());
    let path = effect.path().join("gatewood.db");
    let mut raw = Raw::Sqlite(diesel::Connection::establish(path.to_str().unwrap()).unwrap());
    raw.execute("BEGIN EXCLUSIVE");
    let body = json!({ "name": "x" });
    let first = tokio::spawn(root.post("/v1/tenants").json(&body).send());
    root.until_somebody_writes().await;
    root.post("/v1/tenants").json(&body).send().await.expect(503);
    // SQLite waits two seconds for a lock, so who waited for the first one would have come after it.
    assert!(!first.is_finished());
    first.await.unwrap().expect(503);
}

#[test]
fn there_are_as_many_workers_as_configured() {
    let workers = |workers: &str, at_least: usize| {
        let effect = Effect(tempfile::tempdir().unwrap());
        let server = effect.start(&[("GATEWOOD_SERVER_WORKERS", workers)]);
        let count = || {
            let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
            let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).unwrap());
            names.filter(|name| name.starts_with("actix-server wo")).count()
        };
        // They are started when it listens already, and there must not come more later.
        let began = std::time::Instant::now();
        while count() < at_least && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(200));
        count()
    };
    assert_eq!((workers("5", 5), workers("2", 2)), (5, 2));
    assert!(workers("0", 1) >= 1);
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
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_timeout_bounds_the_end() {
    let effect = Effect(tempfile::tempdir().unwrap());
    let mut server = effect.start(&[("GATEWOOD_SERVER_DRAIN_TIMEOUT", "1s")]);
    let (_stream, _rest) = server.unfinished_request(&effect.key()).await;
    server.signal("TERM");
    assert!(server.wait(Duration::from_millis(500)).is_none(), "the request was not waited for:\n{}", server.log());
    let status = server.wait(Duration::from_secs(10)).expect("the bound was not kept");
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
