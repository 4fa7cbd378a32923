//! Questions to the platform's stores.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use super::guard::PermittedCall;
use super::observed::{Facts, count, end, record};
use super::service::SeePolicyIds;
use super::stores::{StoreTarget, of_its_store};
use super::{App, AppError, Command, Permit};
pub use crate::audit::Channel;
use crate::audit::Record;
use crate::authn::{Presented, Rejection};
use crate::decision::{Decision, decide};
use crate::domain::{Call, Caller, Invalid, Timestamp, User};
use crate::mapping::{AuthzenQuestion, Mapped, Refusal, authzen, native, with_token};
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

    of_its_store!();

    fn example() -> Self {
        Self { store: StoreTarget::example(), question: Q::default() }
    }
}

/// Leave to ask one version of a store.
pub struct Asking<'a> {
    app: &'a App,
    call: &'a Call,
    snapshot: Arc<Snapshot>,
    channel: Channel,
    guard: PermittedCall,
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
    /// Opens a store for questions.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such store.
    pub fn asking<'a, Q: Default + Send>(
        &'a self,
        permit: Permit<Evaluate<Q>>,
        call: &'a Call,
        channel: Channel,
    ) -> Result<(Asking<'a>, Q), AppError> {
        let (Evaluate { store, question }, guard) = permit.into_parts();
        let snapshot = Arc::clone(store.platform_snapshot()?);
        let asking = Asking {
            app: self,
            call,
            snapshot,
            channel,
            guard,
            sees_ids: OnceCell::new(),
            records: RefCell::default(),
        };
        Ok((asking, question))
    }

    /// Who a token of the question names: verified as the token of a caller is. A caller of a tenant may
    /// ask about that tenant's users and the instance's.
    ///
    /// # Errors
    /// [`AppError::Invalid`] in the same words for everything that is wrong with it, but for one that is too old.
    pub async fn bearer_of(&self, token: &str, call: &Call) -> Result<Arc<User>, AppError> {
        let asker = call.caller.tenant();
        let refused = |reason: &str| AppError::Invalid(Invalid::new("token", reason));
        let not_accepted = || refused("is not accepted: it must be a valid token of an issuer that is trusted here");
        match self.authenticator.authenticate(Presented::token(token).about(asker.or(call.tenant))).await {
            Ok(Caller::User(user)) if asker.is_none() || user.tenant().is_none() || user.tenant() == asker => Ok(user),
            Ok(Caller::User(_) | Caller::ApiKey(_) | Caller::Anonymous)
            | Err(Rejection::Rejected | Rejection::Ambiguous) => Err(not_accepted()),
            Err(Rejection::Token(flaw)) => {
                tracing::info!(request.id = call.request.id, flaw, "the token of a question is refused");
                Err(not_accepted())
            }
            Err(Rejection::TooOld(too_old)) => Err(refused(&format!("is not accepted: {too_old}"))),
            Err(Rejection::AmbiguousTenant) => {
                Err(refused("is good for several tenants, and `X-Tenant-ID` does not name one of them"))
            }
            Err(Rejection::Unavailable(error)) => Err(error.into()),
        }
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
        self.answer(|snapshot, now| native(snapshot, question, now))
    }

    /// Answers a question of the native API about somebody whom a token names.
    ///
    /// # Errors
    /// The member that is wrong, and why.
    pub fn with_token(&self, question: &Json, user: &User) -> Result<Answer, Invalid> {
        self.answer(|snapshot, now| with_token(snapshot, question, user, now))
    }

    /// Answers a question in AuthZEN's words.
    ///
    /// # Errors
    /// What is wrong with it, or that the store does not know what it is about.
    pub fn authzen(&self, question: AuthzenQuestion<'_>) -> Result<Answer, Refusal> {
        self.answer(|snapshot, now| authzen(snapshot, question, now))
    }

    fn answer<E>(&self, map: impl FnOnce(&Snapshot, Timestamp) -> Result<Mapped, E>) -> Result<Answer, E> {
        let began = Instant::now();
        let mapped = &map(&self.snapshot, self.call.at)?;
        let (mapped_at, span) = (Instant::now(), DecisionSpan::begin(self.snapshot.store()));
        let decision = decide(&self.snapshot, mapped, self.app.entropy.uuid_at(self.call.at));
        let facts = Facts { channel: self.channel, evaluation: mapped_at.elapsed(), total: began.elapsed() };
        let notices = decision.notices(&self.call.languages);
        self.app.failures.tell(&decision);
        end(span, &decision);
        count(&self.app.metrics, &decision, &facts);
        self.records.borrow_mut().extend(record(self.call, mapped, &decision, &notices, &facts));
        // Most denials have no determining policy, and then there is nothing to show or to hide.
        let nothing_to_show = decision.determining().next().is_none() && decision.failures.is_empty();
        Ok(Answer { shows_policies: nothing_to_show || self.sees_ids(), notices, decision })
    }

    /// Whether the caller may be told the ids of policies: asked once, and only where there are some.
    pub fn sees_ids(&self) -> bool {
        *self.sees_ids.get_or_init(|| self.guard.allows_also::<SeePolicyIds>())
    }

    /// Hands the decisions to the decision log, each with what the guard said. Under `block` this waits
    /// for room, and nothing is answered that was not recorded.
    pub async fn finish(self) {
        let records = self.records.into_inner();
        // Where no question was put to the policies, the guard's own record stays what it is.
        let guard = if records.is_empty() { None } else { self.guard.decided.record.fold() };
        for mut record in records {
            record.guard.clone_from(&guard);
            self.app.decisions.record(record).await;
        }
    }
}
