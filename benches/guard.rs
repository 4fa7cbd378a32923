//! What the guard adds to a request: mapping, evaluation, notices. Budget: 8 microseconds.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use gatewood::app::oidc_config::{ReadOidcConfig, UpsertOidcConfig};
use gatewood::app::{Command, Guard};
use gatewood::audit::Room;
use gatewood::domain::{
    ApiKeyId, Call, Caller, Clock, Entropy, InstanceId, KeyHolder, KeyScope, Name, Precondition, RequestFacts, Role,
    Roles, TenantId,
};
use gatewood::policy::CONTROL_STORE;
use gatewood::stores::{ControlSource, PolicyFolders, Stores};
use gatewood::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn guard() -> Guard {
    let folders =
        PolicyFolders { root: None, control: ControlSource::Embedded(None), control_check: Arc::new(|_| Ok(())) };
    let stores = Stores::open(folders, Clock::system(), Arc::new(|_| ())).expect("the shipped policies load");
    let store = stores.get(CONTROL_STORE).expect("the control plane's store");
    Guard::new(store, InstanceId::from_random([7; 8]), Entropy::system(), Metrics::new())
}

fn call(role: Role, scope: KeyScope) -> Call {
    let name = Name::parse("name", "bench").expect("a name");
    let roles = Roles::only(role).closure();
    let id = ApiKeyId::new(uuid::Uuid::from_u128(9));
    Call {
        caller: Caller::ApiKey(Arc::new(KeyHolder { id, name, scope, roles })),
        tenant: scope.tenant(),
        request: RequestFacts {
            id: "01a201d7-cfe3-7fa3-88ed-32306dd742f6".to_owned(),
            method: "GET".to_owned(),
            path: "/v1/oidc-config".to_owned(),
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: Some("bench/1.0".to_owned()),
            tls: false,
            trace_id: None,
            began: Instant::now(),
        },
        languages: Vec::new(),
        at: Clock::system().now(),
    }
}

fn bench(c: &mut Criterion) {
    let guard = guard();
    let tenant = TenantId::new(uuid::Uuid::from_u128(1));
    let own = KeyScope::Tenant(tenant);
    let other = KeyScope::Tenant(TenantId::new(uuid::Uuid::from_u128(2)));
    let read = ReadOidcConfig { tenant, precondition: Precondition::default() };
    let write = UpsertOidcConfig { tenant, ..UpsertOidcConfig::example() };
    let mut group = c.benchmark_group("guard");
    for (name, call) in [
        ("root reads", call(Role::Root, KeyScope::Instance)),
        ("viewer reads", call(Role::Viewer, own)),
        ("denied with a notice", call(Role::Admin, other)),
    ] {
        group.bench_function(name, |b| b.iter(|| drop(black_box(guard.authorize(&call, read.clone(), Room::none())))));
    }
    let admin = call(Role::Admin, own);
    group.bench_function("admin writes", |b| {
        b.iter(|| drop(black_box(guard.authorize(&admin, write.clone(), Room::none()))));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
