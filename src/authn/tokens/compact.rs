//! A signed token in its compact form (RFC 7515, section 7.1), taken apart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Flaw, strict_json};
use crate::domain::SignatureAlgorithm;
use crate::domain::invalid::quoted;

/// A token of which nothing is proved yet.
pub(super) struct Compact<'a> {
    /// How its signature is made, as it says.
    pub(super) algorithm: SignatureAlgorithm,
    /// The key that made it, as its issuer calls it.
    pub(super) kid: Option<String>,
    /// Whether its header says that it is an access token (RFC 9068, section 2.1).
    pub(super) is_called_access: bool,
    /// What it says.
    pub(super) claims: Map<String, Value>,
    /// What is signed: header and claims as they were sent.
    pub(super) signed: &'a str,
    /// The signature, in base64url.
    pub(super) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes a token apart. Its algorithm is one that only the issuer can sign with.
    pub(super) fn read(token: &'a str) -> Result<Self, Flaw> {
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| Flaw::new("it has no parts"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| Flaw::new("it has two parts"))?;
        let header = part("header", header)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Flaw::new(format!("`{name}` of its header is no text"))),
        };
        // A header that demands to be understood is refused, since none is (RFC 7515, section 4.1.11).
        if header.contains_key("crit") {
            return Err(Flaw::new("its header has `crit`, and no extension is understood"));
        }
        let name = text("alg")?.ok_or_else(|| Flaw::new("its header has no `alg`"))?;
        let algorithm = SignatureAlgorithm::from_name(name)
            .ok_or_else(|| Flaw::new(format!("its `alg` is {}, which is never accepted", quoted(name))))?;
        let typ = text("typ")?.unwrap_or("JWT");
        let is_called_access = ["at+jwt", "application/at+jwt"].iter().any(|access| access.eq_ignore_ascii_case(typ));
        if !is_called_access && !typ.eq_ignore_ascii_case("JWT") {
            return Err(Flaw::new(format!("its `typ` is {}, which is no access token's", quoted(typ))));
        }
        let kid = text("kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > 255) {
            return Err(Flaw::new("its `kid` has more than 255 bytes"));
        }
        Ok(Self { algorithm, kid, is_called_access, claims: part("claims", claims)?, signed, signature })
    }
}

fn part(name: &str, encoded: &str) -> Result<Map<String, Value>, Flaw> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|error| Flaw::new(format!("its {name}: {error}")))?;
    // The error's text says what is wrong and where, and repeats nothing.
    strict_json::object(&bytes).map_err(|error| Flaw::new(format!("its {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn flaw(token: &str) -> String {
        Compact::read(token).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = token(r#"{"alg":"ES256","typ":"at+JWT","kid":"k","jku":"https://evil"}"#, r#"{"iss":"i"}"#);
        let compact = Compact::read(&text).unwrap();
        assert_eq!((compact.algorithm, compact.kid.as_deref()), (SignatureAlgorithm::Es256, Some("k")));
        assert!(compact.is_called_access);
        assert_eq!(compact.claims["iss"], "i");
        assert_eq!(format!("{}.{}", compact.signed, compact.signature), text);
    }

    #[test]
    fn an_algorithm_that_proves_nothing_is_refused() {
        for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "rs256", "ES256K", "RSA-OAEP", "dir", ""]
        {
            let said = flaw(&token(&format!(r#"{{"alg":"{alg}"}}"#), "{}"));
            assert!(said.contains("never accepted"), "{said}");
        }
        for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["RS256"]}"#, r#"{"alg":256}"#] {
            assert!(flaw(&token(header, "{}")).contains("alg"), "{header}");
        }
        assert!(flaw(&token(r#"{"alg":"none","alg":"RS256"}"#, "{}")).contains("twice"));
    }

    #[test]
    fn a_header_that_demands_or_means_something_else_is_refused() {
        for (more, word) in [
            (r#""crit":["b64"],"b64":false"#, "crit"),
            (r#""crit":[]"#, "crit"),
            (r#""typ":"logout+jwt""#, "typ"),
            (r#""typ":"secevent+jwt""#, "typ"),
            (r#""typ":7"#, "typ"),
            (r#""kid":7"#, "kid"),
            (&format!(r#""kid":"{}""#, "k".repeat(256)), "kid"),
        ] {
            let said = flaw(&token(&format!(r#"{{"alg":"RS256",{more}}}"#), "{}"));
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_is_not_strictly_base64url_is_refused() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        assert!(Compact::read(&good).is_ok());
        let claims = URL_SAFE_NO_PAD.encode("{}");
        for other in ["e30=", "e31", "e3 0", "e30\n", "", "e3"] {
            assert!(flaw(&good.replace(&format!(".{claims}."), &format!(".{other}."))).contains("claims"), "{other:?}");
        }
    }
}
