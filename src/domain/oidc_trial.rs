//! A configuration that somebody wants to try out before it is stored.

use super::Invalid;
use super::oidc_config::{IssuerUrl, OidcConfigDraft};

/// The part of a configuration that can be tried out: the issuer.
#[derive(Debug, Clone)]
pub struct OidcTrial {
    /// Who would issue the tokens.
    pub issuer: IssuerUrl,
}

/// A configuration as it was sent. What is left out is not judged.
#[derive(Debug)]
pub struct OidcTrialParts<'a> {
    /// `issuer_url`
    pub issuer_url: &'a str,
    /// `client_id`
    pub client_id: Option<&'a str>,
    /// `client_secret`
    pub client_secret: Option<String>,
    /// `scopes`
    pub scopes: Option<Vec<String>>,
    /// `audience`
    pub audience: Option<&'a str>,
}

impl OidcTrial {
    /// Checks a configuration by the rules about one that is to be stored, so that one that passes here
    /// is not refused there. Nothing but the issuer is kept.
    ///
    /// # Errors
    /// Names the first field that breaks a rule, and the rule.
    pub fn parse(parts: OidcTrialParts<'_>) -> Result<Self, Invalid> {
        // Stand for what was left out, and keep every rule.
        let client_id = parts.client_id.unwrap_or("client");
        let client_secret = parts.client_secret.unwrap_or_else(|| "secret".to_owned());
        let draft = OidcConfigDraft::parse(parts.issuer_url, client_id, client_secret, parts.scopes)?
            .admitting(parts.audience.map(str::to_owned), false)?;
        Ok(Self { issuer: draft.issuer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: OidcTrialParts<'static> =
        OidcTrialParts { issuer_url: "https://h", client_id: None, client_secret: None, scopes: None, audience: None };

    fn field(parts: OidcTrialParts<'_>) -> String {
        OidcTrial::parse(parts).unwrap_err().field
    }

    #[test]
    fn an_issuer_alone_can_be_tried_out_and_whatever_is_said_beside_it_keeps_the_rules() {
        assert_eq!(OidcTrial::parse(NOTHING).unwrap().issuer.as_sent(), "https://h");
        assert_eq!(field(OidcTrialParts { issuer_url: "http://h", ..NOTHING }), "issuer_url");
        assert_eq!(field(OidcTrialParts { client_id: Some(""), ..NOTHING }), "client_id");
        assert_eq!(field(OidcTrialParts { client_secret: Some(String::new()), ..NOTHING }), "client_secret");
        assert_eq!(field(OidcTrialParts { scopes: Some(vec!["a b".to_owned()]), ..NOTHING }), "scopes[0]");
        assert_eq!(field(OidcTrialParts { audience: Some("a\u{7}"), ..NOTHING }), "audience");
    }
}
