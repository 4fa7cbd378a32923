//! `/v1/is-authorized`: questions to a store.

use serde_json::{Value, json};

use crate::support::{Answer, Backend, Caller, StoreFolder, TestDatabase, TestServer};

fn question(user: &str, action: &str, item: &str) -> Value {
    json!({
        "principal": format!("User::\"{user}\""),
        "action": format!("Action::\"{action}\""),
        "resource": { "type": "Shop::Item", "id": item },
    })
}

async fn ask(caller: &Caller, body: &Value) -> Answer {
    caller.post("/v1/is-authorized").json(body).send().await
}

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["determining"].as_array().unwrap().iter().map(|policy| policy["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_refused_with_its_field() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let with = |name: &str, value: Value| {
        let mut question = question("ann", "see", "hat");
        question[name] = value;
        question
    };
    let without = |name: &str| {
        let mut question = question("ann", "see", "hat");
        question.as_object_mut().unwrap().remove(name);
        question
    };
    for (body, field) in [
        (json!([]), "body"),
        (json!({}), "principal"),
        (without("principal"), "principal"),
        (without("action"), "action"),
        (without("resource"), "resource"),
        (with("principal", json!("ann")), "principal"),
        (with("principal", json!("User::ann")), "principal"),
        (with("principal", json!({ "type": "User" })), "principal"),
        (with("principal", json!({ "type": "Nobody", "id": "x" })), "principal"),
        (with("principal", json!("Item::\"hat\"")), "principal"),
        (with("resource", json!("User::\"ann\"")), "resource"),
        (with("action", json!("Action::\"sell\"")), "action"),
        (with("context", json!([])), "context"),
        (with("context", json!({ "x": 1 })), "context.x"),
        (with("context", json!({ "note": 1 })), "context.note"),
        (with("context", json!({ "ip": "here" })), "context.ip"),
        (with("entities", json!({})), "entities"),
        (with("entities", json!([1])), "entities[0]"),
        (with("entities", json!([{ "attrs": {} }])), "entities[0].uid"),
        (with("entities", json!([{ "uid": "User::\"ann\"", "attrs": { "levle": 1 } }])), "entities[0].attrs.levle"),
        (with("entities", json!([{ "uid": "User::\"ann\"", "attrs": { "level": "1" } }])), "entities[0].attrs.level"),
        (with("entities", json!([{ "uid": "User::\"ann\"", "parents": ["Item::\"hat\""] }])), "entities[0].parents[0]"),
        (with("extra", json!(1)), "extra"),
    ] {
        let answer = ask(&app.root(), &body).await.expect(400);
        assert_eq!(
            (answer.code(), answer.field()),
            ("invalid_input".to_owned(), field.to_owned()),
            "{body}: {answer:#?}"
        );
    }
    // And nothing of it keeps the next question from being answered.
    assert_eq!(ask(&app.root(), &question("ann", "see", "hat")).await.expect(200).json()["decision"], "allow");
}

#[tokio::test]
async fn an_answer_has_every_field_of_the_specification() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let answer = ask(&app.root(), &question("ann", "buy", "hat")).await.expect(200);
    let body = answer.json();
    let mut fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["decision", "decision_id", "determining", "errors", "notices", "revision", "store"]);
    assert_eq!((&body["decision"], &body["store"]), (&json!("allow"), &json!("shop")));
    assert_eq!(
        body["determining"],
        json!([{ "id": "staff", "effect": "permit", "annotations": { "id": "staff" }, "file": "shop.cedar", "line": 5 }])
    );
    assert_eq!(answer.header("gatewood-revision").unwrap(), body["revision"].as_str().unwrap());
    let seen = ask(&app.root(), &question("eve", "see", "hat")).await.expect(200);
    assert_eq!((ids(&seen), seen.notices()), (vec!["see".to_owned()], vec!["Everything can be seen.".to_owned()]));
}

#[tokio::test]
async fn a_denial_is_an_answer_and_a_default_denial_has_no_policy() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let denied = ask(&app.root(), &question("eve", "buy", "hat")).await.expect(200);
    assert_eq!((denied.json()["decision"].clone(), ids(&denied)), (json!("deny"), vec![]));
}

#[tokio::test]
async fn a_forbid_that_fails_through_a_third_entity_denies_in_every_shape_of_the_question() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    // Nobody knows the boss of the owner of the cap.
    let cap = question("ann", "buy", "cap");
    let single = ask(&app.root(), &cap).await.expect(200);
    assert_eq!((single.json()["decision"].clone(), ids(&single)), (json!("deny"), vec!["owner-too-low".to_owned()]));
    assert_eq!(single.json()["errors"][0]["policy"], "owner-too-low");
    let batch = json!({ "requests": [cap] });
    let batch = app.root().post("/v1/is-authorized/batch").json(&batch).send().await.expect(200).json();
    assert_eq!(batch["answers"][0]["decision"], "deny");
    let (_folder, lenient) = StoreFolder::served_shop("on_forbid_error = \"cedar\"\n").await;
    let skipped = ask(&lenient.root(), &cap).await.expect(200);
    assert_eq!((skipped.json()["decision"].clone(), ids(&skipped)), (json!("allow"), vec!["staff".to_owned()]));
    assert_eq!(skipped.json()["errors"][0]["policy"], "owner-too-low", "it is told all the same");
}

#[tokio::test]
async fn nobody_is_put_into_a_group_and_nothing_stored_is_replaced() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let with = |entities: Value| {
        let mut question = question("bob", "buy", "hat");
        question["entities"] = entities;
        question
    };
    for (entities, field) in [
        (json!([{ "uid": "User::\"bob\"", "parents": ["Group::\"staff\""] }]), "entities[0].parents[0]"),
        // The group is not stored by itself, but somebody stored is in it.
        (json!([{ "uid": "Group::\"staff\"", "parents": ["Group::\"owners\""] }]), "entities[0].parents[0]"),
        (json!([{ "uid": "Group::\"x\"", "parents": ["Group::\"x\""] }]), "entities"),
        (json!([{ "uid": "User::\"eve\"" }, { "uid": "User::\"eve\"" }]), "entities[1].uid"),
    ] {
        assert_eq!(ask(&app.root(), &with(entities.clone())).await.expect(400).field(), field, "{entities}");
    }
    // Parents that it has anyway may be said again; attributes that are stored stay.
    let mut hat = question("ann", "buy", "hat");
    hat["entities"] = json!([{ "uid": "User::\"ann\"", "attrs": { "level": 1 }, "parents": ["Group::\"staff\""] }]);
    assert_eq!(ask(&app.root(), &hat).await.expect(200).json()["decision"], "allow");
    // Where the callers are the source of truth, they are.
    let (_folder, trusting) = StoreFolder::served_shop("request_attributes = \"override\"\n").await;
    assert_eq!(ask(&trusting.root(), &hat).await.expect(200).json()["decision"], "deny");
    let joined = json!([{ "uid": "User::\"bob\"", "parents": ["Group::\"night\""] }]);
    assert_eq!(ask(&trusting.root(), &with(joined)).await.expect(200).json()["decision"], "allow");
}

#[tokio::test]
async fn a_principal_of_the_request_is_in_the_groups_of_its_groups() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let mut new = question("new", "buy", "hat");
    new["entities"] = json!([
        { "uid": "User::\"new\"", "parents": ["Group::\"interns\""] },
        { "uid": "Group::\"interns\"", "parents": ["Group::\"night\""] },
    ]);
    assert_eq!(ids(&ask(&app.root(), &new).await.expect(200)), ["staff"]);
}

#[tokio::test]
async fn a_batch_is_answered_in_order_by_one_version_and_one_broken_item_spoils_no_other() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let post = |body: Value| app.root().post("/v1/is-authorized/batch").json(&body).send();
    for (body, field) in [
        (json!({}), "requests"),
        (json!({ "requests": {} }), "requests"),
        (json!({ "requests": [] }), "requests"),
        (json!({ "requests": vec![json!({}); 1001] }), "requests"),
        (json!({ "requests": [], "more": 1 }), "more"),
        (json!({ "more": 1 }), "more"),
    ] {
        assert_eq!(post(body).await.expect(400).field(), field);
    }
    let mut requests: Vec<Value> =
        (0..1000).map(|n| question(if n % 2 == 0 { "ann" } else { "eve" }, "buy", "hat")).collect();
    requests[7] = json!({ "principal": "nobody" });
    let answers = post(json!({ "requests": requests })).await.expect(200).json();
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 1000);
    for (n, answer) in answers.iter().enumerate().filter(|(n, _)| *n != 7) {
        assert_eq!(answer["decision"], if n % 2 == 0 { "allow" } else { "deny" }, "{n}");
        assert_eq!(answer["revision"], answers[0]["revision"]);
    }
    assert_eq!(answers[7]["error"]["details"]["field"], "principal");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_spoils_no_other_either() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let good = question("ann", "buy", "hat").to_string();
    let twice = good.replace("\"action\"", "\"principal\": \"User::\\\"bob\\\"\", \"action\"");
    let deep = format!("{{\"context\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let post = |body: String| app.root().post("/v1/is-authorized/batch").raw_json(body).send();
    let answers = post(format!("{{\"requests\": [{good}, {twice}, {deep}, {good}]}}")).await.expect(200).json();
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!([0, 3].map(|n| answers[n]["decision"].as_str().unwrap()), ["allow", "allow"], "{answers:#?}");
    let field = |n: usize| answers[n]["error"]["details"]["field"].as_str().unwrap();
    assert_eq!((answers.len(), field(1), field(2)), (4, "principal", "body"), "{answers:#?}");
    // What is wrong around the items is wrong for all.
    for (body, field) in [
        (format!("{{\"requests\": [{twice}], \"requests\": []}}"), "principal"),
        (format!("{{\"requests\": [{twice}], \"more\": 1}}"), "more"),
        (format!("{{\"requests\": [{twice}"), "principal"),
        (format!("{{\"requests\": [{twice}]}} x"), "principal"),
    ] {
        assert_eq!(post(body.clone()).await.expect(400).field(), field, "{body}");
    }
}

#[tokio::test]
async fn only_those_who_may_ask_are_answered_and_only_some_see_policies() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let cap = question("ann", "buy", "cap");
    assert_eq!(ask(&app.anonymous(), &cap).await.expect(401).code(), "unauthenticated");
    ask(&app.instance_key("viewer").await, &cap).await.expect(403);
    ask(&app.instance_key("security").await, &cap).await.expect(403);
    let answer = ask(&app.instance_key("pep").await, &cap).await.expect(200);
    assert_eq!((answer.json()["decision"].clone(), ids(&answer)), (json!("deny"), vec![]));
    assert_eq!(answer.json()["errors"], json!([{ "policy": null, "message": "a policy could not be evaluated" }]));
    assert!(!answer.text.contains("owner-too-low"), "{answer:#?}");
    assert_eq!(answer.notices(), ["The owner is too low."]);
    assert_eq!(ids(&ask(&app.instance_key("admin").await, &cap).await.expect(200)), ["owner-too-low"]);
}

#[tokio::test]
async fn a_tenant_asks_only_stores_that_are_opened_to_it() {
    let folder = StoreFolder::shop("");
    let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
    let (acme, other) = (app.tenant("Acme").await, app.tenant("Other").await);
    let (pep, theirs) = (app.key(&acme, "pep").await, app.key(&other, "pep").await);
    let see = question("ann", "see", "hat");
    let closed = ask(&pep, &see).await.expect(403);
    let missing = pep.post("/v1/stores/nowhere/is-authorized").json(&see).send().await.expect(403);
    assert_eq!(closed.text, missing.text, "a tenant cannot tell what is closed from what is not there");
    app.root().post("/v1/stores/nowhere/is-authorized").json(&see).send().await.expect(404);
    folder.write("shop/store.toml", &format!("tenants = [\"{acme}\"]\n"));
    app.root().post("/v1/stores/shop/reload").send().await.expect(200);
    ask(&pep, &see).await.expect(200);
    assert_eq!(ask(&theirs, &see).await.expect(403).code(), "tenant_mismatch");
    ask(&pep.about(&other), &see).await.expect(403);
    folder.write("shop/store.toml", "tenants = \"any\"\n");
    app.root().post("/v1/stores/shop/reload").send().await.expect(200);
    ask(&theirs, &see).await.expect(200);
}

#[tokio::test]
async fn gatewoods_own_store_is_never_asked() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let whoever = json!({ "principal": "Gatewood::Anonymous::\"a\"", "action": "Gatewood::Action::\"ReadHealth\"",
        "resource": "Gatewood::Instance::\"i\"" });
    app.root().post("/v1/stores/gatewood/is-authorized").json(&whoever).send().await.expect(404);
    app.root()
        .post("/v1/stores/gatewood/is-authorized/batch")
        .json(&json!({ "requests": [whoever] }))
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn a_request_names_the_store_where_there_are_several_and_no_default() {
    let folder = StoreFolder::shop("");
    folder.add_second();
    let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
    let see = question("ann", "see", "hat");
    assert_eq!(ask(&app.root(), &see).await.expect(400).field(), "store");
    app.root().post("/v1/stores/shop/is-authorized").json(&see).send().await.expect(200);
    let plain = json!({ "principal": "U::\"u\"", "action": "Action::\"a\"", "resource": "R::\"r\"" });
    let second = app.root().post("/v1/stores/second/is-authorized").json(&plain).send().await.expect(200);
    assert_eq!(ids(&second), ["p.cedar#1"], "a policy without an id is called by its place");
    let mut tweaks = folder.tweaks();
    tweaks.flags.push(("decision.default_store", "shop".to_owned()));
    let app = TestServer::start_with(Backend::Sqlite, tweaks).await;
    ask(&app.root(), &see).await.expect(200);
    for (name, complaint) in [("gatewood", "is never asked"), ("nowhere", "is no store")] {
        let mut tweaks = folder.tweaks();
        tweaks.flags.push(("decision.default_store", name.to_owned()));
        let database = TestDatabase::new(Backend::Sqlite);
        let Err((error, _)) = TestServer::try_start(Backend::Sqlite, database, tweaks).await else { panic!("{name}") };
        assert!(error.to_string().contains(complaint), "{error}");
    }
}

#[tokio::test]
async fn questions_are_recorded_with_what_the_guard_said() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let answer = ask(&app.root(), &question("ann", "buy", "hat")).await.expect(200);
    let decisions = app.decisions();
    let _database = app.stop().await;
    let text = std::fs::read_to_string(decisions).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_shop: Vec<&Value> = records.iter().filter(|record| record["store"] == "shop").collect();
    assert_eq!(of_shop.len(), 1);
    assert_eq!(of_shop[0]["decision_id"], answer.json()["decision_id"]);
    assert_eq!((&of_shop[0]["channel"], &of_shop[0]["principal"]), (&json!("rest"), &json!("Shop::User::\"ann\"")));
    assert_eq!(of_shop[0]["guard"]["decision"], "allow");
    assert!(
        records.iter().all(|record| record["action"] != "Gatewood::Action::\"Evaluate\""),
        "not twice: {records:#?}"
    );
}

#[tokio::test]
async fn odd_names_are_names() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    for id in [
        "",
        " ",
        "\"",
        "\\",
        "a::b",
        "Group::\"staff\"",
        "\u{202e}evil",
        "ｓｔａｆｆ",
        "permit",
        "\0",
        &"x".repeat(100_000),
    ] {
        let body = json!({ "principal": { "type": "User", "id": id }, "action": "Action::\"buy\"", "resource": "Item::\"hat\"" });
        assert_eq!(ask(&app.root(), &body).await.expect(200).json()["decision"], "deny", "{id:?}");
    }
    let huge = json!({ "principal": { "type": "User", "id": "x".repeat(10_000_000) }, "action": "Action::\"buy\"", "resource": "Item::\"hat\"" });
    assert_eq!(ask(&app.root(), &huge).await.expect(413).code(), "payload_too_large");
    let deep = format!("{{\"principal\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    app.root().post("/v1/is-authorized").raw_json(deep).send().await.expect(400);
    ask(&app.root(), &question("ann", "see", "hat")).await.expect(200);
}
