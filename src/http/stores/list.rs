//! `GET /v1/stores`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::StoreBody;
use crate::app::stores::ListStores;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

/// The stores that the caller may read.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreList)]
pub(in crate::http) struct StoreListBody {
    /// The stores, in the order of their names.
    items: Vec<StoreBody>,
}

impl Decode for ListStores {
    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The stores that the caller may read, and how they are.
#[utoipa::path(get, path = "/v1/stores", operation_id = "ListStores", tag = "stores",
    responses((status = 200, description = "The stores", body = StoreListBody)))]
pub(in crate::http) async fn get(call: Permitted<ListStores>) -> Result<HttpResponse, Problem> {
    let stores = call.app.list_stores(call.permit, &call.call);
    Ok(reply::json(StatusCode::OK, &StoreListBody { items: stores.into_iter().map(StoreBody::from).collect() }))
}
