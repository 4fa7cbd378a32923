//! HTTP: decode, call `app`, encode.
//!
//! [`routes()`] is the table of what there is. A route is registered with a handler that takes a
//! [`Permitted`] command, so what it may do is decided before it runs.

mod admin_dialect;
mod api_keys;
mod audit_events;
mod authzen;
mod body;
mod conditions;
mod decisions;
mod decode;
mod fallback;
mod grpc_web;
mod incoming;
mod observe;
mod oidc_config;
mod oidc_settings;
mod openapi;
mod problem;
mod query;
mod reply;
mod route;
mod routes;
mod service;
mod stores;
mod tenants;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::web;
use ipnet::IpNet;

pub(crate) use decisions::{DecisionBody, effect};
pub use decode::{Decode, Parts, Permitted};
pub use observe::observe;
pub use openapi::document as openapi_document;
pub use route::{Route, Routes};
pub use routes::routes;

use crate::app::App;
use crate::grpc::Web;
pub use crate::transport::{Problem, TenantHeader};

/// What the endpoints need besides what a request brings.
pub struct HttpState {
    /// The use cases.
    pub app: Arc<App>,
    /// Limits and trust.
    pub settings: HttpSettings,
    /// What answers gRPC-Web.
    pub grpc_web: Web,
    /// Where clients reach this server, without a slash at its end. Unless it is configured, it is known once
    /// the port is bound.
    pub public_url: OnceLock<String>,
}

/// Limits and trust of the HTTP server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
}

/// Registers the routes with what they need.
pub fn configure(state: web::Data<HttpState>, routes: &Routes) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(state);
        routes.register(config);
    }
}
