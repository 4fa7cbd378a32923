//! What a decision of a platform's store costs in process: mapping a question from JSON, and deciding it.
//!
//! How many policies and entities there are must not matter much; how large the question is may, and no
//! more than in proportion.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]
#![expect(clippy::indexing_slicing, reason = "what is indexed was counted out here")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gatewood::decision::decide;
use gatewood::domain::{Clock, Timestamp};
use gatewood::mapping::{Mapped, native};
use gatewood::policy::{Snapshot, load};
use gatewood::values::Json;
use uuid::Uuid;

#[path = "support/source.rs"]
mod source;
mod support;

use support::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So many questions are asked in turn, that it is not always the same memory that is looked at.
const QUESTIONS: usize = 1024;

fn snapshot(workload: Workload) -> Arc<Snapshot> {
    Arc::new(load(&workload.source()).expect("the store loads"))
}

fn map(snapshot: &Snapshot, question: &str, now: Timestamp) -> Mapped {
    let json = Json::parse(question.as_bytes()).expect("it is JSON");
    native(snapshot, &json, now).expect("the question fits the schema")
}

/// Decides the workload's questions, one for each iteration.
fn deciding(c: &mut Criterion, group: &str, workloads: &[(usize, Workload)]) {
    let mut group = c.benchmark_group(group);
    let now = Clock::system().now();
    for (size, workload) in workloads {
        let snapshot = snapshot(*workload);
        let mapped: Vec<Mapped> = (0..QUESTIONS).map(|nth| map(&snapshot, &workload.native(nth), now)).collect();
        let allowed = mapped.iter().filter(|mapped| decide(&snapshot, mapped, Uuid::nil()).allowed).count();
        assert!(allowed > QUESTIONS / 3, "{allowed} of {QUESTIONS} questions are allowed: that measures little");
        let mut nth = 0;
        group.bench_with_input(BenchmarkId::from_parameter(size), size, |b, _| {
            b.iter(|| {
                nth = (nth + 1) % QUESTIONS;
                decide(black_box(&snapshot), black_box(&mapped[nth]), Uuid::nil())
            });
        });
    }
    group.finish();
}

fn by_policies(c: &mut Criterion) {
    deciding(c, "decide, policies", &[10, 1_000, 100_000].map(|size| (size, Workload::of(size))));
}

fn by_entities(c: &mut Criterion) {
    let sizes = [1_000, 1_000_000];
    deciding(c, "decide, stored entities", &sizes.map(|size| (size, Workload { policies: 250, users: size / 4 })));
}

fn mapping(c: &mut Criterion) {
    let mut group = c.benchmark_group("map from JSON");
    let snapshot = snapshot(Workload::of(1_000));
    let now = Clock::system().now();
    let plain = Workload::of(1_000).native(1);
    for (name, question) in [("two context keys", plain), ("with two entities", Workload::with_entities())] {
        group.bench_function(name, |b| b.iter(|| map(&snapshot, black_box(&question), now)));
    }
    for attributes in [30, 300, 3_000, 30_000] {
        let question = Workload::nested(attributes / 5);
        group.throughput(Throughput::Bytes(question.len() as u64));
        group.bench_with_input(BenchmarkId::new("nested attributes", attributes), &question, |b, question| {
            b.iter(|| map(&snapshot, black_box(question), now));
        });
    }
    group.finish();
}

criterion_group!(benches, by_policies, by_entities, mapping);
criterion_main!(benches);
