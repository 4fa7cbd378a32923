//! A request into a permitted command, in the order that the API promises: credential, tenant
//! header, size and syntax and rules, guard. Lookups come after all of these, in the use case.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::body::{self, Body};
use super::observe::RequestId;
use super::query::Query;
use super::{HttpState, Problem, conditions, peer};
use crate::app::service::SendMalformed;
use crate::app::{App, AppError, Command, Decided, Permit};
use crate::authn::{Presented, Rejection};
use crate::domain::{Call, Caller, Invalid, KeyScope, PageRequest, Precondition, RequestFacts, TenantId, Timestamp};

/// A command that HTTP requests can be read into.
pub trait Decode: Command + 'static {
    /// Whether there is a body, and what it is.
    const BODY: Body = Body::None;
    /// What the header `X-Tenant-ID` is for.
    const TENANT: TenantHeader = TenantHeader::Optional;
    /// Whether `If-Match` and `If-None-Match` are heeded.
    const CONDITIONAL: bool = false;
    /// Whether `Accept` is heeded. Probes are answered whatever they say they read.
    const NEGOTIATED: bool = true;

    /// Reads the command.
    ///
    /// # Errors
    /// [`Problem`], with the field that is wrong and the rule it breaks.
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem>;
}

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

/// A request, taken apart.
pub struct Parts<'a> {
    request: &'a HttpRequest,
    query: Query,
    body: web::Bytes,
    tenant: Option<TenantId>,
    /// When the request came in.
    pub now: Timestamp,
}

impl Parts<'_> {
    /// The part of the path that varies.
    ///
    /// # Errors
    /// When `read` does not accept it.
    pub fn path<T>(&self, name: &str, read: impl Fn(&str, &str) -> Result<T, Invalid>) -> Result<T, Problem> {
        Ok(read(name, self.request.match_info().query(name))?)
    }

    /// The parameters `limit` and `page_token`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn page(&self) -> Result<PageRequest, Problem> {
        Ok(PageRequest::parse(self.query.get("limit"), self.query.get("page_token"))?)
    }

    /// The tenant of a route with [`TenantHeader::Required`].
    ///
    /// # Errors
    /// When it was not sent.
    pub fn tenant(&self) -> Result<TenantId, Problem> {
        self.tenant.ok_or_else(|| missing_tenant().into())
    }

    /// The tenant, or the instance where none was sent.
    #[must_use]
    pub fn scope(&self) -> KeyScope {
        KeyScope::from(self.tenant)
    }

    /// `If-Match` and `If-None-Match`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn precondition(&self) -> Result<Precondition, Problem> {
        Ok(conditions::read(self.request.headers())?)
    }

    /// The body.
    ///
    /// # Errors
    /// When it does not fit `T`, with the field that does not.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        Ok(body::from_json(&self.body)?)
    }

    /// The body, or `None` when nothing was sent.
    ///
    /// # Errors
    /// When it does not fit `T`, with the field that does not.
    pub fn optional_json<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        if self.body.is_empty() { Ok(None) } else { self.json().map(Some) }
    }
}

/// A permitted command with what its handler needs. The only way to get one is through the guard.
pub struct Permitted<C> {
    /// The permit.
    pub permit: Permit<C>,
    /// The use cases.
    pub app: Arc<App>,
}

impl<C: Decode> FromRequest for Permitted<C> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let unread = UnreadCall::of(&request)?;
            let mut call = unread.authenticate(&request).await?;
            let read = async {
                call.tenant = tenant_header(request.headers(), C::TENANT, &call.caller)?;
                if C::NEGOTIATED {
                    super::reply::check_accept(request.headers())?;
                }
                let body = body::read(&request, &mut payload, C::BODY, &unread.state.settings).await?;
                let query = Query::read(request.query_string())?;
                let parts = Parts { request: &request, query, body, tenant: call.tenant, now: call.at };
                let command = C::decode(&parts)?;
                parts.query.refuse_unknown()?;
                Ok(command)
            };
            match read.await {
                Ok(command) => {
                    if C::BODY != Body::None {
                        // A body may take its time, and the credential may have been revoked meanwhile.
                        let again = unread.authenticate(&request).await?;
                        (call.caller, call.at) = (again.caller, again.at);
                    }
                    let permit = unread.permit(&request, &call, command).await?;
                    Ok(Self { permit, app: Arc::clone(&unread.state.app) })
                }
                Err(problem) => Err(unread.refuse(&request, &call, problem).await),
            }
        })
    }
}

/// A call of which nothing is known yet.
pub(super) struct UnreadCall<'a> {
    state: &'a web::Data<HttpState>,
    facts: RequestFacts,
}

impl<'a> UnreadCall<'a> {
    /// Fails when the server was put together without its state: nothing must be reachable then.
    pub(super) fn of(request: &'a HttpRequest) -> Result<Self, Problem> {
        let state = request.app_data::<web::Data<HttpState>>();
        let state = state.ok_or_else(|| Problem::internal("the router has no state"))?;
        let id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        let id = id.ok_or_else(|| Problem::internal("the request has no id: the router is not observed"))?;
        let facts = RequestFacts {
            id,
            method: request.method().as_str().to_owned(),
            // As it was routed: `%6f` is an `o` to the router, and must be one to the policies.
            path: request.match_info().as_str().to_owned(),
            ip: peer::address(request, &state.settings.trusted_proxies),
            user_agent: peer::user_agent(request.headers()),
            tls: request.app_config().secure(),
        };
        Ok(Self { state, facts })
    }

    /// Step one. Whoever presents something that is no good ends here, whatever else was sent.
    pub(super) async fn authenticate(&self, request: &HttpRequest) -> Result<Call, Problem> {
        const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
        let headers = request.headers();
        let values = |name: HeaderName| headers.get_all(name).map(actix_web::http::header::HeaderValue::as_bytes);
        let presented = Presented::read(values(API_KEY), values(AUTHORIZATION));
        match self.state.app.authenticator.authenticate(presented).await {
            Ok(caller) => Ok(self.call(request, caller)),
            Err(Rejection::Rejected) => Err(Problem::unauthenticated()),
            Err(Rejection::Unavailable(error)) => Err(AppError::from(error).into()),
            Err(Rejection::Ambiguous) => {
                let call = self.call(request, Caller::Anonymous);
                Err(self.refuse(request, &call, Problem::ambiguous_credentials()).await)
            }
        }
    }

    fn call(&self, request: &HttpRequest, caller: Caller) -> Call {
        let languages = peer::languages(request.headers());
        let at = self.state.app.clock.now();
        Call { caller, tenant: None, request: self.facts.clone(), languages, at }
    }

    /// Asks for a permit, and leaves the decision where the log and the answer's headers find it.
    pub(super) async fn permit<C: Command>(
        &self,
        request: &HttpRequest,
        call: &Call,
        command: C,
    ) -> Result<Permit<C>, Problem> {
        let permit = self.state.app.permit(call, command).await;
        let decided: Option<Arc<Decided>> = match &permit {
            Ok(permit) => Some(Arc::clone(permit.decided())),
            Err(AppError::Denied(denied)) => Some(Arc::clone(&denied.decided)),
            Err(_undecided) => None,
        };
        if let Some(decided) = decided {
            request.extensions_mut().insert(decided);
        }
        Ok(permit?)
    }

    /// What is answered to a request that cannot be read: what is wrong with it, if the policies
    /// let the caller know, else a denial.
    pub(super) async fn refuse(&self, request: &HttpRequest, call: &Call, problem: Problem) -> Problem {
        let malformed = SendMalformed { problem: problem.malformed_as() };
        match self.permit(request, call, malformed).await {
            Ok(_permit) => problem,
            Err(denied) => denied,
        }
    }
}

fn missing_tenant() -> Invalid {
    Invalid::new("X-Tenant-ID", "is missing; this route is about one tenant, so the header must say which")
}

/// Step two.
pub(super) fn tenant_header(
    headers: &HeaderMap,
    policy: TenantHeader,
    caller: &Caller,
) -> Result<Option<TenantId>, Problem> {
    const NAME: &str = "X-Tenant-ID";
    let mut values = headers.get_all(HeaderName::from_static("x-tenant-id"));
    let first = values.next();
    if values.next().is_some() {
        return Err(Invalid::new(NAME, "is there more than once").into());
    }
    let needed = match policy {
        TenantHeader::Required => true,
        TenantHeader::RequiredOfTenants => caller.tenant().is_some(),
        TenantHeader::Optional => false,
    };
    match first {
        None if needed => Err(missing_tenant().into()),
        None => Ok(None),
        Some(value) => {
            let text = value.to_str().map_err(|_not_ascii| Invalid::new(NAME, "is not a hyphenated UUID"))?;
            Ok(Some(TenantId::parse(NAME, text)?))
        }
    }
}
