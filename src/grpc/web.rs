//! gRPC-Web: the framing that browsers can read, around the service.

use std::convert::Infallible;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::Layer;
use tower::util::{BoxCloneSyncService, MapRequest};

use super::GrpcService;

/// A service from HTTP to HTTP.
pub type Web = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// The content types of gRPC-Web.
pub const CONTENT_TYPES: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// The service for browsers; what is native gRPC passes through.
#[must_use]
pub fn web(service: &GrpcService) -> Web {
    BoxCloneSyncService::new(MapRequest::new(GrpcWebLayer::new().layer(service.clone()), answer_alike))
}

/// Who does not say how to be answered is answered as it asked: a client that sends base64 can most
/// likely read nothing else.
fn answer_alike(mut request: http::Request<Body>) -> http::Request<Body> {
    let known = |value: &&HeaderValue| CONTENT_TYPES.iter().any(|known| value.as_bytes() == known.as_bytes());
    let asked = request.headers().get(CONTENT_TYPE).filter(known).cloned();
    if let (Some(asked), None) = (asked, request.headers().get(ACCEPT).filter(known)) {
        request.headers_mut().insert(ACCEPT, asked);
    }
    request
}
