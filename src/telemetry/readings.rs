//! What is asked when metrics are read, because somebody else counts it already.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::catalogue::{self, Kind, Metric};
use crate::domain::Timestamp;

/// How a pool of connections is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Its name: `read`, `write` or `apart`.
    pub pool: &'static str,
    /// Connections that somebody uses.
    pub in_use: u32,
    /// Connections that wait to be used.
    pub idle: u32,
    /// How many there may be.
    pub limit: u32,
}

/// How the decision log is doing. The last four count since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecisionLogUsage {
    /// Records that wait.
    pub depth: u64,
    /// Records that can wait.
    pub capacity: u64,
    /// Records that were written.
    pub written: u64,
    /// Records that were given up because the queue was full.
    pub dropped: u64,
    /// Records that were put aside because the queue was full.
    pub spilled: u64,
    /// Records that could not be written.
    pub failed: u64,
}

/// What collectors say when they are asked.
#[derive(Debug, Default)]
pub struct Readings(Vec<Reading>);

#[derive(Debug)]
struct Reading {
    metric: &'static Metric,
    labels: Vec<(&'static str, &'static str)>,
    value: Value,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Whole(u64),
    Seconds(f64),
}

impl Readings {
    /// How a pool of connections is used.
    pub fn pool(&mut self, usage: PoolUsage) {
        let states = [("in_use", usage.in_use), ("idle", usage.idle)];
        for (state, connections) in states {
            let labels = vec![("pool", usage.pool), ("state", state)];
            self.whole(&catalogue::DATABASE_CONNECTIONS, labels, connections.into());
        }
        self.whole(&catalogue::DATABASE_LIMIT, vec![("pool", usage.pool)], usage.limit.into());
    }

    /// How the decision log is doing.
    pub fn decision_log(&mut self, usage: DecisionLogUsage) {
        self.whole(&catalogue::LOG_QUEUE, Vec::new(), usage.depth);
        self.whole(&catalogue::LOG_CAPACITY, Vec::new(), usage.capacity);
        let outcomes = [
            ("written", usage.written),
            ("dropped", usage.dropped),
            ("spilled", usage.spilled),
            ("failed", usage.failed),
        ];
        for (outcome, records) in outcomes {
            self.whole(&catalogue::LOG_RECORDS, vec![("outcome", outcome)], records);
        }
    }

    /// Which version runs, and since when.
    pub fn running(&mut self, version: &'static str, since: Timestamp) {
        self.whole(&catalogue::BUILD_INFO, vec![("version", version)], 1);
        let value = Value::Seconds(seconds(since));
        self.0.push(Reading { metric: &catalogue::START_TIME, labels: Vec::new(), value });
    }

    fn whole(&mut self, metric: &'static Metric, labels: Vec<(&'static str, &'static str)>, value: u64) {
        self.0.push(Reading { metric, labels, value: Value::Whole(value) });
    }
}

impl Reading {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        match (self.metric.kind, self.value) {
            (Kind::Counter, Value::Whole(value)) => ConstCounter::new(value).encode(encoder),
            (_, Value::Whole(value)) => ConstGauge::new(value).encode(encoder),
            (_, Value::Seconds(value)) => ConstGauge::new(value).encode(encoder),
        }
    }
}

/// Seconds since 1970, with a fraction.
#[expect(clippy::cast_precision_loss, reason = "a moment in microseconds is exact in 53 bits until the year 2255")]
pub(super) fn seconds(moment: Timestamp) -> f64 {
    moment.timestamp_micros() as f64 / 1e6
}

type Ask = dyn Fn(&mut Readings) + Send + Sync;

/// Everybody who is asked. Cloning it is cheap, and gives the same.
#[derive(Clone, Default)]
pub(super) struct Collectors(Arc<RwLock<Vec<Box<Ask>>>>);

impl fmt::Debug for Collectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collectors")
    }
}

impl Collectors {
    pub(super) fn add(&self, ask: impl Fn(&mut Readings) + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(ask));
    }
}

impl Collector for Collectors {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut readings = Readings::default();
        for ask in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            ask(&mut readings);
        }
        // All readings of a metric have to stand together. The sort is stable, so they keep their order.
        let mut readings = readings.0;
        readings.sort_by_key(|reading| reading.metric.name);
        for family in readings.chunk_by(|one, other| one.metric.name == other.metric.name) {
            let Some(Reading { metric, .. }) = family.first() else { continue };
            let help = format!("{}.", metric.help);
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram(_) => MetricType::Histogram,
            };
            let mut encoder = encoder.encode_descriptor(metric.name, &help, metric.unit.as_ref(), kind)?;
            match family {
                [alone] if alone.labels.is_empty() => alone.encode(encoder)?,
                labelled => {
                    for reading in labelled {
                        reading.encode(encoder.encode_family(&reading.labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}
