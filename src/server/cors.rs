//! Web pages of other origins, which browsers let call only where an answer says so (the CORS
//! protocol of <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

use crate::domain::WebOrigin;

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
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut sent = headers.get_all(ORIGIN);
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        self.0.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Answers the preflight of an origin that is let in.
    ///
    /// This is the one bypass of the guard. Its reason: a browser asks before it sends, without a
    /// credential, so there is nobody to decide about; and it is told only what the documentation
    /// says too, the same for every path, whether there is such a path or not. The request that
    /// follows goes through the guard like any other. A preflight of another origin is no preflight
    /// here but a request with an unknown method.
    pub(super) async fn answer_preflight<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.allowed(headers).is_none() {
            return next.call(request).await.map(ServiceResponse::map_into_left_body);
        }
        let answer = HttpResponse::build(StatusCode::NO_CONTENT)
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, Self::METHODS.join(", ")))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, Self::REQUEST_HEADERS.join(", ")))
            .insert_header((ACCESS_CONTROL_MAX_AGE, Self::MAX_AGE))
            .finish();
        Ok(request.into_response(answer).map_into_right_body())
    }

    /// Says on every answer, also on those that are errors, whether the page may read it.
    pub(super) async fn mark<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        let origin = self.allowed(request.headers());
        match next.call(request).await {
            Ok(mut response) => {
                mark(response.headers_mut(), origin);
                Ok(response)
            }
            Err(mut error) => {
                error.add_response_mapper(move |mut response| {
                    mark(response.headers_mut(), origin.clone());
                    response
                });
                Err(error)
            }
        }
    }
}

fn mark(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    // Also for those that are not let in: a cache must not give one's answer to the other.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if let Ok(exposed) = HeaderValue::from_str(&Cors::EXPOSED_HEADERS.join(", ")) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
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
