//! Several evaluations at once, and the values that evaluations bring.

use super::*;

/// What the evaluations of an answer decided.
fn decisions(answer: &Value) -> Vec<bool> {
    answer["evaluations"].as_array().unwrap().iter().map(|it| it["decision"].as_bool().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_semantic_says_where_the_evaluations_end() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    // Denied, permitted, incomplete, permitted.
    let items = ["fireworks.jpg", "vacation.jpg", "", "vacation.jpg"];
    let item = |id: &str| {
        if id.is_empty() { json!({ "resource": {} }) } else { json!({ "resource": { "type": "photo", "id": id } }) }
    };
    let ask_for = |items: Vec<Value>, semantic: &str| {
        json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "can_read" }, "context": { "now": NOW },
            "evaluations": items, "options": { "evaluations_semantic": semantic, "another_option": "value" } })
    };
    for (skip, semantic, expected) in [
        (0, "execute_all", vec![false, true, false, true]),
        (0, "deny_on_first_deny", vec![false]),
        (1, "deny_on_first_deny", vec![true, false]),
        (0, "permit_on_first_permit", vec![false, true]),
        (2, "permit_on_first_permit", vec![false, true]),
    ] {
        let body = ask_for(items.iter().skip(skip).map(|id| item(id)).collect(), semantic);
        let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
        assert_eq!(decisions(&answer), expected, "{semantic}");
    }
    let all = ask_for(items.iter().map(|id| item(id)).collect(), "execute_all");
    let answer = ask(&pep, "evaluations", &all).await.expect(200).json();
    let error = &answer["evaluations"][2]["context"]["error"];
    assert_eq!(*error, json!({ "status": 400, "message": "resource.type: is missing" }));
    for (options, field) in [
        (json!({ "evaluations_semantic": "first_of_all" }), "options.evaluations_semantic"),
        (json!({ "evaluations_semantic": 1 }), "options.evaluations_semantic"),
        (json!("execute_all"), "options"),
    ] {
        let mut body = all.clone();
        body["options"] = options;
        is_refused(&ask(&pep, "evaluations", &body).await, field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_evaluation_spoils_no_other_and_what_is_wrong_with_all_is_400() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let good = evaluation("bob", "can_read", "vacation.jpg");
    let mut mistyped = good.clone();
    mistyped["context"]["ip"] = json!("nowhere");
    let mut unknown = good.clone();
    unknown["resource"]["type"] = json!("spaceship");
    let body = json!({ "evaluations": [good, 7, mistyped, unknown, {}, good] });
    let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
    assert_eq!(decisions(&answer), [true, false, false, false, false, true]);
    let message = |at: usize| answer["evaluations"][at]["context"]["error"]["message"].as_str().unwrap_or_default();
    assert!(message(2).starts_with("context.ip: "), "{answer}");
    assert_eq!((message(3), message(4)), ("", "subject: is missing"));
    assert!(answer["evaluations"][3]["context"]["reason_admin"]["404"].is_string());
    for (evaluations, field) in
        [(json!({}), "evaluations"), (json!(null), "evaluations"), (json!(vec![json!({}); 1001]), "evaluations")]
    {
        is_refused(&ask(&pep, "evaluations", &json!({ "evaluations": evaluations })).await, field);
    }
    let body = json!({ "subject": "alice", "evaluations": [good] });
    is_refused(&ask(&pep, "evaluations", &body).await, "subject");
    let most = json!({ "evaluations": vec![json!({}); 1000] });
    assert_eq!(decisions(&ask(&pep, "evaluations", &most).await.expect(200).json()).len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_that_cannot_be_read_spoils_no_other() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let good = evaluation("bob", "can_read", "vacation.jpg").to_string();
    let body = format!("{{\"evaluations\": [{good}, {{\"action\": 1, \"action\": 2}}, {good}]}}");
    let answer = pep.post("/access/v1/evaluations").raw_json(body).send().await.expect(200).json();
    assert_eq!(decisions(&answer), [true, false, true]);
    assert_eq!(answer["evaluations"][1]["context"]["error"]["message"], "action: is there twice");
    let twice = format!("{{\"subject\": {{}}, \"subject\": {{}}, \"evaluations\": [{good}]}}");
    is_refused(&pep.post("/access/v1/evaluations").raw_json(twice).send().await, "subject");
}

/// They are read once for each evaluation that takes them.
#[tokio::test(flavor = "multi_thread")]
async fn large_defaults_are_not_multiplied() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let mut body = evaluation("bob", "can_read", "vacation.jpg");
    body["resource"]["properties"] = json!({ "people": vec!["User::\"bob\""; 20_000] });
    body["evaluations"] = json!(vec![json!({}); 1000]);
    is_refused(&ask(&pep, "evaluations", &body).await, "evaluations");
    body["evaluations"] = json!(vec![json!({}); 5]);
    assert_eq!(decisions(&ask(&pep, "evaluations", &body).await.expect(200).json()).len(), 5);
    // Where each evaluation has its own, there is nothing to multiply.
    body["evaluations"] = json!(vec![evaluation("bob", "can_read", "vacation.jpg"); 1000]);
    assert_eq!(decisions(&ask(&pep, "evaluations", &body).await.expect(200).json()), vec![true; 1000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_takes_the_place_of_a_default_with_all_its_properties() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    // Of a photo that is not stored, only its properties say who is in it.
    let resource = json!({ "type": "photo", "id": "new.jpg", "properties": { "people": ["User::\"carol\""] } });
    let body = json!({
        "subject": { "type": "user", "id": "carol" }, "action": { "name": "can_read" }, "resource": resource,
        "context": { "now": NOW },
        "evaluations": [{}, { "resource": { "type": "photo", "id": "new.jpg" } }, { "context": {} }, { "context": { "now": 5 } }],
    });
    let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
    assert!(answer["evaluations"][3]["context"]["error"].is_object());
    // The policies for albums fail of a photo without one, and the forbids among them deny.
    let mut known = body;
    known["resource"]["properties"]["album"] = json!({ "type": "Album", "id": "city" });
    let answer = ask(&pep, "evaluations", &known).await.expect(200).json();
    assert_eq!(decisions(&answer), [true, false, true, false], "{answer}");
}

const VALUES: [(&str, &str); 2] = [
    (
        "schema.cedarschema",
        r#"entity User in [User] { at?: datetime, cost?: decimal, from?: ipaddr, names?: Set<String>,
            home?: { street: String, number?: Long }, boss?: User, on?: Bool, count?: Long };
        action "try" appliesTo { principal: User, resource: User, context: { what: String, action?: { what?: String, boss?: User } } };"#,
    ),
    (
        "policies.cedar",
        r#"permit (principal, action, resource) when { context.what == "at" && principal has at && principal.at == datetime("2026-01-01T00:00:00Z") };
        permit (principal, action, resource) when { context.what == "cost" && principal has cost && principal.cost == decimal("1.5") };
        permit (principal, action, resource) when { context.what == "from" && principal has from && principal.from.isInRange(ip("10.0.0.0/8")) };
        permit (principal, action, resource) when { context.what == "names" && principal has names && principal.names.contains("x") };
        permit (principal, action, resource) when { context.what == "home" && principal has home && principal.home.street == "x" };
        permit (principal, action, resource) when { context.what == "boss" && principal has boss && principal.boss == User::"b" };
        permit (principal, action, resource) when { context.what == "on" && principal has on && principal.on };
        permit (principal, action, resource) when { context.what == "count" && principal has count && principal.count == 7 };
        permit (principal, action, resource) when { context.what == "action" && context has action.what && context.action.what == "x" };
        permit (principal, action, resource) when { context.what == "reference" && context has action.boss && context.action.boss == User::"b" };"#,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn properties_of_every_type_are_read_by_the_schema() {
    let (app, _root) = with_stores(&[("values", &VALUES)], &[]).await;
    let pep = app.instance_key("pep").await;
    let asking = |what: &str, properties: Value, action: Value| {
        json!({ "subject": { "type": "User", "id": "a", "properties": properties }, "resource": { "type": "User", "id": "r" },
            "action": { "name": "try", "properties": action },
            "context": { "what": what, "unknown": [1], "action": { "what": "x", "boss": "User::\"b\"" } } })
    };
    for (what, good, wrong) in [
        ("at", json!("2026-01-01T02:00:00.0009+02:00"), json!("yesterday")),
        ("cost", json!("1.50"), json!(1.5)),
        ("from", json!("10.1.2.3"), json!("10.1.2")),
        ("names", json!(["x", "y"]), json!("x")),
        ("home", json!({ "street": "x" }), json!({ "street": 1 })),
        ("boss", json!("User::\"b\""), json!("b")),
        ("boss", json!({ "type": "User", "id": "b" }), json!({ "type": "Nobody", "id": "b" })),
        ("on", json!(true), json!("true")),
        ("count", json!(7), json!(7.5)),
    ] {
        let body = asking(what, json!({ what: good, "nobody-knows": {} }), json!({}));
        let answer = ask(&pep, "evaluation", &body).await.expect(200).json();
        assert_eq!(answer["decision"], true, "{what}: {answer}");
        let answer = ask(&pep, "evaluation", &asking(what, json!({ what: wrong }), json!({}))).await.expect(400);
        assert!(answer.field().starts_with(&format!("subject.properties.{what}")), "{answer:#?}");
    }
    // The action's properties are `context.action`, and what stands there in the context is not.
    for (what, properties) in
        [("action", json!({ "what": "x", "more": 1 })), ("reference", json!({ "boss": "User::\"b\"" }))]
    {
        for (properties, decision) in [(properties, true), (json!({}), false)] {
            let body = asking(what, json!({}), properties);
            let answer = ask(&pep, "evaluation", &body).await.expect(200).json();
            assert_eq!(answer["decision"], decision, "{what}: {answer}");
        }
    }
    // What the schema requires and nobody sent.
    let mut body = asking("at", json!({}), json!({}));
    body["context"] = json!({});
    is_refused(&ask(&pep, "evaluation", &body).await, "context.what");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_store_is_asked_by_its_name() {
    let stores: [(&str, &[(&str, &str)]); 2] = [("certification", &certification::STORE), ("values", &VALUES)];
    let (app, _root) = with_stores(&stores, &[("decision.default_store", "certification")]).await;
    let (root, pep) = (app.root(), app.instance_key("pep").await);
    let body = json!({ "subject": { "type": "User", "id": "a", "properties": { "count": 7 } }, "action": { "name": "try" },
        "resource": { "type": "User", "id": "r" }, "context": { "what": "count" } });
    let of = |store: &str| pep.post(&format!("/stores/{store}/access/v1/evaluation")).json(&body);
    assert_eq!(of("values").send().await.expect(200).json()["decision"], true);
    assert_eq!(of("certification").send().await.expect(200).json()["decision"], false);
    assert_eq!(ask(&pep, "evaluation", &body).await.expect(200).json()["decision"], false);
    of("nobodys").send().await.expect(404);
    root.post("/stores/gatewood/access/v1/evaluation").json(&body).send().await.expect(404);
    // Neither is open to a tenant.
    let tenant = app.tenant("Acme").await;
    let closed = app.key(&tenant, "pep").await;
    for store in ["values", "nobodys"] {
        closed.post(&format!("/stores/{store}/access/v1/evaluation")).json(&body).send().await.expect(403);
    }
}
