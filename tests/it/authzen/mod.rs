//! AuthZEN Authorization API 1.0: evaluations, searches and metadata, with the example store and with that
//! of the certification scenario.

mod certification;
mod evaluations;
mod search;

use serde_json::{Value, json};

use crate::support::{Answer, Backend, Caller, TestServer, Tweaks, on_both};

/// A day on which what the example's own tests say holds.
const NOW: &str = "2026-03-01T09:00:00Z";

/// Asks for JSON at a path below `/access/v1`.
async fn ask(caller: &Caller, path: &str, body: &Value) -> Answer {
    caller.post(&format!("/access/v1/{path}")).json(body).send().await
}

/// An evaluation about the example store.
fn evaluation(user: &str, action: &str, photo: &str) -> Value {
    json!({
        "subject": { "type": "user", "id": user },
        "action": { "name": action },
        "resource": { "type": "photo", "id": photo },
        "context": { "now": NOW },
    })
}

/// A server with a folder of stores of its own.
async fn with_stores(
    stores: &[(&str, &[(&str, &str)])],
    flags: &[(&'static str, &str)],
) -> (TestServer, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    for (store, files) in stores {
        write_store(root.path(), store, files);
    }
    let mut flags: Vec<_> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    flags.push(("policies", root.path().display().to_string()));
    (TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await, root)
}

fn write_store(root: &std::path::Path, store: &str, files: &[(&str, &str)]) {
    std::fs::create_dir_all(root.join(store)).unwrap();
    for (name, text) in files {
        std::fs::write(root.join(store).join(name), text).unwrap();
    }
}

#[track_caller]
fn is_refused(answer: &Answer, field: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_input"), "{answer:#?}");
    assert_eq!(answer.field(), field, "{answer:#?}");
    assert!(answer.json()["message"].is_string() && answer.json()["notices"].is_array(), "{answer:#?}");
}

on_both! {
    async fn strangers_are_told_nothing_and_only_who_enforces_policies_may_ask(app) {
        let tenant = app.tenant("Acme").await;
        for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"] {
            let body = evaluation("alice", "edit", "vacation.jpg");
            for (caller, status) in [
                (app.anonymous(), 401),
                (app.with_key("gwk_nonsense"), 401),
                (app.key(&tenant, "viewer").await, 403),
                (app.key(&tenant, "pep").await, 200),
                (app.instance_key("pep").await, 200),
            ] {
                assert_eq!(ask(&caller, path, &body).await.status, status, "{path}");
            }
            let stranger = app.anonymous();
            stranger.post(&format!("/access/v1/{path}")).raw("nonsense").send().await.expect(401);
        }
    }

    async fn what_cannot_be_read_is_400_whatever_is_wrong_with_it(app) {
        let caller = app.instance_key("pep").await;
        for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"] {
            let post = || caller.post(&format!("/access/v1/{path}"));
            is_refused(&post().raw("{}").send().await, "Content-Type");
            is_refused(&post().header("content-type", "text/plain").raw("{}").send().await, "Content-Type");
            is_refused(&post().raw_json("").send().await, "body");
            is_refused(&post().raw("").send().await, "Content-Type");
            is_refused(&post().raw_json("{\"subject\":").send().await, "body");
            is_refused(&post().raw_json("[]").send().await, "body");
            is_refused(&post().raw_json("{\"subject\": 1, \"subject\": 2}").send().await, "subject");
            is_refused(&post().header("content-encoding", "gzip").raw_json("{}").send().await, "Content-Encoding");
            let mut body = evaluation("alice", "view", "vacation.jpg");
            for (part, wrong) in [("context", json!([])), ("resource", json!("photo")), ("subject", json!(7)), ("subject", json!(null))] {
                body[part] = wrong;
                is_refused(&ask(&caller, path, &body).await, part);
                body = evaluation("alice", "view", "vacation.jpg");
            }
        }
    }

    async fn the_id_of_a_request_is_repeated(app) {
        let caller = app.instance_key("pep").await;
        let named = caller.with("x-request-id", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
        for (path, body) in [("evaluation", evaluation("bob", "can_read", "vacation.jpg")), ("evaluation", json!({}))] {
            let answer = ask(&named, path, &body).await;
            assert_eq!(answer.header("x-request-id").as_deref(), Some("bfe9eb29-ab87-4ca3-be83-a1d5d8305716"));
            assert!(ask(&caller, path, &body).await.header("x-request-id").is_some_and(|id| !id.is_empty()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_says_why_to_users_and_to_those_who_may_see_policies() {
    let app = TestServer::start(Backend::Sqlite).await;
    let (pep, root) = (app.instance_key("pep").await, app.root());
    let embargoed = evaluation("alice", "can_read", "fireworks.jpg");
    let answer = ask(&pep, "evaluation", &embargoed).await.expect(200);
    let body = answer.json();
    assert_eq!(body["decision"], false);
    assert_eq!(body["context"]["reason_user"], json!({ "403": "This photo is not published yet." }));
    assert_eq!(body["context"]["reason_admin"], Value::Null);
    assert_eq!(body["context"]["revision"], *answer.header("gatewood-revision").unwrap());
    assert!(uuid::Uuid::try_parse(body["context"]["id"].as_str().unwrap()).is_ok());
    let body = ask(&root, "evaluation", &embargoed).await.json();
    assert_eq!(body["context"]["reason_admin"], json!({ "403": "embargoed-photos-are-their-owners" }));
    let blocked = ask(&root, "evaluation", &evaluation("mallory", "can_read", "vacation.jpg")).await.json();
    assert_eq!(blocked["context"]["reason_user"], json!({ "404": "There is no such photo." }));
    let allowed = ask(&root, "evaluation", &evaluation("bob", "can_read", "vacation.jpg")).await.json();
    assert_eq!(allowed["decision"], true);
    assert_eq!(allowed["context"]["reason_user"], json!({ "200": "This album was shared with you." }));
    assert_eq!(allowed["context"]["reason_admin"], json!({ "200": "alices-vacation-for-her-friends" }));
    // That a policy failed is told to everybody, which one is not.
    let failing = evaluation("alice", "can_read", "nosuch.jpg");
    let of_pep = ask(&pep, "evaluation", &failing).await.json()["context"]["reason_admin"].clone();
    assert_eq!(of_pep, json!({ "500": "a policy could not be evaluated" }));
    let of_root = ask(&root, "evaluation", &failing).await.json()["context"]["reason_admin"]["500"].clone();
    assert!(of_root.as_str().unwrap().contains(": "), "{of_root}");
    // Nobody permitted it, and no policy has anything to say about that.
    let body = ask(&root, "evaluation", &evaluation("bob", "remove", "vacation.jpg")).await.json();
    assert_eq!((&body["decision"], &body["context"]["reason_user"]), (&json!(false), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_does_not_know_is_permitted_to_nobody() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    for (part, member) in [("subject", "type"), ("resource", "type"), ("action", "name")] {
        let mut body = evaluation("bob", "can_read", "vacation.jpg");
        body[part][member] = json!("spaceship");
        let answer = ask(&pep, "evaluation", &body).await.expect(200).json();
        assert_eq!(answer["decision"], false);
        let reason = answer["context"]["reason_admin"]["404"].as_str().unwrap();
        assert!(reason.starts_with(&format!("{part}.{member}: `spaceship` is no ")), "{reason}");
    }
    // Moderation is not about groups, and nobody can do a mere group of actions.
    let mut body = evaluation("bob", "read", "vacation.jpg");
    assert_eq!(ask(&pep, "evaluation", &body).await.expect(200).json()["decision"], false);
    body["resource"]["type"] = json!("Group");
    assert_eq!(ask(&pep, "evaluation", &body).await.expect(200).json()["decision"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_is_a_record_of_the_decision_log_and_one_that_is_refused_is_none() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    ask(&pep, "evaluation", &evaluation("bob", "can_read", "vacation.jpg")).await.expect(200);
    ask(&pep, "evaluation", &json!({})).await.expect(400);
    ask(&pep, "evaluation", &evaluation("bob", "fly", "vacation.jpg")).await.expect(200);
    ask(&pep, "search/subject", &evaluation("", "can_read", "vacation.jpg")).await.expect(200);
    let path = app.decisions();
    let database = app.stop().await;
    let text = std::fs::read_to_string(&path).unwrap();
    drop(database);
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let asked: Vec<&Value> = records.iter().filter(|record| record["channel"] == "authzen").collect();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert_eq!(asked[0]["principal"], "PhotoFlash::User::\"bob\"");
    assert_eq!(asked[0]["guard"]["determining"], json!(["pep-asks"]));
    let of_guard = |action: &str| {
        let name = format!("Gatewood::Action::\"{action}\"");
        records.iter().filter(|record| record["action"] == *name).count()
    };
    // The guard's decision is within the record of what was evaluated, and stands alone where nothing was.
    assert_eq!((of_guard("Evaluate"), of_guard("Search")), (2, 1), "{records:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_has_the_configured_url_and_never_that_of_the_request() {
    let app = TestServer::start(Backend::Sqlite).await;
    let path = "/.well-known/authzen-configuration";
    let answer = app.anonymous().get(path).header("host", "evil.example").send().await.expect(200);
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["policy_decision_point"], *app.base);
    assert_eq!(body["access_evaluation_endpoint"], format!("{}/access/v1/evaluation", app.base));
    app.stop().await;
    let flags = vec![("server.public_url", "https://pdp.example.com/".to_owned())];
    let app = TestServer::start_with(Backend::Sqlite, Tweaks { flags, ..Tweaks::default() }).await;
    for (path, base) in [
        (path.to_owned(), "https://pdp.example.com"),
        (format!("{path}/stores/photoflash"), "https://pdp.example.com/stores/photoflash"),
        (format!("{path}/stores/nobodys"), "https://pdp.example.com/stores/nobodys"),
    ] {
        let body = app.anonymous().get(&path).send().await.expect(200).json();
        assert_eq!(
            body,
            json!({
                "policy_decision_point": base,
                "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
                "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
                "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
                "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
                "search_action_endpoint": format!("{base}/access/v1/search/action"),
            })
        );
    }
    let answer = app.root().get(&format!("{path}/stores/-")).send().await;
    is_refused(&answer, "store");
}
