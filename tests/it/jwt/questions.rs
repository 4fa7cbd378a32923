//! `/v1/is-authorized-with-token`: questions about somebody whom a token names.

use serde_json::{Value, json};

use super::{AUDIENCE, CLIENT, World, with};
use crate::support::{Answer, Backend, Caller, StoreFolder};

const PATH: &str = "/v1/stores/club/is-authorized-with-token";

const SCHEMA: &str = "entity Group in [Group];
entity User in [Group] { email?: String, groups?: Set<String>, tenant?: String, level?: Long };
entity Room { owner?: User };
action enter, clean, rule appliesTo { principal: User, resource: Room };";

/// `ISSUER` stands for the issuer's URL.
const POLICIES: &str = "@id(\"staff\") permit (principal in Group::\"ISSUER#staff\", action == Action::\"enter\", resource);
@id(\"company\") permit (principal in Group::\"company\", action == Action::\"clean\", resource);
@id(\"admins\") permit (principal in Group::\"admins\", action == Action::\"rule\", resource);
@id(\"mail\") permit (principal, action == Action::\"rule\", resource)
when { principal has email && principal.email == \"boss@club.example\" };
@id(\"high\") permit (principal, action == Action::\"rule\", resource) when { principal has level && principal.level > 8 };
@id(\"ann\") permit (principal == User::\"ISSUER#ann\", action == Action::\"clean\", resource);";

const ENTITIES: &str = r#"[{ "uid": "Group::\"ISSUER#staff\"", "attrs": {}, "parents": ["Group::\"company\""] }]"#;

/// A world with the club's store, and its caller `pep`.
async fn club(settings: &str) -> (World, StoreFolder, Caller) {
    let folder = StoreFolder::empty();
    let root = folder.root().display().to_string();
    let world = World::start_with(Backend::Sqlite, &[("policies", &root)]).await;
    let of_issuer = |text: &str| text.replace("ISSUER", world.ours.url());
    folder.write("club/entities.json", &of_issuer(ENTITIES));
    folder.write("club/p.cedar", &of_issuer(POLICIES));
    folder.write("club/store.toml", settings);
    folder.write("club/schema.cedarschema", SCHEMA);
    world.app.root().post("/v1/stores/club/reload").send().await.expect(200);
    let pep = world.app.instance_key("pep").await;
    (world, folder, pep)
}

fn token(world: &World, claims: Value) -> String {
    world.ours.token(with(json!({ "sub": "ann", "aud": AUDIENCE }), claims))
}

fn question(token: &str, action: &str, more: Value) -> Value {
    let question = json!({ "token": token, "action": format!("Action::\"{action}\""), "resource": "Room::\"hall\"" });
    with(question, more)
}

async fn decision(pep: &Caller, body: &Value) -> Value {
    pep.post(PATH).json(body).send().await.expect(200).json()["decision"].clone()
}

#[track_caller]
fn is_about(answer: &Answer, field: &str) {
    assert_eq!((answer.status, answer.field().as_str()), (400, field), "{answer:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_no_good_is_refused_in_the_same_words_whatever_is_wrong() {
    let (world, _folder, pep) = club("").await;
    let forged = world.theirs.token(json!({ "iss": world.ours.url(), "sub": "ann", "aud": AUDIENCE }));
    let long_ago = chrono::Utc::now().timestamp() - 600;
    let mut told = Vec::new();
    for bad in [
        String::new(),
        "nonsense".to_owned(),
        world.app.root_key.clone(),
        forged,
        token(&world, json!({ "aud": "elsewhere" })),
        token(&world, json!({ "exp": long_ago })),
        token(&world, json!({ "nonce": "n" })),
    ] {
        let answer = pep.post(PATH).json(&question(&bad, "enter", json!({}))).send().await;
        is_about(&answer, "token");
        assert!(bad.is_empty() || !answer.text.contains(&bad), "{answer:#?}");
        told.push(answer.text);
    }
    assert!(told.iter().all(|text| *text == told[0]), "{told:#?}");
    for (body, field) in [
        (json!({ "action": "Action::\"enter\"", "resource": "Room::\"hall\"" }), "token"),
        (question("t", "enter", json!({ "token": 1 })), "token"),
        (question(&token(&world, json!({})), "enter", json!({ "principal": "User::\"bob\"" })), "principal"),
    ] {
        is_about(&pep.post(PATH).json(&body).send().await, field);
    }
    let good = question(&token(&world, json!({})), "clean", json!({}));
    world.app.instance_key("viewer").await.post(PATH).json(&good).send().await.expect(403);
    world.app.anonymous().post(PATH).json(&good).send().await.expect(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_principal_its_groups_and_its_attributes_come_from_the_token() {
    let (world, _folder, pep) = club("").await;
    let ask = async |claims: Value, action: &str| {
        let body = question(&token(&world, claims), action, json!({}));
        decision(&pep, &body).await == "allow"
    };
    assert!(ask(json!({}), "clean").await, "ann may clean");
    assert!(!ask(json!({ "sub": "bob" }), "clean").await);
    assert!(!ask(json!({}), "enter").await);
    assert!(ask(json!({ "sub": "bob", "groups": ["staff"] }), "enter").await, "the group is the token's");
    assert!(ask(json!({ "sub": "bob", "groups": ["staff"] }), "clean").await, "the group's group is stored");
    assert!(!ask(json!({ "sub": "bob", "groups": ["company", "admins"] }), "clean").await, "groups are the issuer's");
    assert!(ask(json!({ "sub": "bob", "email": "boss@club.example" }), "rule").await);
    assert!(!ask(json!({ "sub": "bob", "email": "bob@club.example" }), "rule").await);
}

/// Whatever a store says of request attributes, the token's facts stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_of_the_request_change_nothing_that_the_token_says() {
    for settings in ["", "request_attributes = \"override\"\n"] {
        let (world, _folder, pep) = club(settings).await;
        let issuer = world.ours.url();
        let token = token(&world, json!({ "groups": ["staff"], "email": "ann@club.example" }));
        let (ann, staff) = (format!("User::\"{issuer}#ann\""), format!("Group::\"{issuer}#staff\""));
        let rules = async |entities: Value| {
            let body = question(&token, "rule", json!({ "entities": entities }));
            pep.post(PATH).json(&body).send().await
        };
        let admins = json!(["Group::\"admins\""]);
        for widened in [&ann, &staff, "Group::\"company\""] {
            let entities = json!([{ "uid": widened, "parents": admins }]);
            is_about(&rules(entities).await, "entities[0].parents");
        }
        let by_way =
            json!([{ "uid": "Group::\"x\"", "parents": admins }, { "uid": staff, "parents": ["Group::\"x\""] }]);
        is_about(&rules(by_way).await, "entities[1].parents");
        let mail = json!([{ "uid": ann, "attrs": { "email": "boss@club.example" } }]);
        assert_eq!(rules(mail).await.expect(200).json()["decision"], "deny", "the token has an address");
        let level = json!([{ "uid": ann, "attrs": { "level": 9 } }]);
        assert_eq!(rules(level).await.expect(200).json()["decision"], "allow", "of a level the token says nothing");
        let other = json!([{ "uid": "User::\"bob\"", "parents": admins }]);
        assert_eq!(rules(other).await.expect(200).json()["decision"], "deny");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_asks_about_its_own_users_and_about_no_other_tenants() {
    let (world, folder, _pep) = club("tenants = \"any\"\n").await;
    let (acme, other) = (world.tenant("Acme").await, world.tenant("Other").await);
    folder.write(
        "club/p.cedar",
        &format!("permit (principal == User::\"{acme}|{}#tom\", action, resource);", world.theirs.url()),
    );
    world.app.root().post("/v1/stores/club/reload").send().await.expect(200);
    let of_theirs =
        |claims: Value| world.theirs.token(with(json!({ "sub": "tom", "aud": CLIENT, "scope": "a" }), claims));
    let body = question(&of_theirs(json!({})), "enter", json!({}));
    assert_eq!(decision(&world.app.key(&acme, "pep").await, &body).await, "allow");
    // The same token counts for another tenant that trusts the issuer, and names another user there.
    assert_eq!(decision(&world.app.key(&other, "pep").await, &body).await, "deny");
    let third = world.app.tenant("Third").await;
    is_about(&world.app.key(&third, "pep").await.post(PATH).json(&body).send().await, "token");
}
