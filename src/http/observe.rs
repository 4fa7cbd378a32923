//! Around every request: its id, its log line, its notices, and a net below.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use tracing::Instrument;

use super::reply::REVISION;
use super::route::RoutePaths;
use super::{HttpState, Problem, admin_dialect};
use crate::app::Decided;
use crate::policy::PolicyRevision;
use crate::telemetry::{Metrics, Trace};
use crate::transport::{
    Abandoned, Answered, GrpcOutcome, Line, NOTICE, RequestId, begin_trace, notice_values, panic_text,
};

/// Gives the request an id, runs it, and logs one line about it. A panic below becomes a 500.
///
/// # Errors
/// None that is not an answer to the client already.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let state = request.app_data::<web::Data<HttpState>>().cloned();
    let metrics = state.as_ref().map(|state| &state.app.metrics);
    let fresh = || {
        // Without state nothing is answered but 500; the id only has to be there.
        state.as_ref().map_or_else(String::new, |state| state.app.entropy.uuid_at(state.app.clock.now()).to_string())
    };
    let id = RequestId::choose(request.request(), fresh);
    request.extensions_mut().insert(id.clone());
    let trace = begin_trace(request.request());
    request.extensions_mut().insert(trace.clone());
    let span = tracing::debug_span!("request", request.id = id.as_str());
    let method = request.method().clone();
    let admin = admin_dialect::is_spoken_at(request.path());
    let abandoned = Abandoned::new(&id, method.as_str(), began);
    // Routing is part of the call, so the call itself is inside of the net.
    let outcome = AssertUnwindSafe(async move { next.call(request).await })
        .catch_unwind()
        .instrument(span)
        .instrument(trace.span().clone())
        .await;
    abandoned.disarm();
    let cause = match outcome {
        Ok(Ok(response)) => return Ok(answer(response, &id, method.as_str(), (began, &trace, metrics))),
        Ok(Err(error)) => format!("the framework failed: {error}"),
        Err(panic) => format!("the handler panicked: {}", panic_text(&*panic)),
    };
    let problem = Problem::internal(cause);
    Line {
        id: &id,
        method: method.as_str(),
        route: None,
        answered: Answered::Http(problem.status_code().as_u16()),
        decided: None,
        problem: Some(&problem),
        began,
        trace: &trace,
        metrics,
    }
    .write();
    Err(Identified { response_to: id, problem, admin }.into())
}

/// Writes the log line of an answer and completes its headers; where the path has a dialect of its
/// own, a problem is put into it.
fn answer<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    id: &RequestId,
    method: &str,
    (began, trace, metrics): (Instant, &Trace, Option<&Metrics>),
) -> ServiceResponse<EitherBody<B>> {
    let decided = response.request().extensions().get::<Arc<Decided>>().cloned();
    let grpc = response.request().extensions().get::<GrpcOutcome>().cloned();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    // By the path as it was routed: `%61` is an `a` to the router.
    let admin = admin_dialect::is_spoken_at(response.request().match_info().as_str());
    let translated = problem.filter(|_| admin).map(admin_dialect::answer);
    let status = translated.as_ref().map_or(response.status(), HttpResponse::status);
    Line {
        id,
        method,
        route: route_of(response.request(), grpc.as_ref()),
        answered: grpc.as_ref().map_or(Answered::Http(status.as_u16()), |grpc| Answered::Grpc(grpc.code)),
        decided: decided.as_deref(),
        problem: grpc.as_ref().map_or(problem, |grpc| grpc.problem.as_deref()),
        began,
        trace,
        metrics,
    }
    .write();
    let mut response = match translated {
        None => response.map_into_left_body(),
        Some(translated) => response.into_response(translated).map_into_right_body(),
    };
    // Whatever came of the request, it is an answer of the version that it was permitted by.
    let revision = response.request().extensions().get::<PolicyRevision>().cloned();
    if let Some(revision) = revision {
        let (headers, name) = (response.response_mut().headers_mut(), HeaderName::from_static(REVISION));
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(revision.as_str())) {
            headers.insert(name, value);
        }
    }
    let succeeded = grpc.as_ref().map_or(status.is_success(), |grpc| grpc.code == 0);
    finish(response.response_mut().headers_mut(), id, decided.as_deref().filter(|_| succeeded));
    response
}

/// The route of the table, or the method of gRPC.
fn route_of(request: &HttpRequest, grpc: Option<&GrpcOutcome>) -> Option<&'static str> {
    match grpc {
        Some(grpc) => grpc.method,
        None => RoutePaths::of(request),
    }
}

/// Puts the id and, on a success, the notices into the answer's headers.
fn finish(headers: &mut HeaderMap, id: &RequestId, decided: Option<&Decided>) {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static(RequestId::HEADER), value);
    }
    for notice in decided.into_iter().flat_map(notice_values) {
        if let Ok(value) = HeaderValue::from_str(&notice) {
            headers.append(HeaderName::from_static(NOTICE), value);
        }
    }
}

/// A problem that leaves the middleware as an error, with the id it must carry.
#[derive(Debug)]
struct Identified {
    response_to: RequestId,
    problem: Problem,
    admin: bool,
}

impl std::fmt::Display for Identified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Identified {
    fn error_response(&self) -> HttpResponse {
        let mut response =
            if self.admin { admin_dialect::answer(&self.problem) } else { self.problem.error_response() };
        finish(response.headers_mut(), &self.response_to, None);
        response
    }
}
