//! `POST /v1/stores/{store}/check`

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::FindingBody;
use crate::app::stores::{Candidate, CandidateTexts, CheckStore, StoreReport};
use crate::http::body::{Body, files, present};
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::policy::Snapshot;

/// A version of a store. What is left out is taken from the version in force.
#[derive(Deserialize, ToSchema)]
#[schema(as = Candidate)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::http) struct CandidateBody {
    /// All policy files, `*.cedar` and `*.cedar.json`, by their names.
    #[serde(default, deserialize_with = "files")]
    #[schema(nullable = false, example = json!({ "albums.cedar": "@id(\"a\") permit (principal, action, resource);" }))]
    policies: Option<BTreeMap<String, String>>,
    /// All fragments of the schema, `*.cedarschema`, by their names.
    #[serde(default, deserialize_with = "files")]
    #[schema(nullable = false)]
    schemas: Option<BTreeMap<String, String>>,
    /// The entities, in Cedar's JSON format.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Vec<serde_json::Value>)]
    entities: Option<Box<RawValue>>,
    /// The links of templates, as `links.json` has them.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Vec<serde_json::Value>)]
    links: Option<Box<RawValue>>,
    /// The text of `store.toml`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    settings: Option<String>,
}

/// What a version of a store would be.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreReport)]
pub(in crate::http) struct ReportBody {
    /// Whether it could be put in force.
    valid: bool,
    /// The revision that it would have; `null` when it is not valid.
    revision: Option<String>,
    /// The revision that is in force.
    in_force: String,
    /// How many policies it has; `null` when it is not valid.
    policies: Option<usize>,
    /// How many entities it has; `null` when it is not valid.
    entities: Option<usize>,
    /// Everything that is wrong with it.
    findings: Vec<FindingBody>,
}

impl Decode for CheckStore {
    const BODY: Body = Body::Json;
    const BODY_LIMIT: usize = 8 * 1024 * 1024;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let CandidateBody { policies, schemas, entities, links, settings } = parts.json()?;
        // As it was sent: a name that stands twice is found, and places and the revision are those of the sender's file.
        let text = |json: Option<Box<RawValue>>| json.map(|json| json.get().to_owned());
        let texts = CandidateTexts { policies, schemas, entities: text(entities), links: text(links), settings };
        Ok(Self { store: parts.store()?, candidate: Candidate::parse(texts)? })
    }
}

/// Loads a version of a store as the server would, and says what is wrong with it. Nothing is put in force.
#[utoipa::path(post, path = "/v1/stores/{store}/check", operation_id = "CheckStore", tag = "stores",
    params(("store" = String, Path, description = "The store's name")),
    request_body = CandidateBody,
    responses((status = 200, description = "What it would be", body = ReportBody)))]
pub(in crate::http) async fn post(call: Permitted<CheckStore>) -> Result<HttpResponse, Problem> {
    let StoreReport { in_force, outcome } = call.app.check_store(call.permit).await?;
    let (snapshot, findings) = match &outcome {
        Ok(snapshot) => (Some(snapshot), Vec::new()),
        Err(findings) => (None, findings.iter().map(FindingBody::from).collect()),
    };
    let report = ReportBody {
        valid: snapshot.is_some(),
        revision: snapshot.map(|it| it.revision().as_str().to_owned()),
        in_force: in_force.revision().as_str().to_owned(),
        policies: snapshot.map(|it| it.policies().len()),
        entities: snapshot.map(|it| Snapshot::stored_entities(it)),
        findings,
    };
    Ok(reply::json(StatusCode::OK, &report))
}
