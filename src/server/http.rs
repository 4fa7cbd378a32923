//! The HTTP port: JSON over HTTP/1.1 and HTTP/2, and gRPC-Web.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use actix_web::dev::{Server as HttpServerTask, Service};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App as HttpApp, HttpServer, web};

use super::StartError;
use super::cors::Cors;
use super::in_flight::InFlight;
use super::tls::Tls;
use crate::app::App;
use crate::config::Config;
use crate::grpc::{GrpcService, Web};
use crate::http::{self, HttpSettings, HttpState, Routes};

/// Binds the port; what is returned serves once it is polled.
///
/// # Errors
/// When it cannot be listened on.
pub(super) fn bind(
    config: &Config,
    app: Arc<App>,
    routes: Routes,
    service: &GrpcService,
    in_flight: &InFlight,
    tls: Option<&Tls>,
) -> Result<(HttpServerTask, SocketAddr), StartError> {
    let settings = HttpSettings {
        body_timeout: config.server.body_timeout,
        trusted_proxies: config.server.trusted_proxies.clone(),
    };
    let grpc_web = Web::new(service);
    let public_url = match &config.server.public_url {
        Some(url) => OnceLock::from(url.as_str().trim_end_matches('/').to_owned()),
        None => OnceLock::new(),
    };
    let state = web::Data::new(HttpState { app, settings, grpc_web, public_url });
    let bound_state = state.clone();
    let in_flight = in_flight.clone();
    let cors = Cors::new(&config.server.cors_origins);
    let factory = move || {
        let configure = http::configure(state.clone(), &routes);
        let (in_flight, preflights, marks) = (in_flight.clone(), cors.clone(), cors.clone());
        // From the inside to the outside: a preflight is observed like any request, and the marks are
        // on every answer, also on one that `observe` makes of a panic.
        HttpApp::new()
            .configure(configure)
            .wrap(Condition::new(
                cors.is_on(),
                from_fn(move |request, next| preflights.clone().answer_preflight(request, next)),
            ))
            .wrap(from_fn(http::observe))
            .wrap(Condition::new(cors.is_on(), from_fn(move |request, next| marks.clone().mark(request, next))))
            .wrap_fn(move |request, service| {
                let held = in_flight.enter();
                let answer = service.call(request);
                async move {
                    let answer = answer.await;
                    drop(held);
                    answer
                }
            })
    };
    // It counts in whole seconds; the bound itself is kept by whoever runs the server.
    let drain = config.server.drain_timeout.as_secs() + 1;
    let server = HttpServer::new(factory)
        .workers(config.server.workers)
        .shutdown_timeout(drain)
        .tls_handshake_timeout(Tls::HANDSHAKE_TIMEOUT)
        .max_connection_rate(Tls::MOST_HANDSHAKES)
        // A client that closes its half is gone: nobody waits for it with an answer that does not end.
        .h1_allow_half_closed(false)
        .disable_signals();
    let bound = match tls {
        None => server.bind_auto_h2c(config.listen),
        Some(tls) => server.bind_rustls_0_23(config.listen, tls.for_actix()),
    };
    let server = bound.map_err(|error| StartError::new(format!("cannot listen on {}: {error}", config.listen)))?;
    let address = server.addrs().first().copied().ok_or_else(|| StartError::new("no address was bound"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    bound_state.public_url.get_or_init(|| format!("{scheme}://{address}"));
    Ok((server.run(), address))
}
