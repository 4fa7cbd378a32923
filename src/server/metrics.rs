//! The metrics of a server, with those who are asked for theirs.

use std::sync::{Arc, OnceLock};

use crate::audit::DecisionLog;
use crate::domain::Timestamp;
use crate::persistence::Database;
use crate::stores::{Event, Observer, PolicyFolders, PolicyStore, Reloaded, Stores};
use crate::telemetry::{DecisionLogUsage, Metrics, PoolUsage, Reload, StoreFacts};

/// Asks the database's pools, the decision log and this process at each scrape.
pub(super) fn collect(metrics: &Metrics, database: &Database, decisions: &DecisionLog, now: Timestamp) {
    let (database, decisions) = (database.clone(), decisions.clone());
    metrics.register_collector(move |readings| {
        readings.running(env!("CARGO_PKG_VERSION"), now);
        for usage in database.pools() {
            let in_use = usage.connections.saturating_sub(usage.idle);
            readings.pool(PoolUsage { pool: usage.name, in_use, idle: usage.idle, limit: usage.limit });
        }
        let counters = decisions.counters();
        readings.decision_log(DecisionLogUsage {
            depth: counters.depth as u64,
            capacity: counters.capacity as u64,
            written: counters.written,
            dropped: counters.dropped,
            spilled: counters.spilled,
            failed: counters.failed,
        });
    });
}

/// Tells the log and the metrics what comes of loading stores.
pub(super) struct StoreWatch {
    metrics: Metrics,
    stores: OnceLock<Arc<Stores<PolicyFolders>>>,
}

impl StoreWatch {
    /// The observer of stores that are not opened yet.
    pub(super) fn new(metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self { metrics: metrics.clone(), stores: OnceLock::new() })
    }

    /// What the stores are to call.
    pub(super) fn observer(self: &Arc<Self>) -> Observer {
        let watch = Arc::clone(self);
        Arc::new(move |event| watch.happened(event))
    }

    /// From now on, what is in force is read off these stores.
    pub(super) fn opened(&self, stores: &Arc<Stores<PolicyFolders>>) {
        stores.list().iter().for_each(|store| self.tell(store));
        let _first = self.stores.set(Arc::clone(stores));
    }

    fn happened(&self, Event { store, outcome, took }: &Event) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let counted = match outcome {
            Reloaded::Loaded(revision) => {
                tracing::info!(store, policy.revision = revision, duration_ms = millis, "a store was loaded again");
                Reload::Loaded
            }
            Reloaded::Unchanged => {
                tracing::info!(store, duration_ms = millis, "a store's files are what is in force");
                Reload::Unchanged
            }
            Reloaded::Failed(findings) => {
                tracing::error!(store, duration_ms = millis, error = %findings, "a store cannot be loaded; what was in force stays");
                Reload::Failed
            }
        };
        self.metrics.reload(store, counted, *took);
        if let Some(store) = self.stores.get().and_then(|stores| stores.get(store)) {
            self.tell(&store);
        }
    }

    fn tell(&self, store: &PolicyStore) {
        let (snapshot, status) = (store.snapshot(), store.status());
        self.metrics.store(
            store.name(),
            StoreFacts {
                revision: snapshot.revision().as_str(),
                loaded_at: status.loaded_at,
                policies: snapshot.policies().len(),
                entities: snapshot.stored_entities(),
                healthy: status.healthy(),
            },
        );
    }
}
