//! The store of a workload, as the loader takes it.

use gatewood::policy::{SourceFile, StoreSource};

use super::support::Workload;

impl Workload {
    /// The store.
    pub(crate) fn source(&self) -> StoreSource {
        let [schema, policies, entities] = self.files().map(|(name, text)| SourceFile::new(name, text));
        StoreSource {
            store: "bench".to_owned(),
            schemas: vec![schema],
            policies: vec![policies],
            entities: Some(entities),
            ..StoreSource::default()
        }
    }
}
