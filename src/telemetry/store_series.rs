//! The series of one store, held ready: a decision finds its counters without making a label.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::labels::{Answer, OfPolicy, OfRevision, OfStore};
use super::metrics::{DecisionFacts, Families, Reload};

/// The series of one store.
#[derive(Debug)]
pub(super) struct StoreSeries {
    pub(super) labels: OfStore,
    /// By channel and answer. There are a handful, so looking through them is faster than a map.
    answers: RwLock<Vec<(Answer, Counter)>>,
    evaluation: Histogram,
    total: Histogram,
    candidates: Histogram,
    policies: RwLock<HashMap<Arc<str>, PolicySeries>>,
    revision: Mutex<Option<OfRevision>>,
}

/// The series of one policy.
#[derive(Debug, Clone)]
struct PolicySeries {
    determined: Counter,
    errored: Counter,
}

impl StoreSeries {
    /// How many policies of a store are told apart.
    pub(super) const MOST_POLICIES: usize = 1000;
    /// The policy that the others are counted as.
    const OTHER: &'static str = "other";

    pub(super) fn new(store: &str, families: &Families) -> Self {
        let labels = OfStore { store: store.into() };
        Self {
            answers: RwLock::default(),
            evaluation: families.evaluation.get_or_create_owned(&labels),
            total: families.total.get_or_create_owned(&labels),
            candidates: families.candidates.get_or_create_owned(&labels),
            policies: RwLock::default(),
            revision: Mutex::default(),
            labels,
        }
    }

    /// Counts a decision.
    pub(super) fn decision<P: AsRef<str>>(&self, of: &DecisionFacts<'_, P>, families: &Families) {
        self.answer(of.channel, of.allowed, families);
        self.evaluation.observe(of.evaluation.as_secs_f64());
        self.total.observe(of.total.as_secs_f64());
        // More candidates than 32 bits count are all the same beyond the last bound.
        self.candidates.observe(f64::from(u32::try_from(of.candidates).unwrap_or(u32::MAX)));
        for policy in of.determining {
            self.policy(policy.as_ref(), families, |series| &series.determined);
        }
        for policy in of.errored {
            self.policy(policy, families, |series| &series.errored);
        }
    }

    fn answer(&self, channel: &'static str, allowed: bool, families: &Families) {
        let decision = if allowed { "allow" } else { "deny" };
        let of = |(answer, _): &&(Answer, Counter)| answer.channel == channel && answer.decision == decision;
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(of) {
            counter.inc();
            return;
        }
        drop(known);
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been faster, and one series must not be held twice.
        if answers.iter().find(of).is_none() {
            let answer = Answer { store: Arc::clone(&self.labels.store), channel, decision };
            let counter = families.decisions.get_or_create_owned(&answer);
            answers.push((answer, counter));
        }
        if let Some((_, counter)) = answers.iter().find(of) {
            counter.inc();
        }
    }

    fn policy(&self, policy: &str, families: &Families, counter: fn(&PolicySeries) -> &Counter) {
        let known = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let full = known.len() >= Self::MOST_POLICIES;
        let found = known.get(policy).or_else(|| known.get(Self::OTHER).filter(|_| full));
        if let Some(series) = found {
            counter(series).inc();
            return;
        }
        drop(known);
        let mut policies = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let name = if policies.len() >= Self::MOST_POLICIES { Self::OTHER } else { policy };
        let series = policies.entry(name.into()).or_insert_with_key(|name| {
            let labels = self.of_policy(name);
            PolicySeries {
                determined: families.determined.get_or_create_owned(&labels),
                errored: families.errored.get_or_create_owned(&labels),
            }
        });
        counter(series).inc();
    }

    fn of_policy(&self, policy: &Arc<str>) -> OfPolicy {
        OfPolicy { store: Arc::clone(&self.labels.store), policy: Arc::clone(policy) }
    }

    /// Names the revision in force, instead of the one before.
    pub(super) fn revision(&self, revision: &str, families: &Families) {
        let labels = OfRevision { store: Arc::clone(&self.labels.store), revision: revision.into() };
        let mut current = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = current.replace(labels.clone()).filter(|former| *former != labels) {
            families.info.remove(&former);
        }
        families.info.get_or_create(&labels).set(1);
    }

    /// Takes every series of the store away.
    pub(super) fn forget(&self, families: &Families) {
        for (answer, _) in self.answers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            families.decisions.remove(answer);
        }
        for policy in self.policies.read().unwrap_or_else(PoisonError::into_inner).keys() {
            let labels = self.of_policy(policy);
            families.determined.remove(&labels);
            families.errored.remove(&labels);
        }
        for histograms in [&families.evaluation, &families.total, &families.candidates, &families.reload_duration] {
            histograms.remove(&self.labels);
        }
        for outcome in Reload::ALL {
            families.reloads.remove(&outcome.of(&self.labels.store));
        }
        for gauge in [&families.policies, &families.entities, &families.healthy] {
            gauge.remove(&self.labels);
        }
        families.loaded.remove(&self.labels);
        if let Some(revision) = self.revision.lock().unwrap_or_else(PoisonError::into_inner).take() {
            families.info.remove(&revision);
        }
    }
}
