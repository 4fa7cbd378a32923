//! Users of tenants' own issuers.

use serde_json::json;

use super::{AUDIENCE, CLIENT, World, bearer, in_a_world, trusting, with};
use crate::support::{Backend, TestIssuer, TestServer, Tweaks};

in_a_world! {
    async fn a_tenants_issuer_admits_to_that_tenant_only(world) {
        let (acme, other) = (world.tenant("Acme").await, world.app.tenant("Other").await);
        let user = world.of_theirs(json!({ "gatewood_roles": ["viewer"], "groups": ["staff"] }));
        let me = user.get("/v1/whoami").send().await.expect(200).json();
        let url = world.theirs.url();
        assert_eq!(me, json!({
            "kind": "user", "id": null, "name": null, "tenant_id": acme, "roles": ["viewer"],
            "issuer": url, "subject": "tom", "groups": ["staff"],
            "principal": format!("Gatewood::User::\"{acme}|{url}#tom\""),
        }));
        user.about(&acme).get("/v1/oidc-config").send().await.expect(200);
        for denied in [
            user.about(&other).get("/v1/oidc-config").send().await,
            user.about(&other).get("/v1/whoami").send().await,
            user.get(&format!("/v1/tenants/{other}")).send().await,
        ] {
            assert_eq!(denied.expect(403).code(), "tenant_mismatch");
        }
        assert_eq!(user.get("/v1/oidc-config").send().await.expect(400).field(), "X-Tenant-ID");
    }

    async fn a_tenants_issuer_gives_no_right_in_the_instance(world) {
        let acme = world.tenant("Acme").await;
        for claims in [
            json!({ "gatewood_roles": ["root"] }),
            json!({ "gatewood_roles": ["root", "admin"] }),
            json!({ "gatewood": { "roles": ["root"] }, "groups": ["ops"], "tenant": null }),
            json!({ "gatewood_roles": ["emperor", "Root", "root "], "tenant": "00000000-0000-0000-0000-000000000000" }),
        ] {
            let user = world.of_theirs(claims.clone());
            let me = user.get("/v1/whoami").send().await.expect(200).json();
            assert_eq!(me["tenant_id"], json!(acme), "{claims}");
            assert!(!me["roles"].as_array().unwrap().contains(&json!("root")), "{me}");
            for path in ["/v1/tenants", "/v1/api-keys"] {
                let status = user.get(path).send().await.status;
                assert!([400, 403].contains(&status), "{claims}: {status}");
            }
            user.post("/v1/tenants").json(&json!({ "name": "x" })).send().await.expect(403);
        }
    }

    async fn an_admin_of_a_tenants_issuer_administers_that_tenant(world) {
        let acme = world.tenant("Acme").await;
        let admin = world.of_theirs(json!({ "gatewood_roles": "admin" })).about(&acme);
        let made = admin.post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(201);
        assert_eq!(made.text_at("created_by"), format!("user:{acme}|{}#tom", world.theirs.url()));
        let denied = admin.post("/v1/api-keys").json(&json!({ "name": "k", "roles": ["root"] })).send().await.expect(403);
        assert_eq!(denied.code(), "role_not_held");
        let viewer = world.of_theirs(json!({ "gatewood_roles": { "viewer": { "1": "acme.example" } } })).about(&acme);
        viewer.get("/v1/api-keys").send().await.expect(200);
        viewer.post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(403);
    }

    async fn a_token_for_another_client_is_refused_unless_its_audience_is_configured(world) {
        let acme = world.tenant("Acme").await;
        let of_api = || world.of_theirs(json!({ "aud": "https://api.acme.example" }));
        of_api().get("/v1/whoami").send().await.expect(401);
        for bad in [json!(""), json!("a\nb"), json!("a".repeat(256)), json!(7), json!(null)] {
            let root = world.app.root().about(&acme);
            let body = json!({ "issuer_url": world.theirs.url(), "client_id": CLIENT, "client_secret": "s", "audience": bad });
            assert_eq!(root.put("/v1/oidc-config").json(&body).send().await.expect(400).field(), "audience", "{bad}");
        }
        world.configure(&acme, json!({ "audience": "https://api.acme.example" })).await;
        of_api().get("/v1/whoami").send().await.expect(200);
        world.of_theirs(json!({})).get("/v1/whoami").send().await.expect(200);
        let stored = world.app.root().about(&acme).get("/v1/oidc-config").send().await.expect(200).json();
        assert_eq!((&stored["audience"], stored.get("accept_id_tokens")), (&json!("https://api.acme.example"), None));
        world.configure(&acme, json!({})).await;
        of_api().get("/v1/whoami").send().await.expect(401);
    }

    async fn an_id_token_is_refused_unless_the_configuration_takes_it(world) {
        let acme = world.tenant("Acme").await;
        let id_token = || world.of_theirs(json!({ "nonce": "n" }));
        let unmarked = || world.of_theirs(json!({ "scope": null, "azp": CLIENT, "auth_time": 1_800_000_000 }));
        for refused in [id_token(), unmarked()] {
            refused.get("/v1/whoami").send().await.expect(401);
        }
        let with_nonce = world.of_theirs(json!({ "nonce": "n", "typ": "Bearer" }));
        with_nonce.get("/v1/whoami").send().await.expect(200);
        world.configure(&acme, json!({ "accept_id_tokens": true })).await;
        id_token().get("/v1/whoami").send().await.expect(200);
        unmarked().get("/v1/whoami").send().await.expect(200);
        let stored = world.app.root().about(&acme).get("/v1/oidc-config").send().await.expect(200).json();
        assert_eq!((stored.get("audience"), &stored["accept_id_tokens"]), (None, &json!(true)));
        world.configure(&acme, json!({ "accept_id_tokens": false })).await;
        id_token().get("/v1/whoami").send().await.expect(401);
    }

    async fn where_tenants_share_issuer_and_client_the_header_chooses(world) {
        let (one, two) = (world.tenant("One").await, world.tenant("Two").await);
        let third = world.app.tenant("Three").await;
        let user = world.of_theirs(json!({ "gatewood_roles": ["viewer"] }));
        for _again in 0..2 {
            let refused = user.get("/v1/whoami").send().await.expect(400);
            assert_eq!((refused.code().as_str(), refused.field().as_str()), ("invalid_input", "X-Tenant-ID"));
            user.about("nonsense").get("/v1/whoami").send().await.expect(400);
            for tenant in [&one, &two] {
                let me = user.about(tenant).get("/v1/whoami").send().await.expect(200).json();
                assert_eq!(me["tenant_id"], json!(tenant));
                user.about(tenant).get("/v1/oidc-config").send().await.expect(200);
            }
            // Not a user of whichever tenant comes first: the log would name a bystander.
            let neither = user.about(&third).get("/v1/whoami").send().await.expect(400);
            assert_eq!(neither.field(), "X-Tenant-ID");
            let crossed = user.about(&one).get(&format!("/v1/tenants/{two}")).send().await.expect(403);
            assert_eq!(crossed.code(), "tenant_mismatch");
        }
        // Strangers do not learn that two tenants share an issuer.
        let forged = TestIssuer::start().await;
        let claims = json!({ "iss": world.theirs.url(), "sub": "eve", "aud": CLIENT });
        bearer(&world.app, &forged.token(claims)).get("/v1/whoami").send().await.expect(401);
        // Of two that share the issuer only, the token's client chooses.
        world.configure(&two, json!({ "client_id": "second" })).await;
        let second = world.of_theirs(json!({ "aud": "second" }));
        assert_eq!(second.get("/v1/whoami").send().await.expect(200).json()["tenant_id"], json!(two));
        assert_eq!(user.get("/v1/whoami").send().await.expect(200).json()["tenant_id"], json!(one));
    }

    async fn an_id_token_is_for_those_tenants_that_take_it(world) {
        let (one, two) = (world.tenant("One").await, world.tenant("Two").await);
        world.configure(&two, json!({ "accept_id_tokens": true })).await;
        let user = world.of_theirs(json!({ "nonce": "n" }));
        assert_eq!(user.get("/v1/whoami").send().await.expect(200).json()["tenant_id"], json!(two));
        user.about(&one).get("/v1/whoami").send().await.expect(403);
    }

    async fn a_tenant_cannot_name_an_issuer_of_the_instance(world) {
        let acme = world.tenant("Acme").await;
        let url = world.ours.url();
        for url in [url.to_owned(), format!("{url}/"), format!("{url}//"), url.replace("https", "HTTPS")] {
            let body = json!({ "issuer_url": url, "client_id": AUDIENCE, "client_secret": "s" });
            let admin = world.app.key(&acme, "admin").await;
            let refused = admin.put("/v1/oidc-config").json(&body).send().await.expect(400);
            assert_eq!((refused.code().as_str(), refused.field().as_str()), ("invalid_input", "issuer_url"), "{url}");
        }
        world.of_theirs(json!({})).get("/v1/whoami").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_named_an_issuer_before_the_instance_did_admits_nobody() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let issuer = TestIssuer::start().await;
        let app = TestServer::start_with(backend, issuer.tweaks()).await;
        let acme = app.tenant("Acme").await;
        let body = json!({ "issuer_url": format!("{}/", issuer.url()), "client_id": CLIENT, "client_secret": "s" });
        app.root().about(&acme).put("/v1/oidc-config").json(&body).send().await.expect(200);
        let of_client =
            issuer.token(json!({ "sub": "tom", "aud": CLIENT, "scope": "openid", "gatewood_roles": ["admin"] }));
        bearer(&app, &of_client).about(&acme).get("/v1/oidc-config").send().await.expect(200);
        let root_key = app.root_key.clone();
        let mut flags = trusting(&issuer);
        flags.push(("root_api_key", root_key));
        let started = TestServer::try_start(backend, app.stop().await, Tweaks { flags, ..Tweaks::default() }).await;
        let app = started.unwrap_or_else(|(error, _)| panic!("{error}"));
        bearer(&app, &of_client).about(&acme).get("/v1/oidc-config").send().await.expect(401);
        let both = json!({ "sub": "tom", "aud": [CLIENT, AUDIENCE], "gatewood_roles": ["admin"] });
        let user = bearer(&app, &issuer.token(both));
        let me = user.get("/v1/whoami").send().await.expect(200).json();
        assert_eq!((&me["tenant_id"], &me["roles"]), (&json!(null), &json!([])));
        user.about(&acme).get("/v1/oidc-config").send().await.expect(403);
    }
}

/// A folder of policies with one more, about the group `ops` of an issuer.
fn policies_for_the_group_of(issuer: &TestIssuer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("gatewood")).unwrap();
    for entry in std::fs::read_dir("policies/gatewood").unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join("gatewood").join(entry.file_name())).unwrap();
    }
    let ours = format!(
        "@id(\"ops-list-tenants\") permit (principal in Gatewood::Group::\"{}#ops\", \
         action == Gatewood::Action::\"ListTenants\", resource);\n\
         @id(\"no-changes-without-a-second-factor\") @code(\"second_factor_needed\") @notice(\"Log in with a second factor.\") \
         forbid (principal is Gatewood::User, action in Gatewood::Action::\"administer\", resource) \
         unless {{ principal has amr && principal.amr.contains(\"otp\") }};",
        issuer.url()
    );
    std::fs::write(folder.path().join("gatewood/ours.cedar"), ours).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_issuer_can_speak_for_the_groups_of_another() {
    let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
    let folder = policies_for_the_group_of(&ours);
    let mut flags = ours.trust();
    flags.push(("issuers", json!([{ "issuer": ours.url(), "audience": AUDIENCE }]).to_string()));
    flags.push(("policies", folder.path().display().to_string()));
    let world = World::of(Backend::Sqlite, ours, theirs, flags).await;
    let acme = world.tenant("Acme").await;
    let group = format!("{}#ops", world.ours.url());
    let member = world.of_ours(json!({ "groups": ["x", "ops"] }));
    member.get("/v1/tenants").send().await.expect(200);
    for name in ["ops", group.as_str(), "#ops", &format!("|{group}"), "ops#", "OPS"] {
        let user = world.of_theirs(json!({ "groups": [name] }));
        user.get("/v1/tenants").send().await.expect(403);
        let user = world.of_ours(json!({ "groups": [format!("{name} ")], "sub": name }));
        user.get("/v1/tenants").send().await.expect(403);
    }
    let admin = |more| world.of_theirs(with(json!({ "gatewood_roles": ["admin"] }), more)).about(&acme);
    let denied = admin(json!({})).post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(403);
    assert_eq!(
        (denied.code().as_str(), denied.notices()),
        ("second_factor_needed", vec!["Log in with a second factor.".to_owned()])
    );
    let proved = admin(json!({ "amr": ["pwd", "otp"] }));
    proved.post("/v1/api-keys").json(&json!({ "name": "k" })).send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_of_tenants_issuers_are_those_of_the_configuration() {
    let more = [
        ("oidc.tenant_roles_claim", "/realm_access/roles"),
        ("oidc.tenant_groups_claim", "https://acme.example/teams"),
    ];
    let world = World::start_with(Backend::Sqlite, &more).await;
    world.tenant("Acme").await;
    let claims = json!({
        "realm_access": { "roles": ["viewer"] }, "https://acme.example/teams": ["a"],
        "gatewood_roles": ["admin"], "groups": ["b"],
    });
    let me = world.of_theirs(claims).get("/v1/whoami").send().await.expect(200).json();
    assert_eq!((&me["roles"], &me["groups"]), (&json!(["viewer"]), &json!(["a"])));
}
