//! A call: who asks, about which tenant, and how the request came in.

use std::net::IpAddr;
use std::time::Instant;

use super::{Caller, TenantId, Timestamp};

/// Everything about a request but what it asks for.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who is asking.
    pub caller: Caller,
    /// The tenant that the request says it is about.
    pub tenant: Option<TenantId>,
    /// How it came in.
    pub request: RequestFacts,
    /// The languages that the caller reads, best first, as BCP 47 tags.
    pub languages: Vec<String>,
    /// When it came in.
    pub at: Timestamp,
}

/// How a request came in: what policies see as `context.request`.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The request's id.
    pub id: String,
    /// The HTTP method.
    pub method: String,
    /// The path, as it was sent, without the query.
    pub path: String,
    /// The peer's address, or what a trusted proxy said it was.
    pub ip: IpAddr,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The id of the trace that it is part of, 32 hexadecimal digits, for the decision log. Policies do not see it.
    pub trace_id: Option<String>,
    /// When it came in, to say how long it took. Policies do not see it.
    pub began: Instant,
}
