//! Trying out a version of a store, with nothing put in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{StoreTarget, of_its_store};
use crate::app::{App, AppError, Command, Permit};
use crate::policy::{ActionUse, Finding, Pace, Snapshot, SourceFile, StoreSource, load_at};
use crate::stores::off_the_request_threads;

/// What is to be tried out. What is left out is taken from the version in force.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
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
    pub outcome: Result<Box<Snapshot>, Vec<Finding>>,
}

impl App {
    /// Loads a candidate as the server would, and puts nothing in force.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such store; [`AppError::RateLimited`] while others are loaded.
    pub async fn check_store(&self, permit: Permit<CheckStore>) -> Result<StoreReport, AppError> {
        let CheckStore { store, candidate } = permit.into_command();
        let in_force = Arc::clone(store.snapshot()?);
        // Loading takes a processor for as long as it takes; one at a time is enough for people.
        let Ok(turn) = Arc::clone(&self.store_checks).try_acquire_owned() else {
            return Err(AppError::RateLimited(std::time::Duration::from_secs(1)));
        };
        let source = candidate.over(store.name().as_str(), &in_force);
        let outcome = off_the_request_threads(move || {
            let outcome = load_at(&source, Pace::BesideRequests);
            drop(turn);
            outcome
        });
        let outcome = outcome.await.ok_or_else(|| AppError::Internal("loading a candidate panicked".to_owned()))?;
        Ok(StoreReport { in_force, outcome: outcome.map(Box::new).map_err(|findings| findings.findings) })
    }
}

impl Candidate {
    fn over(self, store: &str, in_force: &Snapshot) -> StoreSource {
        let files = |given: Option<BTreeMap<String, String>>, stored: &[SourceFile]| match given {
            Some(given) => given.into_iter().map(|(name, text)| SourceFile { name, text }).collect(),
            None => stored.to_vec(),
        };
        let single = |name: &str, given: Option<String>, stored: &Option<SourceFile>| match given {
            Some(text) => Some(SourceFile { name: name.to_owned(), text }),
            None => stored.clone(),
        };
        let stored = in_force.source();
        StoreSource {
            store: store.to_owned(),
            schemas: files(self.schemas, &stored.schemas),
            policies: files(self.policies, &stored.policies),
            links: single("links.json", self.links, &stored.links),
            entities: single("entities.json", self.entities, &stored.entities),
            settings: single("store.toml", self.settings, &stored.settings),
        }
    }
}
