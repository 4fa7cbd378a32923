//! `GET /openapi.json`

use std::sync::LazyLock;

use actix_web::{HttpResponse, web};

use crate::app::service::ReadOpenApi;
use crate::http::{Decode, Parts, Permitted, Problem, openapi};

static DOCUMENT: LazyLock<web::Bytes> =
    LazyLock::new(|| web::Bytes::from(openapi::document().to_json().unwrap_or_default()));

impl Decode for ReadOpenApi {
    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// This API's description, in OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", operation_id = "ReadOpenApi", tag = "service",
    responses((status = 200, description = "The description", body = serde_json::Value)))]
pub(in crate::http) async fn get(_call: Permitted<ReadOpenApi>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().content_type("application/json").body(DOCUMENT.clone()))
}
