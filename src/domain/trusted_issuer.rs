//! Whose tokens are trusted, and what is read from them.

use std::collections::BTreeMap;

use super::invalid::{Invalid, quoted};
use super::name::printable;
use super::{IssuerUrl, Role, TenantId};

/// An issuer that the operator of the instance trusts: its users may have any role, in any tenant or in none.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// Its URL.
    pub issuer: IssuerUrl,
    /// A token has to name one of these in `aud`. Never empty.
    pub audiences: Vec<String>,
    /// The algorithms that its signatures may have. Never empty.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Where the subject stands.
    pub subject_claim: ClaimPath,
    /// Where the groups stand.
    pub groups_claim: ClaimPath,
    /// Where the tenant's id stands, if its users have tenants.
    pub tenant_claim: Option<ClaimPath>,
    /// Whether a token that names no tenant is one of the instance's users, although there is a claim for
    /// the tenant. Who asks for a token can often leave claims out, so this is for the operator to say.
    pub tenantless: bool,
    /// Where names of Gatewood's roles stand, if it gives them.
    pub roles_claim: Option<ClaimPath>,
    /// The role that a group, or a value of the roles claim, gives.
    pub roles: BTreeMap<String, Role>,
    /// Whether an ID token is taken for an access token.
    pub accept_id_tokens: bool,
}

/// What a tenant's OIDC configuration says of the tokens that it admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantIssuer {
    /// Whose configuration it is. Its tokens admit to this tenant and to nothing else.
    pub tenant: TenantId,
    /// A token has to name the client in `aud`,
    pub client_id: String,
    /// or this, for issuers whose access tokens do not name the client.
    pub audience: Option<String>,
    /// Whether an ID token is taken for an access token.
    pub accept_id_tokens: bool,
}

/// How a signature is made: asymmetric algorithms only, so that whoever can verify cannot sign
/// (RFC 7518, section 3.1, and RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// ECDSA on P-384 with SHA-384
    Es384,
    /// Ed25519
    EdDsa,
}

impl SignatureAlgorithm {
    /// Every algorithm: what is allowed where nobody says.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its name in the header `alg` of a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name. Names are compared as they are (RFC 7515, section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Reads a list of names.
    ///
    /// # Errors
    /// Names `field` when the list is empty, or has a name that is no asymmetric algorithm of ours.
    pub fn parse_all(field: &str, names: &[String]) -> Result<Vec<Self>, Invalid> {
        if names.is_empty() {
            return Err(Invalid::new(field, "is empty; leave it out to allow every asymmetric algorithm"));
        }
        let one = |(index, name): (usize, &String)| {
            Self::from_name(name).ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                let why = "is no asymmetric algorithm that is supported; those are";
                Invalid::new(format!("{field}[{index}]"), format!("{} {why} {known}", quoted(name)))
            })
        };
        names.iter().enumerate().map(one).collect()
    }
}

/// Where a claim stands: its name, whatever is in it, or, where it begins with `/`, a JSON pointer
/// (RFC 6901) to a claim within claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads a name or a pointer.
    ///
    /// # Errors
    /// Names `field` when it is empty, too long, has characters that cannot be printed, or is a
    /// pointer with a `~` that escapes nothing.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        printable(field, text, 255)?;
        let Some(pointer) = text.strip_prefix('/') else { return Ok(Self(vec![text.to_owned()])) };
        let unescaped = |part: &str| {
            let escapes = part.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
            (escapes && !part.is_empty()).then(|| part.replace("~1", "/").replace("~0", "~"))
        };
        let parts: Option<Vec<String>> = pointer.split('/').map(unescaped).collect();
        parts.map(Self).ok_or_else(|| Invalid::new(field, format!("{} is no JSON pointer to a claim", quoted(text))))
    }

    /// The claim's name and, for a claim within claims, the names that lead to it, outermost first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_named_or_pointed_to() {
        let names = |text: &str| ClaimPath::parse("groups_claim", text).map(|path| path.names().join(" "));
        assert_eq!(names("groups").unwrap(), "groups");
        assert_eq!(names("https://ours.example/roles").unwrap(), "https://ours.example/roles");
        assert_eq!(names("realm_access.roles").unwrap(), "realm_access.roles");
        assert_eq!(names("/realm_access/roles").unwrap(), "realm_access roles");
        assert_eq!(names("/https:~1~1ours.example/a~0b~01").unwrap(), "https://ours.example a~b~1");
        for wrong in ["", "/", "/a//b", "/a/", "/a~", "/a~2", "a\u{7}"] {
            assert_eq!(names(wrong).unwrap_err().field, "groups_claim", "{wrong}");
        }
    }

    #[test]
    fn only_asymmetric_algorithms_have_names() {
        for wrong in ["none", "None", "HS256", "HS384", "HS512", "rs256", "ES256K", ""] {
            let refused = SignatureAlgorithm::parse_all("algorithms", &["RS256".to_owned(), wrong.to_owned()]);
            assert_eq!(refused.unwrap_err().field, "algorithms[1]", "{wrong}");
        }
        assert_eq!(SignatureAlgorithm::parse_all("algorithms", &[]).unwrap_err().field, "algorithms");
    }
}
