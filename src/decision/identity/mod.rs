//! Decisions held against the engine's own over the whole set, for random stores and requests.
//!
//! Ours look at the policies whose scope matches and at the entities that these can reach. Every answer must be
//! the engine's: allow or deny, by which policies, and which of them failed. `PROPTEST_CASES` is four times
//! the number of stores; by default it is 256, which makes 100,000 requests in all.

mod control_plane;
mod entities;
mod policies;
mod reference;
mod requests;
mod schema;
mod store;
mod tape;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use uuid::Uuid;

use self::reference::{Reference, Told};
use self::requests::RandomRequest;
use self::store::{RandomStore, Shown};
use self::tape::Tape;
use super::{Decision, decide};
use crate::domain::Timestamp;
use crate::mapping::native;
use crate::values::Json;

/// So many for each store. By default there are 64 stores for each of the two tests: to make and check one takes as
/// long as many requests do.
const REQUESTS: usize = 800;
const NOW: &str = "2026-01-31T09:30:00.000Z";

/// What was tried. A generator that no longer reaches what it should makes the test fail.
#[derive(Debug, Default)]
struct Tally {
    written: usize,
    unfit: usize,
    /// Policies that look at what is no party to the request.
    far: usize,
    very_far: usize,
    naming: usize,
    linked: usize,
    requests: usize,
    refused: usize,
    with_entities: usize,
    allowed: usize,
    forbidden: usize,
    by_several: usize,
    failed: usize,
    failed_and_allowed: usize,
    far_decided: usize,
    far_failed: usize,
    deep: usize,
}

impl Tally {
    fn store(&mut self, store: &RandomStore) {
        let policies = store.snapshot.policies();
        let count = |holds: &dyn Fn(&crate::policy::Policy) -> bool| policies.iter().filter(|it| holds(it)).count();
        self.written += policies.len() + store.unfit;
        self.unfit += store.unfit;
        self.far += count(&|policy| policy.reach.depth >= 2);
        self.very_far += count(&|policy| policy.reach.depth >= 4);
        self.naming += count(&|policy| !policy.reach.named.is_empty());
        self.linked += count(&|policy| policy.template.is_some());
    }

    fn request(&mut self, store: &RandomStore, asked: &RandomRequest, told: Option<&Told>) {
        self.requests += 1;
        self.with_entities += usize::from(!asked.entities.is_empty());
        let Some(told) = told else {
            self.refused += 1;
            return;
        };
        let far = |ids: &BTreeSet<String>| {
            ids.iter().any(|id| store.snapshot.policy(id).is_some_and(|policy| policy.reach.depth >= 2))
        };
        self.allowed += usize::from(told.allowed);
        self.forbidden += usize::from(!told.allowed && !told.determining.is_empty());
        self.by_several += usize::from(told.determining.len() > 1);
        self.failed += usize::from(!told.failed.is_empty());
        self.failed_and_allowed += usize::from(!told.failed.is_empty() && told.allowed);
        self.far_decided += usize::from(far(&told.determining));
        self.far_failed += usize::from(far(&told.failed));
        self.deep += usize::from(asked.principal.1.starts_with("chain") || asked.resource.1.starts_with("chain"));
    }

    fn check(&self) {
        let at_least = |what: &str, part: usize, of: usize, percent: usize| {
            assert!(part * 100 >= of * percent, "{what}: {part} of {of} are less than {percent}%\n{self:#?}");
        };
        let decided = self.requests - self.refused;
        let fit = self.written - self.unfit;
        at_least("policies that fit the schema", fit, self.written, 60);
        at_least("policies that look far", self.far, fit, 20);
        at_least("policies that look very far", self.very_far, fit, 10);
        at_least("policies that look into what they name", self.naming, fit, 8);
        at_least("linked policies", self.linked, fit, 12);
        at_least("requests that are decided", decided, self.requests, 80);
        at_least("requests with entities", self.with_entities, self.requests, 15);
        at_least("allowed", self.allowed, decided, 3);
        at_least("forbidden", self.forbidden, decided, 3);
        // What is decided hangs on a few stores, and so differs from run to run. These limits are where chance does not
        // get, and still ask for dozens of each.
        let of_ten_thousand = |what: &str, part: usize, least: usize| {
            assert!(part * 10_000 >= decided * least, "{what}: {part} of {decided}\n{self:#?}");
        };
        of_ten_thousand("determined by several", self.by_several, 20);
        of_ten_thousand("with failures", self.failed, 80);
        of_ten_thousand("allowed although something failed", self.failed_and_allowed, 5);
        of_ten_thousand("determined by a policy that looks far", self.far_decided, 80);
        of_ten_thousand("failed in a policy that looks far", self.far_failed, 80);
        of_ten_thousand("about what lies deep", self.deep, 500);
    }
}

fn told(decision: &Decision) -> Told {
    Told {
        allowed: decision.allowed,
        determining: decision.determining_ids().into_iter().collect(),
        failed: decision.failures.iter().map(|failure| failure.policy.clone()).collect(),
    }
}

/// One store, and many requests to it.
fn try_store(tape: &[u16], seed: [u8; 32], overrides: bool, tally: &RefCell<Tally>) -> Result<(), TestCaseError> {
    let store = RandomStore::of(&mut Tape::of(tape.to_vec()), overrides);
    let reference = Reference::of(&store);
    let now: Timestamp = NOW.parse().unwrap();
    tally.borrow_mut().store(&store);
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    for _ in 0..REQUESTS {
        let mut bytes = [0; 300];
        random.fill_bytes(&mut bytes);
        let mut numbers = Tape::of(bytes.chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect());
        let asked = RandomRequest::of(&mut numbers, &store);
        let text = asked.json(&store).to_string();
        let theirs = reference.decide(&asked, NOW);
        let json = Json::parse(text.as_bytes()).unwrap();
        let ours = native(&store.snapshot, &json, now);
        let ours = ours.map(|mapped| told(&decide(&store.snapshot, &mapped, Uuid::nil())));
        let same = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            (Err(_), Err(_)) => true,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if !same {
            let store = Shown(&store.source);
            return Err(TestCaseError::fail(format!(
                "\n{store}--- request\n{text}\nours: {ours:?}\ntheirs: {theirs:?}\n"
            )));
        }
        tally.borrow_mut().request(&store, &asked, theirs.ok().as_ref());
    }
    Ok(())
}

fn try_stores(overrides: bool) {
    // By default it is what `PROPTEST_CASES` says, else 256.
    let cases = ProptestConfig::default().cases.div_ceil(4);
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let tally = RefCell::default();
    let made_of = (prop::collection::vec(any::<u16>(), 1000..6000), any::<[u8; 32]>().no_shrink());
    let run = TestRunner::new(config).run(&made_of, |(tape, seed)| try_store(&tape, seed, overrides, &tally));
    match run {
        Ok(()) => tally.borrow().check(),
        // The numbers that the case was made of tell nothing.
        Err(TestError::Fail(reason, _numbers)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[test]
fn decisions_are_the_engines_where_requests_add_to_what_is_stored() {
    try_stores(false);
}

#[test]
fn decisions_are_the_engines_where_requests_override_what_is_stored() {
    try_stores(true);
}
