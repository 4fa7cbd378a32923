//! gRPC: decode, call `app`, encode. Over HTTP/2 by itself, over HTTP/1.1 as gRPC-Web.
//!
//! [`methods()`] is the table of what there is. A method is registered with a handler that takes a
//! [`Permitted`] command, so what it may do is decided before it runs.

mod call;
mod health;
mod incoming;
mod method;
mod methods;
mod observe;
mod oidc_settings;
mod reflection;
mod service;
mod web;

pub use call::{FromMessage, Permitted};
pub use incoming::Peer;
pub use method::{Method, Methods};
pub use methods::methods;
pub use observe::Observed;
pub use service::{GrpcService, GrpcSettings};
pub use web::{CONTENT_TYPES, Web};
