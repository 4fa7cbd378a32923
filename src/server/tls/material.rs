//! Files into a certificate with its key, and into what client certificates are held against.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::validity::Validity;
use crate::config::TlsConfig;

/// Why files are not taken: which key of the configuration, which file, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` names {path}, which {reason}", path = path.display())]
pub(super) struct BadFile {
    key: &'static str,
    path: PathBuf,
    reason: String,
}

impl BadFile {
    fn new(key: &'static str, path: &Path, reason: impl Into<String>) -> Self {
        Self { key, path: path.to_path_buf(), reason: reason.into() }
    }
}

/// What the files hold at one moment, or why they cannot be read.
pub(super) struct Contents {
    cert: FileContent,
    key: FileContent,
    client_ca: Option<FileContent>,
}

type FileContent = Result<Zeroizing<Vec<u8>>, BadFile>;

/// Tells whether files have changed, without keeping what was in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Contents {
    /// Reads the files, through whatever links lead to them now.
    pub(super) fn read(files: &TlsConfig) -> Self {
        Self {
            cert: content("tls.cert", &files.cert),
            key: content("tls.key", &files.key),
            client_ca: files.client_ca.as_deref().map(|path| content("tls.client_ca", path)),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for file in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten() {
            let whole = match file {
                Ok(bytes) => Sha256::digest(bytes.as_slice()),
                Err(bad) => Sha256::digest(bad.to_string()),
            };
            hash.update(whole);
        }
        Fingerprint(hash.finalize().into())
    }
}

fn content(key: &'static str, path: &Path) -> FileContent {
    /// Many times what a chain or a bundle has.
    const LARGEST: u64 = 4 * 1024 * 1024;
    let unreadable = |error: std::io::Error| BadFile::new(key, path, format!("cannot be read: {error}"));
    if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(BadFile::new(key, path, format!("has more than {LARGEST} bytes")));
    }
    fs::read(path).map(Zeroizing::new).map_err(unreadable)
}

/// All that a handshake needs and that files say.
#[derive(Debug)]
pub(super) struct Material {
    /// The certificate, its intermediates and its key.
    pub(super) server: Arc<CertifiedKey>,
    /// Who judges client certificates; `None`: there are to be none.
    pub(super) clients: Option<Arc<dyn ClientCertVerifier>>,
    /// When the whole chain counts; `None`: it does not say so in a way that can be read.
    pub(super) validity: Option<Validity>,
}

impl Material {
    /// Puts together what the files hold.
    ///
    /// # Errors
    /// The first file that is not right.
    pub(super) fn load(
        files: &TlsConfig,
        contents: &Contents,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, BadFile> {
        let chain = certificates("tls.cert", &files.cert, &contents.cert)?;
        let validity = Validity::of_all(&chain);
        let key = private_key(&files.key, &contents.key)?;
        let server = CertifiedKey::from_der(chain, key, provider).map_err(|error| unfit(files, &error))?;
        let clients = match (&files.client_ca, &contents.client_ca) {
            (Some(path), Some(content)) => Some(verifier(path, content, provider)?),
            (_, _) => None,
        };
        Ok(Self { server: Arc::new(server), clients, validity })
    }
}

fn certificates(
    key: &'static str,
    path: &Path,
    content: &FileContent,
) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let bytes = content.as_ref().map_err(Clone::clone)?;
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = read.map_err(|_syntax| BadFile::new(key, path, "is no PEM that can be read"))?;
    if chain.is_empty() {
        return Err(BadFile::new(key, path, "holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"));
    }
    Ok(chain)
}

/// What is wrong with a private key is said without a word of what is in the file.
fn private_key(path: &Path, content: &FileContent) -> Result<PrivateKeyDer<'static>, BadFile> {
    let bytes = content.as_ref().map_err(Clone::clone)?;
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_syntax| {
        let encrypted = bytes.windows(9).any(|part| part == b"ENCRYPTED");
        let reason = if encrypted {
            "holds an encrypted private key; one that is not encrypted is needed"
        } else {
            "holds no private key in PEM (PKCS#8, PKCS#1 or SEC1)"
        };
        BadFile::new("tls.key", path, reason)
    })
}

fn unfit(files: &TlsConfig, error: &Error) -> BadFile {
    let cert = files.cert.display();
    if matches!(error, Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) {
        let reason = format!("does not hold the key of the first certificate in {cert}, which `tls.cert` names");
        BadFile::new("tls.key", &files.key, reason)
    } else if matches!(error, Error::InvalidCertificate(_)) {
        BadFile::new("tls.cert", &files.cert, format!("begins with a certificate that cannot be used: {error}"))
    } else {
        BadFile::new("tls.key", &files.key, format!("holds a private key that cannot be used: {error}"))
    }
}

fn verifier(
    path: &Path,
    content: &FileContent,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, BadFile> {
    const KEY: &str = "tls.client_ca";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(KEY, path, content)? {
        roots.add(certificate).map_err(|error| {
            BadFile::new(KEY, path, format!("holds a certificate that cannot be an authority: {error}"))
        })?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    let verifier = built.map_err(|error| BadFile::new(KEY, path, format!("cannot be used: {error}")))?;
    Ok(verifier)
}
