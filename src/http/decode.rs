//! A request into a permitted command, in the order that the API promises: credential, tenant
//! header, size and syntax and rules, guard. Lookups come after all of these, in the use case.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::body::{self, Body};
use super::query::Query;
use super::{Problem, conditions, incoming};
use crate::app::stores::{MinRevision, StoreTarget};
use crate::app::{App, Command, Permit, Waited};
use crate::domain::{Call, Invalid, KeyScope, PageRequest, Precondition, StoreName, TenantId, Timestamp};
use crate::policy::PolicyRevision;
use crate::transport::{TenantHeader, missing_tenant};
use crate::values::{Item, Json};

/// A command that HTTP requests can be read into.
pub trait Decode: Command + 'static {
    /// Whether there is a body, and what it is.
    const BODY: Body = Body::None;
    /// How many bytes the body may have.
    const BODY_LIMIT: usize = 64 * 1024;
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

/// A request, taken apart.
pub struct Parts<'a> {
    request: &'a HttpRequest,
    app: &'a App,
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

    /// A parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)
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

    /// The store that the path names.
    ///
    /// # Errors
    /// When it is no name of a store.
    pub fn named_store(&self) -> Result<Option<StoreName>, Problem> {
        Ok(named_store(self.request)?)
    }

    /// Where clients reach this server, without a slash at its end.
    ///
    /// # Errors
    /// When that was never settled: then the server was put together without it.
    pub fn public_url(&self) -> Result<&str, Problem> {
        let url = incoming::state(self.request)?.public_url.get();
        url.map(String::as_str).ok_or_else(|| Problem::internal("the server does not know its own URL"))
    }

    /// The store that the path names, else the default one, and the revision that it must have had.
    ///
    /// # Errors
    /// When none is named and there is no default; when the header is no revision.
    pub fn store(&self) -> Result<StoreTarget, Problem> {
        let name = store_of(self.request, self.app)?;
        let mut headers = self.request.headers().get_all(MinRevision::HEADER);
        let wanted = match (headers.next(), headers.next()) {
            (None, _) => None,
            (Some(only), None) => Some(MinRevision::parse(only.to_str().unwrap_or_default())?),
            (Some(_), Some(_)) => return Err(Invalid::new(MinRevision::HEADER, "is there more than once").into()),
        };
        Ok(StoreTarget::new(name, wanted))
    }

    /// The body, as a tree.
    ///
    /// # Errors
    /// When it is not JSON, or has a name twice.
    pub fn json_tree(&self) -> Result<Json, Problem> {
        Ok(Json::parse(&self.body)?)
    }

    /// The body, as a tree, with a list in which each item stands for itself.
    ///
    /// # Errors
    /// When all but the items is not JSON, or has a name twice.
    pub fn json_batch(&self, list: &str) -> Result<(Json, Option<Vec<Item>>), Problem> {
        Ok(Json::parse_batch(&self.body, list)?)
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

fn named_store(request: &HttpRequest) -> Result<Option<StoreName>, Invalid> {
    request.match_info().get("store").map(|name| StoreName::parse("store", name)).transpose()
}

/// The name of the store that the path names, else of the default one.
fn store_of(request: &HttpRequest, app: &App) -> Result<StoreName, Invalid> {
    named_store(request)?
        .or_else(|| app.stores.default_store())
        .ok_or_else(|| Invalid::new("store", "is not said, and there is no default one: name it in the path"))
}

/// Leaves the revision where the answer's headers are written.
fn tell_revision(request: &HttpRequest, revision: Option<&PolicyRevision>) {
    let mut kept = request.extensions_mut();
    match revision {
        Some(revision) => drop(kept.insert(revision.clone())),
        None => drop(kept.remove::<PolicyRevision>()),
    }
}

/// A permitted command with what its handler needs. The only way to get one is through the guard.
pub struct Permitted<C> {
    /// The permit.
    pub permit: Permit<C>,
    /// The use cases.
    pub app: Arc<App>,
    /// The call that is permitted.
    pub call: Call,
}

impl<C: Decode> FromRequest for Permitted<C> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let state = incoming::state(&request)?;
            let unread = incoming::unread(&request, state)?;
            let began = Instant::now();
            let mut call = unread.authenticate().await?;
            let read = async {
                call.tenant = unread.tenant(C::TENANT, &call.caller)?;
                if C::NEGOTIATED {
                    super::reply::check_accept(request.headers())?;
                }
                let body = body::read(&request, &mut payload, C::BODY, C::BODY_LIMIT, &state.settings).await?;
                let query = Query::read(request.query_string())?;
                let parts =
                    Parts { request: &request, app: &state.app, query, body, tenant: call.tenant, now: call.at };
                let command = C::decode(&parts)?;
                parts.query.refuse_unknown()?;
                Ok(command)
            };
            let read = read.await;
            if read.is_err()
                && C::ACTION.resources.contains(&"Store")
                && let Ok(store) = store_of(&request, &state.app)
            {
                let revision = state.app.revision_for::<C>(&call, StoreTarget::new(store, None));
                tell_revision(&request, revision.as_ref());
            }
            let mut command = unread.or_refuse(&call, read).await?;
            if C::BODY != Body::None {
                unread.authenticate_again(&mut call, began).await?;
            }
            let permit = loop {
                let permit = unread.permit(&call, command).await?;
                tell_revision(&request, permit.command().store().and_then(StoreTarget::revision));
                command = match state.app.wait_for_store(permit).await? {
                    Waited::NotAtAll(permit) => break permit,
                    Waited::AskAgain(command) => command,
                };
                tell_revision(&request, None);
                unread.authenticate_again(&mut call, began).await?;
            };
            Ok(Self { permit, app: Arc::clone(&state.app), call })
        })
    }
}
