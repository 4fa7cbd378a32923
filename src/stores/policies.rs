//! The folders of policy stores, and the one that guards Gatewood itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Load, Reloaded, Store, Stores, folders};
use crate::domain::StoreName;
use crate::policy::{CONTROL_STORE, Finding, Findings, Pace, Snapshot, SourceFile, StoreSource, load_at};

/// Where the control plane's policies come from. It is settled at start: a mount that fails later must not
/// bring others back.
pub enum ControlSource {
    /// What the binary was built with, or with this schema.
    Embedded(Option<SourceFile>),
    /// A folder, with the schema of a file, or with the one that the binary was built with.
    Folder(PathBuf, Option<PathBuf>),
}

/// What else must hold for the control plane's policies: that they fit the code.
pub type ControlCheck = Arc<dyn Fn(&Arc<Snapshot>) -> Result<(), String> + Send + Sync>;

/// Loads policy stores from the folders of a root.
pub struct PolicyFolders {
    /// The root; `None`: there are no stores but the control plane's.
    pub root: Option<PathBuf>,
    /// Where the control plane's come from.
    pub control: ControlSource,
    /// What must hold for those.
    pub control_check: ControlCheck,
}

impl PolicyFolders {
    /// A store's files as they are now. This blocks.
    ///
    /// # Errors
    /// What cannot be read where all else is pointless.
    pub fn files(&self, name: &str) -> Result<StoreSource, Findings> {
        if name == CONTROL_STORE {
            return self.control_source();
        }
        let folder = self.root.as_ref().map(|root| root.join(name)).unwrap_or_default();
        Ok(StoreSource::from_folder(name, &folder))
    }

    /// What the store would be if it had these files, by all that it is held against. Nothing is put in force. This
    /// blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn judge(&self, name: &str, source: &StoreSource, pace: Pace) -> Result<Arc<Snapshot>, Findings> {
        let snapshot = Arc::new(load_at(source, pace)?);
        if name == CONTROL_STORE {
            let misfit = |text: String| Findings::new(name, vec![Finding::of_file(name, text)]);
            (self.control_check)(&snapshot).map_err(misfit)?;
        }
        Ok(snapshot)
    }

    fn control_source(&self) -> Result<StoreSource, Findings> {
        let embedded = StoreSource::embedded_control_plane();
        match &self.control {
            ControlSource::Embedded(None) => Ok(embedded),
            ControlSource::Embedded(Some(schema)) => Ok(StoreSource { schemas: vec![schema.clone()], ..embedded }),
            ControlSource::Folder(folder, schema) => {
                let schemas = match schema {
                    Some(path) => vec![read_schema(path)?],
                    None => embedded.schemas,
                };
                Ok(StoreSource { schemas, ..StoreSource::from_folder(CONTROL_STORE, folder) })
            }
        }
    }
}

fn read_schema(path: &std::path::Path) -> Result<SourceFile, Findings> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(SourceFile::new(name, text)),
        Err(error) => {
            let finding = Finding::of_file(&name, format!("cannot be read: {error}"));
            Err(Findings::new(CONTROL_STORE, vec![finding]))
        }
    }
}

impl Load for PolicyFolders {
    type Snapshot = Snapshot;

    fn names(&self) -> Result<BTreeSet<String>, String> {
        let mut names = match &self.root {
            Some(root) => folders(root)?,
            None => BTreeSet::new(),
        };
        match &self.control {
            ControlSource::Embedded(_) => drop(names.insert(CONTROL_STORE.to_owned())),
            ControlSource::Folder(folder, _) if folder.is_dir() => drop(names.insert(CONTROL_STORE.to_owned())),
            ControlSource::Folder(..) => drop(names.remove(CONTROL_STORE)),
        }
        Ok(names)
    }

    fn paths(&self, name: &str) -> Vec<PathBuf> {
        if name == CONTROL_STORE {
            return match &self.control {
                ControlSource::Embedded(_) => Vec::new(),
                ControlSource::Folder(folder, schema) => std::iter::once(folder).chain(schema).cloned().collect(),
            };
        }
        self.root.iter().map(|root| root.join(name)).collect()
    }

    fn load(&self, name: &str, pace: Pace) -> Result<Arc<Snapshot>, Findings> {
        if let Err(invalid) = StoreName::parse("folder", name) {
            return Err(Findings::new(name, vec![Finding::of_file(name, invalid.reason)]));
        }
        self.judge(name, &self.files(name)?, pace)
    }

    fn free(snapshot: Snapshot) {
        snapshot.free();
    }

    fn revision(snapshot: &Snapshot) -> &str {
        snapshot.revision().as_str()
    }
}

/// A store of policies.
pub type PolicyStore = Store<PolicyFolders>;

/// The stores of this process, and which of them is meant when a request does not say.
#[derive(Clone)]
pub struct PolicyStores {
    stores: Arc<Stores<PolicyFolders>>,
    default: Option<StoreName>,
}

impl PolicyStores {
    /// `default`: what the configuration says.
    #[must_use]
    pub const fn new(stores: Arc<Stores<PolicyFolders>>, default: Option<StoreName>) -> Self {
        Self { stores, default }
    }

    /// The registry itself.
    #[must_use]
    pub const fn registry(&self) -> &Arc<Stores<PolicyFolders>> {
        &self.stores
    }

    /// A store.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<PolicyStore>> {
        self.stores.get(name)
    }

    /// Every store, in the order of the names.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<PolicyStore>> {
        self.stores.list()
    }

    /// The store that is meant when a request does not say: the configured one, else the only one.
    #[must_use]
    pub fn default_store(&self) -> Option<StoreName> {
        if self.default.is_some() {
            return self.default.clone();
        }
        let mut platform = self.stores.list().into_iter().filter(|store| &**store.name() != CONTROL_STORE);
        match (platform.next(), platform.next()) {
            (Some(only), None) => StoreName::parse("store", only.name()).ok(),
            _ => None,
        }
    }

    /// Loads a store again, off the threads that serve requests. `None`: there is no such store.
    pub async fn reload(&self, name: &StoreName) -> Option<Reloaded> {
        let (stores, name) = (Arc::clone(&self.stores), name.clone());
        off_the_request_threads(move || stores.reload(name.as_str())).await.flatten()
    }
}

/// Runs work that takes long; `None` when it panicked.
#[expect(clippy::disallowed_methods, reason = "this is the one place for long work that is none of the database's")]
pub async fn off_the_request_threads<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.ok()
}
