//! Certificates for tests: an authority, and what it signs.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    /// In PEM.
    pub(crate) cert: String,
    /// In PEM, as PKCS#8.
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The authority's own certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for 127.0.0.1.
    pub(crate) fn server(&self) -> Issued {
        self.server_until((2999, 1, 1))
    }

    /// The same, which expires at the beginning of a day (year, month, day).
    pub(crate) fn server_until(&self, (year, month, day): (i32, u8, u8)) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = date_time_ymd(year, month, day);
        self.sign(&params)
    }

    /// A certificate for a client.
    pub(crate) fn client(&self) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { der: certificate.der().to_vec(), cert: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority alone, and shows a certificate where it has one.
    pub(crate) fn reqwest(&self, shown: Option<&Issued>) -> reqwest::ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().timeout(Duration::from_secs(30)).tls_certs_only([root]).tls_info(true);
        match shown {
            Some(shown) => {
                let pem = format!("{}{}", shown.cert, shown.key);
                builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
            }
            None => builder,
        }
    }
}

impl Issued {
    /// Writes `cert.pem` and `key.pem` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, &self.cert).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        (cert, key)
    }
}
