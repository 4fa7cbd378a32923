//! Sealing and opening a client secret, and telling an API key.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatewood::domain::{Clock, Entropy, KeyMaterial, OidcConfigId, TenantId};
use gatewood::persistence::KeyRing;
use secrecy::{ExposeSecret, SecretString};

fn bench(c: &mut Criterion) {
    let entropy = Entropy::system();
    let ring = KeyRing::parse(&KeyRing::generate(&entropy)).expect("a key ring");
    let tenant = TenantId::new(uuid::Uuid::from_u128(1));
    let row = OidcConfigId::new(uuid::Uuid::from_u128(2));
    let secret = SecretString::from("a client secret of a usual length, say 48 bytes".to_owned());
    let sealed = ring.seal(&entropy, tenant, row, &secret).expect("it seals");
    let key = KeyMaterial::generate(&entropy, Clock::system().now());
    let mut group = c.benchmark_group("secrets");
    group.bench_function("seal", |b| b.iter(|| black_box(ring.seal(&entropy, tenant, row, &secret)).is_ok()));
    group.bench_function("open", |b| b.iter(|| black_box(ring.open(tenant, row, &sealed)).is_ok()));
    group.bench_function("read and digest an API key", |b| {
        b.iter(|| KeyMaterial::parse(black_box(key.reveal().expose_secret())).map(|key| key.digest()).is_some());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
