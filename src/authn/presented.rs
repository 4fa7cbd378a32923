//! What a caller presents, before anything is looked up.

use secrecy::{ExposeSecret, SecretString};

use crate::domain::{KeyMaterial, TenantId};

/// What the credential headers of a request come to.
pub enum Presented {
    /// No credential.
    Nothing,
    /// One well-formed API key, however often.
    ApiKey(KeyMaterial),
    /// Something that looks like a JWT.
    Jwt(PresentedToken),
    /// Something that is no credential of this service.
    Malformed,
    /// Two credentials that differ: nobody can say who is asking.
    Ambiguous,
}

impl Presented {
    /// Reads every value of `X-API-Key` and of `Authorization`.
    ///
    /// Each counts, repeated headers included: if one were preferred, a gateway that prefers the
    /// other would see another caller than this service does.
    pub fn read<'a>(api_key: impl Iterator<Item = &'a [u8]>, authorization: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut known: Option<&[u8]> = None;
        let mut malformed = false;
        // Tokens of issuers come in `Authorization` only: a gateway may have rules about that header.
        let mut keys_only = false;
        let of_keys = api_key.inspect(|_key| keys_only = true).map(Some);
        for credential in of_keys.chain(authorization.map(bearer)) {
            match (credential, known) {
                (None, _) => malformed = true,
                (Some(credential), None) => known = Some(credential),
                (Some(credential), Some(other)) if credential == other => {}
                (Some(_), Some(_)) => return Self::Ambiguous,
            }
        }
        match known {
            None if malformed => Self::Malformed,
            None => Self::Nothing,
            Some(_) if malformed => Self::Ambiguous,
            Some(text) => Self::one(text, keys_only),
        }
    }

    /// A token that is no credential of the request, but a part of it.
    #[must_use]
    pub fn token(text: &str) -> Self {
        if looks_like_a_token(text) {
            Self::Jwt(PresentedToken { text: text.to_owned().into(), about: None })
        } else {
            Self::Malformed
        }
    }

    fn one(credential: &[u8], keys_only: bool) -> Self {
        let Ok(text) = std::str::from_utf8(credential) else { return Self::Malformed };
        if let Some(key) = KeyMaterial::parse(text) {
            return Self::ApiKey(key);
        }
        if keys_only || !looks_like_a_token(text) {
            return Self::Malformed;
        }
        Self::Jwt(PresentedToken { text: text.to_owned().into(), about: None })
    }

    /// The same, by somebody who says which tenant the request is about: a token may be good for
    /// several, of which one is meant.
    #[must_use]
    pub fn about(self, tenant: Option<TenantId>) -> Self {
        match self {
            Self::Jwt(token) => Self::Jwt(PresentedToken { about: tenant, ..token }),
            other @ (Self::Nothing | Self::ApiKey(_) | Self::Malformed | Self::Ambiguous) => other,
        }
    }
}

/// A text that looks like a JWT: nothing else is known of it.
pub struct PresentedToken {
    text: SecretString,
    about: Option<TenantId>,
}

impl PresentedToken {
    /// How many bytes a token may have.
    pub const LONGEST: usize = 16 * 1024;

    pub(super) fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Which tenant the request that it came with is about.
    pub(super) const fn about(&self) -> Option<TenantId> {
        self.about
    }
}

/// Three parts in base64url with dots between (RFC 7515, section 7.1). An encrypted token has five, and
/// one without a signature has an empty third.
fn looks_like_a_token(text: &str) -> bool {
    let in_base64url =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.len() <= PresentedToken::LONGEST && text.split('.').count() == 3 && text.split('.').all(in_base64url)
}

/// The token of `Bearer <token>` (RFC 6750, section 2.1); the scheme's name is read in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::domain::Entropy;

    fn kind(api_key: &[&str], authorization: &[&str]) -> &'static str {
        let bytes = |values: &[&str]| values.iter().map(|v| v.as_bytes().to_vec()).collect::<Vec<_>>();
        let (api_key, authorization) = (bytes(api_key), bytes(authorization));
        match Presented::read(api_key.iter().map(Vec::as_slice), authorization.iter().map(Vec::as_slice)) {
            Presented::Nothing => "nothing",
            Presented::ApiKey(_) => "key",
            Presented::Jwt(_) => "token",
            Presented::Malformed => "malformed",
            Presented::Ambiguous => "ambiguous",
        }
    }

    #[test]
    fn a_token_is_three_parts_in_authorization_only() {
        let bearer = |token: &str| format!("Bearer {token}");
        assert_eq!(kind(&[], &[&bearer("a.b.c")]), "token");
        assert_eq!(kind(&[], &[&bearer("a.b.c"), "bearer a.b.c"]), "token");
        assert_eq!(kind(&["a.b.c"], &[]), "malformed");
        assert_eq!(kind(&["a.b.c"], &[&bearer("a.b.c")]), "malformed");
        assert_eq!(kind(&[], &[&bearer("a.b.c"), &bearer("a.b.d")]), "ambiguous");
        assert_eq!(kind(&["gwk_"], &[&bearer("a.b.c")]), "ambiguous");
        for malformed in ["a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c.d.e", "a.b.c=", "a.b.c ", "a.b+.c", "a.b.ü"]
        {
            assert_eq!(kind(&[], &[&bearer(malformed)]), "malformed", "{malformed}");
        }
        let of_length = |length: usize| bearer(&format!("a.b.{}", "c".repeat(length - 4)));
        assert_eq!(kind(&[], &[&of_length(PresentedToken::LONGEST)]), "token");
        assert_eq!(kind(&[], &[&of_length(PresentedToken::LONGEST + 1)]), "malformed");
    }

    #[test]
    fn one_credential_may_come_twice_but_two_may_not_come_at_once() {
        let fresh = || {
            let key = KeyMaterial::generate(&Entropy::system(), chrono::DateTime::UNIX_EPOCH);
            key.reveal().expose_secret().to_owned()
        };
        let (one, two) = (fresh(), fresh());
        let (bearer_one, bearer_two) = (format!("Bearer {one}"), format!("bearer {two}"));
        assert_eq!(kind(&[], &[]), "nothing");
        assert_eq!(kind(&[&one], &[]), "key");
        assert_eq!(kind(&[], &[&bearer_one]), "key");
        assert_eq!(kind(&[&one], &[&bearer_one]), "key");
        assert_eq!(kind(&[&one, &one], &[]), "key");
        assert_eq!(kind(&[&one], &[&bearer_two]), "ambiguous");
        assert_eq!(kind(&[&one, &two], &[]), "ambiguous");
        assert_eq!(kind(&[&one], &["Basic dTpw"]), "ambiguous");
        for malformed in ["", "gwk_", "hunter2", "ünï"] {
            assert_eq!(kind(&[malformed], &[]), "malformed", "{malformed}");
        }
        for malformed in ["", "Bearer", "Bearer ", "Basic dTpw", &one] {
            assert_eq!(kind(&[], &[malformed]), "malformed", "{malformed}");
        }
    }
}
