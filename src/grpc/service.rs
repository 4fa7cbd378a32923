//! The service as a whole: from a path to what answers it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::call::{admit, refusal};
use super::incoming::GrpcRequest;
use super::public::{self, Public, Tells};
use super::{Method, Methods};
use crate::app::App;
use crate::app::service::{ReadHealth, ReadReflection, UseUnknownRoute};
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
    methods: Methods,
    public: Vec<Public>,
}

/// Everything that is served over gRPC. Cloning it is cheap.
#[derive(Clone)]
pub struct GrpcService(Arc<State>);

impl GrpcService {
    /// The service.
    ///
    /// # Errors
    /// When what it describes of itself does not fit together.
    pub async fn new(app: Arc<App>, settings: GrpcSettings, methods: Methods) -> Result<Self, String> {
        let public = public::services().await?;
        Ok(Self(Arc::new(State { app, settings, methods, public })))
    }

    /// The use cases.
    pub(super) fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    async fn answer(state: Arc<State>, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path();
        if let Some(Method { handler, .. }) = state.methods.find(path) {
            return handler(Arc::clone(&state), request).await;
        }
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(service, _)| service);
        let public = state.public.iter().find(|public| Some(public.name) == service);
        let incoming = GrpcRequest::of(&request);
        let admitted = async {
            let call = admit(&incoming, &state).await?;
            let unread = incoming.unread(&state);
            match public.map(|public| public.tells) {
                Some(Tells::Health) => unread.permit(&call, ReadHealth).await.map(drop),
                Some(Tells::Reflection) => unread.permit(&call, ReadReflection).await.map(drop),
                None => unread.permit(&call, UseUnknownRoute).await.map(drop),
            }
        };
        match (admitted.await, public) {
            (Err(problem), public) => refusal(public.map(|public| public.name), &incoming, problem),
            (Ok(()), None) => refusal(None, &incoming, Problem::unknown_method()),
            (Ok(()), Some(public)) => pass_on(public, &incoming, request).await,
        }
    }
}

/// Has a public service answer.
async fn pass_on(public: &Public, incoming: &GrpcRequest, request: http::Request<Body>) -> http::Response<Body> {
    let Ok(mut response) = public.service.clone().oneshot(request).await;
    let code = tonic::Status::from_header_map(response.headers()).map_or(0, |status| status.code() as i32);
    let outcome = GrpcOutcome { method: Some(public.name), code, problem: None, decided: incoming.decided() };
    response.extensions_mut().insert(outcome);
    response
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
        let incoming = GrpcRequest::of(&request);
        let answered = AssertUnwindSafe(Self::answer(state, request)).catch_unwind();
        async move {
            Ok(answered.await.unwrap_or_else(|panic| {
                let cause = format!("the handler panicked: {}", panic_text(&*panic));
                refusal(None, &incoming, Problem::internal(cause))
            }))
        }
        .boxed()
    }
}
