//! Searches in the platform's stores: who may, what, on what?

mod page_tokens;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use uuid::Uuid;

pub use page_tokens::PageTokens;

use self::page_tokens::{Binding, Place};
use super::observed::{Facts, count};
use super::stores::{StoreTarget, of_its_store};
use super::{App, AppError, Command, Permit};
use crate::audit::{Channel, SearchRecord};
use crate::decision::{Decision, decide};
use crate::domain::{Call, Invalid, Timestamp};
use crate::mapping::{AuthzenQuestion, Found, Refusal, Search as Mapping, Sought};
use crate::policy::{ActionUse, Snapshot};
use crate::stores::off_the_request_threads;
use crate::telemetry::Metrics;
use crate::values::Json;

/// What a kind of search looks for.
pub trait SearchFor: fmt::Debug + Send + 'static {
    /// The part of an evaluation that is left out.
    const SOUGHT: Sought;
}

macro_rules! search_for {
    ($($(#[$doc:meta])* $name:ident, $sought:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl SearchFor for $name {
            const SOUGHT: Sought = Sought::$sought;
        }
    )+};
}

search_for! {
    /// Who may do that to this?
    Subjects, Subject;
    /// What may they do that to?
    Resources, Resource;
    /// What may they do to this?
    Actions, Action;
}

/// Search a store. The policies are told which, and nothing of what is looked for.
#[derive(Debug)]
pub struct Search<S> {
    /// Which store.
    pub store: StoreTarget,
    /// The search in AuthZEN's words.
    pub body: Json,
    of: PhantomData<fn() -> S>,
}

impl<S> Search<S> {
    /// A search of a store.
    #[must_use]
    pub const fn new(store: StoreTarget, body: Json) -> Self {
        Self { store, body, of: PhantomData }
    }
}

impl<S: SearchFor> Command for Search<S> {
    const ACTION: ActionUse = ActionUse { name: "Search", group: Some("read"), resources: &["Store"], context: "" };

    of_its_store!();

    fn example() -> Self {
        Self::new(StoreTarget::example(), Json::Null)
    }
}

/// What searches need besides a store.
#[derive(Debug, Clone)]
pub struct Searches {
    tokens: PageTokens,
    /// A search takes a processor for as long as it takes; the others wait.
    turns: Arc<Semaphore>,
}

impl Searches {
    /// At most `at_once` searches run at the same time.
    #[must_use]
    pub fn new(tokens: PageTokens, at_once: usize) -> Self {
        Self { tokens, turns: Arc::new(Semaphore::new(at_once)) }
    }
}

/// A page of what was found.
#[derive(Debug)]
pub struct SearchPage {
    /// What was found, in the order of the ids.
    pub results: Vec<Found>,
    /// The token of the next page, empty on the last one; `None` where neither a page was asked for nor
    /// anything is left.
    pub next_token: Option<String>,
}

impl App {
    /// Searches a store, a page at a time.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for what an evaluation would refuse too, and for a page that cannot be gone on
    /// with; [`AppError::NotFound`] when there is no such store.
    pub async fn search<S: SearchFor>(&self, permit: Permit<Search<S>>, call: &Call) -> Result<SearchPage, AppError> {
        let (Search { store, body, .. }, guard) = permit.into_parts();
        let snapshot = Arc::clone(store.platform_snapshot()?);
        let (tokens, metrics, at) = (self.searches.tokens.clone(), self.metrics.clone(), call.at);
        let turn = Arc::clone(&self.searches.turns).acquire_owned().await;
        let searched = off_the_request_threads(move || {
            let run = Run { sought: S::SOUGHT, snapshot: &snapshot, tokens: &tokens, metrics: &metrics, at };
            let searched = run.page(&body);
            drop(turn);
            searched
        });
        let searched = searched.await.ok_or_else(|| AppError::Internal("a search panicked".to_owned()))?;
        let Searched { page, record, failed } = searched?;
        if let Some(record) = record {
            guard.decided.record.searched(record);
        }
        if let Some(failed) = failed {
            self.failures.tell(&failed);
        }
        Ok(page)
    }
}

/// What came of a search.
struct Searched {
    page: SearchPage,
    /// `None` where the store does not know what it is about.
    record: Option<SearchRecord>,
    /// The first decision in which a policy could not be evaluated: one that fails for one candidate fails for many.
    failed: Option<Decision>,
}

/// What came of looking at candidates.
#[derive(Default)]
struct LookedAt {
    results: Vec<Found>,
    /// How many were evaluated.
    evaluated: usize,
    /// Where to go on.
    next: Option<Place>,
    failed: Option<Decision>,
}

/// One search.
struct Run<'a> {
    sought: Sought,
    snapshot: &'a Arc<Snapshot>,
    tokens: &'a PageTokens,
    metrics: &'a Metrics,
    at: Timestamp,
}

impl Run<'_> {
    /// So many candidates that no scope matches cost as much as one that is evaluated.
    const PASSED_OVER_FOR_ONE: usize = 16;

    fn page(&self, body: &Json) -> Result<Searched, Invalid> {
        let question = AuthzenQuestion::of(body)?;
        let binding = Binding::of(self.sought, self.snapshot.store(), self.snapshot.revision(), body);
        let asked = PageAsked::read(body)?;
        let begin = asked.begin(self, &binding)?;
        let (candidates, record) = match Mapping::read(self.snapshot, self.sought, question, self.at) {
            Ok(search) => {
                let looked_at = self.look_at(&search, begin)?;
                let record = self.record(&search, &looked_at);
                (looked_at, Some(record))
            }
            Err(Refusal::Unknown(_nothing_can_be_found)) => (LookedAt::default(), None),
            Err(Refusal::Invalid(invalid)) => return Err(invalid),
        };
        let LookedAt { results, next, failed, .. } = candidates;
        let next_token = match next {
            Some(next) => Some(self.tokens.write(next, &binding)),
            None => asked.wanted.then(String::new),
        };
        let page = SearchPage { results, next_token };
        Ok(Searched { page, record, failed })
    }

    /// Looks at the candidates from a place on.
    fn look_at(&self, search: &Mapping<'_>, from: Place) -> Result<LookedAt, Invalid> {
        let limit = from.limit as usize;
        let mut budget = self.snapshot.settings().search.max_candidates.saturating_mul(Self::PASSED_OVER_FOR_ONE);
        let mut all = LookedAt::default();
        let mut at = from.candidate as usize;
        while at < search.len() && all.results.len() < limit && budget > 0 {
            let began = Instant::now();
            match search.candidate(at).map_err(Refusal::into_invalid)? {
                None => budget -= 1,
                Some(mapped) => {
                    budget = budget.saturating_sub(Self::PASSED_OVER_FOR_ONE);
                    let mapped_at = Instant::now();
                    // Nobody is told of this decision, so it needs no id.
                    let decision = decide(self.snapshot, &mapped, Uuid::nil());
                    let (evaluation, total) = (mapped_at.elapsed(), began.elapsed());
                    count(self.metrics, &decision, &Facts { channel: Channel::Search, evaluation, total });
                    all.evaluated += 1;
                    if decision.allowed {
                        all.results.extend(search.found(at));
                    }
                    all.failed = all.failed.or_else(|| Some(decision).filter(|decision| !decision.failures.is_empty()));
                }
            }
            at += 1;
        }
        let next = (at < search.len()).then(|| u32::try_from(at).ok()).flatten();
        all.next = next.map(|candidate| Place { candidate, limit: from.limit });
        Ok(all)
    }

    fn record(&self, search: &Mapping<'_>, looked_at: &LookedAt) -> SearchRecord {
        let (subject, action, resource) = search.parts();
        SearchRecord {
            store: Arc::clone(self.snapshot.store()),
            revision: self.snapshot.revision().shared(),
            subject,
            action,
            resource,
            evaluated: looked_at.evaluated,
            found: looked_at.results.len(),
        }
    }
}

/// `page` of a request.
struct PageAsked<'j> {
    /// Whether it is there.
    wanted: bool,
    token: Option<&'j str>,
    limit: Option<u32>,
}

impl<'j> PageAsked<'j> {
    fn read(body: &'j Json) -> Result<Self, Invalid> {
        let Some(page) = body.get("page") else { return Ok(Self { wanted: false, token: None, limit: None }) };
        if !matches!(page, Json::Object(_)) {
            return Err(page.must_be("page", "an object"));
        }
        let token = match page.get("token") {
            None => None,
            Some(Json::Text(token)) => Some(token.as_str()),
            Some(other) => {
                return Err(other.must_be("page.token", "a string"));
            }
        };
        let limit = match page.get("limit") {
            None => None,
            Some(Json::Long(limit @ 1..)) => Some(u32::try_from(*limit).unwrap_or(u32::MAX)),
            Some(_) => return Err(Invalid::new("page.limit", "must be a whole number from 1 on")),
        };
        Ok(Self { wanted: true, token, limit })
    }

    /// Where the page begins, and how long it may be: no longer than the store lets it be.
    fn begin(&self, run: &Run<'_>, binding: &Binding) -> Result<Place, Invalid> {
        let limits = run.snapshot.settings().search;
        let most = u32::try_from(limits.max_limit).unwrap_or(u32::MAX);
        let limit = self.limit.map(|limit| limit.min(most));
        match self.token {
            None => {
                let usual = u32::try_from(limits.default_limit).unwrap_or(u32::MAX);
                Ok(Place { candidate: 0, limit: limit.unwrap_or(usual) })
            }
            Some(token) => {
                let place = run.tokens.read(token, binding)?;
                if limit.is_some_and(|limit| limit != place.limit) {
                    let reason = format!("is not {}, with which this search began; leave it out", place.limit);
                    return Err(Invalid::new("page.limit", reason));
                }
                Ok(place)
            }
        }
    }
}
