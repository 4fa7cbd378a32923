//! Around every request of the gRPC port: its id, its log line, its notices.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{HeaderName, HeaderValue};
use tonic::Status;
use tonic::body::Body;
use tower::Service;
use tracing::Instrument;

use super::GrpcService;
use crate::transport::{Answered, GrpcOutcome, Line, NOTICE, RequestId, begin_trace, notice_values};

/// Gives each request an id and logs one line about it.
#[derive(Clone)]
pub struct Observed<S> {
    service: GrpcService,
    inner: S,
}

impl<S> Observed<S> {
    /// Puts itself around `inner`, at the innermost of which is `service`.
    pub const fn new(service: GrpcService, inner: S) -> Self {
        Self { service, inner }
    }
}

impl<S> Service<http::Request<Body>> for Observed<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let began = Instant::now();
        let app = Arc::clone(self.service.app());
        let id = RequestId::choose(request.headers(), || app.entropy.uuid_at(app.clock.now()).to_string());
        request.extensions_mut().insert(id.clone());
        let trace = begin_trace(request.headers());
        request.extensions_mut().insert(trace.clone());
        let method = request.method().clone();
        let span = tracing::debug_span!("request", request.id = id.as_str());
        let traced = trace.span().clone();
        let answered = self.inner.call(request);
        // A task of its own: a client that goes away, which every deadline makes it do, must not leave a
        // change without its log line, nor a right behind that the change took away.
        let observed = async move {
            let mut response = answered.await?;
            let outcome = response.extensions().get::<GrpcOutcome>().cloned();
            let outcome = outcome.as_ref();
            Line {
                id: &id,
                method: method.as_str(),
                route: outcome.and_then(|outcome| outcome.method),
                // What is no call of gRPC was answered by whoever understands HTTP.
                answered: outcome
                    .map_or_else(|| Answered::Http(response.status().as_u16()), |outcome| Answered::Grpc(outcome.code)),
                decided: outcome.and_then(|outcome| outcome.decided.as_deref()),
                problem: outcome.and_then(|outcome| outcome.problem.as_deref()),
                began,
                trace: &trace,
                metrics: Some(&app.metrics),
            }
            .write();
            let headers = response.headers_mut();
            if let Ok(value) = HeaderValue::from_str(id.as_str()) {
                headers.insert(HeaderName::from_static(RequestId::HEADER), value);
            }
            let succeeded = outcome.filter(|outcome| outcome.code == 0);
            for notice in succeeded.and_then(|outcome| outcome.decided.as_deref()).into_iter().flat_map(notice_values) {
                if let Ok(value) = HeaderValue::from_str(&notice) {
                    headers.append(HeaderName::from_static(NOTICE), value);
                }
            }
            Ok(response)
        };
        let task = tokio::spawn(observed.instrument(span).instrument(traced));
        async move {
            task.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a call of gRPC ended without an answer");
                Ok(Status::internal("the service failed").into_http())
            })
        }
        .boxed()
    }
}
