//! What can be seen of the stores' files without reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use walkdir::WalkDir;

use super::Load;

/// For each store, a hash over the names, identities, sizes and times of its files. A root that cannot
/// be read has no stores.
pub(super) type Marks = BTreeMap<String, u64>;

/// One look at the files of all stores.
pub(super) struct Look {
    /// What was seen.
    pub(super) marks: Marks,
    /// The folders that were walked, and the files that stores name by themselves.
    pub(super) watched: Vec<PathBuf>,
}

impl Look {
    /// Looks at everything, once.
    pub(super) fn at(load: &impl Load) -> Self {
        let mut watched = Vec::new();
        let names = load.names().unwrap_or_default();
        let marks = names.into_iter().map(|name| {
            let mut hash = DefaultHasher::new();
            for path in load.paths(&name) {
                walk(&path, &mut hash, &mut watched);
            }
            (name, hash.finish())
        });
        Self { marks: marks.collect(), watched }
    }

    /// The stores that look otherwise than in `marks`, or are in one of the two only.
    pub(super) fn differing(&self, marks: &Marks) -> BTreeSet<String> {
        let names = self.marks.keys().chain(marks.keys());
        names.filter(|name| self.marks.get(*name) != marks.get(*name)).cloned().collect()
    }
}

/// Symbolic links are followed, so a link that is set to another place shows in what is behind it.
/// What cannot be looked at counts as the error: that it can be again is a change.
fn walk(path: &PathBuf, hash: &mut DefaultHasher, watched: &mut Vec<PathBuf>) {
    let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !hidden(entry.file_name())) {
        let found = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata)));
        match found {
            Ok((entry, metadata)) => {
                entry.path().hash(hash);
                (metadata.dev(), metadata.ino(), metadata.mode()).hash(hash);
                // The times of a folder change with what is passed over, too, such as an editor's own files.
                if metadata.is_dir() {
                    watched.push(entry.into_path());
                } else {
                    (metadata.size(), metadata.mtime(), metadata.mtime_nsec()).hash(hash);
                    (metadata.ctime(), metadata.ctime_nsec()).hash(hash);
                    if entry.depth() == 0 {
                        watched.push(entry.into_path());
                    }
                }
            }
            Err(error) => error.to_string().hash(hash),
        }
    }
}
