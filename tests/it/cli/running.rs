//! What happens to a server that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Effect, fresh_key, serve};
use crate::support::{Running, StoreFolder, without_roots_power_over_files};

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
