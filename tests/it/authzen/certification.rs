//! The requests of the certification scenario, at all of its levels, with a store as it asks for.

use super::*;

const SCHEMA: &str = r#"
entity User { role?: String };
entity Record { status?: String };
action "read", "write" appliesTo { principal: User, resource: Record, context: {} };
action "delete" appliesTo { principal: User, resource: Record, context: { action?: { soft?: Bool } } };
"#;

const POLICIES: &str = r#"
@id("known-users-read")
permit (principal, action == Action::"read", resource)
when { [User::"alice", User::"bob"].contains(principal) };
@id("alice-writes")
permit (principal == User::"alice", action == Action::"write", resource);
@id("archived-records-stay")
forbid (principal, action == Action::"write", resource)
when { resource has status && resource.status == "archived" }
unless { principal has role && principal.role == "admin" };
@id("admins-write-to-the-archive")
permit (principal, action == Action::"write", resource)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };
@id("alice-deletes-softly")
permit (principal == User::"alice", action == Action::"delete", resource)
when { context has action.soft && context.action.soft };
"#;

const ENTITIES: &str = r#"[
  { "uid": { "type": "User", "id": "alice" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "User", "id": "bob" }, "attrs": { "role": "admin" }, "parents": [] },
  { "uid": { "type": "Record", "id": "record-1" }, "attrs": { "status": "active" }, "parents": [] },
  { "uid": { "type": "Record", "id": "record-2" }, "attrs": { "status": "archived" }, "parents": [] }
]"#;

pub(super) const STORE: [(&str, &str); 4] = [
    ("schema.cedarschema", SCHEMA),
    ("policies.cedar", POLICIES),
    ("entities.json", ENTITIES),
    ("store.toml", "[types]\nuser = \"User\"\nrecord = \"Record\"\n"),
];

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

fn record(id: &str) -> Value {
    json!({ "type": "record", "id": id })
}

fn of_status(id: &str, status: &str) -> Value {
    json!({ "type": "record", "id": id, "properties": { "status": status } })
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_evaluations_are_decided_as_the_scenario_says() {
    let (app, _root) = with_stores(&[("certification", &STORE)], &[]).await;
    let pep = app.instance_key("pep").await;
    let admin = json!({ "type": "user", "id": "bob", "properties": { "role": "admin" } });
    let more = json!({ "type": "user", "id": "alice", "properties": { "department": "Sales", "role": "manager" } });
    let delete = |soft: bool| json!({ "name": "delete", "properties": { "soft": soft } });
    let read = json!({ "name": "read", "properties": { "method": "GET" } });
    for (subject, action, resource, decision) in [
        (user("alice"), named("read"), record("record-1"), true),
        (user("alice"), named("write"), record("record-1"), true),
        (user("bob"), named("read"), record("record-1"), true),
        (user("bob"), named("write"), record("record-1"), false),
        (user("alice"), named("write"), of_status("record-2", "archived"), false),
        (user("alice"), named("write"), of_status("elsewhere", "archived"), false),
        (admin.clone(), named("write"), of_status("record-2", "archived"), true),
        (user("alice"), delete(true), record("record-1"), true),
        (user("alice"), delete(false), record("record-1"), false),
        (more, read, of_status("record-1", "active"), true),
    ] {
        let mut body = json!({ "subject": subject, "action": action, "resource": resource });
        for _ in 0..2 {
            let answer = ask(&pep, "evaluation", &body).await.expect(200).json();
            assert_eq!(answer["decision"], decision, "{body}: {answer}");
            // Neither a context nor what nobody knows changes anything.
            body["context"] = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
            body["futureField"] = json!({ "nested": true });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_mistyped_field_of_an_evaluation_is_400_with_its_name() {
    let (app, _root) = with_stores(&[("certification", &STORE)], &[]).await;
    let pep = app.instance_key("pep").await;
    let good = json!({ "subject": user("alice"), "action": named("read"), "resource": record("record-1") });
    for part in ["subject", "action", "resource"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(part);
        is_refused(&ask(&pep, "evaluation", &body).await, part);
        is_refused(&ask(&pep, "evaluations", &body).await, part);
    }
    for (part, member) in
        [("subject", "type"), ("subject", "id"), ("action", "name"), ("resource", "type"), ("resource", "id")]
    {
        let mut body = good.clone();
        body[part].as_object_mut().unwrap().remove(member);
        is_refused(&ask(&pep, "evaluation", &body).await, &format!("{part}.{member}"));
        for wrong in [json!(123), json!(null), json!({})] {
            body[part][member] = wrong;
            is_refused(&ask(&pep, "evaluation", &body).await, &format!("{part}.{member}"));
        }
    }
    let mut body = good.clone();
    body["resource"]["properties"] = json!({ "status": 7 });
    is_refused(&ask(&pep, "evaluation", &body).await, "resource.properties.status");
    body["resource"]["properties"] = json!("archived");
    is_refused(&ask(&pep, "evaluation", &body).await, "resource.properties");
    let mut body = good;
    body["action"] = json!({ "name": "delete", "properties": { "soft": "yes" } });
    for path in ["evaluation", "search/subject", "search/resource"] {
        is_refused(&ask(&pep, path, &body).await, "action.properties.soft");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_decided_as_the_scenario_says() {
    let (app, _root) = with_stores(&[("certification", &STORE)], &[]).await;
    let pep = app.instance_key("pep").await;
    let admin = json!({ "type": "user", "id": "bob", "properties": { "role": "admin" } });
    for (body, decisions) in [
        (
            json!({ "subject": user("alice"), "action": named("read"),
                "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2") }] }),
            [true, true],
        ),
        (
            json!({ "subject": user("bob"), "resource": record("record-1"),
                "evaluations": [{ "action": named("read") }, { "action": named("write") }] }),
            [true, false],
        ),
        (
            json!({ "subject": user("alice"), "action": named("write"), "evaluations": [
                { "resource": of_status("record-1", "active") }, { "resource": of_status("record-2", "archived") }] }),
            [true, false],
        ),
        (
            json!({ "action": named("write"), "resource": of_status("record-2", "archived"),
                "evaluations": [{ "subject": user("alice") }, { "subject": admin }] }),
            [false, true],
        ),
        (
            json!({ "evaluations": [
                { "subject": user("alice"), "action": named("read"), "resource": record("record-1") },
                { "subject": user("bob"), "action": named("write"), "resource": record("record-1") }] }),
            [true, false],
        ),
        (
            json!({ "subject": user("alice"), "action": named("read"), "context": { "time": "2025-06-27T18:03-07:00" },
                "evaluations": [{ "resource": record("record-1") },
                    { "resource": record("record-2"), "context": { "source": "batch-override" } }] }),
            [true, true],
        ),
        (
            json!({ "subject": user("alice"), "action": named("write"), "resource": { "type": "record" },
                "evaluations": [{ "resource": { "id": "record-1", "properties": { "status": "active" } } },
                    { "resource": of_status("record-2", "archived") }] }),
            [true, false],
        ),
        (
            json!({ "subject": user("alice"), "action": named("read"),
                "evaluations": [{ "resource": record("record-1") }, {}] }),
            [true, false],
        ),
    ] {
        let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
        let said: Vec<bool> =
            answer["evaluations"].as_array().unwrap().iter().map(|it| it["decision"].as_bool().unwrap()).collect();
        assert_eq!(said, decisions, "{body}: {answer}");
        assert!(answer.get("decision").is_none());
    }
    for evaluations in [None, Some(json!([]))] {
        let mut body = json!({ "subject": user("alice"), "action": named("read"), "resource": record("record-1") });
        if let Some(evaluations) = evaluations {
            body["evaluations"] = evaluations;
        }
        let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
        assert_eq!((&answer["decision"], answer.get("evaluations")), (&json!(true), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_what_the_scenario_says() {
    let (app, _root) = with_stores(&[("certification", &STORE)], &[]).await;
    let pep = app.instance_key("pep").await;
    let admin = json!({ "type": "user", "id": "bob", "properties": { "role": "admin" } });
    let (users, records) = (json!({ "type": "user" }), json!({ "type": "record" }));
    let search = |subject: &Value, action: Option<&str>, resource: &Value| {
        let mut body =
            json!({ "subject": subject, "resource": resource, "context": { "time": "2025-06-27T18:03-07:00" } });
        if let Some(action) = action {
            body["action"] = named(action);
        }
        body
    };
    let archived = of_status("record-2", "archived");
    for (path, body, results) in [
        ("subject", search(&users, Some("read"), &record("record-1")), json!([user("alice"), user("bob")])),
        ("subject", search(&user("ignored"), Some("write"), &archived), json!([user("bob")])),
        ("resource", search(&user("alice"), Some("read"), &records), json!([record("record-1"), record("record-2")])),
        ("resource", search(&admin, Some("write"), &record("ignored")), json!([record("record-2")])),
        ("action", search(&user("alice"), None, &record("record-1")), json!([named("read"), named("write")])),
        ("action", search(&admin, None, &archived), json!([named("read"), named("write")])),
        ("action", search(&user("nonexistent-user"), None, &record("record-1")), json!([])),
        ("subject", search(&json!({ "type": "spaceship" }), Some("read"), &record("record-1")), json!([])),
        ("resource", search(&user("alice"), Some("fly"), &records), json!([])),
        ("resource", search(&user("alice"), Some("read"), &users), json!([])),
    ] {
        let answer = ask(&pep, &format!("search/{path}"), &body).await.expect(200).json();
        assert_eq!(answer, json!({ "results": results }), "{body}");
    }
    for (path, part, body) in [
        ("subject", "action", search(&users, None, &record("record-1"))),
        ("resource", "subject.id", search(&users, Some("read"), &records)),
        ("subject", "resource.id", search(&users, Some("read"), &records)),
        ("action", "resource.id", search(&user("alice"), None, &records)),
        ("subject", "subject.type", search(&json!({}), Some("read"), &record("record-1"))),
        ("resource", "subject", json!({ "action": named("read"), "resource": records })),
        ("action", "resource", json!({ "subject": user("alice") })),
        (
            "subject",
            "resource.properties.status",
            search(&users, Some("read"), &json!({ "type": "record", "id": "r", "properties": { "status": [] } })),
        ),
    ] {
        is_refused(&ask(&pep, &format!("search/{path}"), &body).await, part);
    }
}
