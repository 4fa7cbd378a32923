//! What the tests load: stores that are nothing but text, from real folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};

use super::{Load, Stores, folders};
use crate::domain::Clock;
use crate::policy::{Finding, Findings, Pace};

/// A store is the text of its files, which is its revision, too. What has `bad` in it cannot be loaded.
pub(super) struct Texts {
    root: PathBuf,
    /// Called before anything is read.
    pub(super) before: Arc<dyn Fn() + Send + Sync>,
    /// Whether changes of files can be seen.
    pub(super) looked_at: bool,
    /// Whether everything fails to load.
    pub(super) failing: Arc<AtomicBool>,
    /// Whether looking panics.
    pub(super) ends: Arc<AtomicBool>,
}

impl Load for Texts {
    type Snapshot = String;

    fn names(&self) -> Result<BTreeSet<String>, String> {
        assert!(!self.ends.load(Ordering::SeqCst), "asked to end");
        folders(&self.root)
    }

    fn paths(&self, name: &str) -> Vec<PathBuf> {
        if self.looked_at { vec![self.root.join(name)] } else { Vec::new() }
    }

    fn load(&self, name: &str, _pace: Pace) -> Result<Arc<String>, Findings> {
        (self.before)();
        let mut files = Vec::new();
        collect(&self.root.join(name), &mut files);
        files.sort();
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
        assert_ne!(text, "panic");
        if text.contains("bad") || self.failing.load(Ordering::SeqCst) {
            let finding = Finding::of_file(&format!("{name}/text"), format!("`{text}` is bad"));
            return Err(Findings { store: name.to_owned(), findings: vec![finding] });
        }
        Ok(Arc::new(text))
    }

    fn revision(snapshot: &String) -> &str {
        snapshot
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
        } else if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// A folder of stores.
pub(super) struct Root {
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl Root {
    /// Each store has one file.
    pub(super) fn with(stores: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Self { path: folder.path().join("policies"), _folder: Some(folder) };
        fs::create_dir(&root.path).unwrap();
        for (name, text) in stores {
            root.write(name, text);
        }
        root
    }

    /// One that is there already.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, _folder: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path.join(name)).unwrap();
        fs::write(self.path.join(name).join("text"), text).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_dir_all(self.path.join(name)).unwrap();
    }

    pub(super) fn load(&self) -> Texts {
        Texts {
            root: self.path.clone(),
            before: Arc::new(|| ()),
            looked_at: true,
            failing: Arc::default(),
            ends: Arc::default(),
        }
    }

    pub(super) fn open(&self) -> Stores<Texts> {
        Self::open_with(self.load())
    }

    pub(super) fn open_with(load: Texts) -> Stores<Texts> {
        Stores::open(load, a_clock().0, Arc::new(|_| ())).unwrap()
    }
}

/// A clock that stands still, and what winds it.
pub(super) fn a_clock() -> (Clock, impl Fn(TimeDelta)) {
    let now = Arc::new(Mutex::new(DateTime::UNIX_EPOCH));
    let shown = Arc::clone(&now);
    (Clock::from_fn(move || *shown.lock().unwrap()), move |by| *now.lock().unwrap() += by)
}

/// Waits until it is so.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
