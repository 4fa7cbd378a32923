//! `/v1/stores`: what is in force, and how it comes into force.

use serde_json::{Value, json};

use crate::support::{Answer, Backend, StoreFolder, TestServer, Tweaks, eventually};

async fn store(app: &TestServer) -> Value {
    app.root().get("/v1/stores/shop").send().await.expect(200).json()
}

/// Waits until the store is as wanted.
async fn until(app: &TestServer, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the store is as wanted", async || store(app).await, wanted).await
}

async fn see(app: &TestServer) -> Answer {
    let body = json!({ "principal": "User::\"eve\"", "action": "Action::\"see\"", "resource": "Item::\"hat\"" });
    app.root().post("/v1/is-authorized").json(&body).send().await
}

#[tokio::test]
async fn a_store_that_is_broken_at_start_is_refused_with_every_finding() {
    let folder = StoreFolder::shop("");
    folder.write("shop/a.cedar", "permit (principal, action, resource) when { resource.ownr == principal };");
    folder.write("shop/b.cedar", "permit (principal action, resource);");
    folder.write("shop/store.toml", "tenant = \"any\"\n");
    folder.write("other/schema.cedarschema", "entity U in [Nothing];");
    folder.write("other/p.cedar", "permit (principal, action, resource);");
    let started =
        TestServer::try_start(Backend::Sqlite, crate::support::TestDatabase::new(Backend::Sqlite), folder.tweaks())
            .await;
    let Err((error, _database)) = started else { panic!("it started") };
    let text = error.to_string();
    for finding in ["a.cedar:1:45", "ownr", "b.cedar:1:19", "store.toml:1:1", "`other`", "Nothing"] {
        assert!(text.contains(finding), "{finding} is not in\n{text}");
    }
}

#[tokio::test]
async fn what_is_saved_is_in_force_by_itself_and_what_is_broken_is_not() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let before = store(&app).await;
    assert_eq!((&before["health"], &before["policies"], &before["entities"]), (&json!("ok"), &json!(3), &json!(5)));
    folder.write("shop/shop.cedar", "@id(\"nobody\") forbid (principal, action, resource);");
    let changed = until(&app, |now| now["revision"] != before["revision"]).await;
    assert_eq!(see(&app).await.expect(200).json()["decision"], "deny");
    folder.write("shop/shop.cedar", "@id(\"half\") forbid (principal, act");
    let broken = until(&app, |now| now["health"] == "failed").await;
    assert_eq!(broken["revision"], changed["revision"], "what was in force stays");
    assert_eq!(broken["error"]["findings"][0]["file"], "shop.cedar");
    assert_eq!(broken["error"]["findings"][0]["source"], "@id(\"half\") forbid (principal, act");
    assert_eq!(see(&app).await.expect(200).json()["decision"], "deny");
    let ready = app.anonymous().get("/readyz").send().await.expect(200);
    assert_eq!(ready.json(), json!({ "status": "degraded" }), "a stranger is told no more");
    let told = app.root().get("/readyz").send().await.expect(200).json();
    assert_eq!((&told["stores"][0]["name"], &told["stores"][0]["health"]), (&json!("shop"), &json!("failed")));
    let metrics = async || app.root().get("/metrics").send().await.expect(200).text;
    eventually("it is told by metrics", metrics, |metrics| {
        metrics.contains("gatewood_store_healthy{store=\"shop\"} 0")
    })
    .await;
    folder.write("shop/shop.cedar", crate::support::SHOP_POLICIES);
    let mended = until(&app, |now| now["health"] == "ok").await;
    assert_eq!((&mended["revision"], &mended["error"]), (&before["revision"], &Value::Null));
    let readiness = async || app.anonymous().get("/readyz").send().await.expect(200).json();
    eventually("it is ready", readiness, |told| *told == json!({ "status": "ok" })).await;
}

#[tokio::test]
async fn a_folder_that_goes_away_leaves_what_was_in_force() {
    let (folder, app) = StoreFolder::served_shop("").await;
    std::fs::rename(folder.path("shop"), folder.path(".gone")).unwrap();
    let gone = until(&app, |now| now["health"] == "failed").await;
    assert!(gone["error"]["findings"][0]["message"].as_str().unwrap().contains("gone"), "{gone:#}");
    assert_eq!(see(&app).await.expect(200).json()["decision"], "allow");
    std::fs::rename(folder.path(".gone"), folder.path("shop")).unwrap();
    until(&app, |now| now["health"] == "ok").await;
}

#[tokio::test]
async fn a_new_folder_is_a_new_store() {
    let (folder, app) = StoreFolder::served_shop("").await;
    app.root().get("/v1/stores/fresh").send().await.expect(404);
    folder.write(".fresh/schema.cedarschema", "entity U, R; action a appliesTo { principal: U, resource: R };");
    folder.write(".fresh/p.cedar", "permit (principal, action, resource);");
    std::fs::rename(folder.path(".fresh"), folder.path("fresh")).unwrap();
    let fresh = async || app.root().get("/v1/stores/fresh").send().await.status;
    eventually("it is there", fresh, |status| *status == 200).await;
    let names = app.root().get("/v1/stores").send().await.expect(200).json();
    let names: Vec<&str> =
        names["items"].as_array().unwrap().iter().map(|store| store["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["fresh", "gatewood", "shop"]);
}

#[tokio::test]
async fn the_control_planes_policies_are_loaded_again_too_and_never_such_that_do_not_fit() {
    let folder = StoreFolder::empty();
    for entry in std::fs::read_dir("policies/gatewood").unwrap() {
        let entry = entry.unwrap();
        folder.write(
            &format!("gatewood/{}", entry.file_name().to_str().unwrap()),
            &std::fs::read_to_string(entry.path()).unwrap(),
        );
    }
    let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
    let viewer = app.instance_key("viewer").await;
    viewer.get("/v1/whoami").send().await.expect(200);
    let mut last = 0;
    let shut = async || {
        last += 1;
        let policy = format!(
            "@id(\"shut\") @notice(\"Closed for the {last}. time.\") forbid (principal, action == Gatewood::Action::\"WhoAmI\", resource) unless {{ principal in Gatewood::Role::\"root\" }};"
        );
        folder.write("gatewood/shut.cedar", &policy);
        app.root().post("/v1/stores/gatewood/reload").send().await.expect(200).json()
    };
    // The service sees by itself that a file has changed, and may come first.
    eventually("it is loaded by who asks", shut, |reload| reload["outcome"] == "loaded").await;
    let closed = [format!("Closed for the {last}. time.")];
    assert_eq!(viewer.get("/v1/whoami").send().await.expect(403).notices(), closed);
    folder.write("gatewood/shut.cedar", "permit (principal, action, resource);");
    let reload = app.root().post("/v1/stores/gatewood/reload").send().await.expect(200).json();
    assert_eq!(reload["outcome"], "failed", "a policy without an id");
    assert_eq!(viewer.get("/v1/whoami").send().await.expect(403).notices(), closed);
}

#[tokio::test]
async fn a_candidate_is_reported_on_and_nothing_is_put_in_force() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let check = |body: Value| app.root().post("/v1/stores/shop/check").json(&body).send();
    let before = store(&app).await;
    let as_it_is = check(json!({})).await.expect(200).json();
    assert_eq!((&as_it_is["valid"], &as_it_is["revision"]), (&json!(true), &before["revision"]));
    let broken = json!({
        "policies": { "a.cedar": "permit (principal, action, resource) when { resource.ownr == principal };" },
        "entities": [{ "uid": "Shop::User::\"x\"", "attrs": {}, "parents": [] }],
        "settings": "[search]\nmax_limit = 0\n",
    });
    let report = check(broken).await.expect(200).json();
    assert_eq!(report["valid"], false);
    let files: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    assert!(["a.cedar", "entities.json", "store.toml"].iter().all(|file| files.contains(file)), "{report:#}");
    let good =
        check(json!({ "policies": { "a.cedar": "permit (principal, action, resource);" } })).await.expect(200).json();
    assert_eq!((&good["valid"], &good["policies"], &good["in_force"]), (&json!(true), &json!(1), &before["revision"]));
    assert_eq!(store(&app).await, before);
    assert_eq!(check(json!({ "policy": {} })).await.expect(400).field(), "policy");
}

#[tokio::test]
async fn a_candidate_is_judged_by_the_text_that_was_sent() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let check = |body: String| app.root().post("/v1/stores/shop/check").raw_json(body).send();
    let twice =
        "{ \"entities\": [\n  { \"uid\": \"Shop::Group::\\\"g\\\"\",\n    \"parents\": [], \"parents\": [] }] }";
    let report = check(twice.to_owned()).await.expect(200).json();
    let finding = &report["findings"][0];
    assert!(finding["message"].as_str().unwrap().contains("is there twice"), "{report:#}");
    assert_eq!((&finding["file"], &finding["line"]), (&json!("entities.json"), &json!(3)), "{report:#}");
    let two = r#"{ "policies": { "a.cedar": "forbid (principal, action, resource);", "a.cedar": "" } }"#;
    let refused = check(two.to_owned()).await.expect(400);
    assert_eq!(refused.field(), "a.cedar", "{refused:#?}");
    let entities = std::fs::read_to_string(folder.path("shop/entities.json")).unwrap();
    let same = check(format!("{{ \"entities\": {entities} }}")).await.expect(200).json();
    assert_eq!(same["revision"], same["in_force"], "the same text has the same revision: {same:#}");
}

#[tokio::test]
async fn a_candidate_has_no_file_that_the_service_would_pass_over() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let forbid = "forbid (principal, action, resource);";
    for name in ["b.ceder", "", "../../x.cedar", "a/.h/x.cedar", ".hidden.cedar", "a//b.cedar", "/a.cedar", "a.json"] {
        for (kind, text) in [("policies", forbid), ("schemas", "entity A;")] {
            let mut body = json!({});
            body[kind][name] = json!(text);
            let refused = app.root().post("/v1/stores/shop/check").json(&body).send().await.expect(400);
            assert!(refused.field().starts_with(&format!("{kind}.")), "{refused:#?}");
        }
    }
    let good = json!({ "policies": { "deep/er/a.cedar": forbid } });
    let report = app.root().post("/v1/stores/shop/check").json(&good).send().await.expect(200).json();
    assert_eq!(report["valid"], true, "{report:#}");
}

#[tokio::test]
async fn a_candidate_for_the_control_plane_is_held_against_the_routes_as_its_files_are() {
    let app = TestServer::start(Backend::Sqlite).await;
    let schema = std::fs::read_to_string("schema.cedarschema").unwrap().replace("SeePolicyIds", "SeeIds");
    let mut policies = json!({});
    for entry in std::fs::read_dir("policies/gatewood").unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let text = std::fs::read_to_string(path).unwrap().replace("SeePolicyIds", "SeeIds");
        policies[name.to_str().unwrap()] = json!(text);
    }
    let body = json!({ "schemas": { "s.cedarschema": schema }, "policies": policies });
    let report = app.root().post("/v1/stores/gatewood/check").json(&body).send().await.expect(200).json();
    assert_eq!(report["valid"], false, "{report:#}");
    assert!(report["findings"][0]["message"].as_str().unwrap().contains("SeePolicyIds"), "{report:#}");
}

#[tokio::test]
async fn many_stored_entities_are_held_against_a_candidate_too() {
    let folder = StoreFolder::shop("");
    let item = |n: usize| json!({ "uid": format!("Shop::Group::\"{n:0>2000}\""), "attrs": {}, "parents": [] });
    let many = Value::Array((0..2_200).map(item).collect()).to_string();
    assert!(many.len() > 4 << 20);
    folder.write("shop/entities.json", &many);
    let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
    let check = |body: Value| app.root().post("/v1/stores/shop/check").json(&body).send();
    let same = check(json!({})).await.expect(200).json();
    assert_eq!((&same["entities"], &same["revision"]), (&json!(2_200), &same["in_force"]), "{same:#}");
    let without_groups =
        "namespace Shop { entity Item; entity User; action see appliesTo { principal: User, resource: Item }; }";
    let policies = json!({ "a.cedar": "permit (principal, action, resource);" });
    let broken = check(json!({ "schemas": { "s.cedarschema": without_groups }, "policies": policies })).await;
    assert_eq!(broken.expect(200).json()["valid"], false);
    // What is on the disk by now may be something else.
    std::fs::write(folder.path("shop/entities.json"), "[").unwrap();
    assert_eq!(check(json!({})).await.expect(409).code(), "conflict");
    assert_eq!(check(json!({ "entities": [] })).await.expect(200).json()["entities"], 0);
}

#[tokio::test]
async fn a_pipe_among_the_files_is_a_finding_and_stops_no_other_store() {
    let folder = StoreFolder::shop("");
    folder.add_second();
    let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
    let made = std::process::Command::new("mkfifo").arg(folder.path("shop/pipe.cedar")).status().unwrap();
    assert!(made.success());
    let broken = until(&app, |now| now["health"] == "failed").await;
    assert!(broken["error"].to_string().contains("is no regular file"), "{broken:#}");
    folder.write("second/p.cedar", "forbid (principal, action, resource);");
    let reloaded = app.root().post("/v1/stores/second/reload").send().await.expect(200);
    assert!(reloaded.text.contains("loaded") || reloaded.text.contains("unchanged"), "{reloaded:#?}");
    std::fs::remove_file(folder.path("shop/pipe.cedar")).unwrap();
    until(&app, |now| now["health"] == "ok").await;
}

#[tokio::test]
async fn stores_are_read_by_those_who_look_after_policies() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let tenant = app.tenant("Acme").await;
    let (security, pep, theirs) =
        (app.instance_key("security").await, app.instance_key("pep").await, app.key(&tenant, "security").await);
    for path in
        ["/v1/stores/shop", "/v1/stores/shop/schema", "/v1/stores/shop/policies", "/v1/stores/shop/policies/see"]
    {
        app.anonymous().get(path).send().await.expect(401);
        pep.get(path).send().await.expect(403);
        theirs.get(path).send().await.expect(403);
        let answer = security.get(path).send().await.expect(200);
        assert!(answer.header("gatewood-revision").is_some(), "{answer:#?}");
    }
    assert_eq!(theirs.get("/v1/stores").send().await.expect(200).json(), json!({ "items": [] }));
    let policy = security.get("/v1/stores/shop/policies/owner-too-low").send().await.expect(200).json();
    assert_eq!(
        (&policy["effect"], &policy["file"], &policy["line"]),
        (&json!("forbid"), &json!("shop.cedar"), &json!(8))
    );
    assert!(policy["text"].as_str().unwrap().starts_with("@id(\"owner-too-low\")"), "{policy:#}");
    let missing = security.get("/v1/stores/shop/policies/no").send().await.expect(404);
    assert!(missing.header("gatewood-revision").is_some(), "errors say the revision, too: {missing:#?}");
    security.post("/v1/stores/shop/reload").send().await.expect(403);
    security.post("/v1/stores/shop/check").json(&json!({})).send().await.expect(200);
}

#[tokio::test]
async fn somebody_elses_folder_works_without_the_shipped_one() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let names = app.root().get("/v1/stores").send().await.expect(200).json();
    assert_eq!(names["items"].as_array().unwrap().len(), 2, "{names:#}");
    assert_eq!(see(&app).await.expect(200).json()["store"], "shop");
}

#[tokio::test]
async fn the_shipped_example_answers() {
    let app = TestServer::start_with(Backend::Sqlite, Tweaks::default()).await;
    let body =
        json!({ "principal": "User::\"alice\"", "action": "Action::\"view\"", "resource": "Photo::\"vacation.jpg\"" });
    assert_eq!(app.root().post("/v1/is-authorized").json(&body).send().await.expect(200).json()["decision"], "allow");
}
