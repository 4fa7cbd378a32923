//! One store: what is in force, what was, and how it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Load;
use crate::domain::Timestamp;
use crate::policy::Findings;

/// What came of loading a store again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// Another version is in force; this is its revision.
    Loaded(String),
    /// The files say what is in force already.
    Unchanged,
    /// The files cannot be used. What was loaded before stays in force.
    Failed(Findings),
}

/// How a store is.
#[derive(Debug, Clone)]
pub struct Status {
    /// When the version that is in force was loaded.
    pub loaded_at: Timestamp,
    /// What is wrong with the files now; none when they are what is in force.
    pub error: Option<Findings>,
    /// Since when something is wrong without a break.
    pub since: Option<Timestamp>,
    /// How often another version came into force since the start.
    pub reloads: u64,
    /// How often loading failed since the start.
    pub failures: u64,
}

impl Status {
    /// Whether the files are what is in force.
    #[must_use]
    pub const fn healthy(&self) -> bool {
        self.error.is_none()
    }
}

/// The revisions that have been in force, the current one last.
#[derive(Debug, Default)]
struct Past(VecDeque<String>);

impl Past {
    /// Nobody waits for a revision that was in force so many changes ago.
    const LONGEST: usize = 1_000;

    fn has(&self, revision: &str) -> bool {
        self.0.iter().rev().any(|known| known == revision)
    }

    fn add(&mut self, revision: &str) {
        self.0.retain(|known| known != revision);
        if self.0.len() == Self::LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(revision.to_owned());
    }
}

/// One store. It is never without a snapshot.
pub struct Store<L: Load> {
    name: Arc<str>,
    snapshot: ArcSwap<L::Snapshot>,
    status: ArcSwap<Status>,
    past: watch::Sender<Past>,
    /// Held by whoever loads the store and puts it into force: one at a time.
    pub(super) reloading: Mutex<()>,
}

impl<L: Load> Store<L> {
    pub(super) fn new(name: &str, snapshot: Arc<L::Snapshot>, now: Timestamp) -> Self {
        let mut past = Past::default();
        past.add(L::revision(&snapshot));
        let status = Status { loaded_at: now, error: None, since: None, reloads: 0, failures: 0 };
        Self {
            name: name.into(),
            snapshot: ArcSwap::new(snapshot),
            status: ArcSwap::from_pointee(status),
            past: watch::Sender::new(past),
            reloading: Mutex::new(()),
        }
    }

    /// The store's name.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What is in force. Take it once for each request: the next call may give another version. It costs
    /// one atomic load, and is meant to be held for as long as a request takes.
    pub fn snapshot(&self) -> Guard<Arc<L::Snapshot>> {
        self.snapshot.load()
    }

    /// How the store is.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Whether a revision is in force or was, since the start. Of very many, the last are known.
    pub fn has_had(&self, revision: &str) -> bool {
        L::revision(&self.snapshot.load()) == revision || self.past.borrow().has(revision)
    }

    /// Waits until [`has_had`](Self::has_had) is true; false when it was not, `at_most` later.
    pub async fn wait_for(&self, revision: &str, at_most: Duration) -> bool {
        let mut past = self.past.subscribe();
        let seen = past.wait_for(|past| past.has(revision));
        tokio::time::timeout(at_most, seen).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Puts into force what was loaded, or notes why it was not; also whether that is news. To be called
    /// while `reloading` is held.
    pub(super) fn take(&self, loaded: Result<Arc<L::Snapshot>, Findings>, now: Timestamp) -> (Reloaded, bool) {
        let before = self.status.load();
        let mut status = Status::clone(&before);
        let reloaded = match loaded {
            Err(findings) => {
                status.failures += 1;
                status.since = before.since.or(Some(now));
                status.error = Some(findings.clone());
                Reloaded::Failed(findings)
            }
            Ok(snapshot) => {
                (status.error, status.since) = (None, None);
                let revision = L::revision(&snapshot).to_owned();
                if L::revision(&self.snapshot.load()) == revision {
                    Reloaded::Unchanged
                } else {
                    status.loaded_at = now;
                    status.reloads += 1;
                    self.snapshot.store(snapshot);
                    // Only now: whoever has waited for it has to find it in force.
                    self.past.send_modify(|past| past.add(&revision));
                    Reloaded::Loaded(revision)
                }
            }
        };
        let news = !matches!(reloaded, Reloaded::Failed(_)) || status.error != before.error;
        self.status.store(Arc::new(status));
        (reloaded, news)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Reloaded;
    use super::super::texts::Root;

    #[tokio::test]
    async fn a_revision_that_never_was_in_force_is_waited_for_and_then_given_up() {
        let store = Root::with(&[("one", "first")]).open().get("one").unwrap();
        assert!(!store.has_had("second"));
        assert!(!store.wait_for("second", Duration::from_millis(10)).await);
    }

    #[tokio::test]
    async fn a_revision_that_is_or_was_in_force_is_not_waited_for() {
        let root = Root::with(&[("one", "first")]);
        let stores = root.open();
        root.write("one", "second");
        stores.reload("one");
        let store = stores.get("one").unwrap();
        for revision in ["first", "second"] {
            assert!(store.has_had(revision));
            assert!(store.wait_for(revision, Duration::ZERO).await);
        }
    }

    #[tokio::test]
    async fn whoever_waits_for_a_revision_finds_it_in_force_when_it_comes() {
        let root = Root::with(&[("one", "first")]);
        let stores = root.open();
        let store = stores.get("one").unwrap();
        root.write("one", "second");
        let (came, ()) = tokio::join!(store.wait_for("second", Duration::from_secs(30)), async {
            assert_eq!(stores.reload("one"), Some(Reloaded::Loaded("second".to_owned())));
        });
        assert!(came);
        assert_eq!(**store.snapshot(), "second");
    }

    #[test]
    fn of_very_many_revisions_the_last_are_known() {
        let mut past = super::Past::default();
        past.add("again");
        for number in 0..super::Past::LONGEST - 1 {
            past.add(&number.to_string());
        }
        // Going back to an old one makes it the last.
        past.add("again");
        past.add("one more");
        assert!(!past.has("0"));
        assert!(past.has("1") && past.has("again") && past.has("one more"));
        assert_eq!(past.0.len(), super::Past::LONGEST);
    }
}
