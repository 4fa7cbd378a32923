//! History, for reading. It is written by [`Changed`](super::change::Changed), with the change itself.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use uuid::Uuid;

use super::change::stored_event_id;
use super::connection::Db;
use super::readable::{cut, readable};
use super::schema::audit_events;
use super::tenants::{exists, stored_id};
use super::{Database, StoreError};
use crate::domain::{AuditEvent, AuditEventId, AuditFilter, Page, PageRequest, TenantId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
struct AuditEventRow {
    id: String,
    at: NaiveDateTime,
    tenant_id: Option<String>,
    actor: String,
    action: String,
    resource_type: String,
    resource_id: String,
    request_id: Option<String>,
    decision_id: Option<String>,
    changes: String,
}

impl AuditEventRow {
    fn into_event(self) -> Result<AuditEvent, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("the {what} of the audit event {}", self.id));
        let decision = self.decision_id.as_deref().map(Uuid::try_parse).transpose();
        Ok(AuditEvent {
            id: stored_event_id(&self.id)?,
            at: self.at.and_utc(),
            tenant: self.tenant_id.as_deref().map(stored_id).transpose()?,
            decision: decision.map_err(|_not_an_id| damaged("decision's id"))?,
            changes: serde_json::from_str(&self.changes).map_err(|_not_an_object| damaged("changes"))?,
            actor: self.actor,
            action: self.action,
            resource_type: self.resource_type,
            resource_id: self.resource_id,
            request: self.request_id,
        })
    }
}

/// The repository of audit events.
#[derive(Clone)]
pub struct AuditEvents(Database);

impl AuditEvents {
    /// The repository in this database.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }

    /// A page of the events about a tenant's things, or about everything (`None`), the newest first.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such tenant, and never was.
    pub async fn list(
        &self,
        tenant: Option<TenantId>,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        self.0
            .read(move |db| {
                if let Some(tenant) = tenant {
                    require(db, tenant)?;
                }
                let page_of_it = || matching(tenant, &filter, &page);
                let rows = readable(
                    db,
                    |db| page_of_it().select(AuditEventRow::as_select()).load(db),
                    |row| (row.id.clone(), row.into_event()),
                    |db| page_of_it().select(audit_events::id).load(db),
                    find,
                )?;
                cut(rows, page.limit)
            })
            .await
    }
}

/// A page's events and one more. Ids have the time in them and sort by it, so whatever is asked about
/// times is asked of the ids, which the indexes are in the order of.
fn matching<'a>(tenant: Option<TenantId>, filter: &'a AuditFilter, page: &PageRequest) -> Query<'a> {
    let mut query = audit_events::table.into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(audit_events::tenant_id.eq(tenant.to_string()));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_events::action.eq(action));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(audit_events::actor.eq(actor));
    }
    if let Some(resource_type) = &filter.resource_type {
        query = query.filter(audit_events::resource_type.eq(resource_type));
    }
    if let Some(resource_id) = &filter.resource_id {
        query = query.filter(audit_events::resource_id.eq(resource_id));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_events::id.ge(AuditEventId::lowest_at(since).to_string()));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_events::id.lt(AuditEventId::lowest_at(until).to_string()));
    }
    if let Some(after) = page.after {
        query = query.filter(audit_events::id.lt(after.as_hyphenated().to_string()));
    }
    query.order(audit_events::id.desc()).limit(i64::from(page.limit) + 1)
}

type Query<'a> = audit_events::BoxedQuery<'a, <Db as Connection>::Backend>;

/// A tenant that was deleted has its history; one that never was is not there.
fn require(db: &mut Db, tenant: TenantId) -> Result<(), StoreError> {
    let of_it = audit_events::table.filter(audit_events::tenant_id.eq(tenant.to_string()));
    let known = exists(db, tenant)? || diesel::select(diesel::dsl::exists(of_it)).get_result(db)?;
    if known { Ok(()) } else { Err(StoreError::Missing("tenant")) }
}

fn find(db: &mut Db, id: &str) -> Result<Option<AuditEvent>, StoreError> {
    let rows = audit_events::table.filter(audit_events::id.eq(id));
    let row = rows.select(AuditEventRow::as_select()).get_result(db).optional()?;
    row.map(AuditEventRow::into_event).transpose()
}
