//! `Gatewood-Revision` and `X-Gatewood-Min-Revision`: what an answer was decided by, and waiting for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Caller, SHOP_POLICIES, StoreFolder, TestServer};

/// What the shop will have more.
const LATER: &str = "@id(\"later\") permit (principal, action, resource is Shop::Item);";
/// A revision that nothing has.
const NEVER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn see() -> Value {
    json!({ "principal": "User::\"ann\"", "action": "Action::\"see\"", "resource": "Item::\"hat\"" })
}

fn wanting(caller: &Caller, revision: &str) -> Caller {
    caller.with("x-gatewood-min-revision", revision)
}

async fn ask(caller: &Caller) -> Answer {
    caller.post("/v1/stores/shop/is-authorized").json(&see()).send().await
}

/// Asks for a revision that `change` puts in force while the question waits for it.
async fn ask_while(app: &TestServer, caller: &Caller, candidate: Value, change: impl AsyncFnOnce()) -> Answer {
    let checked = app.root().post("/v1/stores/shop/check").json(&candidate).send().await.expect(200);
    let caller = wanting(caller, &checked.text_at("revision"));
    let waiting = tokio::spawn(async move { ask(&caller).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    change().await;
    app.root().post("/v1/stores/shop/reload").send().await.expect(200);
    waiting.await.unwrap()
}

#[tokio::test]
async fn who_may_not_ask_waits_for_no_revision_and_learns_of_none() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let acme = app.tenant("Acme").await;
    let theirs = wanting(&app.key(&acme, "pep").await, NEVER);
    let missing = theirs.post("/v1/stores/nowhere/is-authorized").json(&see()).send().await.expect(403);
    let closed = ask(&theirs).await.expect(403);
    assert_eq!((&closed.text, closed.header("gatewood-revision")), (&missing.text, None));
    let viewer = wanting(&app.instance_key("viewer").await, NEVER);
    for denied in [
        viewer.get("/v1/stores/gatewood"),
        viewer.post("/v1/stores/shop/reload"),
        viewer.post("/v1/stores/shop/check").json(&json!({})),
        viewer.post("/stores/shop/access/v1/search/subject").json(&json!({})),
    ] {
        let denied = denied.send().await.expect(403);
        assert_eq!(denied.header("gatewood-revision"), None, "{denied:#?}");
    }
    let decisions = app.decisions();
    let _database = app.stop().await;
    let records = std::fs::read_to_string(decisions).unwrap();
    assert_eq!(records.matches(r#""decision":"deny""#).count(), 6, "each denial is recorded:\n{records}");
}

#[tokio::test]
async fn who_may_ask_is_told_the_revision_with_every_answer() {
    let (_folder, app) = StoreFolder::served_shop("").await;
    let pep = app.instance_key("pep").await;
    let now = ask(&pep).await.expect(200).header("gatewood-revision").unwrap();
    let path = "/v1/stores/shop/is-authorized";
    let waited = ask(&wanting(&pep, NEVER)).await.expect(409);
    assert!(waited.text.contains(&now), "{waited:#?}");
    for refused in [
        waited,
        pep.post(path).raw_json("{").send().await.expect(400),
        pep.post(path).raw_json("{\"principal\": 1, \"principal\": 2}").send().await.expect(400),
        pep.post(path).raw("{}").send().await.expect(415),
        pep.post(path).raw_json(" ".repeat(2 << 20)).send().await.expect(413),
        ask(&wanting(&pep, "latest")).await.expect(400),
        pep.post("/v1/is-authorized/batch").json(&json!({ "requests": [] })).send().await.expect(400),
        pep.post("/access/v1/evaluations").json(&json!({ "options": 1 })).send().await.expect(400),
    ] {
        assert_eq!(refused.header("gatewood-revision").as_ref(), Some(&now), "{refused:#?}");
    }
    let viewer = app.instance_key("viewer").await;
    for refused in [viewer.post(path).raw_json("{").send().await, app.anonymous().post(path).raw_json("{").send().await]
    {
        assert!(refused.status >= 400 && refused.header("gatewood-revision").is_none(), "{refused:#?}");
    }
}

#[tokio::test]
async fn a_revision_that_was_in_force_satisfies_and_another_is_a_conflict() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let root = app.root();
    let first = ask(&root).await.expect(200).header("gatewood-revision").unwrap();
    folder.write("shop/later.cedar", LATER);
    root.post("/v1/stores/shop/reload").send().await.expect(200);
    let now = ask(&wanting(&root, &first)).await.expect(200);
    assert_ne!(now.header("gatewood-revision").unwrap(), first, "what is in force answers");
    assert_eq!(ask(&wanting(&root, "latest")).await.expect(400).field(), "X-Gatewood-Min-Revision");
    assert_eq!(ask(&wanting(&root, NEVER)).await.expect(409).code(), "conflict");
}

#[tokio::test]
async fn a_revision_that_comes_while_a_request_waits_answers_it() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let candidate = json!({ "policies": { "shop.cedar": SHOP_POLICIES, "later.cedar": LATER } });
    let change = async || folder.write("shop/later.cedar", LATER);
    let answer = ask_while(&app, &app.instance_key("pep").await, candidate, change).await;
    // On a machine that is busy enough, the wait may be over before.
    assert!(matches!(answer.status, 200 | 409), "{answer:#?}");
}

#[tokio::test]
async fn a_key_that_is_revoked_while_its_request_waits_is_not_answered() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let key = app.make_key(None, &json!({ "name": "gateway", "roles": ["pep"] })).await;
    let (pep, id) = (app.with_key(key["key"].as_str().unwrap()), key["id"].as_str().unwrap());
    let candidate = json!({ "policies": { "shop.cedar": SHOP_POLICIES, "later.cedar": LATER } });
    let answer = ask_while(&app, &pep, candidate, async || {
        app.root().delete(&format!("/v1/api-keys/{id}")).send().await.expect(204);
        folder.write("shop/later.cedar", LATER);
    })
    .await;
    assert!(matches!(answer.status, 401 | 409), "{answer:#?}");
}

#[tokio::test]
async fn a_store_that_is_closed_while_a_request_waits_does_not_answer_it() {
    let (folder, app) = StoreFolder::served_shop("").await;
    let acme = app.tenant("Acme").await;
    folder.write("shop/store.toml", &format!("tenants = [\"{acme}\"]\n"));
    app.root().post("/v1/stores/shop/reload").send().await.expect(200);
    let pep = app.key(&acme, "pep").await;
    ask(&pep).await.expect(200);
    let candidate = json!({ "settings": "tenants = []\n" });
    let answer = ask_while(&app, &pep, candidate, async || folder.write("shop/store.toml", "tenants = []\n")).await;
    assert!(matches!(answer.status, 403 | 409), "{answer:#?}");
    assert!(answer.status == 409 || answer.header("gatewood-revision").is_none(), "{answer:#?}");
}
