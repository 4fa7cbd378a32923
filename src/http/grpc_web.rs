//! gRPC-Web on the HTTP port: the service of the gRPC port behind an adapter. Its trailers ride in the
//! body, so actix can carry them.

use std::pin::pin;
use std::sync::Arc;

use actix_web::body::BodyStream;
use actix_web::dev::Payload;
use actix_web::guard;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Route, web};
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tonic::body::Body;
use tower::ServiceExt;

use super::{Problem, incoming};
use crate::grpc::{CONTENT_TYPES, Peer};
use crate::telemetry::Trace;
use crate::transport::{GrpcOutcome, RequestId};

/// The path of a method: `/package.Service/Method`.
pub(super) const PATH: &str = "/{service:[A-Za-z0-9_]+(?:\\.[A-Za-z0-9_]+)+}/{method:[A-Za-z0-9_]+}";

/// Takes whatever says that it is gRPC-Web.
pub(super) fn route() -> Route {
    web::post().guard(guard::fn_guard(is_grpc_web)).to(answer)
}

fn is_grpc_web(context: &guard::GuardContext<'_>) -> bool {
    let said = context.head().headers().get(CONTENT_TYPE);
    said.is_some_and(|value| CONTENT_TYPES.iter().any(|known| value.as_bytes().eq_ignore_ascii_case(known.as_bytes())))
}

async fn answer(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let state = incoming::state(&request)?;
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let asked = translate(&request, receiver).map_err(|error| Problem::internal(error.to_string()))?;
    let call = state.grpc_web.clone().oneshot(asked);
    // Both in this one task: what is wrong with the body is then answered before the connection, which
    // cannot go on after it, is closed.
    let (mut call, mut pump) = (pin!(call), pin!(pass_on(payload.into_inner(), sender).fuse()));
    let Ok(answered) = loop {
        tokio::select! {
            biased;
            answered = &mut call => break answered,
            () = &mut pump => {}
        }
    };
    let (parts, body) = answered.into_parts();
    if let Some(outcome) = parts.extensions.get::<GrpcOutcome>() {
        request.extensions_mut().insert(outcome.clone());
        if let Some(decided) = &outcome.decided {
            request.extensions_mut().insert(Arc::clone(decided));
        }
    }
    let status = actix_web::http::StatusCode::from_u16(parts.status.as_u16());
    let mut response = HttpResponse::build(status.map_err(|error| Problem::internal(error.to_string()))?);
    for (name, value) in &parts.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    Ok(response.body(BodyStream::new(body.into_data_stream())))
}

/// How many parts of a body wait to be read.
const BUFFERED: usize = 4;

type Part = Result<Frame<web::Bytes>, String>;

/// Passes the body on as it arrives: who sends it is looked at first, and how much of it is read is for
/// the service to say.
async fn pass_on(mut payload: Payload, sender: mpsc::Sender<Part>) {
    while let Some(chunk) = payload.next().await {
        let failed = chunk.is_err();
        let sent = sender.send(chunk.map(Frame::data).map_err(|error| error.to_string())).await;
        if failed || sent.is_err() {
            return;
        }
    }
}

/// The request in the types of gRPC.
fn translate(request: &HttpRequest, receiver: mpsc::Receiver<Part>) -> Result<http::Request<Body>, http::Error> {
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let frame = receiver.recv().await?;
        Some((frame, receiver))
    });
    let mut asked = http::Request::builder()
        .method(http::Method::POST)
        // As it was routed, for the same reason as everywhere.
        .uri(request.match_info().as_str())
        .body(Body::new(http_body_util::StreamBody::new(frames)))?;
    for (name, value) in request.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes())?;
        asked.headers_mut().append(name, http::HeaderValue::from_bytes(value.as_bytes())?);
    }
    let peer = Peer { address: request.peer_addr().map(|peer| peer.ip()), tls: request.app_config().secure() };
    asked.extensions_mut().insert(peer);
    if let Some(id) = request.extensions().get::<RequestId>() {
        asked.extensions_mut().insert(id.clone());
    }
    if let Some(trace) = request.extensions().get::<Trace>() {
        asked.extensions_mut().insert(trace.clone());
    }
    Ok(asked)
}
