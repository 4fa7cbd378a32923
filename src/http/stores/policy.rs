//! `GET /v1/stores/{store}/policies/{id}`

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::stores::ReadPolicy;
use crate::domain::Invalid;
use crate::http::decisions::effect;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::policy::{Policy, Snapshot};

/// A policy.
#[derive(Serialize, ToSchema)]
#[schema(as = Policy)]
pub(in crate::http) struct PolicyBody<'a> {
    /// Its id.
    id: &'a str,
    /// `permit` or `forbid`.
    effect: &'static str,
    /// Its annotations.
    annotations: &'a BTreeMap<String, String>,
    /// The file that it stands in, relative to the store's folder.
    file: &'a str,
    /// The line of that file, from 1; `null` for policies in Cedar's JSON format.
    line: Option<usize>,
    /// The template that it was made of; `null` for one that stands by itself.
    template: Option<&'a str>,
    /// Its text in Cedar's syntax; that of the template, for one that was made of it.
    text: Option<&'a str>,
}

impl<'a> PolicyBody<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, policy: &'a Policy) -> Self {
        Self {
            id: &policy.id,
            effect: effect(policy.effect),
            annotations: policy.annotations.all(),
            file: &policy.file,
            line: policy.line,
            template: policy.template.as_deref(),
            text: snapshot.text(policy),
        }
    }
}

impl Decode for ReadPolicy {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        // The router leaves `%2F` as it is, so that it is no slash to it.
        let decoded = |field: &str, text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned).map_err(|_error| Invalid::new(field, "is not UTF-8"))
        };
        Ok(Self { store: parts.store()?, id: parts.path("id", decoded)? })
    }
}

/// A policy in force. A slash in its id is sent as `%2F`.
#[utoipa::path(get, path = "/v1/stores/{store}/policies/{id}", operation_id = "ReadPolicy", tag = "stores",
    params(("store" = String, Path, description = "The store's name"), ("id" = String, Path, description = "The policy's id")),
    responses((status = 200, description = "The policy", body = PolicyBody<'_>)))]
pub(in crate::http) async fn get(call: Permitted<ReadPolicy>) -> Result<HttpResponse, Problem> {
    let found = call.app.read_policy(call.permit)?;
    Ok(reply::json(StatusCode::OK, &PolicyBody::of(&found.snapshot, found.policy()?)))
}
