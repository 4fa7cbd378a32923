//! An HTTP request, as far as gRPC has the same.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpMessage, HttpRequest, web};

use super::{HttpState, Problem};
use crate::app::Decided;
use crate::domain::RequestFacts;
use crate::telemetry::Trace;
use crate::transport::{Incoming, RequestId, Unread, address, user_agent};

impl Incoming for HttpRequest {
    fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).map(HeaderValue::as_bytes)
    }

    fn record(&self, decided: Arc<Decided>) {
        self.extensions_mut().insert(decided);
    }
}

/// Fails when the server was put together without its state: nothing must be reachable then.
pub(super) fn state(request: &HttpRequest) -> Result<&web::Data<HttpState>, Problem> {
    request.app_data::<web::Data<HttpState>>().ok_or_else(|| Problem::internal("the router has no state"))
}

/// The request, of which nothing is known yet. Fails when it has no id: then nobody observes the router.
pub(super) fn unread<'a>(request: &'a HttpRequest, state: &'a HttpState) -> Result<Unread<'a, HttpRequest>, Problem> {
    let id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
    let facts = RequestFacts {
        id: id.ok_or_else(|| Problem::internal("the request has no id: the router is not observed"))?,
        method: request.method().as_str().to_owned(),
        // As it was routed: `%6f` is an `o` to the router, and must be one to the policies.
        path: request.match_info().as_str().to_owned(),
        ip: address(request.peer_addr().map(|peer| peer.ip()), request, &state.settings.trusted_proxies),
        user_agent: user_agent(request),
        tls: request.app_config().secure(),
        trace_id: request.extensions().get::<Trace>().and_then(|trace| trace.id().map(str::to_owned)),
        began: Instant::now(),
    };
    Ok(Unread { app: &state.app, incoming: request, facts })
}
