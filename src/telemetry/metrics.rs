//! The registry of metrics, with a method for each thing that happens.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::catalogue::{self, Metric};
use super::labels::{
    Answer, GrpcAnswer, HttpAnswer, OfMethod, OfPolicy, OfReload, OfRevision, OfRoute, OfStore, known_method,
};
use super::readings::{Collectors, Readings, seconds};
use super::store_series::StoreSeries;
use crate::domain::Timestamp;

/// What there is to count about a decision.
#[derive(Debug)]
pub struct DecisionFacts<'a, P = String> {
    /// The store that decided.
    pub store: &'a str,
    /// How it was asked: `rest`, `authzen`, `search`, `ext_authz`, `forward_auth` or `control`.
    pub channel: &'static str,
    /// The answer.
    pub allowed: bool,
    /// How many policies were evaluated.
    pub candidates: usize,
    /// How long evaluating them took.
    pub evaluation: Duration,
    /// How long the decision took as a whole.
    pub total: Duration,
    /// The ids of the policies that determined it.
    pub determining: &'a [P],
    /// The ids of the policies that could not be evaluated.
    pub errored: &'a [&'a str],
}

/// What came of reading a store again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It is another revision, and in force.
    Loaded,
    /// It is the same revision as before.
    Unchanged,
    /// It cannot be loaded; what was in force still is.
    Failed,
}

impl Reload {
    pub(super) const ALL: [Self; 3] = [Self::Loaded, Self::Unchanged, Self::Failed];

    pub(super) fn of(self, store: &Arc<str>) -> OfReload {
        let outcome = match self {
            Self::Loaded => "loaded",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        };
        OfReload { store: Arc::clone(store), outcome }
    }
}

/// What is in force of a store.
#[derive(Debug, Clone, Copy)]
pub struct StoreFacts<'a> {
    /// Which version it is.
    pub revision: &'a str,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// How many policies it has.
    pub policies: usize,
    /// How many entities it has.
    pub entities: usize,
    /// Whether it is what was read last.
    pub healthy: bool,
}

/// The metrics. Cloning it is cheap, and gives the same metrics.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    stores: RwLock<HashMap<Box<str>, StoreSeries>>,
    collectors: Collectors,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every metric that is counted here, by its labels.
pub(super) struct Families {
    http_requests: Family<HttpAnswer, Counter>,
    http_duration: Histograms<OfRoute>,
    grpc_requests: Family<GrpcAnswer, Counter>,
    grpc_duration: Histograms<OfMethod>,
    pub(super) decisions: Family<Answer, Counter>,
    pub(super) evaluation: Histograms<OfStore>,
    pub(super) total: Histograms<OfStore>,
    pub(super) candidates: Histograms<OfStore>,
    pub(super) determined: Family<OfPolicy, Counter>,
    pub(super) errored: Family<OfPolicy, Counter>,
    pub(super) reloads: Family<OfReload, Counter>,
    pub(super) reload_duration: Histograms<OfStore>,
    pub(super) info: Family<OfRevision, Gauge>,
    pub(super) loaded: Family<OfStore, Gauge<f64, AtomicU64>>,
    pub(super) policies: Family<OfStore, Gauge>,
    pub(super) entities: Family<OfStore, Gauge>,
    pub(super) healthy: Family<OfStore, Gauge>,
}

/// A histogram with the bounds of its metric.
fn of(metric: &'static Metric) -> Histogram {
    Histogram::new(metric.buckets())
}

impl Families {
    fn new() -> Self {
        Self {
            http_requests: Family::default(),
            http_duration: Family::new_with_constructor(|| of(&catalogue::HTTP_DURATION)),
            grpc_requests: Family::default(),
            grpc_duration: Family::new_with_constructor(|| of(&catalogue::GRPC_DURATION)),
            decisions: Family::default(),
            evaluation: Family::new_with_constructor(|| of(&catalogue::EVALUATION_DURATION)),
            total: Family::new_with_constructor(|| of(&catalogue::DECISION_DURATION)),
            candidates: Family::new_with_constructor(|| of(&catalogue::DECISION_CANDIDATES)),
            determined: Family::default(),
            errored: Family::default(),
            reloads: Family::default(),
            reload_duration: Family::new_with_constructor(|| of(&catalogue::STORE_RELOAD_DURATION)),
            info: Family::default(),
            loaded: Family::default(),
            policies: Family::default(),
            entities: Family::default(),
            healthy: Family::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        catalogue::HTTP_REQUESTS.register(registry, self.http_requests.clone());
        catalogue::HTTP_DURATION.register(registry, self.http_duration.clone());
        catalogue::GRPC_REQUESTS.register(registry, self.grpc_requests.clone());
        catalogue::GRPC_DURATION.register(registry, self.grpc_duration.clone());
        catalogue::DECISIONS.register(registry, self.decisions.clone());
        catalogue::EVALUATION_DURATION.register(registry, self.evaluation.clone());
        catalogue::DECISION_DURATION.register(registry, self.total.clone());
        catalogue::DECISION_CANDIDATES.register(registry, self.candidates.clone());
        catalogue::POLICY_DETERMINED.register(registry, self.determined.clone());
        catalogue::POLICY_ERRORS.register(registry, self.errored.clone());
        catalogue::STORE_RELOADS.register(registry, self.reloads.clone());
        catalogue::STORE_RELOAD_DURATION.register(registry, self.reload_duration.clone());
        catalogue::STORE_INFO.register(registry, self.info.clone());
        catalogue::STORE_LOADED.register(registry, self.loaded.clone());
        catalogue::STORE_POLICIES.register(registry, self.policies.clone());
        catalogue::STORE_ENTITIES.register(registry, self.entities.clone());
        catalogue::STORE_HEALTHY.register(registry, self.healthy.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics of which nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        let (families, collectors, mut registry) = (Families::new(), Collectors::default(), Registry::default());
        families.register(&mut registry);
        registry.register_collector(Box::new(collectors.clone()));
        Self(Arc::new(Inner { registry, families, stores: RwLock::default(), collectors }))
    }

    /// An HTTP request was answered. The route is a pattern of the table of routes, or `none`.
    pub fn request(&self, route: &'static str, method: &str, status: u16, took: Duration) {
        let families = &self.0.families;
        families.http_requests.get_or_create(&HttpAnswer { route, method: known_method(method), status }).inc();
        families.http_duration.get_or_create(&OfRoute { route }).observe(took.as_secs_f64());
    }

    /// A call of gRPC was answered. The method is one of the table of methods, or `none`.
    pub fn grpc_request(&self, method: &'static str, code: i32, took: Duration) {
        let families = &self.0.families;
        families.grpc_requests.get_or_create(&GrpcAnswer { method, code }).inc();
        families.grpc_duration.get_or_create(&OfMethod { method }).observe(took.as_secs_f64());
    }

    /// A store decided.
    pub fn decision<P: AsRef<str>>(&self, of: &DecisionFacts<'_, P>) {
        self.with_store(of.store, |series, families| series.decision(of, families));
    }

    /// A store was read again.
    pub fn reload(&self, store: &str, outcome: Reload, took: Duration) {
        self.with_store(store, |series, families| {
            families.reloads.get_or_create(&outcome.of(&series.labels.store)).inc();
            families.reload_duration.get_or_create(&series.labels).observe(took.as_secs_f64());
        });
    }

    /// This is in force of a store from now on, instead of what was said before.
    pub fn store(&self, store: &str, facts: StoreFacts<'_>) {
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.with_store(store, |series, families| {
            let labels = &series.labels;
            series.revision(facts.revision, families);
            families.loaded.get_or_create(labels).set(seconds(facts.loaded_at));
            families.policies.get_or_create(labels).set(whole(facts.policies));
            families.entities.get_or_create(labels).set(whole(facts.entities));
            families.healthy.get_or_create(labels).set(facts.healthy.into());
        });
    }

    /// There is no such store any more; its series go away.
    pub fn forget_store(&self, store: &str) {
        let forgotten = self.0.stores.write().unwrap_or_else(PoisonError::into_inner).remove(store);
        if let Some(series) = forgotten {
            series.forget(&self.0.families);
        }
    }

    /// Asks `collector` whenever the metrics are read, for what somebody else counts already. It is asked
    /// on a thread that serves requests, so it must not wait for anything.
    pub fn register_collector(&self, collector: impl Fn(&mut Readings) + Send + Sync + 'static) {
        self.0.collectors.add(collector);
    }

    /// The content type of [`Metrics::encode`].
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All metrics as text, in the format of OpenMetrics 1.0, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = text::encode(&mut text, &self.0.registry);
        text
    }

    fn with_store(&self, store: &str, work: impl FnOnce(&StoreSeries, &Families)) {
        let known = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(store) {
            work(series, &self.0.families);
            return;
        }
        drop(known);
        let mut stores = self.0.stores.write().unwrap_or_else(PoisonError::into_inner);
        let series = stores.entry(store.into()).or_insert_with(|| StoreSeries::new(store, &self.0.families));
        work(series, &self.0.families);
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::{documented, shape};
    use super::*;
    use crate::telemetry::{DecisionLogUsage, PoolUsage};

    const TOOK: Duration = Duration::from_micros(3);

    fn decision<'a>(store: &'a str, determining: &'a [String], errored: &'a [&'a str]) -> DecisionFacts<'a> {
        let (channel, allowed, candidates) = ("rest", true, 2);
        DecisionFacts { store, channel, allowed, candidates, evaluation: TOOK, total: TOOK, determining, errored }
    }

    fn facts(revision: &str) -> StoreFacts<'_> {
        let loaded_at = Timestamp::from_timestamp_micros(1_500_000).unwrap();
        StoreFacts { revision, loaded_at, policies: 3, entities: 4, healthy: true }
    }

    /// Metrics in which everything has happened once, about the store `s`.
    fn busy() -> Metrics {
        let metrics = Metrics::new();
        metrics.request("/v1/tenants", "GET", 200, TOOK);
        metrics.grpc_request("a.B/C", 0, TOOK);
        metrics.decision(&decision("s", &["p".to_owned()], &["e"]));
        metrics.reload("s", Reload::Failed, TOOK);
        metrics.store("s", facts("r1"));
        metrics.register_collector(|readings| {
            readings.pool(PoolUsage { pool: "read", in_use: 1, idle: 2, limit: 4 });
            readings.pool(PoolUsage { pool: "write", in_use: 0, idle: 1, limit: 1 });
            readings.running("1.2.3", Timestamp::from_timestamp_micros(2_000_000).unwrap());
        });
        metrics.register_collector(|readings| {
            readings.decision_log(DecisionLogUsage { depth: 5, written: 6, ..DecisionLogUsage::default() });
        });
        metrics
    }

    fn value(metrics: &Metrics, series: &str) -> Option<String> {
        let text = metrics.encode();
        let line = text.lines().find(|line| line.split_once("} ").map(|(name, _)| name) == series.strip_suffix('}'));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.to_owned())
    }

    #[test]
    fn exactly_the_documented_metrics_are_there_with_their_types_and_labels() {
        let text = busy().encode();
        assert_eq!(shape(&text), documented(), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn what_happens_is_counted() {
        let metrics = busy();
        metrics.decision(&decision("s", &["p".to_owned()], &[]));
        let of = |series: &str| value(&metrics, series).unwrap_or_else(|| panic!("{series}: {}", metrics.encode()));
        assert_eq!(of(r#"gatewood_http_requests_total{route="/v1/tenants",method="GET",status="200"}"#), "1");
        assert_eq!(of(r#"gatewood_grpc_requests_total{method="a.B/C",code="0"}"#), "1");
        assert_eq!(of(r#"gatewood_decisions_total{store="s",channel="rest",decision="allow"}"#), "2");
        assert_eq!(of(r#"gatewood_decision_evaluation_duration_seconds_bucket{le="0.0000025",store="s"}"#), "0");
        assert_eq!(of(r#"gatewood_decision_evaluation_duration_seconds_bucket{le="0.000005",store="s"}"#), "2");
        assert_eq!(of(r#"gatewood_decision_candidates_sum{store="s"}"#), "4.0");
        assert_eq!(of(r#"gatewood_policy_determined_total{store="s",policy="p"}"#), "2");
        assert_eq!(of(r#"gatewood_policy_errors_total{store="s",policy="e"}"#), "1");
        assert_eq!(of(r#"gatewood_store_reloads_total{store="s",outcome="failed"}"#), "1");
        assert_eq!(of(r#"gatewood_store_loaded_timestamp_seconds{store="s"}"#), "1.5");
        assert_eq!(of(r#"gatewood_database_connections{pool="read",state="idle"}"#), "2");
        assert_eq!(of(r#"gatewood_decision_log_records_total{outcome="written"}"#), "6");
    }

    #[test]
    fn another_revision_takes_the_place_of_the_one_before() {
        let metrics = busy();
        metrics.store("s", facts("r2"));
        metrics.store("s", facts("r2"));
        assert_eq!(value(&metrics, r#"gatewood_store_info{store="s",revision="r1"}"#), None);
        assert_eq!(value(&metrics, r#"gatewood_store_info{store="s",revision="r2"}"#).as_deref(), Some("1"));
    }

    #[test]
    fn a_store_that_is_forgotten_leaves_nothing_behind_and_counts_from_nothing_when_it_comes_back() {
        let metrics = busy();
        metrics.decision(&decision("other", &[], &[]));
        metrics.forget_store("s");
        assert!(!metrics.encode().contains(r#"store="s""#), "{}", metrics.encode());
        assert!(metrics.encode().contains(r#"store="other""#));
        metrics.decision(&decision("s", &[], &[]));
        let answers = r#"gatewood_decisions_total{store="s",channel="rest",decision="allow"}"#;
        assert_eq!(value(&metrics, answers).as_deref(), Some("1"));
    }

    #[test]
    fn policies_beyond_the_bound_share_one_series() {
        let metrics = Metrics::new();
        for number in 0..StoreSeries::MOST_POLICIES + 500 {
            metrics.decision(&decision("s", &[format!("p{number}")], &[]));
        }
        let text = metrics.encode();
        let determined = text.lines().filter(|line| line.starts_with("gatewood_policy_determined_total")).count();
        assert_eq!(determined, StoreSeries::MOST_POLICIES + 1);
        let of = |policy: &str| {
            value(&metrics, &format!(r#"gatewood_policy_determined_total{{store="s",policy="{policy}"}}"#))
        };
        assert_eq!((of("other").as_deref(), of("p0").as_deref(), of("p1200")), (Some("500"), Some("1"), None));
    }

    #[test]
    fn what_a_client_makes_up_is_no_label_and_what_a_policy_is_called_breaks_no_line() {
        let metrics = Metrics::new();
        metrics.request("none", "BREW\"\n", 404, TOOK);
        assert!(value(&metrics, r#"gatewood_http_requests_total{route="none",method="other",status="404"}"#).is_some());
        metrics.decision(&decision("s", &["a \"b\"\nc\\".to_owned()], &[]));
        assert!(metrics.encode().contains(r#"policy="a \"b\"\nc\\"} 1"#), "{}", metrics.encode());
    }
}
