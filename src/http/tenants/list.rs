//! `GET /v1/tenants`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::TenantBody;
use crate::app::tenants::ListTenants;
use crate::http::query::PageQuery;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

/// A page of the list of tenants.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TenantList {
    /// The tenants, in the order in which they were made.
    items: Vec<TenantBody>,
    /// What to ask for the next page with; `null` on the last one.
    next_page_token: Option<String>,
}

impl Decode for ListTenants {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { page: parts.page()? })
    }
}

/// The tenants of the instance.
#[utoipa::path(get, path = "/v1/tenants", operation_id = "ListTenants", tag = "tenants",
    params(PageQuery),
    responses((status = 200, description = "A page of the list", body = TenantList)))]
pub(in crate::http) async fn get(call: Permitted<ListTenants>) -> Result<HttpResponse, Problem> {
    let (items, next_page_token) = reply::page(call.app.list_tenants(call.permit).await?);
    Ok(reply::json(StatusCode::OK, &TenantList { items, next_page_token }))
}
