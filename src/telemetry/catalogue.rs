//! Every metric there is: the code registers what stands here, and `docs/metrics.md` is made from it.

use std::fmt::Write;

use prometheus_client::registry::{Metric as Registered, Registry, Unit};

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often a value was in which range, with the bounds of the ranges.
    Histogram(&'static [f64]),
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// Its name without the unit and without the `_total` of counters.
    pub(super) name: &'static str,
    /// How it behaves.
    pub(super) kind: Kind,
    /// `seconds`, where it has a unit.
    pub(super) unit: Option<Unit>,
    /// The names of its labels.
    labels: &'static [&'static str],
    /// What it says, without a full stop.
    pub(super) help: &'static str,
}

impl Metric {
    /// Puts what counts it into the registry.
    pub(super) fn register(&self, registry: &mut Registry, counted: impl Registered) {
        match &self.unit {
            None => registry.register(self.name, self.help, counted),
            Some(unit) => registry.register_with_unit(self.name, self.help, unit.clone(), counted),
        }
    }

    /// The bounds of its ranges; those of what is no histogram are none.
    pub(super) fn buckets(&self) -> impl Iterator<Item = f64> + use<> {
        let bounds = match self.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Counter | Kind::Gauge => &[],
        };
        bounds.iter().copied()
    }

    /// Its name as it is queried.
    fn full_name(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name)
    }
}

/// From a tenth of a millisecond to ten seconds.
const REQUEST: &[f64] =
    &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a microsecond to ten milliseconds.
const EVALUATION: &[f64] = &[1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2];
/// From ten microseconds to a second.
const DECISION: &[f64] =
    &[1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0];
/// From a millisecond to ten seconds.
const RELOAD: &[f64] = &[1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const CANDIDATES: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

macro_rules! catalogue {
    ($($constant:ident: $kind:expr, $name:literal, $unit:expr, [$($label:literal),*], $help:literal;)+) => {
        $(pub(super) static $constant: Metric =
            Metric { name: $name, kind: $kind, unit: $unit, labels: &[$($label),*], help: $help };)+
        static ALL: &[&Metric] = &[$(&$constant),+];
    };
}

catalogue! {
    HTTP_REQUESTS: Kind::Counter, "gatewood_http_requests", None, ["route", "method", "status"],
        "HTTP requests that were answered. The route is a pattern of the table of routes, or `none`";
    HTTP_DURATION: Kind::Histogram(REQUEST), "gatewood_http_request_duration", Some(Unit::Seconds), ["route"],
        "How long HTTP requests took, from their headers to their answer's";
    GRPC_REQUESTS: Kind::Counter, "gatewood_grpc_requests", None, ["method", "code"],
        "Calls of gRPC and gRPC-Web that were answered. The method is `package.Service/Method`, or `none`; the code is a number";
    GRPC_DURATION: Kind::Histogram(REQUEST), "gatewood_grpc_request_duration", Some(Unit::Seconds), ["method"],
        "How long calls of gRPC and gRPC-Web took";
    DECISIONS: Kind::Counter, "gatewood_decisions", None, ["store", "channel", "decision"],
        "Decisions, by store, by the channel they were asked through, and by answer: `allow` or `deny`. The store `gatewood` guards this API; the channel `search` counts the candidates of searches";
    EVALUATION_DURATION: Kind::Histogram(EVALUATION), "gatewood_decision_evaluation_duration", Some(Unit::Seconds), ["store"],
        "How long it took to evaluate the candidates of a decision";
    DECISION_DURATION: Kind::Histogram(DECISION), "gatewood_decision_duration", Some(Unit::Seconds), ["store"],
        "How long decisions took as a whole, with their mapping";
    DECISION_CANDIDATES: Kind::Histogram(CANDIDATES), "gatewood_decision_candidates", None, ["store"],
        "How many policies had to be evaluated for a decision";
    POLICY_DETERMINED: Kind::Counter, "gatewood_policy_determined", None, ["store", "policy"],
        "Decisions that a policy determined. Of each store the first 1,000 policies have counters of their own; the others share `other`";
    POLICY_ERRORS: Kind::Counter, "gatewood_policy_errors", None, ["store", "policy"],
        "Decisions in which a policy could not be evaluated. Bounded as the policies that determined are";
    STORE_RELOADS: Kind::Counter, "gatewood_store_reloads", None, ["store", "outcome"],
        "How often a store was read again, by what came of it: `loaded`, `unchanged` or `failed`";
    STORE_RELOAD_DURATION: Kind::Histogram(RELOAD), "gatewood_store_reload_duration", Some(Unit::Seconds), ["store"],
        "How long it took to read a store again";
    STORE_INFO: Kind::Gauge, "gatewood_store_info", None, ["store", "revision"],
        "Always 1: which revision of a store is in force";
    STORE_LOADED: Kind::Gauge, "gatewood_store_loaded_timestamp", Some(Unit::Seconds), ["store"],
        "When the revision in force was loaded, in seconds since 1970";
    STORE_POLICIES: Kind::Gauge, "gatewood_store_policies", None, ["store"],
        "How many policies a store has";
    STORE_ENTITIES: Kind::Gauge, "gatewood_store_entities", None, ["store"],
        "How many entities a store has";
    STORE_HEALTHY: Kind::Gauge, "gatewood_store_healthy", None, ["store"],
        "1 when what is in force is what was read last, 0 when that could not be loaded";
    LOG_QUEUE: Kind::Gauge, "gatewood_decision_log_queue_records", None, [],
        "Records of the decision log that wait to be written";
    LOG_CAPACITY: Kind::Gauge, "gatewood_decision_log_queue_capacity_records", None, [],
        "How many records can wait";
    LOG_RECORDS: Kind::Counter, "gatewood_decision_log_records", None, ["outcome"],
        "Records of the decision log, by what became of them: `written`, `dropped`, `spilled` or `failed`";
    DATABASE_CONNECTIONS: Kind::Gauge, "gatewood_database_connections", None, ["pool", "state"],
        "Connections to the database, by state: `in_use` or `idle`";
    DATABASE_LIMIT: Kind::Gauge, "gatewood_database_connections_limit", None, ["pool"],
        "How many connections a pool may have";
    START_TIME: Kind::Gauge, "gatewood_start_time", Some(Unit::Seconds), [],
        "When the service was started, in seconds since 1970";
    BUILD_INFO: Kind::Gauge, "gatewood_build_info", None, ["version"],
        "Always 1: which version this is";
}

/// Every metric as a Markdown table, for `docs/metrics.md`.
#[must_use]
pub fn document() -> String {
    let mut text = "| metric | type | unit | labels | what it says |\n|---|---|---|---|---|\n".to_owned();
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.full_name(), metric.kind.as_str(), labels.join(", "));
        let unit = metric.unit.as_ref().map_or("", Unit::as_str);
        // Writing into a String does not fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {labels} | {} |", metric.help);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// What a text in the exposition format has: the names of its metrics with their types and labels.
    pub(in crate::telemetry) fn shape(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let mut shape: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                family = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
                let before = shape.insert(family.clone(), (kind.to_owned(), BTreeSet::new()));
                assert!(before.is_none(), "{name} is there twice");
            } else if !line.starts_with('#') {
                assert!(line.starts_with(family.as_str()), "{line} stands below {family}");
                let labels = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
                let names =
                    labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
                shape.get_mut(&family).unwrap().1.extend(names.filter(|name| name != "le"));
            }
        }
        shape
    }

    /// What the catalogue says should be there.
    pub(in crate::telemetry) fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
        let labels = |metric: &Metric| metric.labels.iter().map(ToString::to_string).collect();
        ALL.iter().map(|metric| (metric.full_name(), (metric.kind.as_str().to_owned(), labels(metric)))).collect()
    }

    #[test]
    fn the_bounds_of_every_histogram_ascend() {
        for metric in ALL {
            let bounds: Vec<f64> = metric.buckets().collect();
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
            assert_eq!(bounds.is_empty(), !matches!(metric.kind, Kind::Histogram(_)), "{}", metric.name);
        }
    }

    #[test]
    fn no_help_has_a_full_stop_of_its_own_or_breaks_the_table() {
        for metric in ALL {
            assert!(!metric.help.ends_with('.') && !metric.help.contains(['|', '\n']), "{}", metric.name);
        }
    }
}
