//! Why nothing was fetched, in words of our own: nothing of what a server sent is in them.

use std::error::Error;

use rustls::pki_types::InvalidDnsNameError;
use rustls::{AlertDescription, CertificateError};

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchError {
    /// Not an `https` URL, or `http` to another place than this machine.
    #[error("{0}")]
    Url(&'static str),
    /// The name has no address, as far as can be found out.
    #[error("the host's name does not resolve")]
    Unresolved,
    /// At least one address of the host may not be reached.
    #[error("the host has an address that is not public and not among the allowed networks")]
    Refused,
    /// There is no connection.
    #[error("no connection could be made")]
    Unconnected,
    /// There was none for most of the time that a request may take.
    #[error("no connection could be made within {} ms", .0.as_millis())]
    NoConnectionInTime(std::time::Duration),
    /// There is a connection, and no TLS over it.
    #[error("TLS failed: {0}")]
    Tls(&'static str),
    /// It took too long.
    #[error("it took longer than {} ms", .0.as_millis())]
    Timeout(std::time::Duration),
    /// The answer points to somewhere else.
    #[error("the answer is a redirect (status {0}), and redirects are not followed")]
    Redirect(u16),
    /// The answer is not 200.
    #[error("the answer has the status {0} and not 200")]
    Status(u16),
    /// The answer is compressed, although that was not asked for.
    #[error("the answer is compressed")]
    Compressed,
    /// The answer has more bytes than one may have.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The answer broke off, or is not HTTP.
    #[error("the answer could not be read as HTTP to its end")]
    Broken,
}

impl FetchError {
    /// What the client's error means. `connect` is how long it tried to connect.
    pub(super) fn of(error: &reqwest::Error, connect: std::time::Duration) -> Self {
        let causes = || std::iter::successors(error.source(), |&error| error.source());
        if let Some(known) = causes().find_map(|cause| cause.downcast_ref::<Self>()) {
            return known.clone();
        }
        if let Some(tls) = causes().find_map(packed::<rustls::Error>) {
            return Self::Tls(words_for(tls));
        }
        // A name that no certificate can have is none that resolves.
        let unnameable = causes().any(|cause| packed::<InvalidDnsNameError>(cause).is_some());
        if unnameable || error.is_dns() {
            Self::Unresolved
        } else if error.is_connect() && error.is_timeout() {
            Self::NoConnectionInTime(connect)
        } else if error.is_connect() {
            Self::Unconnected
        } else {
            Self::Broken
        }
    }
}

/// An error of this kind, which the connector packs into errors of input and output, one in another.
fn packed<'a, T: Error + 'static>(cause: &'a (dyn Error + 'static)) -> Option<&'a T> {
    match cause.downcast_ref::<std::io::Error>() {
        Some(outer) => packed(outer.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// The library's own text would have names from the server's certificate in it.
fn words_for(error: &rustls::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the list is closed here, and the library may add to its own")]
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet"
            }
            CertificateError::UnknownIssuer => "the server's certificate is not of an authority that is trusted here",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name"
            }
            CertificateError::Revoked => "the server's certificate is revoked",
            _ => "the server's certificate is not valid",
        },
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion) => {
            "the server speaks no version of TLS, or no cipher suite, that is used here"
        }
        rustls::Error::AlertReceived(_) => "the server broke the handshake off",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        _ => "the handshake did not succeed",
    }
}
