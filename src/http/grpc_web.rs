//! gRPC-Web on the HTTP port: the service of the gRPC port behind an adapter. Its trailers ride in the
//! body, so actix can carry them.

use std::sync::Arc;

use actix_web::body::BodyStream;
use actix_web::dev::Payload;
use actix_web::guard;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Route, web};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tonic::body::Body;
use tower::ServiceExt;

use super::{Problem, incoming};
use crate::grpc::{CONTENT_TYPES, Peer};
use crate::transport::{GrpcOutcome, RequestId};

/// The path of a method: `/package.Service/Method`.
pub(super) const PATH: &str = "/{service:[A-Za-z0-9_]+(?:\\.[A-Za-z0-9_]+)+}/{method:[A-Za-z0-9_]+}";

/// Takes whatever says that it is gRPC-Web.
pub(super) fn route() -> Route {
    web::post().guard(guard::fn_guard(is_grpc_web)).to(answer)
}

fn is_grpc_web(context: &guard::GuardContext<'_>) -> bool {
    let said = context.head().headers().get(CONTENT_TYPE);
    said.is_some_and(|value| CONTENT_TYPES.iter().any(|known| value.as_bytes() == known.as_bytes()))
}

async fn answer(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let state = incoming::state(&request)?;
    let asked = translate(&request, payload.into_inner()).map_err(|error| Problem::internal(error.to_string()))?;
    let Ok(answered) = state.grpc_web.clone().oneshot(asked).await;
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

/// The request in the types of gRPC. The body is passed on as it arrives: who sends it is looked at
/// first, and how much of it is read is for the service to say.
fn translate(request: &HttpRequest, payload: Payload) -> Result<http::Request<Body>, http::Error> {
    const BUFFERED: usize = 4;
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let mut payload = payload;
    actix_web::rt::spawn(async move {
        while let Some(chunk) = payload.next().await {
            let frame = chunk.map(hyper::body::Frame::data).map_err(|error| error.to_string());
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
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
    Ok(asked)
}
