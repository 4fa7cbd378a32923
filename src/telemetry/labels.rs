//! The labels of metrics. Their values are from bounded sets: never what a client has sent.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

/// Of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpAnswer {
    pub(super) route: &'static str,
    pub(super) method: &'static str,
    pub(super) status: u16,
}

/// Of the route alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRoute {
    pub(super) route: &'static str,
}

/// Of a call of gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GrpcAnswer {
    pub(super) method: &'static str,
    pub(super) code: i32,
}

/// Of the method alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfMethod {
    pub(super) method: &'static str,
}

/// Of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answer {
    pub(super) store: Arc<str>,
    pub(super) channel: &'static str,
    pub(super) decision: &'static str,
}

/// Of a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfStore {
    pub(super) store: Arc<str>,
}

/// Of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfPolicy {
    pub(super) store: Arc<str>,
    pub(super) policy: Arc<str>,
}

/// Of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfReload {
    pub(super) store: Arc<str>,
    pub(super) outcome: &'static str,
}

/// Of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRevision {
    pub(super) store: Arc<str>,
    pub(super) revision: Arc<str>,
}

/// The method as a label: a client may make one up, so only those that HTTP has are told apart.
pub(super) fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
