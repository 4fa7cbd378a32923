//! What is native gRPC, what is gRPC-Web, and what is neither.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Version};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};

use super::GrpcService;

/// The content types of gRPC-Web (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).
pub const CONTENT_TYPES: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];
/// Those of gRPC (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const NATIVE: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// The service with the framing that browsers can read beside its own.
#[derive(Clone)]
pub struct Web {
    framed: GrpcWebService<GrpcService>,
    native: GrpcService,
}

impl Web {
    /// Puts itself around the service.
    #[must_use]
    pub fn new(service: &GrpcService) -> Self {
        Self { framed: GrpcWebLayer::new().layer(service.clone()), native: service.clone() }
    }
}

impl Service<http::Request<Body>> for Web {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// What is neither goes through the guard, too, and never runs: a GET that changed something, or a
    /// form that some page sent, would get past whoever looks at methods and types.
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let is = |types: &[&str]| request.method() == Method::POST && says(request.headers().get(CONTENT_TYPE), types);
        if is(&CONTENT_TYPES) {
            self.framed.call(answer_alike(request)).boxed()
        } else if is(&NATIVE) && request.version() == Version::HTTP_2 {
            self.native.call(request)
        } else {
            self.native.clone().refuse(request).map(Ok).boxed()
        }
    }
}

fn says(value: Option<&HeaderValue>, types: &[&str]) -> bool {
    value.is_some_and(|value| types.iter().any(|known| value.as_bytes().eq_ignore_ascii_case(known.as_bytes())))
}

/// Who does not say how to be answered is answered as it asked: a client that sends base64 can most
/// likely read nothing else.
fn answer_alike(mut request: http::Request<Body>) -> http::Request<Body> {
    let asked = request.headers().get(CONTENT_TYPE).cloned();
    if let (Some(asked), false) = (asked, says(request.headers().get(ACCEPT), &CONTENT_TYPES)) {
        request.headers_mut().insert(ACCEPT, asked);
    }
    request
}
