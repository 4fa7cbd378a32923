//! The command line, through the real program.

mod configuration;
mod encryption;
mod first_start;
mod keys;
mod refusals;
mod running;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, Running, gatewood, run};

pub(super) const OTHER_KEY: &str = "other:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// A server on any port, with a database in the folder.
pub(super) fn serve(folder: &Path) -> Command {
    let mut command = gatewood(folder, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("GATEWOOD_SERVER_WORKERS", "1");
    command
}

pub(super) fn fresh_key() -> String {
    let folder = tempfile::tempdir().unwrap();
    run(&mut gatewood(folder.path(), &["keys", "generate"])).succeeded().trim().to_owned()
}

/// `gatewood config` with these variables.
pub(super) fn config_with(variables: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    run(gatewood(folder.path(), &["config"]).envs(variables.iter().copied()))
}

pub(super) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(super) fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The log's lines as JSON.
pub(super) fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The public id in a key's text, in the form that it has everywhere else.
pub(super) fn id_of(key: &str) -> String {
    uuid::Uuid::try_parse(&key[4..36]).unwrap().as_hyphenated().to_string()
}

pub(super) fn oidc_config(secret: &str) -> Value {
    json!({ "issuer_url": "https://login.example.com/", "client_id": "client", "client_secret": secret })
}

/// Makes a tenant with a configuration; gives the tenant's id.
pub(super) async fn seal_something(server: &Running, key: &str, secret: &str) -> String {
    let root = server.with_key(key);
    let body = json!({ "name": format!("tenant of {secret}") });
    let tenant = root.post("/v1/tenants").json(&body).send().await.expect(201).text_at("id");
    root.about(&tenant).put("/v1/oidc-config").json(&oidc_config(secret)).send().await.expect(200);
    tenant
}

/// One folder, a server in it with some variables, and what comes of it.
pub(super) struct Effect(pub(super) TempDir);

impl Effect {
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn start(&self, variables: &[(&str, &str)]) -> Running {
        Running::start(serve(self.path()).envs(variables.iter().copied()))
    }

    pub(super) fn key(&self) -> String {
        fs::read_to_string(self.path().join("gatewood.db.root-key")).unwrap().trim().to_owned()
    }
}

/// The shipped policies, in a folder of their own: `mine/gatewood`.
pub(super) fn own_policies(folder: &Path) -> PathBuf {
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/gatewood"), folder.join("mine"));
    fs::create_dir_all(to.join("gatewood")).unwrap();
    for name in files_in(&from) {
        fs::copy(from.join(&name), to.join("gatewood").join(&name)).unwrap();
    }
    to
}
