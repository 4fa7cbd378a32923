//! The first start and the next.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{lines, mode, seal_something, serve};
use crate::support::{Running, without_configuration};

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
    for _ in 0..2000 {
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
