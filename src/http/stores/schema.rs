//! `GET /v1/stores/{store}/schema`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::stores::ReadStore;
use crate::http::{Permitted, Problem, reply};

/// A store's schema.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreSchema)]
pub(in crate::http) struct SchemaBody<'a> {
    /// The fragments that it is made of, in the order of their files' names.
    fragments: Vec<FragmentBody<'a>>,
}

/// A fragment of a schema.
#[derive(Serialize, ToSchema)]
#[schema(as = SchemaFragment)]
pub(in crate::http) struct FragmentBody<'a> {
    /// The file, relative to the store's folder.
    file: &'a str,
    /// Its text, in Cedar's schema syntax.
    text: &'a str,
}

/// The schema in force.
#[utoipa::path(get, path = "/v1/stores/{store}/schema", operation_id = "ReadStoreSchema", tag = "stores",
    params(("store" = String, Path, description = "The store's name")),
    responses((status = 200, description = "The schema", body = SchemaBody<'_>)))]
pub(in crate::http) async fn get(call: Permitted<ReadStore>) -> Result<HttpResponse, Problem> {
    let snapshot = call.app.read_store(call.permit)?.snapshot;
    let fragments = snapshot.source().schemas.iter();
    let fragments = fragments.map(|file| FragmentBody { file: &file.name, text: &file.text }).collect();
    Ok(reply::json(StatusCode::OK, &SchemaBody { fragments }))
}
