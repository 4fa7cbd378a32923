//! The metrics of a server, with those who are asked for theirs.

use crate::domain::Timestamp;
use crate::persistence::Database;
use crate::policy::Snapshot;
use crate::telemetry::{Metrics, PoolUsage, StoreFacts};

/// Metrics that know of the control plane's policies, of the database's pools, and of this process.
pub(super) fn start(policies: &Snapshot, database: &Database, now: Timestamp) -> Metrics {
    let metrics = Metrics::new();
    metrics.store(
        policies.store(),
        StoreFacts {
            revision: policies.revision().as_str(),
            loaded_at: now,
            policies: policies.policies().len(),
            // The entities of a call are made for it; none are stored.
            entities: 0,
            healthy: true,
        },
    );
    let database = database.clone();
    metrics.register_collector(move |readings| {
        readings.running(env!("CARGO_PKG_VERSION"), now);
        for usage in database.pools() {
            let in_use = usage.connections.saturating_sub(usage.idle);
            readings.pool(PoolUsage { pool: usage.name, in_use, idle: usage.idle, limit: usage.limit });
        }
    });
    metrics
}
