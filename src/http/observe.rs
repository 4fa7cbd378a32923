//! Around every request: its id, its log line, its notices, and a net below.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tracing::Instrument;

use super::{HttpState, Problem};
use crate::app::Decided;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOTICE: HeaderName = HeaderName::from_static("gatewood-notice");

/// A request's id, for the log and the answer.
#[derive(Debug, Clone)]
pub(super) struct RequestId(String);

impl RequestId {
    const LONGEST: usize = 128;

    /// The sender's id where it can be repeated safely in headers and logs; otherwise a fresh one.
    fn choose(headers: &HeaderMap, fresh: impl FnOnce() -> String) -> Self {
        let mut sent = headers.get_all(REQUEST_ID);
        let safe =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':' | b'/' | b'+' | b'=');
        match (sent.next().map(HeaderValue::as_bytes), sent.next()) {
            // An API key in the wrong header must not get into the log.
            (Some(id), None) if id.windows(4).any(|part| part == b"gwk_") => Self(fresh()),
            (Some(id), None) if (1..=Self::LONGEST).contains(&id.len()) && id.iter().copied().all(safe) => {
                Self(String::from_utf8_lossy(id).into_owned())
            }
            _ => Self(fresh()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives the request an id, runs it, and logs one line about it. A panic below becomes a 500.
///
/// # Errors
/// None that is not an answer to the client already.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let fresh = || {
        let state = request.app_data::<web::Data<HttpState>>();
        // Without state nothing is answered but 500; the id only has to be there.
        state.map_or_else(String::new, |state| state.app.entropy.uuid_at(state.app.clock.now()).to_string())
    };
    let id = RequestId::choose(request.headers(), fresh);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request.id = id.as_str());
    let method = request.method().clone();
    // Routing is part of the call, so the call itself is inside of the net.
    let outcome = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind().instrument(span).await;
    let cause = match outcome {
        Ok(Ok(mut response)) => {
            let decided = response.request().extensions().get::<Arc<Decided>>().cloned();
            let route = response.request().match_pattern();
            let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
            log(&Line {
                id: id.as_str(),
                method: method.as_str(),
                route: route.as_deref(),
                status: response.status().as_u16(),
                decided: decided.as_deref(),
                problem,
                began,
            });
            let succeeded = response.status().is_success();
            finish(response.response_mut().headers_mut(), &id, decided.as_deref().filter(|_| succeeded));
            return Ok(response);
        }
        Ok(Err(error)) => format!("the framework failed: {error}"),
        Err(panic) => format!("the handler panicked: {}", panic_text(&*panic)),
    };
    let problem = Problem::internal(cause);
    log(&Line {
        id: id.as_str(),
        method: method.as_str(),
        route: None,
        status: problem.status_code().as_u16(),
        decided: None,
        problem: Some(&problem),
        began,
    });
    Err(Identified { response_to: id, problem }.into())
}

/// What a panic said, for the log.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

/// Puts the id and, on a success, the notices into the answer's headers.
fn finish(headers: &mut HeaderMap, id: &RequestId, decided: Option<&Decided>) {
    // What is left as it is, is what a header value may hold without being misread as a list.
    const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',').add(b'"').add(b' ');
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    for notice in decided.into_iter().flat_map(|decided| &decided.notices) {
        if let Ok(value) = HeaderValue::from_str(&utf8_percent_encode(notice, ENCODED).to_string()) {
            headers.append(NOTICE, value);
        }
    }
}

/// A problem that leaves the middleware as an error, with the id it must carry.
#[derive(Debug)]
struct Identified {
    response_to: RequestId,
    problem: Problem,
}

impl std::fmt::Display for Identified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Identified {
    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.error_response();
        finish(response.headers_mut(), &self.response_to, None);
        response
    }
}

struct Line<'a> {
    id: &'a str,
    method: &'a str,
    route: Option<&'a str>,
    status: u16,
    decided: Option<&'a Decided>,
    problem: Option<&'a Problem>,
    began: Instant,
}

/// One line for each request: what was asked and what came of it, never what was in it.
fn log(line: &Line<'_>) {
    let duration = u64::try_from(line.began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let decision = line.decided.map(|decided| tracing::field::display(decided.id));
    let revision = line.decided.map(|decided| decided.snapshot.revision().as_str());
    let tenant = line.decided.and_then(|decided| decided.tenant).map(tracing::field::display);
    let policies = line.decided.map(|decided| decided.determining.join(" "));
    macro_rules! event {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                request.id = line.id,
                method = line.method,
                route = line.route.unwrap_or("none"),
                status = line.status,
                code = line.problem.map(Problem::code),
                caller = line.decided.map(|decided| decided.caller.as_str()),
                tenant.id = tenant,
                decision.id = decision,
                decision.policies = policies,
                policy.revision = revision,
                duration_us = duration,
                error = line.problem.and_then(Problem::cause),
                $message
            )
        };
    }
    if line.status >= 500 {
        event!(error, "request failed");
    } else {
        event!(info, "request");
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_harmless_request_id_is_repeated() {
        let chosen = |values: &[&[u8]]| {
            let mut request = TestRequest::default();
            for value in values {
                request = request.append_header((REQUEST_ID, HeaderValue::from_bytes(value).unwrap()));
            }
            RequestId::choose(request.to_http_request().headers(), || "fresh".to_owned()).0
        };
        assert_eq!(chosen(&[b"01HX-abc_1.2~3:4/5+6="]), "01HX-abc_1.2~3:4/5+6=");
        for bad in [&b""[..], b"a b", b"a\tb", b"a\"b", b"<script>", "ü".as_bytes(), &[b'x'; 129]] {
            assert_eq!(chosen(&[bad]), "fresh");
        }
        assert_eq!(chosen(&[]), "fresh");
        assert_eq!(chosen(&[b"a", b"b"]), "fresh");
    }
}
