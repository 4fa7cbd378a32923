//! Which tenants a token admits to.

use super::Flaw;
use crate::domain::{TenantId, TenantIssuer};

/// Whom a token of a tenant's issuer is for, as it says.
pub(super) struct Addressed {
    /// Its `aud`.
    pub(super) audiences: Vec<String>,
    /// Whether it is an ID token.
    pub(super) is_id_token: bool,
}

/// A request that does not say which of several tenants it is about, or names another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmbiguousTenant;

impl Addressed {
    /// Whether one of these admits it.
    pub(super) fn check(&self, tenants: &[TenantIssuer]) -> Result<(), Flaw> {
        if tenants.iter().any(|config| self.is_admitted_by(config)) {
            Ok(())
        } else if tenants.iter().any(|config| self.is_meant_for(config)) {
            Err(Flaw::new("it is an ID token, and those are not accepted of its issuer"))
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
        self.audiences
            .iter()
            .any(|audience| *audience == config.client_id || Some(audience) == config.audience.as_ref())
    }

    fn is_admitted_by(&self, config: &TenantIssuer) -> bool {
        self.is_meant_for(config) && (config.accept_id_tokens || !self.is_id_token)
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
    fn each_request_chooses_among_the_tenants_that_admit_it() {
        let token = Addressed { audiences: vec!["c".to_owned()], is_id_token: false };
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
