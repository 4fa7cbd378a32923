//! Following the files of all stores: what is new comes into force, what is broken does not.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;

use super::changes::{Watches, changes};
use super::look::{Look, Marks};
use super::{Load, Stores};

/// Why it is time to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// The kernel saw a file change.
    Changed,
    /// Somebody wants everything to be loaded again.
    Asked,
}

/// Looks at the files when the kernel says that they have changed, and twice a second in any case: it
/// does not say so of every link on the way to a file, nor on every file system.
pub struct Watcher<L: Load> {
    stores: Arc<Stores<L>>,
    /// What the files looked like that were loaded or refused last.
    judged: Marks,
    retried: Instant,
}

impl<L: Load> Watcher<L> {
    /// How often the files are looked at without a reason.
    const PERIOD: Duration = Duration::from_millis(500);
    /// How long files have to look the same before they are loaded. Somebody may be in the middle of
    /// writing several of them.
    const QUIET: Duration = Duration::from_millis(100);
    /// How long they may go on changing before they are loaded all the same.
    const LONGEST: Duration = Duration::from_millis(500);
    /// How often a store that failed is tried again though its files look as before: reading them may
    /// have failed for a while only.
    const RETRY: Duration = Duration::from_secs(5);

    /// Follows the files of these stores, from where they were opened.
    #[must_use]
    pub fn new(stores: Arc<Stores<L>>) -> Self {
        Self { judged: stores.opened.clone(), stores, retried: Instant::now() }
    }

    /// Watches until it is dropped; everything is loaded again for each item of `asked`. It is done only
    /// when its thread has ended, which it should not. Files are read on that thread: they may lie on a
    /// mount that does not answer, and nothing else is to wait for that.
    pub async fn run(self, asked: impl Stream<Item = ()>) {
        let (wake, woken) = mpsc::channel();
        let (running, ended) = oneshot::channel::<()>();
        let (changes, watches) = changes();
        let follow = move || {
            // Gone with the thread, however that ends.
            let _running = running;
            self.follow(&woken, watches);
        };
        if let Err(error) = std::thread::Builder::new().name("policy-files".to_owned()).spawn(follow) {
            tracing::error!(%error, "cannot start the thread that looks at the policy files");
            return;
        }
        let forward = async move {
            let asked = asked.map(|()| Wake::Asked);
            let mut wakes = pin!(stream::select(asked, changes.map(|()| Wake::Changed)));
            while let Some(why) = wakes.next().await {
                // When nobody hears it any more, `ended` says so.
                let _heard = wake.send(why);
            }
            // Nobody asks and no changes are reported; the thread looks until its channel is closed.
            std::future::pending::<()>().await;
        };
        tokio::select! { _ = ended => {}, () = forward => {} }
    }

    fn follow(mut self, woken: &Receiver<Wake>, mut watches: Watches) {
        loop {
            self.look(&mut watches);
            let mut asked = match woken.recv_timeout(Self::PERIOD) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => false,
                Ok(Wake::Asked) => true,
                Ok(Wake::Changed) => {
                    // Changes come in swarms. This bounds how often they make us look.
                    std::thread::sleep(Self::QUIET);
                    false
                }
            };
            for why in woken.try_iter() {
                asked |= why == Wake::Asked;
            }
            if asked {
                tracing::info!("asked to load the policies again");
                self.stores.reload_all();
            }
        }
    }

    /// Looks at the files, and loads the stores that look otherwise than before.
    fn look(&mut self, watches: &mut Watches) {
        let (seen, settled) = self.settled();
        watches.set(&seen.watched);
        let changed = seen.differing(&self.judged);
        for name in changed.iter().cloned().chain(self.due_again()).collect::<BTreeSet<_>>() {
            self.stores.reload(&name);
        }
        self.judged = seen.marks;
        if !settled {
            // Two changes in the same instant have the same time: what was still changing is loaded again.
            self.judged.retain(|name, _| !changed.contains(name));
        }
    }

    /// What the files look like once they keep still, and whether they do.
    fn settled(&self) -> (Look, bool) {
        let began = Instant::now();
        let mut seen = Look::at(&self.stores.load);
        while seen.marks != self.judged {
            std::thread::sleep(Self::QUIET);
            let again = Look::at(&self.stores.load);
            if again.marks == seen.marks {
                return (again, true);
            }
            if began.elapsed() > Self::LONGEST {
                return (again, false);
            }
            seen = again;
        }
        (seen, true)
    }

    /// The stores that failed, whenever it is time to try them again.
    fn due_again(&mut self) -> Vec<String> {
        if self.retried.elapsed() < Self::RETRY {
            return Vec::new();
        }
        self.retried = Instant::now();
        let failed = self.stores.list().into_iter().filter(|store| !store.status().healthy());
        let refused = self.stores.refused().into_iter().map(|findings| findings.store);
        failed.map(|store| store.name().to_string()).chain(refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::Reloaded;
    use super::super::texts::{Root, Texts, eventually};
    use super::*;

    /// Stores whose files are followed until it is dropped.
    struct Followed {
        stores: Arc<Stores<Texts>>,
        running: tokio::task::JoinHandle<()>,
    }

    impl Drop for Followed {
        fn drop(&mut self) {
            self.running.abort();
        }
    }

    impl Followed {
        fn of(stores: Stores<Texts>) -> Self {
            Self::asked_by(stores, stream::pending())
        }

        fn asked_by(stores: Stores<Texts>, asked: impl Stream<Item = ()> + Send + 'static) -> Self {
            let stores = Arc::new(stores);
            let running = tokio::spawn(Watcher::new(Arc::clone(&stores)).run(asked));
            Self { stores, running }
        }

        async fn comes_into_force(&self, name: &str, text: &str) {
            eventually(&format!("{text} comes into force"), || {
                self.stores.get(name).is_some_and(|store| **store.snapshot() == text && store.status().healthy())
            })
            .await;
        }

        async fn becomes_unhealthy(&self, name: &str) {
            eventually("it is unhealthy", || !self.stores.get(name).unwrap().status().healthy()).await;
        }
    }

    #[tokio::test]
    async fn a_file_that_is_saved_comes_into_force() {
        let root = Root::with(&[("one", "first"), ("two", "other")]);
        let followed = Followed::of(root.open());
        for text in ["second", "third"] {
            root.write("one", text);
            followed.comes_into_force("one", text).await;
        }
        let other = followed.stores.get("two").unwrap();
        assert_eq!((**other.snapshot() == "other", other.status().reloads), (true, 0));
    }

    #[tokio::test]
    async fn a_change_between_opening_and_watching_comes_into_force() {
        let root = Root::with(&[("one", "first")]);
        let stores = root.open();
        root.write("one", "second");
        Followed::of(stores).comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn a_file_that_is_moved_over_another_comes_into_force() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        let new = root.path().join("one/.text.new");
        fs::write(&new, "second").unwrap();
        fs::rename(new, root.path().join("one/text")).unwrap();
        followed.comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn a_file_deeper_down_in_a_folder_that_is_new_comes_into_force() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        fs::create_dir_all(root.path().join("one/deep/down")).unwrap();
        for text in ["A", "B"] {
            fs::write(root.path().join("one/deep/down/more"), text).unwrap();
            followed.comes_into_force("one", &format!("{text}first")).await;
        }
    }

    #[tokio::test]
    async fn a_mounted_configuration_map_that_is_replaced_comes_into_force() {
        let root = Root::with(&[]);
        let folder = root.path().join("one");
        let version = |name: &str, text: &str| {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join("text"), text).unwrap();
            symlink(name, folder.join("..data_tmp")).unwrap();
            fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        };
        version("..1", "first");
        symlink("..data/text", folder.join("text")).unwrap();
        let followed = Followed::of(root.open());
        followed.comes_into_force("one", "first").await;
        version("..2", "second");
        fs::remove_dir_all(folder.join("..1")).unwrap();
        followed.comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn a_root_that_is_a_link_may_be_set_to_another_place() {
        let (blue, green) = (Root::with(&[("one", "first")]), Root::with(&[("one", "second")]));
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("current");
        symlink(blue.path(), &link).unwrap();
        let followed = Followed::of(Root::at(link.clone()).open());
        symlink(green.path(), place.path().join("next")).unwrap();
        fs::rename(place.path().join("next"), &link).unwrap();
        followed.comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn what_is_broken_stays_out_of_force_until_it_is_good_again() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        root.write("one", "bad");
        followed.becomes_unhealthy("one").await;
        assert_eq!(**followed.stores.get("one").unwrap().snapshot(), "first");
        root.write("one", "second");
        followed.comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn a_root_that_goes_away_and_comes_back_comes_into_force_by_itself() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        fs::remove_dir_all(root.path()).unwrap();
        followed.becomes_unhealthy("one").await;
        assert_eq!(**followed.stores.get("one").unwrap().snapshot(), "first");
        root.write("one", "second");
        followed.comes_into_force("one", "second").await;
    }

    #[tokio::test]
    async fn a_folder_that_is_new_is_noticed() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        root.write("two", "good");
        followed.comes_into_force("two", "good").await;
    }

    #[tokio::test]
    async fn files_that_never_keep_still_are_loaded_all_the_same() {
        let root = Root::with(&[("one", "0")]);
        let followed = Followed::of(root.open());
        let store = followed.stores.get("one").unwrap();
        let mut number = 0;
        eventually("something comes into force", || {
            number += 1;
            root.write("one", &number.to_string());
            **store.snapshot() != "0"
        })
        .await;
        root.write("one", "last");
        followed.comes_into_force("one", "last").await;
    }

    #[tokio::test]
    async fn whoever_asks_has_everything_loaded_again() {
        let root = Root::with(&[("one", "first")]);
        let mut load = root.load();
        // Nothing is looked at, so nothing but being asked can be the reason.
        load.looked_at = false;
        let (ask, asked) = tokio::sync::mpsc::unbounded_channel();
        let asked = stream::unfold(asked, async |mut asked| asked.recv().await.map(|()| ((), asked)));
        let followed = Followed::asked_by(Root::open_with(load), asked);
        root.write("one", "second");
        ask.send(()).unwrap();
        followed.comes_into_force("one", "second").await;
    }

    #[test]
    fn what_failed_though_its_files_look_the_same_is_tried_again() {
        let root = Root::with(&[("one", "first")]);
        let fails = Arc::new(AtomicBool::new(false));
        let mut load = root.load();
        load.failing = Arc::clone(&fails);
        let stores = Arc::new(Root::open_with(load));
        let mut watcher = Watcher::new(Arc::clone(&stores));
        fails.store(true, Ordering::SeqCst);
        assert!(matches!(stores.reload("one"), Some(Reloaded::Failed(_))));
        fails.store(false, Ordering::SeqCst);
        let mut none = Watches::default();
        watcher.look(&mut none);
        assert!(!stores.get("one").unwrap().status().healthy(), "it was tried again at once");
        watcher.retried = watcher.retried.checked_sub(Watcher::<Texts>::RETRY).unwrap();
        watcher.look(&mut none);
        assert!(stores.get("one").unwrap().status().healthy());
    }

    #[tokio::test]
    async fn the_watch_is_done_when_its_thread_ends_by_itself() {
        let root = Root::with(&[("one", "first")]);
        let ends = Arc::new(AtomicBool::new(false));
        let mut load = root.load();
        load.ends = Arc::clone(&ends);
        let stores = Arc::new(Root::open_with(load));
        ends.store(true, Ordering::SeqCst);
        let run = Watcher::new(stores).run(stream::pending());
        tokio::time::timeout(Duration::from_secs(30), run).await.unwrap();
    }

    #[tokio::test]
    async fn a_watch_that_is_dropped_ends_its_thread() {
        let root = Root::with(&[("one", "first")]);
        let followed = Followed::of(root.open());
        root.write("one", "second");
        followed.comes_into_force("one", "second").await;
        let stores = Arc::downgrade(&followed.stores);
        drop(followed);
        eventually("the thread has ended", || stores.upgrade().is_none()).await;
    }

    #[test]
    fn a_look_sees_the_same_of_the_same_files() {
        let root = Root::with(&[("one", "first"), ("two", "second")]);
        let load = root.load();
        assert_eq!(Look::at(&load).marks, Look::at(&load).marks);
        assert_eq!(load.names().unwrap().len(), Look::at(&load).marks.len());
    }
}
