//! A real issuer on a loopback address: it serves a discovery document and keys over TLS, signs
//! tokens, and misbehaves when it is told to.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SignatureAlgorithm};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Tweaks;

/// A key that signs tokens, with what is published of it.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) encoding: EncodingKey,
    /// The public half, as RFC 7517 writes it.
    pub(crate) jwk: Value,
}

impl SigningKey {
    /// RSA with 2048 bits, for RS256. There are few, since making one takes long: `number` says which.
    pub(crate) fn rsa(kid: &str, number: usize) -> Self {
        static POOL: [OnceLock<KeyPair>; 3] = [const { OnceLock::new() }; 3];
        let made = || KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let pair = POOL[number % POOL.len()].get_or_init(made);
        // SEQUENCE { n INTEGER, e INTEGER }
        let inside = der_value(pair.public_key_raw());
        let (n, e) = (der_value(inside), der_value(der_after(inside)));
        let jwk = json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
            "n": base64url(n.strip_prefix(&[0]).unwrap_or(n)), "e": base64url(e) });
        // SEQUENCE { version INTEGER, algorithm SEQUENCE, key OCTET STRING }
        let inside = der_value(pair.serialized_der());
        let private = der_value(der_after(der_after(inside)));
        Self { kid: kid.to_owned(), algorithm: Algorithm::RS256, encoding: EncodingKey::from_rsa_der(private), jwk }
    }

    /// P-256, for ES256.
    pub(crate) fn p256(kid: &str) -> Self {
        Self::ec(kid, "P-256", &rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256)
    }

    /// P-384, for ES384.
    pub(crate) fn p384(kid: &str) -> Self {
        Self::ec(kid, "P-384", &rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::ES384)
    }

    fn ec(kid: &str, curve: &str, signs: &'static SignatureAlgorithm, algorithm: Algorithm) -> Self {
        let pair = KeyPair::generate_for(signs).unwrap();
        let (x, y) = pair.public_key_raw()[1..].split_at((pair.public_key_raw().len() - 1) / 2);
        let jwk = json!({ "kty": "EC", "kid": kid, "crv": curve, "x": base64url(x), "y": base64url(y) });
        Self { kid: kid.to_owned(), algorithm, encoding: EncodingKey::from_ec_der(pair.serialized_der()), jwk }
    }

    /// Ed25519, for `EdDSA`.
    pub(crate) fn ed25519(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let jwk = json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": base64url(pair.public_key_raw()) });
        let encoding = EncodingKey::from_ed_der(pair.serialized_der());
        Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, encoding, jwk }
    }

    /// The header of a token that this key signs.
    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) }
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of the first DER value, and what is after it.
fn der_split(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            (der[2..2 + count].iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), 2 + count)
        }
    };
    der[start..].split_at(length)
}

fn der_value(der: &[u8]) -> &[u8] {
    der_split(der).0
}

fn der_after(der: &[u8]) -> &[u8] {
    der_split(der).1
}

/// What is answered where a document should be.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// The right document.
    Right,
    /// The right document, after a while.
    Slow(Duration),
    /// This JSON.
    Json(Value),
    /// Whatever this is: status, further header lines, body.
    Raw(u16, String, Vec<u8>),
    /// A body without an end.
    Endless,
    /// The connection is closed instead of an answer.
    Broken,
}

struct State {
    keys: Vec<SigningKey>,
    generation: usize,
    discovery: Behaviour,
    jwks: Behaviour,
    away: bool,
    connections: usize,
    requests: Vec<String>,
}

/// A running issuer. It is gone when this is dropped.
pub(crate) struct TestIssuer {
    url: String,
    state: Arc<Mutex<State>>,
    folder: TempDir,
    task: tokio::task::JoinHandle<()>,
}

/// One authority for all issuers of these tests, so that a server can trust several.
static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> =
    LazyLock::new(|| authority("the authority of the tests"));

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl TestIssuer {
    /// An issuer with one key of each kind, at `https://127.0.0.1:<port>`.
    pub(crate) async fn start() -> Self {
        Self::start_with("127.0.0.1", &["localhost", "127.0.0.1", "::1"]).await
    }

    /// The same without TLS.
    pub(crate) async fn start_plain() -> Self {
        Self::start_on("http://127.0.0.1", None).await
    }

    /// An issuer that is called by this host and has a certificate for those names.
    pub(crate) async fn start_with(host: &str, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Self::start_on(&format!("https://{host}"), Some(acceptor(names, &AUTHORITY))).await
    }

    /// An issuer with a certificate of an authority that nobody knows.
    pub(crate) async fn start_untrusted() -> Self {
        let unknown = acceptor(vec!["127.0.0.1".to_owned()], &authority("somebody"));
        Self::start_on("https://127.0.0.1", Some(unknown)).await
    }

    async fn start_on(base: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{base}:{}", listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State {
            keys: key_set(1),
            generation: 1,
            discovery: Behaviour::Right,
            jwks: Behaviour::Right,
            away: false,
            connections: 0,
            requests: Vec::new(),
        }));
        let task = tokio::spawn(accept(listener, tls, url.clone(), Arc::clone(&state)));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), AUTHORITY.pem()).unwrap();
        Self { url, state, folder, task }
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority.
    pub(crate) fn ca_pem() -> String {
        AUTHORITY.pem()
    }

    /// The same in DER.
    pub(crate) fn ca_der() -> Vec<u8> {
        AUTHORITY.der().to_vec()
    }

    /// A file with it.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The configuration of a server that trusts its certificate and may reach it.
    pub(crate) fn trust(&self) -> Vec<(&'static str, String)> {
        vec![
            ("oidc.ca_certificates", self.ca_file().display().to_string()),
            ("oidc.allowed_networks", "127.0.0.0/8,::1/128".to_owned()),
            ("oidc.tenant_allowed_networks", "127.0.0.0/8,::1/128".to_owned()),
        ]
    }

    /// The same, for [`super::TestServer::start_with`].
    pub(crate) fn tweaks(&self) -> Tweaks {
        Tweaks { flags: self.trust(), ..Tweaks::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Its key for an algorithm: there is one for RS256, ES256, ES384 and `EdDSA` each.
    pub(crate) fn key(&self, algorithm: Algorithm) -> SigningKey {
        self.state().keys.iter().find(|key| key.algorithm == algorithm).unwrap().clone()
    }

    /// A token of this issuer, by its ES256 key. `iss`, `iat` and `exp` (in five minutes) are there
    /// unless the claims say otherwise; a claim that is `null` is left out.
    pub(crate) fn token(&self, claims: Value) -> String {
        let key = self.key(Algorithm::ES256);
        self.token_with(&key.header(), claims, &key)
    }

    /// A token with any header and of any key, with the same claims as [`Self::token`].
    #[expect(clippy::needless_pass_by_value, reason = "claims are written where they are passed")]
    pub(crate) fn token_with(&self, header: &Header, claims: Value, key: &SigningKey) -> String {
        let now = chrono::Utc::now().timestamp();
        let mut all = json!({ "iss": self.url, "iat": now, "exp": now + 300 });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        jsonwebtoken::encode(header, &all, &key.encoding).unwrap()
    }

    /// Puts other keys, with other key ids, in the place of all that there are.
    pub(crate) fn rotate_keys(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.keys = key_set(state.generation);
    }

    /// Publishes these keys and no others.
    pub(crate) fn set_keys(&self, keys: Vec<SigningKey>) {
        self.state().keys = keys;
    }

    /// How the discovery document is answered from now on.
    pub(crate) fn discovery(&self, behaviour: Behaviour) {
        self.state().discovery = behaviour;
    }

    /// How the keys are answered from now on.
    pub(crate) fn jwks(&self, behaviour: Behaviour) {
        self.state().jwks = behaviour;
    }

    /// Closes every connection without a word, or no longer does.
    pub(crate) fn away(&self, away: bool) {
        self.state().away = away;
    }

    /// How often it was connected to.
    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// How many requests it was sent, for whichever document.
    pub(crate) fn requests(&self) -> usize {
        self.state().requests.len()
    }

    /// How many requests it was sent for its keys.
    pub(crate) fn key_requests(&self) -> usize {
        self.state().requests.iter().filter(|path| *path == "/keys").count()
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn key_set(generation: usize) -> Vec<SigningKey> {
    vec![
        SigningKey::rsa(&format!("rsa-{generation}"), generation),
        SigningKey::p256(&format!("p256-{generation}")),
        SigningKey::p384(&format!("p384-{generation}")),
        SigningKey::ed25519(&format!("ed25519-{generation}")),
    ]
}

fn acceptor(names: Vec<String>, authority: &CertifiedIssuer<'static, KeyPair>) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, url: String, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let away = {
            let mut state = state.lock().unwrap();
            state.connections += 1;
            state.away
        };
        if !away {
            tokio::spawn(talk(stream, tls.clone(), url.clone(), Arc::clone(&state)));
        }
    }
}

/// What goes wrong here is the other side's business: clients break off, too.
async fn talk(stream: TcpStream, tls: Option<TlsAcceptor>, url: String, state: Arc<Mutex<State>>) {
    let _ = match tls {
        None => answer(stream, &url, &state).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => answer(stream, &url, &state).await,
            Err(_refused) => Ok(()),
        },
    };
}

/// Answers one request, and closes the connection.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &str,
    state: &Mutex<State>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let (behaviour, right) = {
        let mut state = state.lock().unwrap();
        state.requests.push(path.clone());
        let keys: Vec<&Value> = state.keys.iter().map(|key| &key.jwk).collect();
        match path.as_str() {
            "/.well-known/openid-configuration" => {
                (state.discovery.clone(), json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))
            }
            "/keys" => (state.jwks.clone(), json!({ "keys": keys })),
            _ => (Behaviour::Raw(404, String::new(), Vec::new()), json!(null)),
        }
    };
    match behaviour {
        Behaviour::Right => reply(&mut stream, 200, "", right.to_string().as_bytes()).await?,
        Behaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            reply(&mut stream, 200, "", right.to_string().as_bytes()).await?;
        }
        Behaviour::Json(value) => reply(&mut stream, 200, "", value.to_string().as_bytes()).await?,
        Behaviour::Raw(status, headers, body) => reply(&mut stream, status, &headers, &body).await?,
        Behaviour::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{").await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Behaviour::Broken => {}
    }
    stream.shutdown().await
}

async fn reply(stream: &mut (impl AsyncWrite + Unpin), status: u16, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await
}
