//! TLS, as clients see it, and what becomes of it when its files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use reqwest::Version;
use reqwest::tls::TlsInfo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{
    Authority, Backend, Issued, Running, TestServer, Tweaks, eventually, framed, gatewood, of_headers, run,
};

/// How long a change may take to be seen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with TLS from `cert.pem` and `key.pem` in its folder, and `client-ca.pem` where it is there.
fn serve(folder: &Path) -> Command {
    let mut command = gatewood(folder, &["serve"]);
    command.env("GATEWOOD_LISTEN", "127.0.0.1:0").env("GATEWOOD_SERVER_WORKERS", "1");
    command.env("GATEWOOD_TLS_CERT", "cert.pem").env("GATEWOOD_TLS_KEY", "key.pem");
    if folder.join("client-ca.pem").exists() {
        command.env("GATEWOOD_TLS_CLIENT_CA", "client-ca.pem");
    }
    command
}

async fn start(files: &Path, client_ca: Option<&Path>) -> TestServer {
    let mut flags = vec![
        ("tls.cert", files.join("cert.pem").display().to_string()),
        ("tls.key", files.join("key.pem").display().to_string()),
    ];
    flags.extend(client_ca.map(|path| ("tls.client_ca", path.display().to_string())));
    TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await
}

/// A server with a fresh certificate, which wants client certificates of `clients` where there is one.
async fn server(clients: Option<&Authority>) -> (TestServer, Authority, TempDir) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.server().write(folder.path());
    let client_ca = clients.map(|clients| written(&folder.path().join("client-ca.pem"), &clients.pem()));
    let app = start(folder.path(), client_ca.as_deref()).await;
    (app, authority, folder)
}

fn written(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).unwrap();
    path.to_path_buf()
}

/// Asks on a connection of its own; gives the status and the certificate that the server showed.
async fn ask(base: &str, authority: &Authority, shown: Option<&Issued>) -> reqwest::Result<(u16, Vec<u8>)> {
    let client = authority.reqwest(shown).build().unwrap();
    let answer = client.get(format!("{base}/healthz")).send().await?;
    let info: &TlsInfo = answer.extensions().get().unwrap();
    Ok((answer.status().as_u16(), info.peer_certificate().unwrap().to_vec()))
}

// How clients connect.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_works_over_both_versions_of_http_and_of_tls() {
    use reqwest::tls::Version as Tls;
    let (app, authority, _folder) = server(None).await;
    assert!(app.base.starts_with("https://127.0.0.1:"), "{}", app.base);
    let whoami = format!("{}/v1/whoami", app.base);
    for tls in [Tls::TLS_1_2, Tls::TLS_1_3] {
        let only = || authority.reqwest(None).tls_version_min(tls).tls_version_max(tls);
        for (client, version) in [(only(), Version::HTTP_2), (only().http1_only(), Version::HTTP_11)] {
            let request = client.build().unwrap().get(&whoami).header("x-api-key", &app.root_key);
            let answer = request.send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        }
    }
}

/// Reads the OIDC settings over gRPC; gives the status.
async fn ask_grpc(app: &TestServer, authority: &Authority, shown: Option<&Issued>) -> reqwest::Result<i32> {
    let client = authority.reqwest(shown).build().unwrap();
    let url = format!("{}/zitadel.admin.v1.AdminService/GetOIDCSettings", app.grpc_base);
    let request = client.post(url).header("content-type", "application/grpc").header("x-api-key", &app.root_key);
    let answer = request.body(framed(&[])).send().await?;
    assert_eq!(answer.version(), Version::HTTP_2);
    Ok(of_headers(answer.headers()).unwrap().code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grpc_port_speaks_tls_too_and_wants_the_same_certificates() {
    let (app, authority, _folder) = server(None).await;
    assert!(app.grpc_base.starts_with("https://127.0.0.1:"), "{}", app.grpc_base);
    assert_eq!(ask_grpc(&app, &authority, None).await.unwrap(), 5);
    assert!(ask_grpc(&app, &Authority::new(), None).await.is_err());
    let clients = Authority::new();
    let (app, authority, _folder) = server(Some(&clients)).await;
    assert!(ask_grpc(&app, &authority, None).await.is_err());
    assert!(ask_grpc(&app, &authority, Some(&Authority::new().client())).await.is_err());
    assert_eq!(ask_grpc(&app, &authority, Some(&clients.client())).await.unwrap(), 5);
    // Whoever connects and says nothing is let go.
    let mut silent = TcpStream::connect(app.grpc_base.trim_start_matches("https://")).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 1])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_trusts_another_authority_does_not_connect() {
    let (app, authority, _folder) = server(None).await;
    let error = ask(&app.base, &Authority::new(), None).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    ask(&app.base, &authority, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_on_the_port_ends_without_an_answer_and_harms_nobody() {
    let (app, authority, _folder) = server(None).await;
    let address = app.base.strip_prefix("https://").unwrap();
    for sent in ["GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}"] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(sent.as_bytes()).await.unwrap();
        let answer = until_closed(&mut connection).await;
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    }
    assert_eq!(ask(&app.base, &authority, None).await.unwrap().0, 200);
}

/// What comes until the other side ends the connection, in whatever way.
async fn until_closed(connection: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "it stays open");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_nothing_is_not_kept() {
    let (app, authority, _folder) = server(None).await;
    let address = app.base.strip_prefix("https://").unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut connected = Vec::new();
    for protocol in [Some("h2"), Some("http/1.1"), None] {
        let mut config = client(&authority, None, &TLS13);
        config.alpn_protocols = protocol.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        connected.push(connect(address, &Arc::new(config)).await.unwrap());
    }
    until_closed(&mut silent).await;
    for mut connection in connected {
        until_closed(&mut connection).await;
    }
    assert_eq!(ask(&app.base, &authority, None).await.unwrap().0, 200);
}

fn client(authority: &Authority, shown: Option<&Issued>, tls: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[tls]).unwrap();
    let builder = builder.with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![CertificateDer::from(shown.der.clone())], key).unwrap()
        }
    }
}

type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(address: &str, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, TcpStream::connect(address).await?).await
}

/// One request on a connection of its own; gives how the handshake went.
async fn handshake(address: &str, config: &Arc<ClientConfig>) -> std::io::Result<HandshakeKind> {
    let mut connection = connect(address, config).await?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    let read = connection.read_to_end(&mut answer).await;
    if answer.is_empty() {
        return Err(read.err().unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into()));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    Ok(connection.get_ref().1.handshake_kind().unwrap())
}

// Client certificates.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_client_authority_only_its_clients_are_let_in() {
    let clients = Authority::new();
    let (app, authority, _folder) = server(Some(&clients)).await;
    let strangers = Authority::new();
    for shown in [None, Some(strangers.client()), Some(authority.client()), Some(clients.server())] {
        let refused = ask(&app.base, &authority, shown.as_ref()).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    for tls in [&TLS12, &TLS13] {
        let address = app.base.strip_prefix("https://").unwrap();
        assert!(handshake(address, &Arc::new(client(&authority, None, tls))).await.is_err());
        assert!(handshake(address, &Arc::new(client(&authority, Some(&strangers.client()), tls))).await.is_err());
        handshake(address, &Arc::new(client(&authority, Some(&clients.client()), tls))).await.unwrap();
    }
    // The certificate opens the connection. Who is asking is still for the key to say.
    let inside = authority.reqwest(Some(&clients.client())).build().unwrap();
    let whoami = format!("{}/v1/whoami", app.base);
    assert_eq!(inside.get(&whoami).send().await.unwrap().status().as_u16(), 401);
    assert_eq!(inside.get(&whoami).header("x-api-key", &app.root_key).send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_client_authority_sessions_are_resumed() {
    let (app, authority, _folder) = server(None).await;
    let address = app.base.strip_prefix("https://").unwrap();
    for tls in [&TLS12, &TLS13] {
        let config = Arc::new(client(&authority, None, tls));
        handshake(address, &config).await.unwrap();
        assert_eq!(handshake(address, &config).await.unwrap(), HandshakeKind::Resumed, "{tls:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_does_not_outlive_the_authority_that_let_its_client_in() {
    let clients = Authority::new();
    let (app, authority, folder) = server(Some(&clients)).await;
    let address = app.base.strip_prefix("https://").unwrap();
    let known = clients.client();
    let configs = [&TLS12, &TLS13].map(|tls| Arc::new(client(&authority, Some(&known), tls)));
    for config in &configs {
        handshake(address, config).await.unwrap();
        assert_ne!(handshake(address, config).await.unwrap(), HandshakeKind::Resumed);
    }
    let (others, path) = (Authority::new(), folder.path().join("client-ca.pem"));
    written(&path, &others.pem());
    let other = others.client();
    eventually("the other authority's clients are let in", || ask(&app.base, &authority, Some(&other)), Result::is_ok)
        .await
        .unwrap();
    for config in &configs {
        assert!(handshake(address, config).await.is_err());
    }
    // Both at once, as while authorities are changed one for the other.
    written(&path, &format!("{}{}", others.pem(), clients.pem()));
    eventually("both are let in", || handshake(address, &configs[1]), Result::is_ok).await.unwrap();
    ask(&app.base, &authority, Some(&other)).await.unwrap();
}

// Files that change.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_certificate_is_served_without_a_restart_and_said_once() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let old = authority.server();
    old.write(folder.path());
    let server = Running::start(&mut serve(folder.path()));
    assert_eq!(ask(&server.base, &authority, None).await.unwrap(), (200, old.der));
    let new = authority.server_until((2888, 2, 3));
    new.write(folder.path());
    let shown = |answer: &reqwest::Result<(u16, Vec<u8>)>| matches!(answer, Ok((200, der)) if *der == new.der);
    eventually("the new certificate is served", || ask(&server.base, &authority, None), shown).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = server.stop();
    let loaded: Vec<&str> = log.lines().filter(|line| line.contains("loaded the changed TLS files")).collect();
    assert!(loaded.len() == 1 && loaded[0].contains("2888-02-03T00:00:00"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_link_is_followed_as_kubernetes_replaces_it() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let inside = |name: &str| folder.path().join(name);
    let (old, new) = (authority.server(), authority.server());
    for (name, issued) in [("..1", &old), ("..2", &new)] {
        fs::create_dir(inside(name)).unwrap();
        issued.write(&inside(name));
    }
    std::os::unix::fs::symlink("..1", inside("..data")).unwrap();
    for name in ["cert.pem", "key.pem"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), inside(name)).unwrap();
    }
    let app = start(folder.path(), None).await;
    assert_eq!(ask(&app.base, &authority, None).await.unwrap(), (200, old.der));
    std::os::unix::fs::symlink("..2", inside("..data_tmp")).unwrap();
    fs::rename(inside("..data_tmp"), inside("..data")).unwrap();
    fs::remove_dir_all(inside("..1")).unwrap();
    let shown = |answer: &reqwest::Result<(u16, Vec<u8>)>| matches!(answer, Ok((200, der)) if *der == new.der);
    eventually("the new certificate is served", || ask(&app.base, &authority, None), shown).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_replacement_leaves_the_old_files_in_force_and_is_said_once() {
    let (authority, clients, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let inside = |name: &str| folder.path().join(name);
    written(&inside("client-ca.pem"), &clients.pem());
    let (old, known) = (authority.server(), clients.client());
    old.write(folder.path());
    let server = Running::start(&mut serve(folder.path()));
    let complaints = |log: &str| log.lines().filter(|line| line.contains("cannot be used; what was loaded")).count();
    let breakages: [(&str, &dyn Fn()); 5] = [
        ("`tls.key` names key.pem, which does not hold the key of the first certificate in cert.pem", &|| {
            written(&inside("cert.pem"), &authority.server().cert);
        }),
        ("`tls.cert` names cert.pem, which holds no certificate in PEM", &|| {
            written(&inside("cert.pem"), "");
        }),
        ("`tls.cert` names cert.pem, which cannot be read: No such file", &|| {
            fs::remove_file(inside("cert.pem")).unwrap();
        }),
        ("`tls.client_ca` names client-ca.pem, which is no PEM that can be read", &|| {
            old.write(folder.path());
            written(&inside("client-ca.pem"), &clients.pem()[..100]);
        }),
        // A good certificate does not come into force beside authorities that are no good.
        ("`tls.client_ca` names client-ca.pem, which is no PEM that can be read", &|| {
            authority.server().write(folder.path());
        }),
    ];
    for (complaint, breaks) in breakages {
        let before = complaints(&server.log());
        breaks();
        let heard = |log: &String| complaints(log) > before && log.lines().last().unwrap().contains(complaint);
        eventually(complaint, async || server.log(), heard).await;
        assert_eq!(ask(&server.base, &authority, Some(&known)).await.unwrap(), (200, old.der.clone()));
        assert!(ask(&server.base, &authority, None).await.is_err());
    }
    let said = complaints(&server.log());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(complaints(&server.log()), said, "{}", server.log());
    let new = authority.server();
    new.write(folder.path());
    written(&inside("client-ca.pem"), &clients.pem());
    let shown = |answer: &reqwest::Result<(u16, Vec<u8>)>| matches!(answer, Ok((200, der)) if *der == new.der);
    eventually("the good files come into force", || ask(&server.base, &authority, Some(&known)), shown).await.unwrap();
    let log = server.stop();
    for issued in [&old, &new] {
        let secret = issued.key.lines().nth(1).unwrap();
        assert!(!log.contains(secret), "{log}");
    }
}

// Starting.

#[test]
fn files_that_do_not_fit_are_refused_at_start_with_key_and_file() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let inside = |name: &str| folder.path().join(name);
    let good = authority.server();
    let other = KeyPair::generate().unwrap().serialize_pem();
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (file, text, complaint) in [
        (
            "key.pem",
            other.as_str(),
            "`tls.key` names key.pem, which does not hold the key of the first certificate in cert.pem, which `tls.cert` names",
        ),
        ("key.pem", "", "`tls.key` names key.pem, which holds no private key in PEM (PKCS#8, PKCS#1 or SEC1)"),
        ("key.pem", &good.cert, "`tls.key` names key.pem, which holds no private key in PEM"),
        ("key.pem", &encrypted, "`tls.key` names key.pem, which holds an encrypted private key"),
        ("key.pem", &good.key[..80], "`tls.key` names key.pem, which holds no private key in PEM"),
        ("cert.pem", "", "`tls.cert` names cert.pem, which holds no certificate in PEM"),
        ("cert.pem", &good.key, "`tls.cert` names cert.pem, which holds no certificate in PEM"),
        ("cert.pem", &good.cert[..200], "`tls.cert` names cert.pem, which is no PEM that can be read"),
        ("cert.pem", no_der, "`tls.cert` names cert.pem, which begins with a certificate that cannot be used"),
        ("client-ca.pem", "nothing", "`tls.client_ca` names client-ca.pem, which holds no certificate in PEM"),
        (
            "client-ca.pem",
            no_der,
            "`tls.client_ca` names client-ca.pem, which holds a certificate that cannot be an authority",
        ),
    ] {
        good.write(folder.path());
        written(&inside("client-ca.pem"), &authority.pem());
        written(&inside(file), text);
        let refused = run(&mut serve(folder.path())).refused();
        assert!(refused.contains(complaint), "{complaint}\n{refused}");
        assert!(!refused.contains(good.key.lines().nth(1).unwrap()), "{refused}");
    }
}

#[test]
fn certificate_and_key_belong_together_and_are_files() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let good = authority.server();
    good.write(folder.path());
    for (variables, complaint) in [
        (
            &[("GATEWOOD_TLS_CERT", "cert.pem")][..],
            "`tls.cert` (from the environment variable GATEWOOD_TLS_CERT) is set and `tls.key` is not; set both, or neither",
        ),
        (
            &[("GATEWOOD_TLS_KEY", "key.pem")],
            "`tls.key` (from the environment variable GATEWOOD_TLS_KEY) is set and `tls.cert` is not",
        ),
        (
            &[("GATEWOOD_TLS_CLIENT_CA", "cert.pem")],
            "`tls.client_ca` (from the environment variable GATEWOOD_TLS_CLIENT_CA) is set and `tls.cert` is not",
        ),
        (
            &[("GATEWOOD_TLS_CERT", "none.pem"), ("GATEWOOD_TLS_KEY", "key.pem")],
            "`tls.cert` (from the environment variable GATEWOOD_TLS_CERT) is `none.pem`; accepted is a file that exists",
        ),
        (
            &[("GATEWOOD_TLS_CERT", "cert.pem"), ("GATEWOOD_TLS_KEY", &good.key)],
            "`tls.key` (from the environment variable GATEWOOD_TLS_KEY) is not accepted; accepted is a file that exists",
        ),
    ] {
        let refused = run(gatewood(folder.path(), &["config"]).envs(variables.iter().copied())).refused();
        assert!(refused.contains(complaint), "{complaint}\n{refused}");
        assert!(!refused.contains(good.key.lines().nth(1).unwrap()), "{refused}");
    }
}

/// An elliptic-curve key as SEC1 writes it, which is what `openssl ecparam -genkey` makes.
fn sec1(key: &KeyPair) -> Vec<u8> {
    const BEFORE_PRIVATE: [u8; 5] = [2, 1, 1, 4, 32];
    const CURVE: [u8; 12] = [0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let pkcs8 = key.serialized_der();
    let at = pkcs8.windows(5).position(|part| part == BEFORE_PRIVATE).unwrap();
    let private = &pkcs8[at..at + 5 + 32];
    [&[0x30, 119], private, &CURVE[..], &[0xa1, 68, 3, 66, 0], key.public_key_raw()].concat()
}

/// An RSA key as PKCS#1 writes it, which is what PKCS#8 has inside.
fn pkcs1(key: &KeyPair) -> Vec<u8> {
    const HEADER: usize = 26;
    key.serialized_der()[HEADER..].to_vec()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn every_form_of_private_key_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let made = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    let (elliptic, rsa) = (made(&rcgen::PKCS_ECDSA_P256_SHA256), made(&rcgen::PKCS_RSA_SHA256));
    let edwards = made(&rcgen::PKCS_ED25519);
    for (key, text) in [
        (&elliptic, elliptic.serialize_pem()),
        (&elliptic, pem("EC PRIVATE KEY", &sec1(&elliptic))),
        (&rsa, rsa.serialize_pem()),
        (&rsa, pem("RSA PRIVATE KEY", &pkcs1(&rsa))),
        (&edwards, edwards.serialize_pem()),
    ] {
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(key).unwrap();
        written(&folder.path().join("cert.pem"), &certificate.pem());
        written(&folder.path().join("key.pem"), &text);
        Running::start(&mut serve(folder.path())).stop();
    }
}

#[test]
fn an_encrypted_port_is_announced_as_such_and_not_warned_about_on_any_address() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.server().write(folder.path());
    let mut command = serve(folder.path());
    let log = Running::start(command.args(["--listen", "0.0.0.0:0"])).stop();
    assert!(log.contains("\"listen\":\"https://0.0.0.0:") && log.contains(" https://0.0.0.0:"), "{log}");
    assert!(!log.contains("http://") && !log.contains("WARN"), "{log}");
}

#[test]
fn a_certificate_that_expires_is_a_warning_and_no_reason_not_to_start() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let in_days = |days: i64| {
        use chrono::Datelike;
        let day = chrono::Utc::now() + chrono::TimeDelta::days(days);
        (day.year(), u8::try_from(day.month()).unwrap(), u8::try_from(day.day()).unwrap())
    };
    for (days, warning) in [(-2, Some("has expired")), (10, Some("expires soon")), (20, None)] {
        authority.server_until(in_days(days)).write(folder.path());
        let server = Running::start(&mut serve(folder.path()));
        std::thread::sleep(Duration::from_secs(3));
        let log = server.stop();
        let said: Vec<&str> =
            log.lines().filter(|line| line.contains("the TLS certificate, or one above it,")).collect();
        assert_eq!(said.len(), usize::from(warning.is_some()), "{log}");
        assert!(warning.is_none_or(|warning| said[0].contains(warning) && said[0].contains("cert.pem")), "{log}");
    }
}
