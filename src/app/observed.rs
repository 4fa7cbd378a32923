//! What is told of a decision: to the metrics, the traces and the decision log.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Channel, Record};
use crate::decision::Decision;
use crate::domain::Call;
use crate::mapping::Mapped;
use crate::telemetry::{DecisionFacts, DecisionSpan, Metrics};

/// How a decision came about.
pub(super) struct Facts {
    pub(super) channel: Channel,
    pub(super) evaluation: Duration,
    /// With mapping.
    pub(super) total: Duration,
}

/// Counts a decision.
pub(super) fn count(metrics: &Metrics, decision: &Decision, facts: &Facts) {
    let determining: Vec<&str> = decision.determining().map(|policy| policy.id.as_str()).collect();
    let errored: Vec<&str> = decision.failures.iter().map(|failure| failure.policy.as_str()).collect();
    metrics.decision(&DecisionFacts {
        store: decision.snapshot.store(),
        channel: facts.channel.as_str(),
        allowed: decision.allowed,
        candidates: decision.candidates,
        evaluation: facts.evaluation,
        total: facts.total,
        determining: &determining,
        errored: &errored,
    });
}

/// Ends the span of a decision.
pub(super) fn end(span: DecisionSpan, decision: &Decision) {
    let determining = decision.determining().map(|policy| policy.id.as_str());
    span.decided(decision.id, decision.snapshot.revision().as_str(), decision.allowed, determining);
}

/// What the decision log is told; `None` of a request with unknown parts, which nobody makes here.
pub(super) fn record(
    call: &Call,
    mapped: &Mapped,
    decision: &Decision,
    notices: &[String],
    facts: &Facts,
) -> Option<Record> {
    let (request, snapshot) = (&mapped.request, &decision.snapshot);
    Some(Record {
        at: call.at,
        decision_id: decision.id,
        request_id: call.request.id.clone(),
        trace_id: call.request.trace_id.clone(),
        tenant: call.tenant,
        channel: facts.channel,
        caller: call.caller.label(),
        store: Arc::clone(snapshot.store()),
        revision: snapshot.revision().shared(),
        principal: request.principal().uid()?.clone(),
        action: request.action().uid()?.clone(),
        resource: request.resource().uid()?.clone(),
        context: request.context()?.clone(),
        sensitive: Arc::clone(snapshot.sensitive()),
        allowed: decision.allowed,
        determining: decision.determining_ids(),
        errors: decision.failures.iter().map(|failure| (failure.policy.clone(), failure.message.clone())).collect(),
        notices: notices.to_vec(),
        guard: None,
        search: None,
        evaluation: facts.evaluation,
        total: call.request.began.elapsed(),
    })
}
