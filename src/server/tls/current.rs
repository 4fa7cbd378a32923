//! What is in force at this moment, as rustls asks for it in a handshake.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::material::Material;

/// Certificate, key and client authorities, which change together.
#[derive(Debug)]
pub(super) struct Current(pub(super) Arc<ArcSwap<Material>>);

impl Current {
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        // It is there as long as `tls.client_ca` is set, which only a restart changes.
        self.0.load().clients.clone().ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().server))
    }
}

/// Every question goes to the verifier that is in force when it is asked.
impl ClientCertVerifier for Current {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    /// None: they would have to outlive a change of the authorities. A client that has a certificate
    /// sends it then (RFC 8446, section 4.2.4).
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier()?.verify_client_cert(end_entity, intermediates, now);
        verified.inspect_err(|error| tracing::debug!(%error, "refused a client certificate"))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().map_or_else(|_none| Vec::new(), |verifier| verifier.supported_verify_schemes())
    }
}
