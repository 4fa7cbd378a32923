//! `GET /v1/stores/{store}/policies`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::policy::PolicyBody;
use crate::app::stores::ReadStore;
use crate::http::{Permitted, Problem, reply};

/// A store's policies.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyList)]
pub(in crate::http) struct PolicyListBody<'a> {
    /// The policies, in the order of their ids; those that were made of templates among them.
    items: Vec<PolicyBody<'a>>,
}

/// The policies in force.
#[utoipa::path(get, path = "/v1/stores/{store}/policies", operation_id = "ListPolicies", tag = "stores",
    params(("store" = String, Path, description = "The store's name")),
    responses((status = 200, description = "The policies", body = PolicyListBody<'_>)))]
pub(in crate::http) async fn get(call: Permitted<ReadStore>) -> Result<HttpResponse, Problem> {
    let snapshot = call.app.read_store(call.permit)?.snapshot;
    let items = snapshot.policies().iter().map(|policy| PolicyBody::of(&snapshot, policy)).collect();
    Ok(reply::json(StatusCode::OK, &PolicyListBody { items }))
}
