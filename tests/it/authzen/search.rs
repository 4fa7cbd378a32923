//! Searches: that they find what evaluations permit, a page at a time.

use super::*;

/// All pages of a search, one after the other, and the results of all of them.
async fn pages(caller: &Caller, path: &str, body: &Value, limit: Option<u32>) -> (Vec<Value>, usize) {
    let (mut results, mut pages, mut token) = (Vec::new(), 0, None::<String>);
    loop {
        let mut body = body.clone();
        body["page"] = match (&token, limit) {
            (Some(token), _) => json!({ "token": token }),
            (None, Some(limit)) => json!({ "limit": limit }),
            (None, None) => json!({}),
        };
        let answer = caller.post(path).json(&body).send().await.expect(200).json();
        let page = answer["results"].as_array().unwrap();
        assert!(limit.is_none_or(|limit| page.len() <= limit as usize), "{answer}");
        results.extend(page.iter().cloned());
        pages += 1;
        match answer["page"]["next_token"].as_str().unwrap() {
            "" => return (results, pages),
            next => token = Some(next.to_owned()),
        }
    }
}

const USERS: [&str; 9] = ["alice", "bob", "carol", "dave", "eve", "frank", "mallory", "peggy", "trent"];
const PHOTOS: [&str; 6] =
    ["birthday.jpg", "entry-17.jpg", "fireworks.jpg", "private.jpg", "skyline.jpg", "vacation.jpg"];

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_exactly_what_evaluations_permit_in_pages_of_any_size() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let permitted = async |asked: Vec<Value>| {
        let body = json!({ "evaluations": asked });
        let answer = ask(&pep, "evaluations", &body).await.expect(200).json();
        let evaluations = answer["evaluations"].as_array().unwrap().clone();
        evaluations.into_iter().map(|it| it["decision"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    let filtered = |all: &[&str], of_type: &str, decisions: Vec<bool>| -> Vec<Value> {
        let found = all.iter().zip(decisions).filter(|(_, permitted)| *permitted);
        found.map(|(id, _)| json!({ "type": of_type, "id": id })).collect()
    };
    for action in ["can_read", "comment", "remove"] {
        for photo in PHOTOS {
            let decisions = permitted(USERS.iter().map(|user| evaluation(user, action, photo)).collect()).await;
            let expected = filtered(&USERS, "user", decisions);
            for limit in [None, Some(1), Some(2), Some(100)] {
                let found = pages(&pep, "/access/v1/search/subject", &evaluation("", action, photo), limit).await.0;
                assert_eq!(found, expected, "{action} {photo} {limit:?}");
            }
        }
        for user in ["alice", "bob", "zoe"] {
            let decisions = permitted(PHOTOS.iter().map(|photo| evaluation(user, action, photo)).collect()).await;
            let expected = filtered(&PHOTOS, "photo", decisions);
            let whole = ask(&pep, "search/resource", &evaluation(user, action, "")).await.expect(200).json();
            assert_eq!(whole, json!({ "results": expected }));
            let found = pages(&pep, "/access/v1/search/resource", &evaluation(user, action, ""), Some(1)).await.0;
            assert_eq!(found, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_found_by_the_names_that_requests_have_for_them() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let named = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    for (user, photo, names) in [
        ("bob", "vacation.jpg", &["download", "can_read"][..]),
        ("mallory", "vacation.jpg", &[]),
        ("frank", "skyline.jpg", &["can_read"]),
        ("nobody", "vacation.jpg", &[]),
    ] {
        let body = evaluation(user, "nonsense", photo);
        let found = pages(&pep, "/access/v1/search/action", &body, Some(1)).await.0;
        assert_eq!(found, named(names), "{user} {photo}");
        for action in found {
            let body = evaluation(user, action["name"].as_str().unwrap(), photo);
            assert_eq!(ask(&pep, "evaluation", &body).await.json()["decision"], true);
        }
    }
    let mut body = evaluation("alice", "", "vacation.jpg");
    body["context"]["ip"] = json!("nowhere");
    is_refused(&ask(&pep, "search/action", &body).await, "context.ip");
    // With the address and the device that moderators need, there is one more.
    let mut body = evaluation("frank", "", "skyline.jpg");
    body["context"] = json!({ "now": NOW, "ip": "10.20.3.4", "device": { "id": "laptop", "managed": true } });
    let found = ask(&pep, "search/action", &body).await.expect(200).json();
    assert_eq!(found["results"], json!([{ "name": "moderate" }, { "name": "can_read" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forged_foreign_or_of_another_limit_is_refused() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let body = evaluation("", "can_read", "vacation.jpg");
    let first = |limit: u32| {
        let mut body = body.clone();
        body["page"] = json!({ "limit": limit });
        let pep = pep.clone();
        async move { ask(&pep, "search/subject", &body).await.expect(200).text_at("page/next_token") }
    };
    let token = first(2).await;
    let next = |changed: &Value, page: Value| {
        let mut body = changed.clone();
        body["page"] = page;
        let pep = pep.clone();
        async move { ask(&pep, "search/subject", &body).await }
    };
    for forged in ["", "x", "AAAA", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
        is_refused(&next(&body, json!({ "token": forged })).await, "page.token");
    }
    is_refused(&next(&body, json!({ "token": 7 })).await, "page.token");
    for (part, member, value) in [
        ("subject", "type", json!("album")),
        ("action", "name", json!("edit")),
        ("resource", "id", json!("skyline.jpg")),
        ("context", "now", json!("2026-03-02T00:00:00Z")),
    ] {
        let mut foreign = body.clone();
        foreign[part][member] = value;
        is_refused(&next(&foreign, json!({ "token": token })).await, "page.token");
    }
    let mut resource = evaluation("alice", "can_read", "vacation.jpg");
    resource["page"] = json!({ "token": token });
    is_refused(&ask(&pep, "search/resource", &resource).await, "page.token");
    for limit in [json!(0), json!(-1), json!(1.5), json!("2"), json!(null)] {
        is_refused(&next(&body, json!({ "limit": limit })).await, "page.limit");
    }
    is_refused(&next(&body, json!([])).await, "page");
    is_refused(&next(&body, json!({ "token": token, "limit": 3 })).await, "page.limit");
    // What was not touched goes on, with or without its limit, whatever the order of the members is.
    let second = next(&body, json!({ "token": token })).await.expect(200).json();
    assert_eq!(second, next(&body, json!({ "token": token, "limit": 2 })).await.expect(200).json());
    let turned = format!(
        r#"{{"page":{{"token":"{token}"}},"resource":{{"id":"vacation.jpg","type":"photo"}},"context":{{"now":"{NOW}"}},"action":{{"name":"can_read"}},"subject":{{"id":"","type":"user"}}}}"#
    );
    assert_eq!(pep.post("/access/v1/search/subject").raw_json(turned).send().await.expect(200).json(), second);
    // Nobody needs a page, and who asks for one is told that it is the last.
    let whole = ask(&pep, "search/subject", &body).await.expect(200).json();
    assert!(whole.get("page").is_none());
    assert_eq!(next(&body, json!({ "limit": 5000 })).await.json()["page"], json!({ "next_token": "" }));
}

on_both! {
    async fn a_page_is_gone_on_with_at_another_replica(app) {
        let replica = app.replica().await;
        let pep = app.instance_key("pep").await;
        let mut body = evaluation("", "can_read", "vacation.jpg");
        body["page"] = json!({ "limit": 1 });
        let token = ask(&pep, "search/subject", &body).await.expect(200).text_at("page/next_token");
        body["page"] = json!({ "token": token });
        let here = ask(&pep, "search/subject", &body).await.expect(200).json();
        assert_eq!(ask(&replica.root(), "search/subject", &body).await.expect(200).json(), here);
        replica.stop().await;
    }
}

/// A store with 60 users, of whom every tenth is permitted and half are ruled out by their type of group.
fn many(limits: &str) -> Vec<(&'static str, String)> {
    let user = |n: usize| {
        let group = if n.is_multiple_of(2) { "even" } else { "odd" };
        json!({ "uid": { "type": "User", "id": format!("u{n:02}") }, "attrs": { "n": n % 10 },
            "parents": [{ "type": "Group", "id": group }] })
    };
    let mut entities: Vec<Value> = (0..60).rev().map(user).collect();
    entities
        .extend(["even", "odd"].map(|id| json!({ "uid": { "type": "Group", "id": id }, "attrs": {}, "parents": [] })));
    vec![
        (
            "schema.cedarschema",
            "entity Group; entity User in [Group] { n: Long }; entity Color enum [\"red\", \"blue\"];
             action see appliesTo { principal: User, resource: Group };
             action wear appliesTo { principal: User, resource: Color };"
                .to_owned(),
        ),
        (
            "policies.cedar",
            "permit (principal in Group::\"even\", action == Action::\"see\", resource) when { principal.n == 0 };
             permit (principal, action == Action::\"wear\", resource == Color::\"blue\");"
                .to_owned(),
        ),
        ("entities.json", Value::Array(entities).to_string()),
        ("store.toml", format!("[search]\n{limits}\n")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_evaluates_a_bounded_number_of_candidates_and_goes_on_with_the_next_page() {
    let stores: [(&str, Vec<(&str, String)>); 2] =
        [("bounded", many("max_candidates = 2")), ("paged", many("default_limit = 2\nmax_limit = 3"))];
    let texts: Vec<(&str, Vec<(&str, &str)>)> = stores
        .iter()
        .map(|(name, files)| (*name, files.iter().map(|(file, text)| (*file, text.as_str())).collect()))
        .collect();
    let stores: Vec<(&str, &[(&str, &str)])> = texts.iter().map(|(name, files)| (*name, files.as_slice())).collect();
    let (app, root) = with_stores(&stores, &[]).await;
    let pep = app.instance_key("pep").await;
    let body = json!({ "subject": { "type": "User" }, "action": { "name": "see" }, "resource": { "type": "Group", "id": "odd" } });
    let expected: Vec<Value> = (0..6).map(|n| json!({ "type": "User", "id": format!("u{n}0") })).collect();
    let path = |store: &str| format!("/stores/{store}/access/v1/search/subject");
    // 30 are evaluated, two at most in each request.
    let (found, requests) = pages(&pep, &path("bounded"), &body, None).await;
    assert_eq!(found, expected);
    assert!(requests >= 15, "{requests}");
    let cut = pep.post(&path("bounded")).json(&body).send().await.expect(200).json();
    assert!(cut["page"]["next_token"].as_str().is_some_and(|token| !token.is_empty()), "{cut}");
    for (limit, most) in [(None, 2), (Some(3), 3), (Some(1000), 3)] {
        let mut body = body.clone();
        if let Some(limit) = limit {
            body["page"] = json!({ "limit": limit });
        }
        let answer = pep.post(&path("paged")).json(&body).send().await.expect(200).json();
        assert_eq!(answer["results"].as_array().unwrap().len(), most, "{answer}");
        assert!(!answer["page"]["next_token"].as_str().unwrap().is_empty());
    }
    let (found, requests) = pages(&pep, &path("paged"), &body, Some(2)).await;
    assert_eq!((found, requests), (expected, 4));
    // Entities that the schema lists are there without being stored.
    let colors = json!({ "subject": { "type": "User", "id": "u00" }, "action": { "name": "wear" }, "resource": { "type": "Color" } });
    let answer = pep.post("/stores/paged/access/v1/search/resource").json(&colors).send().await.expect(200).json();
    assert_eq!(answer, json!({ "results": [{ "type": "Color", "id": "blue" }] }));
    // A token of a version that is no longer in force.
    let page = json!({ "limit": 2 });
    let mut asked = body.clone();
    asked["page"] = page;
    let token = pep.post(&path("paged")).json(&asked).send().await.expect(200).text_at("page/next_token");
    asked["page"] = json!({ "token": token });
    pep.post(&path("paged")).json(&asked).send().await.expect(200);
    is_refused(&pep.post(&path("bounded")).json(&asked).send().await, "page.token");
    write_store(
        root.path(),
        "paged",
        &[("more.cedar", "forbid (principal, action, resource) when { principal.n == 1 };")],
    );
    app.root().post("/v1/stores/paged/reload").send().await.expect(200);
    is_refused(&pep.post(&path("paged")).json(&asked).send().await, "page.token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_recorded_with_what_it_found_and_its_candidates_are_counted() {
    let app = TestServer::start(Backend::Sqlite).await;
    let pep = app.instance_key("pep").await;
    let body = evaluation("", "can_read", "vacation.jpg");
    let found = ask(&pep, "search/subject", &body).await.expect(200).json()["results"].as_array().unwrap().len();
    ask(&pep, "search/action", &evaluation("alice", "", "vacation.jpg")).await.expect(200);
    ask(&pep, "search/resource", &json!({ "subject": { "type": "no such type" } })).await;
    let metrics = app.root().get("/metrics").send().await.expect(200).text;
    let allowed = |line: &&str| {
        line.starts_with("gatewood_decisions_total{store=\"photoflash\",channel=\"search\",decision=\"allow\"}")
    };
    let counted: usize = metrics.lines().find(allowed).unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(counted > found, "{counted}: both searches are counted");
    let revision = app.root().get("/v1/stores/photoflash").send().await.expect(200).text_at("revision");
    let path = app.decisions();
    let _database = app.stop().await;
    let text = std::fs::read_to_string(path).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let searches: Vec<Value> = records.filter(|it| it["action"] == "Gatewood::Action::\"Search\"").collect();
    assert_eq!(searches.len(), 3, "{searches:#?}");
    assert!(searches.iter().all(|record| record["channel"] == "control" && record["store"] == "gatewood"));
    let search = |at: usize| searches[at]["search"].clone();
    assert_eq!(
        search(0),
        json!({
            "store": "photoflash", "revision": revision, "subject": "PhotoFlash::User",
            "action": "PhotoFlash::Action::\"view\"", "resource": "PhotoFlash::Photo::\"vacation.jpg\"",
            "evaluated": USERS.len(), "found": found,
        })
    );
    assert_eq!(search(1)["subject"], "PhotoFlash::User::\"alice\"");
    assert_eq!((search(1).get("action"), search(2)), (None, Value::Null));
}
