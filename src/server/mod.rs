//! The server: bind and open everything, then run, and drain at the end.

mod build;
mod control_plane;
mod cors;
mod decision_log;
mod encryption;
mod grpc;
mod http;
mod in_flight;
mod issuers;
mod metrics;
mod private_file;
mod root_key;
mod run;
mod tls;

pub use build::{Ambient, Server, StartError};
pub use encryption::key_ring;
pub use issuers::{key_sets, outbound};
pub use root_key::{FirstKey, issue_root_key};
