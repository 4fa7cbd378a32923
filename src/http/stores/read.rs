//! `GET /v1/stores/{store}`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::StoreBody;
use crate::app::stores::ReadStore;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadStore {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { store: parts.store()? })
    }
}

/// A store, and how it is.
#[utoipa::path(get, path = "/v1/stores/{store}", operation_id = "ReadStore", tag = "stores",
    params(("store" = String, Path, description = "The store's name")),
    responses((status = 200, description = "The store", body = StoreBody)))]
pub(in crate::http) async fn get(call: Permitted<ReadStore>) -> Result<HttpResponse, Problem> {
    let facts = call.app.read_store(call.permit)?;
    Ok(reply::json(StatusCode::OK, &StoreBody::from(facts)))
}
