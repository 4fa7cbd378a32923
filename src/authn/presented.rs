//! What a caller presents, before anything is looked up.

use crate::domain::KeyMaterial;

/// What the credential headers of a request come to.
pub enum Presented {
    /// No credential.
    Nothing,
    /// One well-formed API key, however often.
    ApiKey(KeyMaterial),
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
        for credential in api_key.map(Some).chain(authorization.map(bearer)) {
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
            Some(text) => {
                std::str::from_utf8(text).ok().and_then(KeyMaterial::parse).map_or(Self::Malformed, Self::ApiKey)
            }
        }
    }
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
            Presented::Malformed => "malformed",
            Presented::Ambiguous => "ambiguous",
        }
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
