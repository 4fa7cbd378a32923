//! A message into a permitted command, in the order that the API promises: credential, tenant
//! header, message and rules, guard. Lookups come after all of these, in the use case.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

use super::incoming::GrpcRequest;
use super::service::State;
use crate::app::{App, Command, Permit};
use crate::domain::{Call, Invalid};
use crate::proto::status;
use crate::transport::{GrpcOutcome, Incoming, Problem, TenantHeader};

/// A command that messages can be read into.
pub trait FromMessage: Command + 'static {
    /// The message.
    type Message: prost::Message + Default + 'static;

    /// Reads the command.
    ///
    /// # Errors
    /// Names the field that is wrong and the rule it breaks.
    fn from_message(sent: Self::Message) -> Result<Self, Invalid>;
}

/// A permitted command with what its handler needs. The only way to get one is through the guard.
pub struct Permitted<C> {
    /// The permit.
    pub permit: Permit<C>,
    /// The use cases.
    pub app: Arc<App>,
    state: Arc<State>,
}

impl<C> Permitted<C> {
    /// Whether there is a service of this name.
    pub(super) fn serves(&self, service: &str) -> bool {
        self.state.methods.has_service(service)
    }

    /// Whether the server is on its way down.
    pub(super) fn is_stopping(&self) -> bool {
        self.state.stopping.load(Ordering::Acquire)
    }
}

/// Answers one call of a method.
pub(super) async fn serve<C, R, F, Fut>(
    state: Arc<State>,
    method: &'static str,
    incoming: Arc<GrpcRequest>,
    request: http::Request<Body>,
    handler: F,
) -> http::Response<Body>
where
    C: FromMessage,
    R: prost::Message + 'static,
    F: Fn(Permitted<C>) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Problem>> + Send + 'static,
{
    let call = match admit(&incoming, &state).await {
        Ok(call) => call,
        Err(problem) => return refusal(Some(method), &incoming, problem),
    };
    // The framing is tonic's, but reading the one message is left to us, so that whatever is wrong
    // with it is answered in our words and only to those who may know.
    let limit = state.settings.message_limit;
    let failed: Arc<Mutex<Option<Arc<Problem>>>> = Arc::default();
    let service = tower::service_fn(|streaming: Request<Streaming<C::Message>>| {
        let (incoming, state, failed) = (Arc::clone(&incoming), Arc::clone(&state), Arc::clone(&failed));
        let call = call.clone();
        async move {
            let answered = async {
                let permitted = permit::<C>(&incoming, &state, call, streaming.into_inner()).await?;
                handler(permitted).await
            };
            answered.await.map(Response::new).map_err(|problem| {
                let status = status_of(&problem);
                if let Ok(mut failed) = failed.lock() {
                    *failed = Some(Arc::new(problem));
                }
                status
            })
        }
    });
    let mut grpc = Grpc::new(ProstCodec::<R, C::Message>::default()).max_decoding_message_size(limit);
    let mut response = grpc.client_streaming(service, request).await;
    let problem = failed.lock().ok().and_then(|failed| failed.clone());
    let code = problem.as_ref().map_or(0, |problem| status::code(problem.kind()));
    response.extensions_mut().insert(GrpcOutcome { method: Some(method), code, problem, decided: incoming.decided() });
    response
}

/// The steps before the message is looked at.
pub(super) async fn admit(incoming: &GrpcRequest, state: &State) -> Result<Call, Problem> {
    let unread = incoming.unread(state);
    let mut call = unread.authenticate().await?;
    let read = unread.tenant(TenantHeader::Optional, &call.caller).and_then(|tenant| {
        let compressed = incoming.header("grpc-encoding").any(|coding| coding != b"identity");
        let refused = || Problem::unsupported_media_type("messages must not be compressed");
        if compressed { Err(refused()) } else { Ok(tenant) }
    });
    call.tenant = unread.or_refuse(&call, read).await?;
    Ok(call)
}

async fn permit<C: FromMessage>(
    incoming: &GrpcRequest,
    state: &Arc<State>,
    mut call: Call,
    mut messages: Streaming<C::Message>,
) -> Result<Permitted<C>, Problem> {
    let (unread, began) = (incoming.unread(state), Instant::now());
    let read =
        tokio::time::timeout(state.settings.message_timeout, one_of(&mut messages, state.settings.message_limit));
    let command = match read.await {
        Err(_elapsed) => Err(Problem::request_timeout()),
        Ok(Err(problem)) => Err(problem),
        Ok(Ok(message)) => C::from_message(message).map_err(Problem::from),
    };
    let command = unread.or_refuse(&call, command).await?;
    unread.authenticate_again(&mut call, began).await?;
    let permit = unread.permit(&call, command).await?;
    Ok(Permitted { permit, app: Arc::clone(&state.app), state: Arc::clone(state) })
}

/// The only message of a call.
async fn one_of<M>(messages: &mut Streaming<M>, limit: usize) -> Result<M, Problem> {
    let refused = |status: Status| {
        // What tonic says of a message that announces more than the limit.
        if matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted) {
            return Problem::payload_too_large(limit);
        }
        Invalid::new("message", "is cut off, or is not a message of this method").into()
    };
    let first = messages.message().await.map_err(refused)?;
    let message = first.ok_or_else(|| Invalid::new("message", "is missing"))?;
    match messages.message().await.map_err(refused)? {
        None => Ok(message),
        Some(_second) => Err(Invalid::new("message", "is there twice").into()),
    }
}

/// The answer to a call that failed before its method was reached.
pub(super) fn refusal(method: Option<&'static str>, incoming: &GrpcRequest, problem: Problem) -> http::Response<Body> {
    let mut response = status_of(&problem).into_http();
    let code = status::code(problem.kind());
    let problem = Some(Arc::new(problem));
    response.extensions_mut().insert(GrpcOutcome { method, code, problem, decided: incoming.decided() });
    response
}

fn status_of(problem: &Problem) -> Status {
    let code = Code::from_i32(status::code(problem.kind()));
    let mut status = Status::with_details(code, problem.message(), status::bytes(problem).into());
    if code == Code::Unimplemented {
        // No compression is understood.
        let identity = tonic::metadata::MetadataValue::from_static("identity");
        status.metadata_mut().insert("grpc-accept-encoding", identity);
    }
    status
}
