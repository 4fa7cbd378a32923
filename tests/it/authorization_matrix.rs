//! Every route, as every caller: one text file that a security engineer can read.

use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use gatewood::grpc::methods;
use gatewood::http::{Route, routes};
use serde_json::{Value, json};

use crate::support::{Ask, Backend, Caller, TestIssuer, TestServer, Tweaks, Wire};

const GOLDEN: &str = "tests/it/golden/authorization_matrix.txt";

/// The callers. The first word is the column's head; every one calls about the tenant "a" unless it
/// says otherwise.
const CALLERS: [&str; 16] = [
    "anonymous",
    "bad-key",
    "root",
    "a-admin",
    "a-editor",
    "a-viewer",
    "a-security",
    "a-pep",
    "b-admin",
    "in-viewer",
    "in-admin",
    "u-admin",
    "u-viewer",
    "u-none",
    "v-admin",
    "u-root",
];

/// What a route is tried on: made afresh for each call, since some calls destroy it.
struct World {
    tenant: String,
    key: String,
    caller: Caller,
}

/// The issuers of the users: one that the instance trusts, and one that tenants do.
struct Issuers {
    instance: TestIssuer,
    tenants: TestIssuer,
}

impl Issuers {
    async fn start() -> Self {
        Self { instance: TestIssuer::start().await, tenants: TestIssuer::start().await }
    }

    fn tweaks(&self) -> Tweaks {
        let mut tweaks = self.instance.tweaks();
        let trusted = json!([{ "issuer": self.instance.url(), "audience": "gatewood", "roles_claim": "roles" }]);
        tweaks.flags.push(("issuers", trusted.to_string()));
        tweaks
    }

    /// The configuration of a tenant that admits the users of this client.
    async fn configure(&self, app: &TestServer, tenant: &str, client: &str) {
        let config = json!({ "issuer_url": self.tenants.url(), "client_id": client, "client_secret": "s" });
        app.root().about(tenant).put("/v1/oidc-config").json(&config).send().await.expect(200);
    }

    fn user(&self, client: &str, role: &str) -> String {
        let token = self.tenants.token(json!({ "sub": "user", "aud": client, "scope": "", "gatewood_roles": [role] }));
        format!("Bearer {token}")
    }

    fn root(&self) -> String {
        let token = self.instance.token(json!({ "sub": "root", "aud": "gatewood", "roles": ["root"] }));
        format!("Bearer {token}")
    }
}

async fn world(app: &TestServer, issuers: &Issuers, who: &str, number: usize) -> World {
    let tenant = app.tenant(&format!("a{number}")).await;
    let client = format!("client-{number}");
    issuers.configure(app, &tenant, &client).await;
    let target = app.make_key(Some(&tenant), &json!({ "name": "target", "roles": ["viewer"] })).await;
    let caller = match who.split_once('-') {
        None if who == "anonymous" => app.anonymous().about(&tenant),
        None if who == "root" => app.root().about(&tenant),
        Some(("bad", _)) => app.with_key("gwk_nonsense").about(&tenant),
        Some(("a", role)) => app.key(&tenant, role).await,
        Some(("b", role)) => {
            let other = app.tenant(&format!("b{number}")).await;
            app.key(&other, role).await.about(&tenant)
        }
        Some(("u", "root")) => app.anonymous().with("authorization", issuers.root()).about(&tenant),
        Some(("u", role)) => app.anonymous().with("authorization", issuers.user(&client, role)).about(&tenant),
        Some(("v", role)) => {
            let (other, client) = (app.tenant(&format!("v{number}")).await, format!("other-{number}"));
            issuers.configure(app, &other, &client).await;
            app.anonymous().with("authorization", issuers.user(&client, role)).about(&tenant)
        }
        Some(("in", role)) => app.instance_key(role).await.about(&tenant),
        _ => panic!("nobody is called {who}"),
    };
    World { tenant, key: target["id"].as_str().unwrap().to_owned(), caller }
}

/// A valid body for a route that takes one. A route that is missing here fails the test: it has to be thought about.
fn body(route: &Route) -> Option<Value> {
    match route.action.name {
        "UpsertOidcConfig" => {
            Some(json!({ "issuer_url": "https://login.example.com", "client_id": "c", "client_secret": "s" }))
        }
        "CreateTenant" | "UpdateTenant" => {
            Some(json!({ "name": format!("{}-{}", route.action.name, uuid::Uuid::now_v7()) }))
        }
        "AddOidcSettings" | "UpdateOidcSettings" => {
            // Another one each time: an update that changes nothing is an error.
            static SECONDS: AtomicU32 = AtomicU32::new(0);
            let id_token = format!("{}.5s", SECONDS.fetch_add(1, Ordering::SeqCst));
            Some(json!({ "accessTokenLifetime": "3600s", "idTokenLifetime": id_token,
                "refreshTokenIdleExpiration": "1s", "refreshTokenExpiration": "1s" }))
        }
        // An address that is refused, so that nothing is sent to anybody.
        "CheckOidcConfig" => Some(json!({ "issuer_url": "https://127.0.0.1" })),
        "CreateApiKey" => Some(json!({ "name": "made", "roles": ["viewer"] })),
        "Evaluate" | "Search" if route.path.contains("/access/v1/") => Some(json!({
            "subject": { "type": "user", "id": "alice" }, "action": { "name": "can_read" },
            "resource": { "type": "photo", "id": "vacation.jpg" },
        })),
        "Evaluate" => {
            let question = json!({
                "principal": "User::\"alice\"", "action": "Action::\"view\"", "resource": "Photo::\"vacation.jpg\"",
            });
            Some(match route.path.rsplit('/').next() {
                Some("batch") => json!({ "requests": [question] }),
                // A token of nobody: 400 for whoever may ask.
                Some("is-authorized-with-token") => {
                    json!({ "token": "a.b.c", "action": question["action"], "resource": question["resource"] })
                }
                _ => question,
            })
        }
        "CheckStore" => Some(json!({})),
        "ReadStore"
        | "ReloadStore"
        | "ReadAuthzenConfiguration"
        | "ReadHealth"
        | "ReadReadiness"
        | "ReadMetrics"
        | "ReadOpenApi"
        | "WhoAmI"
        | "ReadOidcSettings"
        | "ReadOidcConfig"
        | "DeleteOidcConfig"
        | "ListTenants"
        | "ReadTenant"
        | "DeleteTenant"
        | "ListApiKeys"
        | "ReadApiKey"
        | "RevokeApiKey"
        | "RotateApiKey"
        | "SuspendApiKey"
        | "ResumeApiKey"
        | "ListAuditEvents" => None,
        other => panic!("add {other} to the authorization matrix"),
    }
}

async fn cell(world: &World, route: &Route) -> String {
    let id = match route.path {
        path if path.starts_with("/v1/tenants") => &world.tenant,
        path if path.contains("/policies/") => "moderators-moderate",
        _ => &world.key,
    };
    let request = world.caller.request(
        route.method.as_str().parse().unwrap(),
        &route.path.replace("{store}", "photoflash").replace("{id}", id),
    );
    let request = match body(route) {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await;
    if answer.status < 300 {
        return answer.status.to_string();
    }
    let code = if route.path.starts_with("/admin/v1") { answer.text_at("details/0/id") } else { answer.code() };
    format!("{} {code}", answer.status)
}

async fn matrix(backend: Backend) -> String {
    let issuers = Issuers::start().await;
    let app = TestServer::start_with(backend, issuers.tweaks()).await;
    let mut text = String::from(
        "# Every route as every caller. Generated from the table of routes by the test `authorization_matrix`;\n\
         # UPDATE_GOLDEN=1 rewrites it. a-: a key of the tenant that the call is about; b-: of another tenant;\n\
         # in-: an instance-level key that is not root; u-: a user of the tenant's own issuer, with that role,\n\
         # or (u-root) of the instance's issuer; v-: a user of another tenant's issuer.\n\n",
    );
    let lifetimes = [Some((3600, 0)); 4];
    assert_eq!(app.ask(Wire::Json, &app.root(), Ask::Add(lifetimes)).await.code, 0);
    let mut number = 0;
    for route in routes().iter() {
        writeln!(text, "{} {}  ({})", route.method, route.path, route.action.name).unwrap();
        for who in CALLERS {
            number += 1;
            let world = world(&app, &issuers, who, number).await;
            writeln!(text, "    {who:<12} {}", cell(&world, route).await).unwrap();
        }
    }
    // Who may read the health is above, and the same action.
    for method in methods().iter().filter(|method| method.action.name != "ReadHealth") {
        writeln!(text, "gRPC {}  ({})", method.name, method.action.name).unwrap();
        for who in CALLERS {
            number += 1;
            let world = world(&app, &issuers, who, number).await;
            let seconds = Some((number.try_into().unwrap(), 1));
            let ask = match method.action.name {
                "ReadOidcSettings" => Ask::Get,
                "AddOidcSettings" => Ask::Add([Some((3600, 0)), seconds, seconds, seconds]),
                "UpdateOidcSettings" => Ask::Update([Some((3600, 0)), seconds, seconds, seconds]),
                other => panic!("add {other} to the authorization matrix"),
            };
            let said = app.ask(Wire::Grpc, &world.caller, ask).await;
            writeln!(text, "    {who:<12} {} {}", said.code, said.id.unwrap_or_default()).unwrap();
        }
    }
    // No line ends in a space.
    text.replace(" \n", "\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_matrix_is_what_the_golden_file_says_on_both_databases() {
    let (sqlite, postgres) = (matrix(Backend::Sqlite).await, matrix(Backend::Postgres).await);
    assert_eq!(sqlite, postgres, "the databases differ");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &sqlite).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert_eq!(sqlite, golden, "the matrix has changed; look at it, then UPDATE_GOLDEN=1");
}
