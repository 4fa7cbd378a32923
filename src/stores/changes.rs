//! The kernel's word that something in a folder has changed. It only makes the [watcher](super::Watcher)
//! look at once: what it misses, the next look finds.

use futures_util::stream::BoxStream;

#[cfg(target_os = "linux")]
pub(super) use linux::{Watches, changes};
#[cfg(not(target_os = "linux"))]
pub(super) use none::{Watches, changes};

/// Each item is a change, or many.
type Changes = BoxStream<'static, ()>;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashSet;
    use std::io;
    use std::path::PathBuf;

    use futures_util::{StreamExt, future, stream};
    use inotify::{Inotify, WatchDescriptor, WatchMask};

    use super::Changes;

    /// The files and folders that are watched.
    #[derive(Default)]
    pub(in super::super) struct Watches {
        kernel: Option<inotify::Watches>,
        watched: HashSet<WatchDescriptor>,
        warned: bool,
    }

    /// Changes of what is [set](Watches::set) to be watched; none, where the kernel gives no more watches.
    pub(in super::super) fn changes() -> (Changes, Watches) {
        const BUFFER: usize = 16 * 1024;
        let mut watches = Watches::default();
        match Inotify::init().and_then(|inotify| inotify.into_event_stream(vec![0; BUFFER])) {
            Ok(events) => {
                watches.kernel = Some(events.watches());
                (events.take_while(|event| future::ready(event.is_ok())).map(|_event| ()).boxed(), watches)
            }
            Err(error) => {
                watches.warn(&error);
                (stream::empty().boxed(), watches)
            }
        }
    }

    impl Watches {
        const MASK: WatchMask = WatchMask::CREATE
            .union(WatchMask::MODIFY)
            .union(WatchMask::ATTRIB)
            .union(WatchMask::MOVE)
            .union(WatchMask::DELETE)
            .union(WatchMask::MOVE_SELF)
            .union(WatchMask::DELETE_SELF);

        /// Watches these and nothing else. A path is always added again, since there may be another folder
        /// behind it by now; for the same one that changes nothing.
        pub(in super::super) fn set(&mut self, paths: &[PathBuf]) {
            let Some(kernel) = &mut self.kernel else { return };
            let mut watched = HashSet::new();
            let mut failed = None;
            for path in paths {
                match kernel.add(path, Self::MASK) {
                    Ok(descriptor) => drop(watched.insert(descriptor)),
                    // It went away since it was looked at, which the next look will see.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => failed = Some(error),
                }
            }
            for gone in self.watched.difference(&watched) {
                // The kernel itself forgets what was deleted, and says so here.
                let _forgotten = kernel.remove(gone.clone());
            }
            self.watched = watched;
            if let Some(error) = failed {
                self.warn(&error);
            }
        }

        fn warn(&mut self, error: &io::Error) {
            if !std::mem::replace(&mut self.warned, true) {
                tracing::warn!(
                    %error,
                    "cannot watch every policy file; they are looked at twice a second instead (raise fs.inotify.max_user_watches or max_user_instances)"
                );
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::path::PathBuf;

    use futures_util::{StreamExt, stream};

    /// Nothing is watched here.
    pub(in super::super) struct Watches;

    /// No changes at all.
    pub(in super::super) fn changes() -> (super::Changes, Watches) {
        (stream::empty().boxed(), Watches)
    }

    impl Watches {
        /// Does nothing.
        pub(in super::super) fn set(&mut self, _paths: &[PathBuf]) {}
    }
}
