//! The preset root key, and making keys.

use std::fs;

use super::{files_in, fresh_key, id_of, lines, serve};
use crate::support::{Running, gatewood, run};

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
