//! What kind of token it is.

use serde_json::Value;

use super::claims::Claims;

/// What a token says of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It says that it is an access token, or has what only those have.
    Access,
    /// It says that it is an ID token, or has what only those have.
    Id,
    /// It says nothing. An ID token that was got by the authorization code flow may look like this.
    Unsaid,
}

impl Kind {
    /// `is_called_access` is whether its header says `at+jwt` (RFC 9068, section 2.1).
    ///
    /// What it is called goes before what is in it: some issuers put the `nonce` of the login into access
    /// tokens, which they call that. Where it is called both, it is an ID token.
    pub(super) fn of(claims: &Claims<'_>, is_called_access: bool) -> Self {
        let called = |name: &str, kind: &str| {
            claims.0.get(name).and_then(Value::as_str).is_some_and(|called| called.eq_ignore_ascii_case(kind))
        };
        let any_of = |names: &[&str]| names.iter().any(|name| claims.has(name));
        if called("typ", "ID") || called("token_use", "id") {
            Self::Id
        } else if is_called_access || called("typ", "Bearer") || called("token_use", "access") {
            Self::Access
        } else if any_of(&["nonce", "at_hash", "c_hash"]) {
            // OpenID Connect Core 1.0, sections 2 and 3.3.2.11.
            Self::Id
        } else if any_of(&["scope", "scp", "client_id"]) {
            // RFC 9068, section 2.2, and RFC 8693, section 4.
            Self::Access
        } else {
            Self::Unsaid
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn id_tokens_are_recognised() {
        let kind = |claims: &Value| Kind::of(&Claims(claims.as_object().unwrap()), false);
        for claims in [
            json!({ "nonce": "n" }),
            json!({ "nonce": null }),
            json!({ "nonce": "n", "scope": "openid", "client_id": "c" }),
            json!({ "at_hash": "h" }),
            json!({ "c_hash": "h" }),
            json!({ "typ": "ID" }),
            json!({ "typ": "ID", "token_use": "access" }),
            json!({ "token_use": "id", "scope": "openid" }),
        ] {
            assert_eq!(kind(&claims), Kind::Id, "{claims}");
            assert_ne!(Kind::of(&Claims(claims.as_object().unwrap()), true), Kind::Unsaid, "{claims}");
        }
        for called in [json!({ "typ": "ID" }), json!({ "token_use": "id" })] {
            assert_eq!(Kind::of(&Claims(called.as_object().unwrap()), true), Kind::Id, "{called}");
        }
        for claims in [json!({ "sub": "s", "azp": "c", "auth_time": 1, "email": "a@b" }), json!({ "typ": 7 })] {
            assert_eq!(kind(&claims), Kind::Unsaid, "{claims}");
        }
    }

    #[test]
    fn an_access_token_is_one_that_says_so_whatever_of_a_login_is_in_it() {
        for claims in [
            json!({ "typ": "Bearer", "nonce": "n" }),
            json!({ "token_use": "access", "nonce": "n" }),
            json!({ "scope": "" }),
            json!({ "scp": ["a"] }),
            json!({ "client_id": "c" }),
        ] {
            assert_eq!(Kind::of(&Claims(claims.as_object().unwrap()), false), Kind::Access, "{claims}");
        }
        for claims in [json!({ "nonce": "n", "at_hash": "h" }), json!({})] {
            assert_eq!(Kind::of(&Claims(claims.as_object().unwrap()), true), Kind::Access, "{claims}");
        }
    }
}
