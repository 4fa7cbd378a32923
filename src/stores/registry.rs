//! All stores, by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::look::{Look, Marks};
use super::{Load, Reloaded, Store};
use crate::domain::Clock;
use crate::policy::{Finding, Findings, Pace};

/// A store was loaded again, or could not be.
#[derive(Debug, Clone)]
pub struct Event {
    /// The store's name.
    pub store: String,
    /// What came of it.
    pub outcome: Reloaded,
    /// How long reading and checking took.
    pub took: Duration,
}

/// Whoever wants to know of events, for logs and metrics. It is called on the thread that loads. A store
/// that fails again for the very same reason is no event.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Why the stores cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Which stores there are cannot be known.
    #[error("{0}")]
    Root(String),
    /// What is wrong with each store that cannot be loaded.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Stores(Vec<Findings>),
}

/// The stores that are in force.
pub struct Stores<L: Load> {
    pub(super) load: L,
    clock: Clock,
    observer: Observer,
    by_name: ArcSwap<BTreeMap<String, Arc<Store<L>>>>,
    /// Held by whoever loads a new store: one at a time.
    joining: Mutex<()>,
    /// New folders that could not be loaded yet.
    refused: Mutex<BTreeMap<String, Findings>>,
    /// What the files looked like before they were loaded for the first time.
    pub(super) opened: Marks,
}

impl<L: Load> Stores<L> {
    /// Loads every store. This blocks, as everything here that loads does.
    ///
    /// # Errors
    /// Everything that is wrong with any of them: at start, all must load.
    pub fn open(load: L, clock: Clock, observer: Observer) -> Result<Self, OpenError> {
        // Before anything is loaded, so that no change in between goes unseen.
        let opened = Look::at(&load).marks;
        let (mut stores, mut wrong) = (BTreeMap::new(), Vec::new());
        for name in load.names().map_err(OpenError::Root)? {
            match load_caught(&load, &name, Pace::Alone) {
                Ok(snapshot) => {
                    let store = Store::new(&name, snapshot, clock.now());
                    stores.insert(name, Arc::new(store));
                }
                Err(findings) => wrong.push(findings),
            }
        }
        if !wrong.is_empty() {
            return Err(OpenError::Stores(wrong));
        }
        let by_name = ArcSwap::from_pointee(stores);
        Ok(Self { load, clock, observer, by_name, joining: Mutex::default(), refused: Mutex::default(), opened })
    }

    /// How stores are loaded.
    pub const fn loader(&self) -> &L {
        &self.load
    }

    /// A store.
    pub fn get(&self, name: &str) -> Option<Arc<Store<L>>> {
        self.by_name.load().get(name).cloned()
    }

    /// Every store, in the order of the names.
    pub fn list(&self) -> Vec<Arc<Store<L>>> {
        self.by_name.load().values().cloned().collect()
    }

    /// What is wrong with folders that appeared after the start and could not be loaded yet.
    pub fn refused(&self) -> Vec<Findings> {
        held(&self.refused).values().cloned().collect()
    }

    /// Loads a store again, or for the first time when its folder is new; one at a time for each store.
    /// `None` when there is no such store and no such folder.
    pub fn reload(&self, name: &str) -> Option<Reloaded> {
        match self.get(name) {
            Some(store) => {
                let _one_at_a_time = held(&store.reloading);
                Some(self.reload_known(&store))
            }
            None => self.load_new(name),
        }
    }

    /// Loads all stores again, with folders that are new and those that are gone.
    pub fn reload_all(&self) {
        let known = self.by_name.load().keys().cloned().collect::<BTreeSet<_>>();
        let refused = held(&self.refused).keys().cloned().collect::<Vec<_>>();
        let there = self.load.names().unwrap_or_default();
        for name in there.into_iter().chain(refused).chain(known).collect::<BTreeSet<_>>() {
            self.reload(&name);
        }
    }

    fn reload_known(&self, store: &Store<L>) -> Reloaded {
        let started = Instant::now();
        let name = store.name();
        let loaded = match self.load.names() {
            Ok(names) if names.contains(name.as_ref()) => load_caught(&self.load, name, Pace::BesideRequests),
            Ok(_) => Err(one(name, "the folder is gone; what it held last stays in force")),
            Err(error) => Err(one(name, &error)),
        };
        let replaced = Arc::clone(&store.snapshot());
        let (reloaded, news) = store.take(loaded, self.clock.now());
        if news {
            self.tell(name, &reloaded, started);
        }
        if matches!(reloaded, Reloaded::Loaded(_)) {
            let_go::<L>(replaced);
        }
        reloaded
    }

    fn load_new(&self, name: &str) -> Option<Reloaded> {
        let _one_at_a_time = held(&self.joining);
        if self.get(name).is_some() {
            // Somebody else was first, and a moment ago.
            return Some(Reloaded::Unchanged);
        }
        if !self.load.names().is_ok_and(|names| names.contains(name)) {
            held(&self.refused).remove(name);
            return None;
        }
        let started = Instant::now();
        let (reloaded, news) = match load_caught(&self.load, name, Pace::BesideRequests) {
            Ok(snapshot) => {
                let revision = L::revision(&snapshot).to_owned();
                let mut stores = BTreeMap::clone(&self.by_name.load());
                stores.insert(name.to_owned(), Arc::new(Store::new(name, snapshot, self.clock.now())));
                self.by_name.store(Arc::new(stores));
                held(&self.refused).remove(name);
                (Reloaded::Loaded(revision), true)
            }
            Err(findings) => {
                let before = held(&self.refused).insert(name.to_owned(), findings.clone());
                let news = before.as_ref() != Some(&findings);
                (Reloaded::Failed(findings), news)
            }
        };
        if news {
            self.tell(name, &reloaded, started);
        }
        Some(reloaded)
    }

    fn tell(&self, store: &str, outcome: &Reloaded, started: Instant) {
        let event = Event { store: store.to_owned(), outcome: outcome.clone(), took: started.elapsed() };
        (self.observer)(&event);
    }
}

/// A panic about one file must not end the service, nor keep other stores from being loaded. What was
/// begun is thrown away, so nothing half done is left.
fn load_caught<L: Load>(load: &L, name: &str, pace: Pace) -> Result<Arc<L::Snapshot>, Findings> {
    catch_unwind(AssertUnwindSafe(|| load.load(name, pace)))
        .unwrap_or_else(|_panic| Err(one(name, "loading it panicked, which is a bug in Gatewood; the log has more")))
}

/// Frees what was in force here, and not on the thread of the last request that asked it: a large store takes
/// milliseconds.
fn let_go<L: Load>(mut replaced: Arc<L::Snapshot>) {
    const PATIENCE: u32 = 50;
    for _ in 0..PATIENCE {
        match Arc::try_unwrap(replaced) {
            Ok(free) => return L::free(free),
            Err(asked) => replaced = asked,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn one(store: &str, message: &str) -> Findings {
    Findings { store: store.to_owned(), findings: vec![Finding::of_file(store, message)] }
}

/// What the lock protects is whole at any time, also where a thread has panicked that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use chrono::TimeDelta;

    use super::super::texts::{Root, Texts, a_clock};
    use super::*;

    fn open(root: &Root) -> Stores<Texts> {
        root.open()
    }

    fn told(findings: &Findings) -> String {
        findings.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn at_start_every_store_has_to_load_and_all_that_is_wrong_is_told() {
        let root = Root::with(&[("one", "fine"), ("two", "bad"), ("three", "bad")]);
        let error = Stores::open(root.load(), a_clock().0, Arc::new(|_| ())).err().unwrap().to_string();
        assert!(error.contains("`two`") && error.contains("`three`") && !error.contains("`one`"), "{error}");
    }

    #[test]
    fn a_root_that_cannot_be_read_is_an_error_at_start() {
        let root = Root::with(&[]);
        fs::remove_dir(root.path()).unwrap();
        let error = Stores::open(root.load(), a_clock().0, Arc::new(|_| ())).err().unwrap().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn a_broken_store_leaves_what_was_loaded_in_force_and_says_what_is_wrong_and_since_when() {
        let root = Root::with(&[("one", "first")]);
        let (clock, wind) = a_clock();
        let stores = Stores::open(root.load(), clock.clone(), Arc::new(|_| ())).unwrap();
        let (store, start) = (stores.get("one").unwrap(), clock.now());
        for (minutes, text) in [(1, "bad"), (2, "very bad")] {
            wind(TimeDelta::minutes(1));
            root.write("one", text);
            assert!(matches!(stores.reload("one"), Some(Reloaded::Failed(_))));
            let status = store.status();
            assert_eq!(**store.snapshot(), "first");
            assert_eq!(told(status.error.as_ref().unwrap()), format!("one/text: `{text}` is bad"));
            assert!(!status.healthy());
            assert_eq!((status.loaded_at, status.since), (start, Some(start + TimeDelta::minutes(1))));
            assert_eq!((status.reloads, status.failures), (0, minutes));
        }
        wind(TimeDelta::minutes(1));
        root.write("one", "first");
        assert_eq!(stores.reload("one"), Some(Reloaded::Unchanged));
        assert!(store.status().healthy() && store.status().since.is_none());
        assert_eq!(store.status().loaded_at, start);
        root.write("one", "second");
        assert_eq!(stores.reload("one"), Some(Reloaded::Loaded("second".to_owned())));
        assert_eq!(**store.snapshot(), "second");
        assert_eq!((store.status().loaded_at, store.status().reloads), (start + TimeDelta::minutes(3), 1));
    }

    #[test]
    fn a_store_that_nobody_knows_cannot_be_loaded_again() {
        let root = Root::with(&[("one", "first")]);
        assert_eq!(open(&root).reload("other"), None);
    }

    #[test]
    fn a_new_folder_is_a_new_store_once_it_is_good() {
        let root = Root::with(&[("one", "first")]);
        let stores = open(&root);
        root.write("two", "bad");
        stores.reload_all();
        assert!(stores.get("two").is_none());
        assert_eq!(stores.refused().iter().map(|findings| findings.store.as_str()).collect::<Vec<_>>(), ["two"]);
        root.write("two", "good");
        stores.reload_all();
        assert_eq!(**stores.get("two").unwrap().snapshot(), "good");
        assert_eq!(stores.list().iter().map(|store| store.name().to_string()).collect::<Vec<_>>(), ["one", "two"]);
        assert!(stores.refused().is_empty());
    }

    #[test]
    fn a_new_folder_that_was_refused_and_goes_away_is_forgotten() {
        let root = Root::with(&[]);
        let stores = open(&root);
        root.write("two", "bad");
        stores.reload_all();
        assert_eq!(stores.refused().len(), 1);
        root.remove("two");
        stores.reload_all();
        assert!(stores.refused().is_empty());
    }

    #[test]
    fn a_store_whose_folder_is_gone_stays_in_force_and_is_unhealthy() {
        let root = Root::with(&[("one", "first")]);
        let stores = open(&root);
        root.remove("one");
        stores.reload_all();
        let store = stores.get("one").unwrap();
        assert_eq!(**store.snapshot(), "first");
        assert!(told(store.status().error.as_ref().unwrap()).contains("the folder is gone"));
        fs::remove_dir(root.path()).unwrap();
        stores.reload_all();
        assert_eq!(**store.snapshot(), "first");
        assert!(told(store.status().error.as_ref().unwrap()).contains("cannot be read"));
        root.write("one", "second");
        stores.reload_all();
        assert_eq!(**store.snapshot(), "second");
        assert!(store.status().healthy());
    }

    #[test]
    fn a_loader_that_panics_is_a_store_that_cannot_be_loaded() {
        let root = Root::with(&[("one", "first")]);
        let stores = open(&root);
        root.write("one", "panic");
        assert!(matches!(stores.reload("one"), Some(Reloaded::Failed(_))));
        assert_eq!(**stores.get("one").unwrap().snapshot(), "first");
        root.write("one", "second");
        assert_eq!(stores.reload("one"), Some(Reloaded::Loaded("second".to_owned())));
    }

    #[test]
    fn everything_that_comes_of_a_reload_is_an_event_but_not_the_same_failure_again() {
        let root = Root::with(&[("one", "first")]);
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let observer: Observer = Arc::new(move |event: &Event| {
            let outcome = match &event.outcome {
                Reloaded::Loaded(revision) => format!("loaded {revision}"),
                Reloaded::Unchanged => "unchanged".to_owned(),
                Reloaded::Failed(findings) => format!("failed: {}", told(findings)),
            };
            seen.lock().unwrap().push(format!("{} {outcome}", event.store));
        });
        let stores = Stores::open(root.load(), a_clock().0, observer).unwrap();
        for text in ["first", "bad", "bad", "worse than bad", "second"] {
            root.write("one", text);
            stores.reload("one");
        }
        let expected = [
            "one unchanged",
            "one failed: one/text: `bad` is bad",
            "one failed: one/text: `worse than bad` is bad",
            "one loaded second",
        ];
        assert_eq!(*events.lock().unwrap(), expected);
        assert_eq!(stores.get("one").unwrap().status().failures, 3);
    }

    #[test]
    fn a_store_is_loaded_by_one_at_a_time() {
        let root = Root::with(&[("one", "first")]);
        let mut load = root.load();
        let (busy, twice) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
        let found = Arc::clone(&twice);
        load.before = Arc::new(move || {
            found.fetch_or(busy.swap(true, Ordering::SeqCst), Ordering::SeqCst);
            std::thread::yield_now();
            busy.store(false, Ordering::SeqCst);
        });
        let stores = Stores::open(load, a_clock().0, Arc::new(|_| ())).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..200).for_each(|_| drop(stores.reload("one"))));
            }
        });
        assert!(!twice.load(Ordering::SeqCst));
    }
}
