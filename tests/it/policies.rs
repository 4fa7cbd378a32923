//! What a security engineer can write, seen from the outside.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Authority, Backend, TestDatabase, TestServer, Tweaks};

/// A copy of the shipped policies with one file changed.
struct Policies(TempDir);

impl Policies {
    fn shipped() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("gatewood")).unwrap();
        for entry in fs::read_dir("policies/gatewood").unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join("gatewood").join(entry.file_name())).unwrap();
        }
        fs::copy("schema.cedarschema", folder.path().join("schema.cedarschema")).unwrap();
        Self(folder)
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join("gatewood").join(name), text).unwrap();
        self
    }

    fn with_schema(self, change: impl Fn(String) -> String) -> Self {
        let path = self.path().join("schema.cedarschema");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn tweaks(&self) -> Tweaks {
        let flags = vec![
            ("policies", self.path().display().to_string()),
            ("schema", self.path().join("schema.cedarschema").display().to_string()),
        ];
        Tweaks { flags, ..Tweaks::default() }
    }

    async fn start(&self) -> TestServer {
        TestServer::start_with(Backend::Sqlite, self.tweaks()).await
    }

    async fn refused(&self) -> String {
        let database = TestDatabase::new(Backend::Sqlite);
        match TestServer::try_start(Backend::Sqlite, database, self.tweaks()).await {
            Ok(_) => panic!("it started"),
            Err((error, _)) => error.to_string(),
        }
    }
}

/// A shipped file, with the slashes of their commented policies taken away.
fn switched_on(text: &str) -> String {
    let is_policy = |line: &str| {
        ["// @", "// forbid", "// permit", "// )", "// when", "// unless", "// {", "// }", "//     "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    text.lines().map(|line| if is_policy(line) { &line[3..] } else { line }).collect::<Vec<_>>().join("\n")
}

fn config(issuer: &str) -> serde_json::Value {
    json!({ "issuer_url": issuer, "client_id": "c", "client_secret": "hunter2" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuer_guardrail_holds_for_root_too_once_it_is_switched_on() {
    let text = switched_on(&fs::read_to_string("policies/gatewood/guardrails.cedar").unwrap());
    let app = Policies::shipped().with("guardrails.cedar", &text).start().await;
    let tenant = app.tenant("Acme").await;
    let root = app.root().about(&tenant);
    for evil in [
        "https://evil.example/login.ours.example",
        "https://login.ours.example.evil.example",
        "https://evil.example",
        "http://localhost",
        "https://login.ours.example./",
    ] {
        let denied = root.put("/v1/oidc-config").json(&config(evil)).send().await.expect(403);
        assert_eq!(denied.code(), "issuer_not_allowed", "{evil}");
        assert_eq!(denied.notices(), ["The issuer must be login.ours.example or login.eu.ours.example."]);
    }
    let denied = root.post("/v1/oidc-config/check").json(&json!({ "issuer_url": "https://evil.example" })).send().await;
    assert_eq!(denied.expect(403).code(), "issuer_not_allowed");
    root.get("/v1/oidc-config").send().await.expect(404);
    root.post("/v1/oidc-config/check").send().await.expect(404);
    root.put("/v1/oidc-config").json(&config("https://LOGIN.ours.example/x")).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_scrapes_from_a_network_needs_no_key_once_that_is_switched_on() {
    let text = switched_on(&fs::read_to_string("policies/gatewood/public.cedar").unwrap());
    let app = Policies::shipped().with("public.cedar", &text).start().await;
    assert_eq!(app.anonymous().get("/metrics").send().await.expect(401).code(), "unauthenticated");
    let app = Policies::shipped().with("public.cedar", &text.replace("10.20.0.0/16", "127.0.0.0/8")).start().await;
    app.anonymous().get("/metrics").send().await.expect(200);
    app.anonymous().get("/v1/tenants").send().await.expect(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_guardrails_are_switched_off() {
    let app = TestServer::start(Backend::Sqlite).await;
    let tenant = app.tenant("Acme").await;
    app.root().about(&tenant).put("/v1/oidc-config").json(&config("https://any.example")).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbid_that_hides_existence_answers_404_and_the_strongest_status_wins() {
    let app = Policies::shipped()
        .with(
            "hidden.cedar",
            "@id(\"z-hidden\")\n@status(\"404\")\n@notice(\"z\")\nforbid (principal is Gatewood::ApiKey, action == Gatewood::Action::\"ListTenants\", resource);\n\
             @id(\"a-plain\")\n@code(\"plain\")\n@notice(\"a\")\nforbid (principal, action == Gatewood::Action::\"ListTenants\", resource);",
        )
        .start()
        .await;
    let hidden = app.root().get("/v1/tenants").send().await.expect(404);
    let missing = app.root().get(&format!("/v1/tenants/{}", uuid::Uuid::nil())).send().await.expect(404);
    assert_eq!((hidden.code(), hidden.text_at("message")), (missing.code(), missing.text_at("message")));
    assert_eq!(hidden.notices(), ["a", "z"]);
    let stranger = app.anonymous().get("/v1/tenants").send().await.expect(401);
    assert_eq!(stranger.code(), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_of_a_permit_comes_in_a_header_in_the_readers_language() {
    let app = Policies::shipped()
        .with(
            "deprecation.cedar",
            "@id(\"whoami-moves\")\n@notice(\"This route moves, soon: 100%\")\n@notice_de(\"Zieht bald um\")\n\
             permit (principal is Gatewood::ApiKey, action == Gatewood::Action::\"WhoAmI\", resource);",
        )
        .start()
        .await;
    let answer = app.root().get("/v1/whoami").send().await.expect(200);
    assert_eq!(answer.header("gatewood-notice").unwrap(), "This%20route%20moves%2C%20soon:%20100%25");
    let german = app.root().get("/v1/whoami").header("accept-language", "de-AT,en;q=0.5").send().await.expect(200);
    assert_eq!(german.header("gatewood-notice").unwrap(), "Zieht%20bald%20um");
    let other = app.root().get("/v1/tenants").send().await.expect(200);
    assert_eq!(other.header("gatewood-notice"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_see_address_time_tenant_and_typed_input() {
    let app = Policies::shipped()
        .with(
            "context.cedar",
            "@id(\"all-of-it\")\n@code(\"seen\")\n@notice(\"seen\")\n\
             forbid (principal is Gatewood::ApiKey, action == Gatewood::Action::\"CreateApiKey\", resource is Gatewood::Tenant)\n\
             when {\n  context.request.ip.isLoopback() && context.request.method == \"POST\" &&\n\
               context.request.path == \"/v1/api-keys\" && !context.request.tls &&\n\
               context.now > datetime(\"2024-01-01\") && context has tenant && context.tenant == resource &&\n\
               context.input.name == \"long\" && context.input.roles == [\"viewer\"] && context.input has expires_at &&\n\
               context.input.expires_at.durationSince(context.now) > duration(\"90d\")\n};",
        )
        .start()
        .await;
    let tenant = app.tenant("Acme").await;
    let root = app.root().about(&tenant);
    let body = |days: i64| {
        let at = chrono::Utc::now() + chrono::Duration::days(days);
        json!({ "name": "long", "roles": ["viewer"], "expires_at": at.to_rfc3339() })
    };
    let denied = root.post("/v1/api-keys").json(&body(91)).send().await.expect(403);
    assert_eq!(denied.code(), "seen");
    root.post("/v1/api-keys").json(&body(89)).send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbid_that_cannot_be_evaluated_denies_and_the_log_says_so() {
    let app = Policies::shipped()
        .with(
            "overflow.cedar",
            "@id(\"overflows\")\n@notice(\"broken\")\nforbid (principal, action == Gatewood::Action::\"WhoAmI\", resource)\n\
             when { 9223372036854775807 + 1 == 0 };",
        )
        .start()
        .await;
    let denied = app.root().get("/v1/whoami").send().await.expect(403);
    assert_eq!((denied.code().as_str(), denied.notices()), ("forbidden", vec!["broken".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_store_is_refused_with_every_finding_and_its_place() {
    let error = Policies::shipped()
        .with("one.cedar", "permit (principal, action, resource);")
        .with("two.cedar", "@id(\"two\")\npermit (principal, action, resource)\nwhen { context.nonsense };")
        .with("three.cedar", "@id(\"three\") permit (")
        .refused()
        .await;
    for expected in ["one.cedar:1:1: the policy has no @id", "two.cedar:3:8: ", "nonsense", "three.cedar:1:"] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_lacks_an_action_is_refused_with_the_lines_to_add() {
    let without = |schema: String| {
        let (before, after) = schema.split_once("    action \"DeleteOidcConfig\"").unwrap();
        format!("{before}{}", after.split_once("};\n").unwrap().1)
    };
    let policies = Policies::shipped().with_schema(without).with("roles.cedar", "");
    let error = policies.refused().await;
    assert!(
        error.contains("a route uses `Gatewood::Action::\"DeleteOidcConfig\"`, which the schema does not declare"),
        "{error}"
    );
    let lines = error.split_once("these declarations would fit:\n\n").unwrap().1.to_owned();
    let mended = policies.with_schema(|schema| format!("{}{lines}}}\n", schema.trim_end().strip_suffix('}').unwrap()));
    mended.with("roles.cedar", &fs::read_to_string("policies/gatewood/roles.cedar").unwrap()).start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_with_an_action_that_nothing_uses_is_refused() {
    let with = |schema: String| {
        format!(
            "{}    action \"Dance\" appliesTo {{ principal: [ApiKey], resource: [Instance] }};\n}}\n",
            schema.trim_end().strip_suffix('}').unwrap()
        )
    };
    let error = Policies::shipped().with_schema(with).refused().await;
    assert!(error.contains("declares `Gatewood::Action::\"Dance\"`, which no route uses"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_wants_another_context_is_refused_before_the_first_request() {
    let change = |schema: String| {
        schema.replace("type Call = { request: Request,", "type Call = { request: Request, moon: Bool,")
    };
    let error = Policies::shipped().with_schema(change).refused().await;
    assert!(error.contains("the schema and the service do not fit together"), "{error}");
    let narrower = |schema: String| {
        schema.replace(
            "action \"ReadTenant\" in [\"read\"] appliesTo {\n        principal: [ApiKey, User, Anonymous]",
            "action \"ReadTenant\" in [\"read\"] appliesTo {\n        principal: [ApiKey]",
        )
    };
    let error = Policies::shipped().with_schema(narrower).refused().await;
    assert!(error.contains("the service asks with"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_not_told_the_rules_for_others() {
    let text = switched_on(&fs::read_to_string("policies/gatewood/guardrails.cedar").unwrap());
    let policies = Policies::shipped().with("guardrails.cedar", &text).with(
        "strangers.cedar",
        "@id(\"tell-strangers\")\n@status(\"401\")\n@code(\"sign_up\")\n@notice(\"Sign up first.\")\n\
         forbid (principal is Gatewood::Anonymous, action == Gatewood::Action::\"ListTenants\", resource);",
    );
    let app = policies.start().await;
    let tenant = app.tenant("Acme").await;
    let stranger = app.anonymous().about(&tenant);
    let denied = stranger.put("/v1/oidc-config").json(&config("https://any.example")).send().await.expect(401);
    assert_eq!((denied.code().as_str(), denied.notices()), ("unauthenticated", vec![]));
    let other = stranger.get(&format!("/v1/tenants/{}", uuid::Uuid::nil())).send().await.expect(401);
    assert_eq!((other.code().as_str(), other.notices()), ("unauthenticated", vec![]));
    let told = app.anonymous().get("/v1/tenants").send().await.expect(401);
    assert_eq!((told.code().as_str(), told.notices()), ("sign_up", vec!["Sign up first.".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_sees_the_path_that_was_routed_however_it_was_spelt() {
    let app = Policies::shipped()
        .with(
            "path.cedar",
            "@id(\"path\")\n@code(\"path\")\n@notice(\"path\")\nforbid (principal, action, resource) when { context.request.path == \"/v1/whoami\" };",
        )
        .start()
        .await;
    for spelt in ["/v1/whoami", "/v1/%77hoami", "/%76%31/whoami"] {
        let answer = app.root().get(spelt).send().await;
        assert!(answer.status == 404 || answer.code() == "path", "{spelt}: {answer:?}");
    }
    assert_eq!(app.root().get("/v1/%77hoami").send().await.expect(403).code(), "path");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hierarchy_and_attributes_are_what_the_schema_promises() {
    let app = Policies::shipped()
        .with(
            "promises.cedar",
            "@id(\"p1\")\n@code(\"in_instance\")\n@notice(\"x\")\nforbid (principal is Gatewood::ApiKey, action == Gatewood::Action::\"WhoAmI\", resource)\n\
             when { principal has tenant && principal in resource };\n\
             @id(\"p2\")\n@code(\"own_key\")\n@notice(\"x\")\nforbid (principal, action == Gatewood::Action::\"ReadApiKey\", resource) when { resource.own };",
        )
        .start()
        .await;
    let tenant = app.tenant("Acme").await;
    let viewer = app.key(&tenant, "viewer").await;
    assert_eq!(viewer.get("/v1/whoami").send().await.expect(403).code(), "in_instance");
    let me = app.root().get("/v1/whoami").send().await.expect(200).text_at("id");
    assert_eq!(app.root().get(&format!("/v1/api-keys/{me}")).send().await.expect(403).code(), "own_key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_can_ask_for_an_encrypted_connection() {
    let policies = Policies::shipped().with(
        "tls.cedar",
        "@id(\"tls-only\")\n@code(\"tls_needed\")\n@notice(\"Use https.\")\n\
         forbid (principal is Gatewood::ApiKey, action, resource) unless { context.request.tls };",
    );
    let clear = policies.start().await;
    let denied = clear.root().get("/v1/tenants").send().await.expect(403);
    assert_eq!((denied.code(), denied.notices()), ("tls_needed".to_owned(), vec!["Use https.".to_owned()]));
    // What a client says of its connection is not what it is.
    clear.root().with("x-forwarded-proto", "https").get("/v1/tenants").send().await.expect(403);

    let authority = Authority::new();
    let (cert, key) = authority.server().write(policies.path());
    let mut tweaks = policies.tweaks();
    tweaks.flags.extend([("tls.cert", cert.display().to_string()), ("tls.key", key.display().to_string())]);
    let mut encrypted = TestServer::start_with(Backend::Sqlite, tweaks).await;
    encrypted.client = authority.reqwest(None).build().unwrap();
    encrypted.root().get("/v1/tenants").send().await.expect(200);
}
