//! Trying out a version of a store, with nothing put in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{StoreTarget, of_its_store};
use crate::app::{App, AppError, Command, Permit};
use crate::domain::Invalid;
use crate::domain::invalid::shown;
use crate::policy::{ActionUse, Finding, Pace, PolicyRevision, Snapshot, SourceFile, StoreSource};
use crate::stores::{PolicyFolders, off_the_request_threads};

/// What is to be tried out. What is left out is taken from the version in force.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    policies: Option<Vec<SourceFile>>,
    schemas: Option<Vec<SourceFile>>,
    entities: Option<SourceFile>,
    links: Option<SourceFile>,
    settings: Option<SourceFile>,
}

/// The texts of a candidate, as they were sent.
#[derive(Debug, Default)]
pub struct CandidateTexts {
    /// The policy files, by their names.
    pub policies: Option<BTreeMap<String, String>>,
    /// The fragments of the schema, by the names of their files.
    pub schemas: Option<BTreeMap<String, String>>,
    /// `entities.json`.
    pub entities: Option<String>,
    /// `links.json`.
    pub links: Option<String>,
    /// `store.toml`.
    pub settings: Option<String>,
}

/// Try out a version of a store.
#[derive(Debug, Clone)]
pub struct CheckStore {
    /// Which store.
    pub store: StoreTarget,
    /// The version.
    pub candidate: Candidate,
}

impl Command for CheckStore {
    const ACTION: ActionUse = ActionUse { name: "CheckStore", group: Some("read"), resources: &["Store"], context: "" };

    of_its_store!();

    fn example() -> Self {
        Self { store: StoreTarget::example(), candidate: Candidate::default() }
    }
}

/// What came of a candidate.
pub struct StoreReport {
    /// The version in force, which it was held against.
    pub in_force: Arc<Snapshot>,
    /// What it would be, or everything that is wrong with it.
    pub outcome: Result<Arc<Snapshot>, Vec<Finding>>,
}

impl App {
    /// Loads a candidate as the server would, and puts nothing in force.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such store; [`AppError::RateLimited`] while others are loaded;
    /// [`AppError::Conflict`] when entities in force are wanted that are nowhere any more.
    pub async fn check_store(&self, permit: Permit<CheckStore>) -> Result<StoreReport, AppError> {
        let CheckStore { store, candidate } = permit.into_command();
        let in_force = Arc::clone(store.snapshot()?);
        // Loading takes a processor for as long as it takes; one at a time is enough for people.
        let Ok(turn) = Arc::clone(&self.store_checks).try_acquire_owned() else {
            return Err(AppError::RateLimited(std::time::Duration::from_secs(1)));
        };
        let (registry, now) = (Arc::clone(self.stores.registry()), Arc::clone(&in_force));
        let outcome = off_the_request_threads(move || {
            let (name, folders) = (store.name().as_str(), registry.loader());
            let outcome = candidate.over(name, &now, folders).map(|source| {
                let judged = folders.judge(name, &source, Pace::BesideRequests);
                judged.map_err(|findings| findings.findings)
            });
            drop(turn);
            outcome
        });
        let outcome = outcome.await.ok_or_else(|| AppError::Internal("loading a candidate panicked".to_owned()))??;
        Ok(StoreReport { in_force, outcome })
    }
}

impl Candidate {
    /// Reads one.
    ///
    /// # Errors
    /// When the service would pass over a file of that name: what is in it would be checked, and not be in force.
    pub fn parse(texts: CandidateTexts) -> Result<Self, Invalid> {
        let CandidateTexts { policies, schemas, entities, links, settings } = texts;
        let single = |name: &str, text: Option<String>| text.map(|text| SourceFile::new(name, text));
        Ok(Self {
            policies: files("policies", "*.cedar or *.cedar.json", StoreSource::reads_policies_of, policies)?,
            schemas: files("schemas", "*.cedarschema", StoreSource::reads_schema_of, schemas)?,
            entities: single("entities.json", entities),
            links: single("links.json", links),
            settings: single("store.toml", settings),
        })
    }

    /// The candidate's files, with the rest of those in force.
    fn over(self, store: &str, in_force: &Snapshot, folders: &PolicyFolders) -> Result<StoreSource, AppError> {
        let stored = in_force.source();
        let entities = match (self.entities, &stored.entities) {
            (Some(given), _) => Some(given),
            (None, Some(kept)) => Some(kept.clone()),
            (None, None) if in_force.stored_entities() == 0 => None,
            (None, None) => Some(large_entities(store, in_force, folders)?),
        };
        Ok(StoreSource {
            store: store.to_owned(),
            schemas: self.schemas.unwrap_or_else(|| stored.schemas.clone()),
            policies: self.policies.unwrap_or_else(|| stored.policies.clone()),
            links: self.links.or_else(|| stored.links.clone()),
            entities,
            settings: self.settings.or_else(|| stored.settings.clone()),
            unread: Vec::new(),
        })
    }
}

/// The text of entities in force that is too long to be kept: from the disk, if that still is what is in force.
fn large_entities(store: &str, in_force: &Snapshot, folders: &PolicyFolders) -> Result<SourceFile, AppError> {
    let files = folders.files(store).ok().filter(|files| PolicyRevision::of(files) == *in_force.revision());
    files.and_then(|files| files.entities).ok_or_else(|| {
        AppError::Conflict("the store's files are not what is in force any more; send `entities`, too".to_owned())
    })
}

fn files(
    field: &str,
    wanted: &str,
    is_read: impl Fn(&str) -> bool,
    texts: Option<BTreeMap<String, String>>,
) -> Result<Option<Vec<SourceFile>>, Invalid> {
    let Some(texts) = texts else { return Ok(None) };
    if let Some(name) = texts.keys().find(|name| !is_read(name)) {
        let reason =
            format!("would be passed over: such a file is called {wanted}, and no part of its path begins with a dot");
        return Err(Invalid::new(format!("{field}.{}", shown(name)), reason));
    }
    Ok(Some(texts.into_iter().map(|(name, text)| SourceFile::new(name, text)).collect()))
}
