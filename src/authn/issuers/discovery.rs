//! From an issuer's URL to its keys, one step after the other (OpenID Connect Discovery 1.0, section 4).

use serde::Deserialize;
use url::Url;

use super::Outbound;
use super::fetch_error::FetchError;
use super::key_set::{KeySet, KeySetError};
use super::turns::Turn;

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The issuer's URL is one that may be fetched from.
    IssuerUrl,
    /// Its host has addresses, all of which may be reached.
    Address,
    /// There is a connection, with TLS.
    Connection,
    /// The discovery document came, and is one.
    Discovery,
    /// It is this issuer's.
    Issuer,
    /// It says where the keys are.
    JwksUri,
    /// The host of that has addresses, all of which may be reached.
    KeysAddress,
    /// The keys came.
    Keys,
    /// There are some that can be used.
    UsableKeys,
}

impl Step {
    /// Every step, in their order.
    pub const ALL: [Self; 9] = [
        Self::IssuerUrl,
        Self::Address,
        Self::Connection,
        Self::Discovery,
        Self::Issuer,
        Self::JwksUri,
        Self::KeysAddress,
        Self::Keys,
        Self::UsableKeys,
    ];

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IssuerUrl => "issuer_url",
            Self::Address => "address",
            Self::Connection => "connection",
            Self::Discovery => "discovery",
            Self::Issuer => "issuer",
            Self::JwksUri => "jwks_uri",
            Self::KeysAddress => "keys_address",
            Self::Keys => "keys",
            Self::UsableKeys => "usable_keys",
        }
    }
}

/// The step that failed, and why. Nothing of what was fetched is in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", step.name())]
pub(super) struct Stopped {
    pub(super) step: Step,
    pub(super) cause: Cause,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cause {
    #[error(transparent)]
    Fetch(FetchError),
    #[error(transparent)]
    Keys(KeySetError),
    #[error("{0}")]
    Other(&'static str),
}

/// What is told of each step on the way.
pub(super) trait Report {
    /// A step went well.
    fn passed(&mut self, step: Step, detail: &'static str);
}

/// Nobody is told.
impl Report for () {
    fn passed(&mut self, _step: Step, _detail: &'static str) {}
}

/// An issuer's URL as it is compared: without slashes at its end.
pub(super) fn without_slash(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// Goes from the issuer's URL to its keys. A set without usable keys is a success.
///
/// # Errors
/// The first step that failed.
pub(super) async fn walk(
    outbound: &Outbound,
    turn: &Turn,
    issuer: &str,
    report: &mut impl Report,
) -> Result<KeySet, Stopped> {
    let url = document_url(issuer)?;
    report.passed(Step::IssuerUrl, "it is a URL that an issuer can have");
    let document = match outbound.fetch(&url, turn).await {
        Ok(document) => document,
        Err(error) => {
            let step = step_of(&error);
            if step != Step::Address {
                report.passed(Step::Address, REACHABLE);
            }
            if step == Step::Discovery {
                report.passed(Step::Connection, connected(&url));
            }
            return Err(Stopped { step, cause: Cause::Fetch(error) });
        }
    };
    report.passed(Step::Address, REACHABLE);
    report.passed(Step::Connection, connected(&url));
    let document = Document::read(&document)?;
    report.passed(
        Step::Discovery,
        "the document came with status 200 and is a JSON object with an issuer and a jwks_uri",
    );
    if without_slash(&document.issuer) != without_slash(issuer) {
        return Err(stop(Step::Issuer, "the document names another issuer than the URL that it came from"));
    }
    report.passed(Step::Issuer, "the document names this issuer");
    let url = keys_url(&document.jwks_uri)?;
    report.passed(Step::JwksUri, "the document says where the keys are");
    let keys = match outbound.fetch(&url, turn).await {
        Ok(keys) => keys,
        Err(error) => {
            let step = if step_of(&error) == Step::Address { Step::KeysAddress } else { Step::Keys };
            if step == Step::Keys {
                report.passed(Step::KeysAddress, REACHABLE);
            }
            return Err(Stopped { step, cause: Cause::Fetch(error) });
        }
    };
    report.passed(Step::KeysAddress, REACHABLE);
    let keys = KeySet::read(&keys).map_err(|error| Stopped { step: Step::Keys, cause: Cause::Keys(error) })?;
    report.passed(Step::Keys, "the keys came with status 200 and are a JSON Web Key Set");
    Ok(keys)
}

const REACHABLE: &str = "every address of the host is public or in an allowed network";

fn connected(url: &Url) -> &'static str {
    if url.scheme() == "https" {
        "TLS works, and the server's certificate is trusted"
    } else {
        "there is a connection, without TLS since it does not leave the machine"
    }
}

fn stop(step: Step, why: &'static str) -> Stopped {
    Stopped { step, cause: Cause::Other(why) }
}

/// The step in which fetching the first document failed.
fn step_of(error: &FetchError) -> Step {
    match error {
        FetchError::Url(_) | FetchError::Unresolved | FetchError::Refused => Step::Address,
        FetchError::Unconnected | FetchError::Tls(_) | FetchError::NoConnectionInTime(_) => Step::Connection,
        FetchError::Timeout(_)
        | FetchError::Redirect(_)
        | FetchError::Status(_)
        | FetchError::Compressed
        | FetchError::TooLarge(_)
        | FetchError::Broken => Step::Discovery,
    }
}

fn document_url(issuer: &str) -> Result<Url, Stopped> {
    let url = Url::parse(&format!("{}/.well-known/openid-configuration", without_slash(issuer)));
    url.ok()
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .ok_or_else(|| stop(Step::IssuerUrl, "it is not a URL that an issuer can have"))
}

/// `https`, or `http` to this machine as the issuer itself may be; whether the host may be reached is
/// asked when it is fetched from.
fn keys_url(text: &str) -> Result<Url, Stopped> {
    const LONGEST: usize = 2048;
    let refused = |why| Err(stop(Step::JwksUri, why));
    if text.len() > LONGEST {
        return refused("the jwks_uri has more than 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else {
        return refused("the jwks_uri is not an absolute URL");
    };
    match super::outbound::check_shape(&url) {
        Ok(()) => Ok(url),
        Err(why) => refused(why),
    }
}

/// What is used of a discovery document.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl Document {
    fn read(bytes: &[u8]) -> Result<Self, Stopped> {
        let refused = || stop(Step::Discovery, "the answer is not a JSON object with an issuer and a jwks_uri");
        // The reader would take a list for the members in their order.
        let object = bytes.trim_ascii_start().first() == Some(&b'{');
        if !object {
            return Err(refused());
        }
        serde_json::from_slice(bytes).map_err(|_of_the_reader| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_below_the_issuer_whatever_its_path() {
        for (issuer, url) in [
            ("https://h", "https://h/.well-known/openid-configuration"),
            ("https://h/", "https://h/.well-known/openid-configuration"),
            ("https://h:8443/realms/a", "https://h:8443/realms/a/.well-known/openid-configuration"),
            ("https://h//", "https://h/.well-known/openid-configuration"),
            ("https://h/realms/a/", "https://h/realms/a/.well-known/openid-configuration"),
        ] {
            assert_eq!(document_url(issuer).unwrap().as_str(), url);
        }
        assert!(document_url("https://h/?a=b").is_err());
        assert!(document_url("https://h/#a").is_err());
        assert!(document_url("nonsense").is_err());
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for url in ["https://h/keys", "https://h/keys?v=2", "http://localhost:1/keys", "http://127.0.0.1/keys"] {
            assert!(keys_url(url).is_ok(), "{url}");
        }
        for url in ["http://h/keys", "/keys", "file:///etc/passwd", "https://user@h/keys", "data:,a", "gopher://h"] {
            assert_eq!(keys_url(url).unwrap_err().step, Step::JwksUri, "{url}");
        }
        assert!(keys_url(&format!("https://h/{}", "a".repeat(2048))).is_err());
    }
}
