//! Who calls and whether it may, in the order that the API promises: credential, tenant header,
//! what was sent, guard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Incoming, Problem, client};
use crate::app::service::SendMalformed;
use crate::app::{App, AppError, Command, Decided, Permit};
use crate::authn::{Presented, Rejection};
use crate::domain::{Call, Caller, Invalid, RequestFacts, TenantId};

/// A body that is there within this time took none: that a revocation is in force everywhere takes much longer.
const AT_ONCE: Duration = Duration::from_millis(20);

const TENANT_HEADER: &str = "X-Tenant-ID";

/// What a route does with the header `X-Tenant-ID`. Whether it fits the caller is for the policies to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantHeader {
    /// It must be there: the route is about what is the tenant's own.
    Required,
    /// It must be there when the caller belongs to a tenant.
    RequiredOfTenants,
    /// It may be there.
    Optional,
}

/// A call of which nothing is known yet.
pub struct Unread<'a, I> {
    /// The use cases.
    pub app: &'a Arc<App>,
    /// The request.
    pub incoming: &'a I,
    /// How it came in.
    pub facts: RequestFacts,
}

impl<I: Incoming> Unread<'_, I> {
    /// Step one. Whoever presents something that is no good ends here, whatever else was sent.
    ///
    /// # Errors
    /// When there is no caller.
    pub async fn authenticate(&self) -> Result<Call, Problem> {
        Ok(self.call(self.caller().await?))
    }

    async fn caller(&self) -> Result<Caller, Problem> {
        let presented = Presented::read(self.incoming.header("x-api-key"), self.incoming.header("authorization"));
        let presented = presented.about(self.named_tenant());
        match self.app.authenticator.authenticate(presented).await {
            Ok(caller) => Ok(caller),
            Err(Rejection::Rejected) => Err(Problem::unauthenticated()),
            Err(Rejection::Token(flaw)) => Err(Problem::bad_token(&flaw)),
            Err(Rejection::TooOld(too_old)) => Err(Problem::token_too_old(&too_old)),
            Err(Rejection::Unavailable(error)) => Err(AppError::from(error).into()),
            Err(Rejection::Ambiguous) => {
                let call = self.call(Caller::Anonymous);
                Err(self.refuse(&call, Problem::ambiguous_credentials()).await)
            }
            Err(Rejection::AmbiguousTenant) => {
                let call = self.call(Caller::Anonymous);
                Err(self.refuse(&call, Problem::ambiguous_tenant()).await)
            }
        }
    }

    /// Step one once more, after a body that took its time since `began`: the credential may have been
    /// revoked meanwhile.
    ///
    /// # Errors
    /// As for [`Unread::authenticate`].
    pub async fn authenticate_again(&self, call: &mut Call, began: Instant) -> Result<(), Problem> {
        if began.elapsed() > AT_ONCE {
            (call.caller, call.at) = (self.caller().await?, self.app.clock.now());
        }
        Ok(())
    }

    fn call(&self, caller: Caller) -> Call {
        let languages = client::languages(self.incoming);
        Call { caller, tenant: None, request: self.facts.clone(), languages, at: self.app.clock.now() }
    }

    /// The tenant that the header names, if it names one. What else may be wrong with it is for step two.
    fn named_tenant(&self) -> Option<TenantId> {
        self.tenant_header().ok().flatten()
    }

    /// What the header says.
    ///
    /// # Errors
    /// When it is there more than once, or no hyphenated UUID.
    fn tenant_header(&self) -> Result<Option<TenantId>, Invalid> {
        let mut values = self.incoming.header("x-tenant-id");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Invalid::new(TENANT_HEADER, "is there more than once"));
        }
        let text =
            std::str::from_utf8(value).map_err(|_error| Invalid::new(TENANT_HEADER, "is not a hyphenated UUID"))?;
        TenantId::parse(TENANT_HEADER, text).map(Some)
    }

    /// Step two.
    ///
    /// # Errors
    /// When the header is missing and needed, or no hyphenated UUID.
    pub fn tenant(&self, wanted: TenantHeader, caller: &Caller) -> Result<Option<TenantId>, Problem> {
        let needed = match wanted {
            TenantHeader::Required => true,
            TenantHeader::RequiredOfTenants => caller.tenant().is_some(),
            TenantHeader::Optional => false,
        };
        match self.tenant_header()? {
            None if needed => Err(missing_tenant().into()),
            named => Ok(named),
        }
    }

    /// The last step: asks for a permit, and leaves the decision where the log finds it.
    ///
    /// # Errors
    /// The denial, or whatever kept the guard from deciding.
    pub async fn permit<C: Command>(&self, call: &Call, command: C) -> Result<Permit<C>, Problem> {
        let permit = self.app.permit(call, command).await;
        let decided: Option<Arc<Decided>> = match &permit {
            Ok(permit) => Some(Arc::clone(permit.decided())),
            Err(AppError::Denied(denied)) => Some(Arc::clone(&denied.decided)),
            Err(_undecided) => None,
        };
        if let Some(decided) = decided {
            self.incoming.record(decided);
        }
        Ok(permit?)
    }

    /// What was read; else what is answered to a request that cannot be read.
    ///
    /// # Errors
    /// See [`Unread::refuse`].
    pub async fn or_refuse<T>(&self, call: &Call, read: Result<T, Problem>) -> Result<T, Problem> {
        match read {
            Ok(read) => Ok(read),
            Err(problem) => Err(self.refuse(call, problem).await),
        }
    }

    /// What is answered to a request that cannot be read: what is wrong with it, if the policies
    /// let the caller know, else a denial.
    pub async fn refuse(&self, call: &Call, problem: Problem) -> Problem {
        let malformed = SendMalformed { problem: problem.malformed_as() };
        match self.permit(call, malformed).await {
            Ok(_permit) => problem,
            Err(denied) => denied,
        }
    }
}

/// The header is needed and was not sent.
pub(crate) fn missing_tenant() -> Invalid {
    Invalid::new(TENANT_HEADER, "is missing; this route is about one tenant, so the header must say which")
}
