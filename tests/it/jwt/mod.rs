//! Callers with JWTs, against a real issuer that signs them.

mod attacks;
mod instance;
mod lifetimes;
mod operated;
mod questions;
mod tenants;
mod wires;
mod withdrawn;

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{Answer, Backend, Caller, Hands, TestIssuer, TestServer, Tweaks};

/// The audience of the instance's issuer.
const AUDIENCE: &str = "gatewood";
/// The client of tenants at their issuers.
const CLIENT: &str = "client";

/// A server with an issuer of its own, beside one that only tenants can trust.
struct World {
    app: TestServer,
    /// Whom the instance trusts.
    ours: TestIssuer,
    /// Whom tenants may trust.
    theirs: TestIssuer,
    /// The clock of the server. That of the issuers goes on as usual.
    hands: Hands,
}

/// The configuration of a server that trusts an issuer.
fn trusting(issuer: &TestIssuer) -> Vec<(&'static str, String)> {
    let issuers = json!([{
        "issuer": issuer.url(), "audience": [AUDIENCE, "other"],
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "tenant_claim": "tenant", "tenantless": true, "roles_claim": "/gatewood/roles", "roles": { "ops": "root", "readers": "viewer" },
    }]);
    let mut flags = issuer.trust();
    flags.push(("issuers", issuers.to_string()));
    flags
}

impl World {
    async fn start(backend: Backend) -> Self {
        Self::start_with(backend, &[]).await
    }

    async fn start_with(backend: Backend, more: &[(&'static str, &str)]) -> Self {
        let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
        let mut flags = trusting(&ours);
        flags.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        Self::of(backend, ours, theirs, flags).await
    }

    /// A world with these issuers, and a server that is configured like this.
    async fn of(backend: Backend, ours: TestIssuer, theirs: TestIssuer, flags: Vec<(&'static str, String)>) -> Self {
        let hands = Hands::default();
        let app = TestServer::start_with(backend, Tweaks { flags, ambient: hands.ambient() }).await;
        Self { app, ours, theirs, hands }
    }

    /// Somebody with a token of the instance's issuer that has these claims and is good otherwise.
    fn of_ours(&self, claims: Value) -> Caller {
        bearer(&self.app, &self.ours.token(with(json!({ "sub": "ann", "aud": AUDIENCE }), claims)))
    }

    /// The same, of the tenants' issuer.
    fn of_theirs(&self, claims: Value) -> Caller {
        bearer(&self.app, &self.theirs.token(with(json!({ "sub": "tom", "aud": CLIENT, "scope": "openid" }), claims)))
    }

    /// A tenant that trusts its issuer.
    async fn tenant(&self, name: &str) -> String {
        let tenant = self.app.tenant(name).await;
        self.configure(&tenant, json!({})).await;
        tenant
    }

    /// Stores a tenant's configuration that is as usual but for these fields.
    async fn configure(&self, tenant: &str, changes: Value) {
        let usual = json!({ "issuer_url": self.theirs.url(), "client_id": CLIENT, "client_secret": "hunter2" });
        let root = self.app.root().about(tenant);
        root.put("/v1/oidc-config").json(&with(usual, changes)).send().await.expect(200);
    }
}

/// Claims with others in their place; `null` takes one away.
fn with(mut claims: Value, others: Value) -> Value {
    let Value::Object(others) = others else { panic!("claims are an object") };
    for (name, value) in others {
        claims[name] = value;
    }
    claims
}

/// Asks until the caller is refused, and fails when that takes longer than it may.
async fn refused_within(caller: &Caller, most: Duration) -> Answer {
    let began = Instant::now();
    loop {
        let answer = caller.get("/v1/whoami").send().await;
        if answer.status == 401 {
            return answer;
        }
        assert_eq!(answer.status, 200);
        assert!(began.elapsed() < most, "it is still admitted after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn bearer(app: &TestServer, token: &str) -> Caller {
    app.anonymous().with("authorization", format!("Bearer {token}"))
}

/// Writes tests that run on both databases, each in a world of its own.
macro_rules! in_a_world {
    ($(async fn $name:ident($world:ident) $body:block)+) => {
        $(
            async fn $name($world: $crate::jwt::World) $body

            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name($crate::jwt::World::start($crate::support::Backend::Sqlite).await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    super::$name($crate::jwt::World::start($crate::support::Backend::Postgres).await).await;
                }
            }
        )+
    };
}
use in_a_world;

/// Claims as they are written, in a token of an issuer's key: what no serializer would make.
fn signed_as_written(issuer: &TestIssuer, algorithm: Algorithm, header: &str, claims: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = issuer.key(algorithm);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding, algorithm).unwrap();
    format!("{message}.{signature}")
}
