//! Which tenants a token admits to.

use super::Flaw;
use super::kind::Kind;
use crate::domain::{TenantId, TenantIssuer};

/// Whom a token of a tenant's issuer is for, as it says.
pub(super) struct Addressed {
    /// Its `aud`.
    pub(super) audiences: Vec<String>,
    /// What kind of token it is.
    pub(super) kind: Kind,
}

/// A request that does not say which of several tenants it is about, or names another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmbiguousTenant;

/// What is wrong with a token for the client that may be an ID token.
const UNSAID: &str = "nothing in it says that it is an access token (`typ`, `scope`, `client_id`), \
                      and ID tokens are not accepted of its issuer";

impl Addressed {
    /// Whether one of these admits it.
    pub(super) fn check(&self, tenants: &[TenantIssuer]) -> Result<(), Flaw> {
        if tenants.iter().any(|config| self.is_admitted_by(config)) {
            Ok(())
        } else if tenants.iter().any(|config| self.is_meant_for(config)) {
            Err(if self.kind == Kind::Unsaid { Flaw::new(UNSAID) } else { Flaw::id_token() })
        } else {
            Err(Flaw::other_audience())
        }
    }

    /// The tenant that a request about `about` is of: that one, if it admits the token, or else the only
    /// one that does. The policies will say what is to be said of a request that is about another one.
    pub(super) fn choose(
        &self,
        tenants: &[TenantIssuer],
        about: Option<TenantId>,
    ) -> Result<TenantId, AmbiguousTenant> {
        let named = tenants.iter().find(|config| Some(config.tenant) == about);
        if let Some(config) = named
            && self.is_admitted_by(config)
        {
            return Ok(config.tenant);
        }
        let mut admitting = tenants.iter().filter(|config| self.is_admitted_by(config));
        match (admitting.next(), admitting.next()) {
            (Some(only), None) => Ok(only.tenant),
            (None | Some(_), _) => Err(AmbiguousTenant),
        }
    }

    /// The tenants that admit it.
    pub(super) fn admitting(&self, tenants: &[TenantIssuer]) -> Vec<TenantId> {
        tenants.iter().filter(|config| self.is_admitted_by(config)).map(|config| config.tenant).collect()
    }

    fn is_meant_for(&self, config: &TenantIssuer) -> bool {
        self.is_for_client(config) || config.audience.as_ref().is_some_and(|audience| self.audiences.contains(audience))
    }

    fn is_for_client(&self, config: &TenantIssuer) -> bool {
        self.audiences.contains(&config.client_id)
    }

    /// The audience of an ID token is the client (OpenID Connect Core 1.0, section 2), so one for the
    /// client has to say that it is none.
    fn is_admitted_by(&self, config: &TenantIssuer) -> bool {
        let is_access_token = match self.kind {
            Kind::Access => true,
            Kind::Id => false,
            Kind::Unsaid => !self.is_for_client(config),
        };
        self.is_meant_for(config) && (is_access_token || config.accept_id_tokens)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(bits: u128) -> TenantId {
        TenantId::new(Uuid::from_u128(bits))
    }

    fn config(bits: u128, client_id: &str) -> TenantIssuer {
        TenantIssuer { tenant: tenant(bits), client_id: client_id.to_owned(), audience: None, accept_id_tokens: false }
    }

    #[test]
    fn a_token_for_the_client_has_to_say_that_it_is_no_id_token() {
        let aud = |aud: &[&str]| aud.iter().map(|&audience| audience.to_owned()).collect::<Vec<_>>();
        let with_audience = TenantIssuer { audience: Some("api".to_owned()), ..config(1, "c") };
        for (audiences, kind, is_good) in [
            (aud(&["c"]), Kind::Access, true),
            (aud(&["c"]), Kind::Unsaid, false),
            (aud(&["c"]), Kind::Id, false),
            (aud(&["api"]), Kind::Unsaid, true),
            (aud(&["api"]), Kind::Id, false),
            (aud(&["api", "c"]), Kind::Unsaid, false),
            (aud(&["other"]), Kind::Access, false),
        ] {
            let token = Addressed { audiences, kind };
            assert_eq!(token.check(std::slice::from_ref(&with_audience)).is_ok(), is_good, "{:?}", token.audiences);
            let lenient = TenantIssuer { accept_id_tokens: true, ..with_audience.clone() };
            assert_eq!(token.check(&[lenient]).is_ok(), !token.audiences.contains(&"other".to_owned()));
        }
    }

    #[test]
    fn each_request_chooses_among_the_tenants_that_admit_it() {
        let token = Addressed { audiences: vec!["c".to_owned()], kind: Kind::Access };
        let one = [config(1, "c"), config(4, "other")];
        for about in [None, Some(tenant(1)), Some(tenant(3)), Some(tenant(4))] {
            assert_eq!(token.choose(&one, about), Ok(tenant(1)));
        }
        let two = [config(1, "c"), config(2, "c"), config(4, "other")];
        assert_eq!(token.choose(&two, Some(tenant(2))), Ok(tenant(2)));
        for about in [None, Some(tenant(3)), Some(tenant(4))] {
            assert_eq!(token.choose(&two, about), Err(AmbiguousTenant), "nobody's bystander is named");
        }
        assert_eq!(token.choose(&[], None), Err(AmbiguousTenant));
        assert!(token.check(&two).is_ok() && token.check(&[]).is_err() && token.check(&two[2..]).is_err());
    }
}
