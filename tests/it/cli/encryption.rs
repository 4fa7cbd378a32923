//! The keys that seal.

use std::fs;

use super::{OTHER_KEY, fresh_key, seal_something, serve};
use crate::support::{Backend, ENCRYPTION_KEY, Raw, Running, TestDatabase, gatewood, run};

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
