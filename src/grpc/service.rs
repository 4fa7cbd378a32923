//! The service as a whole: from a path to what answers it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower::Service;

use super::Methods;
use super::call::{admit, refusal};
use super::incoming::GrpcRequest;
use super::reflection::Reflection;
use crate::app::App;
use crate::app::service::{ReadReflection, UseUnknownRoute};
use crate::transport::{GrpcOutcome, Problem, panic_text};

/// Limits and trust of the gRPC server.
#[derive(Debug, Clone)]
pub struct GrpcSettings {
    /// How many bytes a message may have.
    pub message_limit: usize,
    /// How long a message may take to arrive.
    pub message_timeout: Duration,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
}

/// What every call needs.
pub(super) struct State {
    pub(super) app: Arc<App>,
    pub(super) settings: GrpcSettings,
    pub(super) methods: Methods,
    pub(super) stopping: AtomicBool,
    reflection: Vec<Reflection>,
    places: Semaphore,
}

/// Everything that is served over gRPC. Cloning it is cheap.
#[derive(Clone)]
pub struct GrpcService(Arc<State>);

impl GrpcService {
    /// How many calls are answered at once; more are told to try again.
    const MOST_CALLS: usize = 4096;

    /// The service.
    ///
    /// # Errors
    /// When what it describes of itself does not fit together.
    pub fn new(app: Arc<App>, settings: GrpcSettings, methods: Methods) -> Result<Self, String> {
        let reflection = Reflection::methods(settings.message_limit)?;
        let (stopping, places) = (AtomicBool::new(false), Semaphore::new(Self::MOST_CALLS));
        Ok(Self(Arc::new(State { app, settings, methods, stopping, reflection, places })))
    }

    /// Says from now on that it is not healthy: whoever sends calls should send them elsewhere.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// The use cases.
    pub(super) fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    async fn answer(
        state: Arc<State>,
        incoming: Arc<GrpcRequest>,
        request: http::Request<Body>,
    ) -> http::Response<Body> {
        let path = request.uri().path();
        if let Some(method) = state.methods.find(path) {
            return (Arc::clone(&method.handler))(Arc::clone(&state), incoming, request).await;
        }
        let reflection = state.reflection.iter().find(|method| path.strip_prefix('/') == Some(method.name));
        let admitted = async {
            let call = admit(&incoming, &state).await?;
            let unread = incoming.unread(&state);
            match reflection {
                Some(_) => unread.permit(&call, ReadReflection).await.map(drop),
                None => unread.permit(&call, UseUnknownRoute).await.map(drop),
            }
        };
        match (admitted.await, reflection) {
            (Err(problem), found) => refusal(found.map(|method| method.name), &incoming, problem),
            (Ok(()), None) => refusal(None, &incoming, Problem::unknown_method()),
            (Ok(()), Some(method)) => {
                let mut answer = method.answer(request, state.settings.message_timeout).await;
                let status = tonic::Status::from_header_map(answer.headers());
                let code = status.map_or(0, |status| status.code() as i32);
                let (method, decided) = (Some(method.name), incoming.decided());
                answer.extensions_mut().insert(GrpcOutcome { method, code, problem: None, decided });
                answer
            }
        }
    }

    /// Answers a request that is no call of gRPC, in the numbers of HTTP: gRPC has no others for who
    /// does not speak it.
    pub(super) async fn refuse(self, request: http::Request<Body>) -> http::Response<Body> {
        let (state, incoming) = (self.0, GrpcRequest::of(&request));
        let admitted = async {
            let call = admit(&incoming, &state).await?;
            incoming.unread(&state).permit(&call, UseUnknownRoute).await.map(drop)
        };
        let told = "this port speaks gRPC and gRPC-Web: POST with their content types";
        let problem = admitted.await.err().unwrap_or_else(|| Problem::unsupported_media_type(told));
        let status = http::StatusCode::from_u16(problem.kind().status());
        let mut response = refusal(None, &incoming, problem);
        *response.status_mut() = status.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}

impl Service<http::Request<Body>> for GrpcService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Answers one call. A panic below becomes INTERNAL.
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let state = Arc::clone(&self.0);
        let incoming = Arc::new(GrpcRequest::of(&request));
        async move {
            let Ok(_place) = state.places.try_acquire() else {
                return Ok(refusal(None, &incoming, Problem::overloaded()));
            };
            let answered = Self::answer(Arc::clone(&state), Arc::clone(&incoming), request);
            Ok(AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|panic| {
                let cause = format!("the handler panicked: {}", panic_text(&*panic));
                refusal(None, &incoming, Problem::internal(cause))
            }))
        }
        .boxed()
    }
}
