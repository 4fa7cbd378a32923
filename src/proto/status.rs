//! A problem as `google.rpc.Status`, the error of gRPC and of grpc-gateway's JSON.

use prost::{Message, Name};
use prost_types::Any;
use serde_json::{Value, json};

use super::gatewood::v1::PolicyNotices;
use super::google::rpc::Status;
use super::zitadel::v1::ErrorDetail;
use crate::transport::{Kind, Problem};

/// The code of gRPC for each kind of problem (<https://grpc.io/docs/guides/status-codes/>).
#[must_use]
pub const fn code(kind: Kind) -> i32 {
    match kind {
        Kind::InvalidInput | Kind::NotAcceptable => 3,
        Kind::RequestTimeout => 4,
        Kind::NotFound => 5,
        Kind::Conflict => 6,
        Kind::Forbidden => 7,
        Kind::PayloadTooLarge | Kind::RateLimited => 8,
        Kind::PreconditionFailed | Kind::Unchanged => 9,
        Kind::MethodNotAllowed | Kind::UnsupportedMediaType => 12,
        Kind::Internal => 13,
        Kind::Unavailable => 14,
        Kind::Unauthenticated => 16,
    }
}

fn detail(problem: &Problem) -> ErrorDetail {
    ErrorDetail { id: problem.code().to_owned(), message: problem.message().to_owned() }
}

/// The notices: with every denial, and with whatever else a policy says something about.
fn notices(problem: &Problem) -> Option<PolicyNotices> {
    let wanted = problem.kind() == Kind::Forbidden || !problem.notices().is_empty();
    wanted.then(|| PolicyNotices { notices: problem.notices().to_vec(), policies: problem.policies().to_vec() })
}

fn type_url<M: Name>() -> String {
    format!("type.googleapis.com/{}", M::full_name())
}

/// As JSON. `notices` and `policies` are there also when they are empty: a client need not ask.
#[must_use]
pub fn json(problem: &Problem) -> Value {
    let ErrorDetail { id, message } = detail(problem);
    let mut details = vec![json!({ "@type": type_url::<ErrorDetail>(), "id": id, "message": message })];
    details.extend(notices(problem).map(|PolicyNotices { notices, policies }| {
        json!({ "@type": type_url::<PolicyNotices>(), "notices": notices, "policies": policies })
    }));
    json!({ "code": code(problem.kind()), "message": problem.message(), "details": details })
}

/// As bytes, for the metadata `grpc-status-details-bin`.
#[must_use]
pub fn bytes(problem: &Problem) -> Vec<u8> {
    let mut details = vec![any(&detail(problem))];
    details.extend(notices(problem).as_ref().map(any));
    Status { code: code(problem.kind()), message: problem.message().to_owned(), details }.encode_to_vec()
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: type_url::<M>(), value: message.encode_to_vec() }
}
