//! What a write has changed, and its event in history.
//!
//! [`Database::change`](super::Database) takes an [`Origin`] and work that returns a [`Changed`]: a
//! repository cannot write what matters without saying what it was.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde_json::{Map, Value, json};

use super::StoreError;
use super::connection::Db;
use super::schema::audit_events;
use crate::domain::{AuditEventId, Origin, TenantId, Timestamp};

/// A thing whose changes are history.
pub(super) trait Recorded {
    /// Its type in the Cedar schema, without the namespace.
    const TYPE: &'static str;

    /// Its id in the Cedar schema.
    fn id(&self) -> String;

    /// Whose it is; `None`: the instance's.
    fn tenant(&self) -> Option<TenantId>;

    /// What of it is kept in history, by the names that the API has. Never a secret, nor anything made
    /// from one: for that there is [`Change::with_secret`].
    fn fields(&self) -> Vec<(&'static str, Value)>;
}

/// What one write has changed.
#[must_use = "a change that is not returned from the work leaves no event"]
pub(super) struct Change {
    resource_type: &'static str,
    resource_id: String,
    tenant: Option<TenantId>,
    fields: Map<String, Value>,
}

/// What a write gives to its caller, with what it has changed.
#[must_use = "a change that is not returned from the work leaves no event"]
pub(super) struct Changed<T> {
    value: T,
    change: Option<Change>,
}

impl Change {
    /// There is something new.
    pub(super) fn created<R: Recorded>(new: &R) -> Self {
        Self::of(new).with_all(Vec::new(), new.fields())
    }

    /// Something is not as it was. What is the same in both is left out.
    pub(super) fn between<R: Recorded>(before: &R, after: &R) -> Self {
        Self::of(after).with_all(before.fields(), after.fields())
    }

    /// Something is gone.
    pub(super) fn deleted<R: Recorded>(old: &R) -> Self {
        Self::of(old).with_all(old.fields(), Vec::new())
    }

    /// Something was changed; what of it is for [`Change::with`] to say.
    pub(super) fn of<R: Recorded>(it: &R) -> Self {
        Self::about(R::TYPE, it.id(), it.tenant())
    }

    /// The same, of what is not there as a value.
    pub(super) fn about(resource_type: &'static str, resource_id: String, tenant: Option<TenantId>) -> Self {
        Self { resource_type, resource_id, tenant, fields: Map::new() }
    }

    /// One more field, if it changed.
    pub(super) fn with(mut self, name: &str, from: impl Into<Value>, to: impl Into<Value>) -> Self {
        let (from, to) = (from.into(), to.into());
        if from != to {
            self.fields.insert(name.to_owned(), json!({ "from": from, "to": to }));
        }
        self
    }

    /// A secret that changed. This is all that history knows of it.
    pub(super) fn with_secret(mut self, name: &str) -> Self {
        self.fields.insert(name.to_owned(), json!({ "changed": true }));
        self
    }

    /// The change with what its maker is given.
    pub(super) fn giving<T>(self, value: T) -> Changed<T> {
        Changed { value, change: Some(self) }
    }

    fn with_all(self, from: Vec<(&'static str, Value)>, to: Vec<(&'static str, Value)>) -> Self {
        let mut both: BTreeMap<&str, (Value, Value)> = BTreeMap::new();
        for (name, value) in from {
            both.entry(name).or_default().0 = value;
        }
        for (name, value) in to {
            both.entry(name).or_default().1 = value;
        }
        both.into_iter().fold(self, |change, (name, (from, to))| change.with(name, from, to))
    }
}

impl<T> Changed<T> {
    /// Everything is as it was, so there is nothing to remember.
    pub(super) const fn nothing(value: T) -> Self {
        Self { value, change: None }
    }

    /// Writes the event, in the transaction of the change. Whatever keeps it from being written undoes
    /// the change.
    pub(super) fn record(self, db: &mut Db, origin: &Origin) -> Result<T, StoreError> {
        if let Some(change) = self.change {
            insert(db, origin, change)?;
        }
        Ok(self.value)
    }
}

/// A time as answers have it.
pub(super) fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into())
}

fn insert(db: &mut Db, origin: &Origin, change: Change) -> Result<(), StoreError> {
    // Whoever changes a thing holds a lock on it, but had looked at the clock before it waited for that
    // lock, and clocks differ between replicas: without this an event could sort before the one that
    // it follows from.
    let of_the_same = audit_events::table
        .filter(audit_events::resource_id.eq(&change.resource_id))
        .filter(audit_events::resource_type.eq(change.resource_type));
    // The last of an index, and not the greatest of all: PostgreSQL does not always see that it is the same.
    let last: Option<String> =
        of_the_same.order(audit_events::id.desc()).limit(1).select(audit_events::id).get_result(db).optional()?;
    // One that somebody else wrote, and cannot be read, must not keep a key from being revoked.
    let last = last.and_then(|last| stored_event_id(&last).ok());
    let id = last.map_or(origin.id(), |last| origin.id().coming_after(last));
    let row = (
        audit_events::id.eq(id.to_string()),
        audit_events::at.eq(id.time().naive_utc()),
        audit_events::tenant_id.eq(change.tenant.map(|tenant| tenant.to_string())),
        audit_events::actor.eq(origin.actor()),
        audit_events::action.eq(origin.action()),
        audit_events::resource_type.eq(change.resource_type),
        audit_events::resource_id.eq(change.resource_id),
        audit_events::request_id.eq(origin.request()),
        audit_events::decision_id.eq(origin.decision().map(|id| id.as_hyphenated().to_string())),
        audit_events::changes.eq(Value::Object(change.fields).to_string()),
    );
    diesel::insert_into(audit_events::table).values(row).execute(db)?;
    Ok(())
}

/// Reads an id that this service wrote.
pub(super) fn stored_event_id(text: &str) -> Result<AuditEventId, StoreError> {
    AuditEventId::parse("id", text).map_err(|error| StoreError::Damaged(error.to_string()))
}
