//! What loading a store costs beside what the engine takes to parse and validate the same, and how much
//! memory a stored entity takes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]
#![expect(clippy::print_stdout, reason = "criterion measures time only; memory is printed")]

use std::hint::black_box;
use std::str::FromStr;

use cap::Cap;
use cedar_policy::{Entities, PolicySet, Schema, ValidationMode, Validator};
use criterion::{Criterion, criterion_group, criterion_main};
use gatewood::policy::{StoreSource, load};

#[path = "support/source.rs"]
mod source;
mod support;

use support::Workload;

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: Cap<mimalloc::MiMalloc> = Cap::new(mimalloc::MiMalloc, usize::MAX);

/// What any service on this engine has to do with a store: parse it, validate it, and read its entities by
/// its schema.
fn by_the_engine(source: &StoreSource) -> (PolicySet, Entities) {
    let schema = Schema::from_str(&source.schemas.first().expect("a schema").text).expect("the schema");
    let policies = PolicySet::from_str(&source.policies.first().expect("a file").text).expect("the policies");
    let found = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
    assert!(found.validation_passed(), "the store is valid");
    let entities = source.entities.as_ref().expect("entities");
    (policies, Entities::from_json_str(&entities.text, Some(&schema)).expect("the entities"))
}

fn loading(c: &mut Criterion) {
    let mut group = c.benchmark_group("load 1,000 policies and 4,000 entities");
    group.sample_size(10);
    let source = Workload::of(1_000).source();
    group.bench_function("by the engine", |b| b.iter(|| by_the_engine(black_box(&source))));
    group.bench_function("as a store", |b| b.iter(|| load(black_box(&source)).expect("the store loads")));
    group.finish();
}

/// What a store takes of memory, in bytes, with its text given back.
fn memory(workload: Workload) -> usize {
    let before = ALLOCATOR.allocated();
    let snapshot = load(&workload.source()).expect("the store loads");
    let taken = ALLOCATOR.allocated() - before;
    drop(snapshot);
    taken
}

fn entities(_: &mut Criterion) {
    const FEW: usize = 1_000;
    const MANY: usize = 1_000_000;
    let [few, many] = [FEW, MANY].map(|size| memory(Workload { policies: 250, users: size / 4 }));
    println!("memory of a stored entity: {} bytes", (many - few) / (MANY - FEW));
}

criterion_group!(benches, loading, entities);
criterion_main!(benches);
