//! `GET /v1/api-keys`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiKeyBody;
use crate::app::api_keys::ListApiKeys;
use crate::http::query::PageQuery;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// A page of the list of keys.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ApiKeyList {
    /// The keys, in the order of their ids.
    items: Vec<ApiKeyBody>,
    /// What to ask for the next page with; `null` on the last one.
    next_page_token: Option<String>,
}

impl Decode for ListApiKeys {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { scope: parts.scope(), page: parts.page()? })
    }
}

/// The keys of the tenant, or without `X-Tenant-ID` of the instance. Revoked ones are not in it.
#[utoipa::path(get, path = "/v1/api-keys", operation_id = "ListApiKeys", tag = "api-keys",
    params(PageQuery),
    responses((status = 200, description = "A page of the list", body = ApiKeyList)))]
pub(in crate::http) async fn get(call: Permitted<ListApiKeys>) -> Result<HttpResponse, Problem> {
    let (items, next_page_token) = reply::page(call.app.list_api_keys(call.permit).await?);
    Ok(reply::json(StatusCode::OK, &ApiKeyList { items, next_page_token }))
}
