//! `/v1/stores`: the policy stores, and how they are.

pub(super) mod check;
pub(super) mod list;
pub(super) mod policies;
pub(super) mod policy;
pub(super) mod read;
pub(super) mod reload;
pub(super) mod schema;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::stores::StoreFacts;
use crate::policy::Finding;

/// A store, as it is now.
#[derive(Serialize, ToSchema)]
#[schema(as = Store)]
pub(super) struct StoreBody {
    /// Its name: that of its folder.
    #[schema(example = "photoflash")]
    name: String,
    /// The version in force.
    revision: String,
    /// Since when it is in force.
    loaded_at: DateTime<Utc>,
    /// How many policies there are; those that were made of templates among them.
    policies: usize,
    /// How many templates there are.
    templates: usize,
    /// How many policies name neither principal nor resource in their scope, so that every request visits them.
    unscoped_policies: usize,
    /// How many entities are stored.
    entities: usize,
    /// `ok`, or `failed` while the files cannot be used and an earlier version is in force.
    #[schema(example = "ok")]
    health: &'static str,
    /// What is wrong with the files; `null` when nothing is.
    error: Option<StoreErrorBody>,
}

/// What is wrong with a store's files.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreError)]
pub(super) struct StoreErrorBody {
    /// Since when.
    since: Option<DateTime<Utc>>,
    /// Every finding.
    findings: Vec<FindingBody>,
}

/// One thing that is wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(super) struct FindingBody {
    /// The file, relative to the store's folder.
    file: String,
    /// The line, from 1, where the finding has a place.
    line: Option<usize>,
    /// The column, from 1.
    column: Option<usize>,
    /// What is wrong.
    message: String,
    /// The line's text.
    source: Option<String>,
}

impl From<&Finding> for FindingBody {
    fn from(finding: &Finding) -> Self {
        Self {
            file: finding.file.clone(),
            line: finding.place.map(|(line, _)| line),
            column: finding.place.map(|(_, column)| column),
            message: finding.message.clone(),
            source: finding.source.clone(),
        }
    }
}

impl From<StoreFacts> for StoreBody {
    fn from(facts: StoreFacts) -> Self {
        let StoreFacts { name, snapshot, status } = facts;
        let findings = |error: &crate::policy::Findings| error.findings.iter().map(FindingBody::from).collect();
        let error = status.error.as_ref();
        let error = error.map(|error| StoreErrorBody { since: status.since, findings: findings(error) });
        Self {
            name: name.to_string(),
            revision: snapshot.revision().as_str().to_owned(),
            loaded_at: status.loaded_at,
            policies: snapshot.policies().len(),
            templates: snapshot.templates(),
            unscoped_policies: snapshot.unscoped_policies(),
            entities: snapshot.stored_entities(),
            health: if error.is_none() { "ok" } else { "failed" },
            error,
        }
    }
}
