//! Questions to the platform's stores.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use super::guard::PermittedCall;
use super::observed::{Facts, count, record};
use super::service::SeePolicyIds;
use super::stores::StoreTarget;
use super::{App, AppError, Command, Gathered, Permit};
use crate::audit::{Channel, Record};
use crate::decision::{Decision, decide};
use crate::domain::{Call, Invalid};
use crate::mapping::{AuthzenQuestion, Mapped, Refusal, Resource, authzen, native};
use crate::policy::{ActionUse, Snapshot};
use crate::telemetry::DecisionSpan;
use crate::values::Json;

/// Put a question to a store. `Q` is the question, of which the policies are told nothing.
#[derive(Debug)]
pub struct Evaluate<Q> {
    /// Which store.
    pub store: StoreTarget,
    /// What is asked.
    pub question: Q,
}

impl<Q: Default + Send> Command for Evaluate<Q> {
    const ACTION: ActionUse = ActionUse { name: "Evaluate", group: Some("read"), resources: &["Store"], context: "" };

    fn resource(&self) -> Resource {
        self.store.resource()
    }

    async fn gather(self, app: &App, call: &Call) -> Gathered<Self> {
        Ok(Self { store: self.store.find(app, &call.caller).await?, ..self })
    }

    fn example() -> Self {
        Self { store: StoreTarget::example(), question: Q::default() }
    }
}

/// Leave to ask one version of a store.
pub struct Asking<'a> {
    app: &'a App,
    call: &'a Call,
    store: StoreTarget,
    snapshot: Arc<Snapshot>,
    channel: Channel,
    guard: PermittedCall,
    began: Instant,
    sees_ids: OnceCell<bool>,
    records: RefCell<Vec<Record>>,
}

/// What a question is answered.
#[derive(Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The notices of the determining policies, for the caller.
    pub notices: Vec<String>,
    /// Whether the caller may be told which policies it was.
    pub shows_policies: bool,
}

impl App {
    /// Opens a store for questions. `began`: when the request came in.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such store.
    pub async fn asking<'a, Q: Default + Send>(
        &'a self,
        permit: Permit<Evaluate<Q>>,
        call: &'a Call,
        channel: Channel,
    ) -> Result<(Asking<'a>, Q), AppError> {
        let (Evaluate { store, question }, guard) = permit.into_parts();
        let store = store.find(self, &call.caller).await?;
        let snapshot = Arc::clone(store.platform_snapshot()?);
        let asking = Asking {
            app: self,
            call,
            store,
            snapshot,
            channel,
            guard,
            began: Instant::now(),
            sees_ids: OnceCell::new(),
            records: RefCell::default(),
        };
        Ok((asking, question))
    }
}

impl Asking<'_> {
    /// The version that is asked.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Answers a question of the native API.
    ///
    /// # Errors
    /// The member that is wrong, and why.
    pub fn native(&self, question: &Json) -> Result<Answer, Invalid> {
        Ok(self.answer(&native(&self.snapshot, question, self.call.at)?))
    }

    /// Answers a question in AuthZEN's words.
    ///
    /// # Errors
    /// What is wrong with it, or that the store does not know what it is about.
    pub fn authzen(&self, question: AuthzenQuestion<'_>) -> Result<Answer, Refusal> {
        Ok(self.answer(&authzen(&self.snapshot, question, self.call.at)?))
    }

    fn answer(&self, mapped: &Mapped) -> Answer {
        let (began, span) = (Instant::now(), DecisionSpan::begin(self.snapshot.store()));
        let decision = decide(&self.snapshot, mapped, self.app.entropy.uuid_at(self.call.at));
        let facts = Facts { channel: self.channel, evaluation: began.elapsed(), total: self.began.elapsed() };
        let notices = decision.notices(&self.call.languages);
        for failure in &decision.failures {
            tracing::error!(store = %self.store.name(), policy.id = failure.policy, decision.id = %decision.id, error = failure.message, "a policy cannot be evaluated");
        }
        count(&self.app.metrics, span, &decision, &facts);
        self.records.borrow_mut().extend(record(self.call, mapped, &decision, &notices, &facts));
        // Most denials have no determining policy, and then there is nothing to show or to hide.
        let nothing_to_show = decision.determining().next().is_none() && decision.failures.is_empty();
        Answer { shows_policies: nothing_to_show || self.sees_ids(), notices, decision }
    }

    /// Whether the caller may be told the ids of policies: asked once, and only where there are some.
    pub fn sees_ids(&self) -> bool {
        *self.sees_ids.get_or_init(|| self.guard.allows_also::<SeePolicyIds>())
    }

    /// Hands the decisions to the decision log, each with what the guard said. Under `block` this waits
    /// for room, and nothing is answered that was not recorded.
    pub async fn finish(self) {
        let guard = self.guard.decided.record.fold();
        for mut record in self.records.into_inner() {
            record.guard.clone_from(&guard);
            self.app.decisions.record(record).await;
        }
    }
}
