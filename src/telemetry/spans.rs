//! The spans that are exported: one of each request, and one of each decision below it.
//!
//! They are of a target of their own, which no log line has: while nothing is exported, making one costs
//! a comparison.

use std::fmt::Display;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Array, Context, StringValue, Value};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{TARGET, TraceParent};

/// What came of a request, in the words of OpenTelemetry's semantic conventions.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// Of an HTTP request.
    Http {
        /// Its method.
        method: &'a str,
        /// Its route, where there is such a one.
        route: Option<&'static str>,
        /// The status of its answer.
        status: u16,
    },
    /// Of a call of gRPC.
    Grpc {
        /// `package.Service/Method`, where there is such a one.
        method: Option<&'static str>,
        /// The code of its answer.
        code: i32,
    },
}

/// The trace that a request is part of: its caller's, or a new one. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Trace {
    span: Span,
    id: Option<String>,
}

impl Trace {
    /// Begins the span of a request, below the one that its caller has named.
    #[must_use]
    pub fn begin(parent: Option<TraceParent>) -> Self {
        let span = tracing::info_span!(target: TARGET, parent: None, "request", otel.kind = "server");
        if span.is_disabled() {
            return Self { span, id: parent.map(|parent| parent.trace_id()) };
        }
        // A span that is enabled and not ours to export has no parent to be given.
        let _ = parent.map(|parent| span.set_parent(Context::new().with_remote_span_context(parent.0)));
        let context = span.context().span().span_context().clone();
        let id = context.is_valid().then(|| context.trace_id().to_string());
        Self { span, id }
    }

    /// The trace's id, 32 hexadecimal digits: the caller's, or that of the trace that began here. `None` where
    /// there is neither.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the work on the request has to be inside of.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.span
    }

    /// Says what came of the request. What stood in its path is not said, as it can be anything.
    pub fn end(&self, request_id: &str, outcome: Outcome<'_>, is_our_fault: bool) {
        if self.span.is_disabled() {
            return;
        }
        let span = &self.span;
        span.set_attribute("gatewood.request_id", request_id.to_owned());
        let code = match outcome {
            Outcome::Http { method, route, status } => {
                let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
                span.context().span().update_name(name);
                span.set_attribute("http.request.method", method.to_owned());
                span.set_attribute("http.response.status_code", i64::from(status));
                if let Some(route) = route {
                    span.set_attribute("http.route", route);
                }
                i64::from(status)
            }
            Outcome::Grpc { method, code } => {
                span.context().span().update_name(method.unwrap_or("grpc"));
                span.set_attribute("rpc.system", "grpc");
                span.set_attribute("rpc.grpc.status_code", i64::from(code));
                if let Some((service, method)) = method.and_then(|method| method.split_once('/')) {
                    span.set_attribute("rpc.service", service);
                    span.set_attribute("rpc.method", method);
                }
                i64::from(code)
            }
        };
        if is_our_fault {
            span.set_attribute("error.type", code.to_string());
            span.set_status(Status::error(""));
        }
    }
}

/// The span of a decision, below that of the request.
#[derive(Debug)]
pub struct DecisionSpan(Span);

impl DecisionSpan {
    /// Begins it; it ends when this is dropped.
    #[must_use]
    pub fn begin(store: &str) -> Self {
        Self(tracing::info_span!(target: TARGET, "decision", gatewood.store = store))
    }

    /// Says what was decided, by which revision of the store, and which policies determined it.
    pub fn decided<'a>(
        self,
        id: impl Display,
        revision: &str,
        allowed: bool,
        policies: impl IntoIterator<Item = &'a str>,
    ) {
        if self.0.is_disabled() {
            return;
        }
        let policies = policies.into_iter().map(|policy| StringValue::from(policy.to_owned())).collect();
        self.0.set_attribute("gatewood.decision_id", id.to_string());
        self.0.set_attribute("gatewood.revision", revision.to_owned());
        self.0.set_attribute("gatewood.decision", if allowed { "allow" } else { "deny" });
        self.0.set_attribute("gatewood.policies", Value::Array(Array::String(policies)));
    }
}
