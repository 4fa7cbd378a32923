//! A request of gRPC, as far as HTTP has the same.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::HeaderMap;
use http::header::HeaderValue;

use super::service::State;
use crate::app::Decided;
use crate::domain::RequestFacts;
use crate::telemetry::Trace;
use crate::transport::{Incoming, RequestId, Unread, address, user_agent};

/// What is known of the other end of the connection. Whoever serves the connection puts it into the
/// extensions of each of its requests.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// The metadata of a call, and the place for what was decided about it.
pub(super) struct GrpcRequest {
    headers: HeaderMap,
    method: String,
    path: String,
    peer: Peer,
    id: String,
    trace_id: Option<String>,
    decided: Mutex<Option<Arc<Decided>>>,
}

impl GrpcRequest {
    pub(super) fn of<B>(request: &http::Request<B>) -> Self {
        let peer = request.extensions().get::<Peer>().copied();
        let id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        Self {
            headers: request.headers().clone(),
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            peer: peer.unwrap_or(Peer { address: None, tls: false }),
            id: id.unwrap_or_default(),
            trace_id: request.extensions().get::<Trace>().and_then(|trace| trace.id().map(str::to_owned)),
            decided: Mutex::default(),
        }
    }

    /// The call, of which nothing is known yet.
    pub(super) fn unread<'a>(&'a self, state: &'a State) -> Unread<'a, Self> {
        let facts = RequestFacts {
            id: self.id.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            ip: address(self.peer.address, self, &state.settings.trusted_proxies),
            user_agent: user_agent(self),
            tls: self.peer.tls,
            trace_id: self.trace_id.clone(),
            began: Instant::now(),
        };
        Unread { app: &state.app, incoming: self, facts }
    }

    /// The last decision about it.
    pub(super) fn decided(&self) -> Option<Arc<Decided>> {
        self.decided.lock().ok().and_then(|decided| decided.clone())
    }
}

impl Incoming for GrpcRequest {
    fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.header(name)
    }

    fn record(&self, decided: Arc<Decided>) {
        if let Ok(mut slot) = self.decided.lock() {
            *slot = Some(decided);
        }
    }
}

/// Headers alone, for what needs no more.
impl Incoming for HeaderMap {
    fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn record(&self, _decided: Arc<Decided>) {}
}
