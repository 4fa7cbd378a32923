//! Where stores come from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::policy::{Findings, Pace};

/// Reads stores from disk. Everything here may block.
pub trait Load: Send + Sync + 'static {
    /// One immutable version of a store.
    type Snapshot: Send + Sync + 'static;

    /// The names of all stores that there are at this moment.
    ///
    /// # Errors
    /// Why that cannot be known, such as a root that cannot be read.
    fn names(&self) -> Result<BTreeSet<String>, String>;

    /// The files and folders that a store is made of. It is loaded again when something changes in them.
    fn paths(&self, name: &str) -> Vec<PathBuf>;

    /// Loads a store whole, or not at all.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn load(&self, name: &str, pace: Pace) -> Result<Arc<Self::Snapshot>, Findings>;

    /// Frees a version that nobody asks any more.
    fn free(snapshot: Self::Snapshot) {
        drop(snapshot);
    }

    /// What tells one version from another: a hash of the content.
    fn revision(snapshot: &Self::Snapshot) -> &str;
}

/// The names of the folders in `root`. Names that start with a dot are passed over (mounted configuration
/// maps keep their history in such names); symbolic links count as what they point to.
///
/// # Errors
/// What cannot be read, or has a name that is not UTF-8.
pub fn folders(root: &Path) -> Result<BTreeSet<String>, String> {
    let of_root = |error: std::io::Error| format!("`{}` cannot be read: {error}", root.display());
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root).map_err(of_root)? {
        let entry = entry.map_err(of_root)?;
        let name = entry.file_name().into_string().map_err(|name| {
            format!("`{}` has a file whose name is not UTF-8: {}", root.display(), name.to_string_lossy())
        })?;
        if !name.starts_with('.') && entry.path().is_dir() {
            found.insert(name);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn stores_are_the_folders_and_what_links_to_one_but_nothing_hidden() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["one", ".hidden", "..2026_03_01"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("a file"), "").unwrap();
        symlink("..2026_03_01", root.path().join("..data")).unwrap();
        symlink("..data", root.path().join("two")).unwrap();
        symlink("nowhere", root.path().join("three")).unwrap();
        assert_eq!(folders(root.path()).unwrap(), BTreeSet::from(["one".to_owned(), "two".to_owned()]));
    }
}
