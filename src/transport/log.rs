//! One line for each request: what was asked and what came of it, never what was in it. The metrics and the
//! trace are told at the same place, so that they cannot differ from the log.

use std::any::Any;
use std::time::{Duration, Instant};

use super::{Problem, RequestId};
use crate::app::Decided;
use crate::telemetry::{Metrics, Outcome, Trace};

/// What was answered, in the numbers of the transport.
#[derive(Debug, Clone, Copy)]
pub enum Answered {
    /// An HTTP status.
    Http(u16),
    /// A gRPC code.
    Grpc(i32),
}

/// What there is to say about a request.
pub struct Line<'a> {
    /// Its id.
    pub id: &'a RequestId,
    /// Its HTTP method.
    pub method: &'a str,
    /// The route or the gRPC method, where there is one.
    pub route: Option<&'static str>,
    /// What was answered.
    pub answered: Answered,
    /// What the guard decided.
    pub decided: Option<&'a Decided>,
    /// What went wrong.
    pub problem: Option<&'a Problem>,
    /// When it came in.
    pub began: Instant,
    /// The trace that it is part of.
    pub trace: &'a Trace,
    /// Where it is counted; `None` where a server was put together without its state.
    pub metrics: Option<&'a Metrics>,
}

impl Line<'_> {
    /// Writes the line, an error where the service is at fault; records the decision, counts the request and
    /// ends its span: both transports come by here, and the answer is known now.
    pub fn write(&self) {
        let took = self.began.elapsed();
        if let Some(decided) = self.decided {
            decided.record.answered(took);
        }
        self.count(took);
        self.trace.end(self.id.as_str(), self.outcome(), self.is_our_fault());
        let duration = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (status, grpc_code) = match self.answered {
            Answered::Http(status) => (Some(status), None),
            Answered::Grpc(code) => (None, Some(code)),
        };
        let decision = self.decided.map(|decided| tracing::field::display(decided.id));
        let revision = self.decided.map(|decided| decided.snapshot.revision().as_str());
        let tenant = self.decided.and_then(|decided| decided.tenant).map(tracing::field::display);
        let policies = self.decided.map(|decided| decided.determining.join(" "));
        macro_rules! event {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    request.id = self.id.as_str(),
                    trace.id = self.trace.id(),
                    method = self.method,
                    route = self.route.unwrap_or("none"),
                    status = status,
                    grpc.code = grpc_code,
                    code = self.problem.map(Problem::code),
                    caller = self.decided.map(|decided| decided.caller.as_str()),
                    tenant.id = tenant,
                    decision.id = decision,
                    decision.policies = policies,
                    policy.revision = revision,
                    duration_us = duration,
                    error = self.problem.and_then(Problem::cause),
                    $message
                )
            };
        }
        if self.is_our_fault() {
            event!(error, "request failed");
        } else {
            event!(info, "request");
        }
    }

    fn count(&self, took: Duration) {
        let (Some(metrics), route) = (self.metrics, self.route.unwrap_or("none")) else { return };
        match self.answered {
            Answered::Http(status) => metrics.request(route, self.method, status, took),
            Answered::Grpc(code) => metrics.grpc_request(route, code, took),
        }
    }

    fn outcome(&self) -> Outcome<'_> {
        match self.answered {
            Answered::Http(status) => Outcome::Http { method: self.method, route: self.route, status },
            Answered::Grpc(code) => Outcome::Grpc { method: self.route, code },
        }
    }

    fn is_our_fault(&self) -> bool {
        /// `UNKNOWN`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS`.
        const FAULTS: [i32; 4] = [2, 13, 14, 15];
        match self.answered {
            Answered::Http(status) => status >= 500 && status != 501,
            Answered::Grpc(code) => FAULTS.contains(&code),
        }
    }
}

/// Writes a line when it is dropped while it is armed: the client went away before there was an answer,
/// or sent what is no HTTP. What its request has set going by then goes on.
pub struct Abandoned<'a> {
    id: &'a RequestId,
    method: &'a str,
    began: Instant,
    armed: bool,
}

impl<'a> Abandoned<'a> {
    /// Armed from now on.
    #[must_use]
    pub const fn new(id: &'a RequestId, method: &'a str, began: Instant) -> Self {
        Self { id, method, began, armed: true }
    }

    /// There is an answer, and a line about it.
    pub fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if self.armed {
            let duration = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let (id, method) = (self.id.as_str(), self.method);
            tracing::info!(
                request.id = id,
                method,
                duration_us = duration,
                "the connection ended before there was an answer"
            );
        }
    }
}

/// What a panic said, for the log.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}
