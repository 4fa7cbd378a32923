//! A tenant's OIDC configuration and the rules about it.

use std::collections::HashSet;

use secrecy::SecretString;
use url::{Host, Url};

use super::invalid::{Invalid, quoted};
use super::name::printable;
use super::{ETag, OidcConfigId, TenantId, Timestamp};

/// A configuration as it is stored, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// Its id; survives updates.
    pub id: OidcConfigId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The issuer, as it was sent.
    pub issuer_url: String,
    /// The client id at the issuer.
    pub client_id: String,
    /// The scopes to ask for, in the order in which they were sent.
    pub scopes: Vec<String>,
    /// What a token may name in `aud` in place of the client.
    pub audience: Option<String>,
    /// Whether an ID token is taken for an access token.
    pub accept_id_tokens: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How often it was written; part of its [`ETag`].
    pub version: i64,
}

impl OidcConfig {
    /// The validator of this version.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag::new(self.id.uuid(), self.version)
    }

    /// Whether both say the same of the tokens that they admit.
    #[must_use]
    pub fn admits_the_same_as(&self, other: &Self) -> bool {
        let admits = |config: &Self| {
            let Self { issuer_url, client_id, audience, accept_id_tokens, .. } = config.clone();
            (issuer_url, client_id, audience, accept_id_tokens)
        };
        admits(self) == admits(other)
    }
}

/// A configuration that somebody wants to have stored; it has passed every rule.
#[derive(Debug, Clone)]
pub struct OidcConfigDraft {
    /// Who issues the tokens.
    pub issuer: IssuerUrl,
    /// The client id at the issuer.
    pub client_id: String,
    /// The client's secret; sealed before it reaches the database, and never returned.
    pub client_secret: SecretString,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// What a token may name in `aud` in place of the client.
    pub audience: Option<String>,
    /// Whether an ID token is taken for an access token.
    pub accept_id_tokens: bool,
}

impl OidcConfigDraft {
    /// The scopes of a configuration that names none.
    pub const USUAL_SCOPES: [&'static str; 3] = ["openid", "profile", "email"];

    /// Checks a configuration as it was sent.
    ///
    /// # Errors
    /// Names the first field that breaks a rule, and the rule. Nothing of the secret is in the text.
    pub fn parse(
        issuer_url: &str,
        client_id: &str,
        client_secret: String,
        scopes: Option<Vec<String>>,
    ) -> Result<Self, Invalid> {
        let client_secret = SecretString::from(client_secret);
        let issuer = IssuerUrl::parse("issuer_url", issuer_url)?;
        printable("client_id", client_id, 255)?;
        check_secret("client_secret", &client_secret)?;
        let scopes = match scopes {
            Some(scopes) => checked_scopes("scopes", scopes)?,
            None => Self::USUAL_SCOPES.map(str::to_owned).to_vec(),
        };
        let client_id = client_id.to_owned();
        Ok(Self { issuer, client_id, client_secret, scopes, audience: None, accept_id_tokens: false })
    }

    /// The same with what it says of the tokens that it admits, beside the issuer and the client.
    ///
    /// # Errors
    /// Names `audience`, when it is not 1 to 255 printable characters.
    pub fn admitting(mut self, audience: Option<String>, accept_id_tokens: bool) -> Result<Self, Invalid> {
        if let Some(audience) = &audience {
            printable("audience", audience, 255)?;
        }
        (self.audience, self.accept_id_tokens) = (audience, accept_id_tokens);
        Ok(self)
    }
}

/// The URL of an issuer: an absolute `https` URL with a host and without credentials, query or
/// fragment (OpenID Connect Discovery 1.0, section 3); plain `http` for loopback hosts only.
#[derive(Debug, Clone)]
pub struct IssuerUrl {
    sent: String,
    url: Url,
}

impl IssuerUrl {
    /// The most bytes that it has.
    pub const LONGEST: usize = 2048;

    /// Checks an issuer's URL.
    ///
    /// A text that a URL reader would silently mend (white space, backslashes, `..` segments, a
    /// missing `//`) is refused: what is stored and what a policy saw must be the same place.
    ///
    /// # Errors
    /// Names `field` and the rule that is broken.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        // In front of an `@`, and behind a `?` or `#`, there may be a secret.
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let shown = if shown.contains('@') { "the URL".to_owned() } else { quoted(shown) };
        let invalid = |what: &str| Invalid::new(field, format!("{shown} {what}"));
        if text.len() > Self::LONGEST {
            return Err(Invalid::new(field, format!("has more than {} bytes", Self::LONGEST)));
        }
        let allowed =
            |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'{' | b'}' | b'|' | b'^' | b'`');
        if !text.bytes().all(allowed) {
            return Err(invalid("has a character that no URL has"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("is not an https URL"));
        };
        let url = Url::parse(text).map_err(|error| invalid(&format!("is not a URL: {error}")))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let loopback = is_loopback(url.host().as_ref());
        match scheme.to_ascii_lowercase().as_str() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(invalid("is not an https URL (plain http is for loopback hosts only)")),
            _ => return Err(invalid("is not an https URL")),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("has no host"));
        }
        if authority.contains('@') {
            return Err(Invalid::new(field, "has credentials in it; an issuer has none"));
        }
        if url.query().is_some() {
            return Err(invalid("has a query; an issuer has none"));
        }
        if url.fragment().is_some() {
            return Err(invalid("has a fragment; an issuer has none"));
        }
        if !is_normal(authority, &url) {
            return Err(invalid("has a host or a port that is not in its normal form"));
        }
        if !path.is_empty() && path != url.path() {
            return Err(invalid("has a path that is not in its normal form (`.` or `..` segments)"));
        }
        Ok(Self { sent: text.to_owned(), url })
    }

    /// The URL exactly as it was sent.
    #[must_use]
    pub fn as_sent(&self) -> &str {
        &self.sent
    }

    /// The URL without a slash at its end: what issuers are compared by.
    #[must_use]
    pub fn key(&self) -> &str {
        self.sent.trim_end_matches('/')
    }

    /// Whether both lead to the same place, however host and port are spelt.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        let place = |url: &Self| url.url.as_str().trim_end_matches('/').to_owned();
        place(self) == place(other)
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host in its normal form: lower case, IDNA, addresses in their usual spelling.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, when it is not the scheme's own.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.url.port()
    }

    /// The path; `/` when there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }
}

/// Whether the host and the port are spelt as every reader of URLs understands them: an escaped
/// letter, a number for an address, a port with a leading zero are read differently by some.
fn is_normal(authority: &str, url: &Url) -> bool {
    let authority = authority.to_ascii_lowercase();
    let port = url.host_str().and_then(|host| authority.strip_prefix(host));
    let known = url.port_or_known_default().map(|port| format!(":{port}"));
    port.is_some_and(|port| port.is_empty() || known.is_some_and(|known| known == port))
}

fn is_loopback(host: Option<&Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(domain)) => *domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn check_secret(field: &str, secret: &SecretString) -> Result<(), Invalid> {
    use secrecy::ExposeSecret;
    const LONGEST: usize = 4096;
    let length = secret.expose_secret().chars().count();
    if (1..=LONGEST).contains(&length) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("has {length} characters; 1 to {LONGEST} are allowed")))
}

/// Each a scope-token of RFC 6749, section 3.3: printable ASCII but for space, `"` and `\`.
fn checked_scopes(field: &str, scopes: Vec<String>) -> Result<Vec<String>, Invalid> {
    const MOST: usize = 50;
    const LONGEST: usize = 255;
    if scopes.len() > MOST {
        return Err(Invalid::new(field, format!("has {} scopes; at most {MOST} are allowed", scopes.len())));
    }
    let mut seen = HashSet::new();
    for (index, scope) in scopes.iter().enumerate() {
        let invalid = |what: &str| Err(Invalid::new(format!("{field}[{index}]"), format!("{} {what}", quoted(scope))));
        let token = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scope.is_empty() || scope.len() > LONGEST || !scope.bytes().all(token) {
            return invalid("is not a scope-token (RFC 6749, section 3.3)");
        }
        if !seen.insert(scope) {
            return invalid("is there twice");
        }
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        IssuerUrl::parse("issuer_url", url).unwrap_err().reason
    }

    #[test]
    fn an_issuer_that_is_not_an_https_url_is_refused_in_words() {
        assert_eq!(reason("ftp://x"), "`ftp://x` is not an https URL");
        assert_eq!(reason("login.example.com"), "`login.example.com` is not an https URL");
        assert_eq!(reason("https:login.example.com"), "`https:login.example.com` is not an https URL");
        assert!(reason("http://login.example.com").contains("loopback"));
        assert!(reason("https://").contains("is not a URL"));
        assert!(reason("https://h/?a=b").contains("query"));
        assert!(reason("https://h?").contains("query"));
        assert!(reason("https://h/#a").contains("fragment"));
        assert!(reason("https://h/a/../b").contains("normal form"));
        assert!(reason("https://h/a/%2e%2e/b").contains("normal form"));
        assert!(reason("https://evil.example\\@ours.example").contains("character"));
        assert!(reason(" https://h").contains("character"));
        assert!(reason("https://h\t.example").contains("character"));
    }

    #[test]
    fn credentials_in_an_issuer_are_refused_without_being_repeated() {
        for url in ["https://user:hunter2@h", "https://user@h", "https://@h"] {
            assert_eq!(reason(url), "has credentials in it; an issuer has none");
        }
        for url in ["http://user:hunter2@h", "https://user:hunter2 @h", "https://h/?a=hunter2", "ftp://h#hunter2"] {
            assert!(!reason(url).contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn an_issuer_is_kept_as_sent_and_seen_by_policies_in_its_normal_form() {
        let issuer = IssuerUrl::parse("issuer_url", "https://Login.Example.com:8443/realms/a").unwrap();
        assert_eq!(issuer.as_sent(), "https://Login.Example.com:8443/realms/a");
        assert_eq!(
            (issuer.scheme(), issuer.host(), issuer.port(), issuer.path()),
            ("https", "login.example.com", Some(8443), "/realms/a")
        );
    }

    #[test]
    fn a_host_or_a_port_that_readers_understand_differently_is_refused() {
        for url in ["https://ex%61mple.com", "https://0x7f.1", "https://1.2", "https://h:", "https://h:0443"] {
            assert!(reason(url).contains("normal form"), "{url}");
        }
        for url in ["https://H:443/", "https://h:8443", "https://[2001:db8::1]:8443/", "https://192.0.2.7"] {
            assert!(IssuerUrl::parse("issuer_url", url).is_ok(), "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_hosts() {
        for url in ["http://localhost:8080/", "http://127.0.0.1", "http://[::1]:1"] {
            assert!(IssuerUrl::parse("issuer_url", url).is_ok(), "{url}");
        }
        for url in ["http://localhost.example.com", "http://127.0.0.1.example.com", "http://0.0.0.0"] {
            assert!(IssuerUrl::parse("issuer_url", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_draft_names_the_field_that_breaks_a_rule_and_never_the_secret() {
        let draft = |client_id: &str, secret: &str, scopes: &[&str]| {
            let scopes = scopes.iter().map(|&s| s.to_owned()).collect();
            OidcConfigDraft::parse("https://h", client_id, secret.to_owned(), Some(scopes))
        };
        assert_eq!(draft("", "s", &[]).unwrap_err().field, "client_id");
        assert_eq!(draft("a\u{7}", "s", &[]).unwrap_err().field, "client_id");
        assert_eq!(draft("c", "", &[]).unwrap_err().field, "client_secret");
        let long = draft("c", &"hunter2".repeat(1000), &[]).unwrap_err();
        assert!(!long.to_string().contains("hunter2"));
        assert_eq!(draft("c", "s", &["openid", "a b"]).unwrap_err().field, "scopes[1]");
        assert_eq!(draft("c", "s", &["openid", "openid"]).unwrap_err().field, "scopes[1]");
        assert_eq!(draft("c", "s", &["x"; 51]).unwrap_err().field, "scopes");
        assert!(draft("c", "s", &["openid", "urn:zitadel:iam:org:project:id:x:aud"]).is_ok());
    }

    #[test]
    fn left_out_scopes_are_the_usual_ones() {
        let draft = OidcConfigDraft::parse("https://h", "c", "s".into(), None).unwrap();
        assert_eq!(draft.scopes, ["openid", "profile", "email"]);
    }
}
