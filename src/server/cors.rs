//! Web pages of other origins, which browsers let call only where an answer says so (the CORS
//! protocol of <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tonic::body::Body;

use crate::domain::WebOrigin;
use crate::grpc::Web;
use crate::transport::Incoming;

/// Which origins are let in. Credentials are headers that a page has to know and send itself, so the
/// mode in which browsers add theirs (`Access-Control-Allow-Credentials`) is never on.
#[derive(Debug, Clone)]
pub(super) struct Cors(Arc<[WebOrigin]>);

impl Cors {
    /// The methods that a page may use: all that the service has.
    pub(super) const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    /// The headers that a page may send.
    pub(super) const REQUEST_HEADERS: [&str; 12] = [
        "authorization",
        "x-api-key",
        "x-tenant-id",
        "content-type",
        "accept",
        "accept-language",
        "if-match",
        "if-none-match",
        "x-request-id",
        "x-grpc-web",
        "x-user-agent",
        "grpc-timeout",
    ];
    /// The headers of an answer that a page may read, besides those that it always may.
    pub(super) const EXPOSED_HEADERS: [&str; 9] = [
        "x-request-id",
        "gatewood-notice",
        "etag",
        "location",
        "retry-after",
        "www-authenticate",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
    ];
    /// For how many seconds a browser may remember the answer to a preflight.
    pub(super) const MAX_AGE: u32 = 600;

    pub(super) fn new(origins: &[WebOrigin]) -> Self {
        Self(origins.into())
    }

    /// Whether any page is let in at all.
    pub(super) fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    /// The request's origin, when it is one of those that are let in. Two of them are none.
    fn allowed(&self, incoming: &impl Incoming) -> Option<WebOrigin> {
        let mut sent = incoming.header("origin");
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        self.0.iter().find(|allowed| allowed.as_str().as_bytes() == origin).cloned()
    }

    /// Whether this is the preflight of an origin that is let in.
    ///
    /// This is the one bypass of the guard. Its reason: a browser asks before it sends, without a
    /// credential, so there is nobody to decide about; and it is told only what the documentation
    /// says too, the same for every path, whether there is such a path or not. The request that
    /// follows goes through the guard like any other. A preflight of another origin is no preflight
    /// here but a request with an unknown method.
    fn is_preflight(&self, method: &str, incoming: &impl Incoming) -> bool {
        let asks = method == "OPTIONS" && incoming.header("access-control-request-method").next().is_some();
        asks && self.allowed(incoming).is_some()
    }

    /// What a preflight is answered.
    fn leave() -> [(&'static str, String); 3] {
        [
            ("access-control-allow-methods", Self::METHODS.join(", ")),
            ("access-control-allow-headers", Self::REQUEST_HEADERS.join(", ")),
            ("access-control-max-age", Self::MAX_AGE.to_string()),
        ]
    }

    /// What every answer says, also one that is an error: whether the page may read it.
    fn marks(origin: Option<&WebOrigin>) -> Vec<(&'static str, String)> {
        // Also for those that are not let in: a cache must not give one's answer to the other.
        let mut marks = vec![("vary", "Origin".to_owned())];
        if let Some(origin) = origin {
            marks.push(("access-control-allow-origin", origin.as_str().to_owned()));
            marks.push(("access-control-expose-headers", Self::EXPOSED_HEADERS.join(", ")));
        }
        marks
    }

    /// Answers preflights on the HTTP port.
    pub(super) async fn answer_preflight<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        if !self.is_preflight(request.method().as_str(), request.request()) {
            return next.call(request).await.map(ServiceResponse::map_into_left_body);
        }
        let mut answer = HttpResponse::build(StatusCode::NO_CONTENT);
        for header in Self::leave() {
            answer.insert_header(header);
        }
        Ok(request.into_response(answer.finish()).map_into_right_body())
    }

    /// Marks every answer on the HTTP port.
    pub(super) async fn mark<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        let marks = Self::marks(self.allowed(request.request()).as_ref());
        match next.call(request).await {
            Ok(mut response) => {
                add(response.headers_mut(), &marks);
                Ok(response)
            }
            Err(mut error) => {
                error.add_response_mapper(move |mut response| {
                    add(response.headers_mut(), &marks);
                    response
                });
                Err(error)
            }
        }
    }
}

fn add(headers: &mut HeaderMap, marks: &[(&'static str, String)]) {
    for (name, value) in marks {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
}

/// The same on the gRPC port, around the service.
#[derive(Clone)]
pub(super) struct CrossOrigin {
    cors: Cors,
    inner: Web,
}

impl CrossOrigin {
    /// Puts itself around `inner`.
    pub(super) const fn new(cors: Cors, inner: Web) -> Self {
        Self { cors, inner }
    }
}

impl tower::Service<http::Request<Body>> for CrossOrigin {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if !self.cors.is_on() {
            return tower::Service::call(&mut self.inner, request);
        }
        let marks = Cors::marks(self.cors.allowed(request.headers()).as_ref());
        let preflight = self.cors.is_preflight(request.method().as_str(), request.headers());
        let answered = if preflight {
            let mut answer = http::Response::new(Body::empty());
            *answer.status_mut() = http::StatusCode::NO_CONTENT;
            put(answer.headers_mut(), &Cors::leave());
            futures_util::future::ready(Ok(answer)).boxed()
        } else {
            tower::Service::call(&mut self.inner, request)
        };
        async move {
            let mut answer = answered.await?;
            put(answer.headers_mut(), &marks);
            Ok(answer)
        }
        .boxed()
    }
}

fn put(headers: &mut http::HeaderMap, marks: &[(&'static str, String)]) {
    for (name, value) in marks {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            headers.append(http::HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_table_of_routes_may_be_used() {
        let routes = crate::http::routes();
        let missing: Vec<&str> =
            routes.iter().map(|route| route.method.as_str()).filter(|method| !Cors::METHODS.contains(method)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
