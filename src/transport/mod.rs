//! What HTTP and gRPC have in common: who calls, whether it may, what went wrong, and the log line.
//!
//! Each transport says how a request of its kind is looked at ([`Incoming`]); the order of things
//! (credential, tenant header, what was sent, guard) is written here, once.

mod admission;
mod client;
mod grpc_outcome;
mod incoming;
mod log;
mod notices;
mod problem;
mod request_id;
mod trace;

pub(crate) use admission::missing_tenant;
pub use admission::{TenantHeader, Unread};
pub use client::{address, languages, user_agent};
pub use grpc_outcome::GrpcOutcome;
pub use incoming::Incoming;
pub use log::{Abandoned, Answered, Line, panic_text};
pub use notices::{NOTICE, notice_values};
pub use problem::{Details, Kind, Problem};
pub use request_id::RequestId;
pub use trace::begin_trace;
