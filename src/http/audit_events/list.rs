//! `GET /v1/audit-events`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::AuditEventBody;
use crate::app::audit_events::ListAuditEvents;
use crate::domain::AuditFilter;
use crate::http::query::PageQuery;
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// A page of the list of changes.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditEventList {
    /// The changes, the newest first.
    items: Vec<AuditEventBody>,
    /// What to ask for the next page with; `null` on the last one.
    next_page_token: Option<String>,
}

/// Which changes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is the description that is of use; the values are read by name")]
struct AuditEventQuery {
    /// Those of this action.
    #[param(required = false, pattern = "^[A-Za-z0-9]{1,64}$")]
    action: String,
    /// Those that were made by this one, spelt as in `actor`.
    #[param(required = false, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,2346}$")]
    actor: String,
    /// Those of things of this type.
    #[param(required = false, pattern = "^[A-Za-z0-9]{1,64}$")]
    resource_type: String,
    /// Those of the thing of this id.
    #[param(required = false, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,1024}$")]
    resource_id: String,
    /// Those at this time or later.
    #[param(required = false, format = DateTime)]
    since: String,
    /// Those before this time.
    #[param(required = false, format = DateTime)]
    until: String,
}

impl Decode for ListAuditEvents {
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let filter = AuditFilter::parse(|name| parts.parameter(name))?;
        Ok(Self { tenant: parts.scope().tenant(), filter, page: parts.page()? })
    }
}

/// Who changed what, and when: of the tenant's things, or without `X-Tenant-ID` of everything.
#[utoipa::path(get, path = "/v1/audit-events", operation_id = "ListAuditEvents", tag = "audit-events",
    params(AuditEventQuery, PageQuery),
    responses((status = 200, description = "A page of the list", body = AuditEventList)))]
pub(in crate::http) async fn get(call: Permitted<ListAuditEvents>) -> Result<HttpResponse, Problem> {
    let (items, next_page_token) = reply::page(call.app.list_audit_events(call.permit).await?);
    Ok(reply::json(StatusCode::OK, &AuditEventList { items, next_page_token }))
}
