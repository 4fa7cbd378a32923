//! Somebody with a JWT of a trusted issuer.

use std::sync::Arc;

use super::{Roles, TenantId, Timestamp};

/// Somebody whom a trusted issuer vouches for, as a user of a tenant or of none.
///
/// Every field was read from a token whose signature, issuer and audience are proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    id: String,
    tenant: Option<TenantId>,
    identity: Arc<Identity>,
}

/// What a token says of its holder. The users that one token makes, of each tenant one, share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches for it: the issuer's URL without a slash at its end, as
    /// [`IssuerUrl::key`](super::IssuerUrl::key) gives it.
    pub issuer: String,
    /// What the issuer calls it.
    pub subject: String,
    /// Its roles and all that they hold.
    pub roles: Roles,
    /// The names of its groups, as its issuer calls them.
    pub groups: Vec<String>,
    /// What else the token says, of what policies can ask.
    pub claims: UserClaims,
}

/// The claims of a token that policies can ask for, beside those that say who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserClaims {
    /// `scope`, taken apart (RFC 8693, section 4.2).
    pub scopes: Vec<String>,
    /// `client_id`, or else `azp`: the client that the token was issued to.
    pub client_id: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// `email_verified`
    pub email_verified: Option<bool>,
    /// `acr`: how the user was authenticated, as a class.
    pub acr: Option<String>,
    /// `amr`: by which methods the user was authenticated (RFC 8176).
    pub amr: Option<Vec<String>>,
    /// `auth_time`: when the user was authenticated.
    pub auth_time: Option<Timestamp>,
}

impl Identity {
    /// Somebody without roles, groups and claims.
    #[must_use]
    pub fn new(issuer: &str, subject: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            roles: Roles::default(),
            groups: Vec::new(),
            claims: UserClaims::default(),
        }
    }

    /// All its texts: what its size depends on.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let claims = &self.claims;
        let several = [self.groups.as_slice(), &claims.scopes, claims.amr.as_deref().unwrap_or_default()];
        let single = [&claims.client_id, &claims.email, &claims.acr].into_iter().flatten();
        let named = [&self.issuer, &self.subject].into_iter().chain(single);
        named.chain(several.into_iter().flatten()).map(String::as_str)
    }
}

impl User {
    /// The most bytes that a subject has (OpenID Connect Core 1.0, section 2).
    pub const LONGEST_SUBJECT: usize = 255;

    /// Who this is as one of a tenant's users, or as one of the instance's.
    #[must_use]
    pub fn new(tenant: Option<TenantId>, identity: Arc<Identity>) -> Self {
        Self { id: user_id(tenant, &identity.issuer, &identity.subject), tenant, identity }
    }

    /// Its id: `<issuer>#<subject>`, and with a tenant `<tenant>|<issuer>#<subject>`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tenant that it belongs to. Users of an instance-level issuer may have none.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }

    /// What its token says of it.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The id of one of its groups: `<issuer>#<name>`, so that no issuer can speak for the groups of another.
    #[must_use]
    pub fn group_id(&self, name: &str) -> String {
        format!("{}#{name}", self.identity.issuer)
    }
}

/// No issuer has a `#` or a `|` in it, and no tenant has either, so the first `#` ends the issuer,
/// and a `|` before it ends the tenant. What the subject is made of does not matter.
fn user_id(tenant: Option<TenantId>, issuer: &str, subject: &str) -> String {
    match tenant {
        Some(tenant) => format!("{tenant}|{issuer}#{subject}"),
        None => format!("{issuer}#{subject}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::IssuerUrl;

    /// Reads an id back into what it was made of.
    fn taken_apart(id: &str) -> (Option<TenantId>, String, String) {
        let (left, subject) = id.split_once('#').unwrap();
        let (tenant, issuer) = match left.split_once('|') {
            Some((tenant, issuer)) => (Some(TenantId::parse("tenant", tenant).unwrap()), issuer),
            None => (None, left),
        };
        (tenant, issuer.to_owned(), subject.to_owned())
    }

    /// What issuers try: separators, and whole ids of others, in the place of a subject.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("#".to_owned()),
            Just("|".to_owned()),
            Just("https://login.example".to_owned()),
            Just("00000000-0000-0000-0000-000000000000".to_owned()),
            "\\PC{1,8}",
        ];
        prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
    }

    fn issuer() -> impl Strategy<Value = String> {
        "https://[a-z]{1,8}\\.example(:[1-9][0-9]{1,3})?(/[A-Za-z0-9_~!$&'()*+,;=:@-]{1,8}){0,3}/?"
    }

    proptest! {
        #[test]
        fn an_id_says_without_ambiguity_who_it_is(
            tenant in prop::option::of(any::<u128>()),
            issuer in issuer(),
            subject in hostile(),
        ) {
            let tenant = tenant.map(|bits| TenantId::new(Uuid::from_u128(bits)));
            let issuer = IssuerUrl::parse("issuer", &issuer).unwrap();
            let user = User::new(tenant, Arc::new(Identity::new(issuer.key(), &subject)));
            prop_assert_eq!(taken_apart(user.id()), (tenant, issuer.key().to_owned(), subject));
        }

        #[test]
        fn no_issuer_has_what_separates_the_parts_of_an_id(text in "https://h\\.example/[ -~]{0,12}") {
            if let Ok(issuer) = IssuerUrl::parse("issuer", &text) {
                prop_assert!(!issuer.key().contains(['#', '|']), "{}", text);
            }
        }

        #[test]
        fn groups_of_two_issuers_never_meet(one in issuer(), two in issuer(), name in hostile(), other in hostile()) {
            let group = |issuer: &str, name: &str| {
                let issuer = IssuerUrl::parse("issuer", issuer).unwrap();
                let user = User::new(None, Arc::new(Identity::new(issuer.key(), "s")));
                ((issuer.key().to_owned(), name.to_owned()), user.group_id(name))
            };
            let ((one, id_of_one), (two, id_of_two)) = (group(&one, &name), group(&two, &other));
            prop_assert_eq!(one == two, id_of_one == id_of_two);
        }
    }
}
