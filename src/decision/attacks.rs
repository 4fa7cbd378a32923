//! Requests that want to be more than they are. What is stored, and what a policy forbids, must hold after each.

use std::sync::Arc;

use uuid::Uuid;

use super::{Decision, decide};
use crate::domain::Timestamp;
use crate::mapping::{AuthzenQuestion, authzen, native};
use crate::policy::{Snapshot, SourceFile, StoreSource, load};
use crate::values::Json;

const SCHEMA: &str = "
entity Group in [Group];
entity Color enum [\"red\"];
entity User in [Group] { level: Long, boss?: User, home?: { at?: Group, size: Long } };
entity Doc in [Group] { owner: User, secret?: Bool } tags User;
action all;
action other in [all];
action view in [all] appliesTo { principal: User, resource: Doc, context: { now?: datetime, doing?: Action } };
action tell appliesTo { principal: User, resource: Doc, context: { action?: { why?: String } } };";

const POLICIES: &str = "
@id(\"admins\") permit (principal in Group::\"admins\", action, resource);
@id(\"level\") permit (principal, action == Action::\"view\", resource) when { principal.level > 5 };
@id(\"locked\") forbid (principal, action, resource) when { resource.owner.level > 5 };
@id(\"doing\") forbid (principal, action == Action::\"view\", resource)
  when { context has doing && context.doing in Action::\"all\" };
@id(\"late\") forbid (principal, action == Action::\"view\", resource)
  when { context has now && context.now > datetime(\"2030-01-01\") };
@id(\"why\") permit (principal, action == Action::\"tell\", resource)
  when { context has action.why && context.action.why == \"because\" };";

const ENTITIES: &str = r#"[
{"uid":{"type":"User","id":"alice"},"attrs":{"level":1},"parents":[{"type":"Group","id":"staff"}]},
{"uid":{"type":"User","id":"root"},"attrs":{"level":9},"parents":[{"type":"Group","id":"admins"}]},
{"uid":{"type":"Doc","id":"open"},"attrs":{"owner":{"type":"User","id":"alice"}}},
{"uid":{"type":"Doc","id":"closed"},"attrs":{"owner":{"type":"User","id":"root"}}},
{"uid":{"type":"Doc","id":"orphan"},"attrs":{"owner":{"type":"User","id":"nobody"}}}]"#;

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile::new(name, text)
}

fn store(settings: &str) -> Arc<Snapshot> {
    let source = StoreSource {
        store: "s".to_owned(),
        schemas: vec![file("s.cedarschema", SCHEMA)],
        policies: vec![file("p.cedar", POLICIES)],
        entities: Some(file("entities.json", ENTITIES)),
        settings: Some(file("store.toml", settings)),
        ..StoreSource::default()
    };
    Arc::new(load(&source).unwrap_or_else(|findings| panic!("{findings}")))
}

fn now() -> Timestamp {
    "2026-01-31T09:30:00Z".parse().unwrap()
}

fn ask(snapshot: &Arc<Snapshot>, request: &str) -> Result<Decision, String> {
    let json = Json::parse(request.as_bytes()).map_err(|invalid| invalid.to_string())?;
    let mapped = native(snapshot, &json, now()).map_err(|invalid| invalid.to_string())?;
    Ok(decide(snapshot, &mapped, Uuid::nil()))
}

/// A request of alice's to view the open document, with `more` members.
fn of_alice(more: &str) -> String {
    format!(r#"{{"principal":"User::\"alice\"","action":"Action::\"view\"","resource":"Doc::\"open\""{more}}}"#)
}

fn with_entities(entities: &str) -> String {
    of_alice(&format!(r#","entities":[{entities}]"#))
}

fn determining(decision: &Decision) -> Vec<String> {
    decision.determining_ids()
}

#[test]
fn a_stored_user_cannot_be_put_into_a_group() {
    let store = store("");
    for entities in [
        r#"{"uid":{"type":"User","id":"alice"},"parents":[{"type":"Group","id":"admins"}]}"#,
        // What a stored entity lies in is settled too, although nothing is stored of it.
        r#"{"uid":{"type":"Group","id":"staff"},"parents":[{"type":"Group","id":"admins"}]}"#,
        r#"{"uid":{"type":"User","id":"alice"},"parents":[{"type":"Group","id":"new"}]},
           {"uid":{"type":"Group","id":"new"},"parents":[{"type":"Group","id":"admins"}]}"#,
        r#"{"uid":"User::\"\\u{61}lice\"","parents":["Group::\"admins\""]}"#,
        r#"{"uid":{"__entity":{"type":"User","id":"alice"}},"parents":["Group::\"admins\""]}"#,
    ] {
        let refused = ask(&store, &with_entities(entities)).unwrap_err();
        assert!(refused.contains("what is stored lies in what is stored only"), "{refused}");
    }
    assert!(!ask(&store, &of_alice("")).unwrap().allowed);
    let same = r#"{"uid":{"type":"User","id":"alice"},"parents":[{"type":"Group","id":"staff"}]}"#;
    assert!(!ask(&store, &with_entities(same)).unwrap().allowed);
    let overriding = self::store("request_attributes = \"override\"");
    let group = r#"{"uid":{"type":"Group","id":"staff"},"parents":[{"type":"Group","id":"admins"}]}"#;
    assert_eq!(determining(&ask(&overriding, &with_entities(group)).unwrap()), ["admins"]);
}

#[test]
fn a_stored_attribute_cannot_be_replaced() {
    let level = r#"{"uid":{"type":"User","id":"alice"},"attrs":{"level":9}}"#;
    assert!(!ask(&store(""), &with_entities(level)).unwrap().allowed);
    let overriding = ask(&store("request_attributes = \"override\""), &with_entities(level)).unwrap();
    // It is not only she who has that level now, but the document's owner.
    assert_eq!(determining(&overriding), ["locked"]);
    let owner = r#"{"uid":"Doc::\"closed\"","attrs":{"owner":"User::\"alice\""}}"#;
    let closed = with_entities(owner).replace("Doc::\\\"open\\\"\",", "Doc::\\\"closed\\\"\",");
    assert_eq!(determining(&ask(&store(""), &closed).unwrap()), ["locked"]);
}

#[test]
fn a_forbid_that_errs_through_a_third_entity_denies() {
    let orphan = r#"{"principal":"User::\"root\"","action":"Action::\"view\"","resource":"Doc::\"orphan\""}"#;
    let decision = ask(&store(""), orphan).unwrap();
    assert!(!decision.allowed);
    assert_eq!(determining(&decision), ["locked"]);
    assert_eq!(decision.failures.iter().map(|failure| failure.policy.as_str()).collect::<Vec<_>>(), ["locked"]);
    let skipping = ask(&store("on_forbid_error = \"cedar\""), orphan).unwrap();
    assert!(skipping.allowed);
    assert_eq!(skipping.failures.len(), 1);
}

#[test]
fn an_action_that_the_context_names_is_looked_into() {
    let request = of_alice(r#","context":{"doing":"Action::\"other\""}"#);
    assert_eq!(determining(&ask(&store(""), &request).unwrap()), ["doing"]);
}

#[test]
fn entities_of_a_request_cannot_lie_in_themselves_or_come_twice() {
    let group = |id: &str, parent: &str| {
        format!(r#"{{"uid":{{"type":"Group","id":"{id}"}},"parents":[{{"type":"Group","id":"{parent}"}}]}}"#)
    };
    for settings in ["", "request_attributes = \"override\""] {
        let store = store(settings);
        let ring: Vec<String> = (0..1000).map(|at| group(&at.to_string(), &((at + 1) % 1000).to_string())).collect();
        for entities in [group("x", "x"), [group("x", "y"), group("y", "x")].join(","), ring.join(",")] {
            let refused = ask(&store, &with_entities(&entities)).unwrap_err();
            assert!(refused.starts_with("entities: make `Group::"), "{refused}");
        }
        let refused = ask(&store, &with_entities(&group("staff", "staff"))).unwrap_err();
        assert!(refused.contains("parents[0]") || refused.contains("its own ancestor"), "{refused}");
        for spelling in [r#"{"uid":"Group::\"x\""}"#, r#"{"uid":{"type":"Group","id":"\u0078"}}"#] {
            let refused = ask(&store, &with_entities(&[&group("x", "y"), spelling].join(","))).unwrap_err();
            assert!(refused.starts_with("entities[1].uid: is there twice"), "{refused}");
        }
    }
}

#[test]
fn a_long_chain_of_request_entities_is_walked_on_a_small_stack() {
    let chain = |end: &str| {
        let mut entities =
            vec![r#"{"uid":"User::\"carol\"","attrs":{"level":1},"parents":["Group::\"0\""]}"#.to_owned()];
        entities.extend((0..10_000).map(|at| {
            let parent = if at == 9_999 { end.to_owned() } else { (at + 1).to_string() };
            format!(r#"{{"uid":"Group::\"{at}\"","parents":["Group::\"{parent}\""]}}"#)
        }));
        format!(
            r#"{{"principal":"User::\"carol\"","action":"Action::\"view\"","resource":"Doc::\"open\"","entities":[{}]}}"#,
            entities.join(",")
        )
    };
    let store = store("");
    // The engine itself asks for 100 KiB.
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        assert!(!ask(&store, &chain("nothing")).unwrap().allowed);
        assert_eq!(determining(&ask(&store, &chain("admins")).unwrap()), ["admins"]);
        let refused = ask(&store, &chain("0")).unwrap_err();
        assert!(refused.contains("its own ancestor"), "{refused}");
    });
    small.unwrap().join().unwrap();
}

#[test]
fn names_that_only_look_alike_are_others() {
    let store = store("");
    let as_principal = |principal: &str| {
        ask(&store, &format!(r#"{{"principal":{principal},"action":"Action::\"view\"","resource":"Doc::\"open\""}}"#))
    };
    assert_eq!(determining(&as_principal(r#""User::\"root\"""#).unwrap()), ["admins", "level"]);
    for stranger in [
        // Cyrillic `о`, a joiner, a full-width letter, another case, spaces, nothing, quotes and colons.
        r#""User::\"r\u043eot\"""#,
        r#""User::\"ro\u200dot\"""#,
        r#""User::\"\uff52oot\"""#,
        r#""User::\"Root\"""#,
        r#""User::\" root\"""#,
        r#""User::\"\"""#,
        r#"{"type":"User","id":""}"#,
        r#"{"type":"User","id":"root\u0000"}"#,
        r#"{"type":"User","id":"x\"::User::\"root"}"#,
        r#""User::\"x\\\"::User::\\\"root\"""#,
        r#"{"type":"User","id":"__entity"}"#,
        r#"{"type":"User","id":"if"}"#,
    ] {
        assert!(!as_principal(stranger).unwrap().allowed, "{stranger}");
    }
    for nobody in [
        r#""User::\"x\"::\"root\"""#,
        r#""User::\"root""#,
        r#""user::\"root\"""#,
        r#"" User::\"root\"""#,
        r#""::User::\"root\"""#,
        r#""Us\u0435r::\"root\"""#,
        r#""Action::\"view\"""#,
        r#"{"type":"User","id":"root","is":"admin"}"#,
        r#"{"type":"User"}"#,
        r#"{"type":"User","id":7}"#,
        r#""Group::\"admins\"""#,
        r#""Color::\"blue\"""#,
        "null",
        "[]",
    ] {
        assert!(as_principal(nobody).is_err(), "{nobody}");
    }
}

#[test]
fn what_a_request_says_of_an_entity_is_of_the_schemas_types_at_any_depth() {
    let store = store("");
    let user = |attrs: &str| with_entities(&format!(r#"{{"uid":"User::\"new\"","attrs":{attrs}}}"#));
    for (attrs, wanted) in [
        (r#"{"level":"9"}"#, "entities[0].attrs.level: "),
        (r#"{"level":9.0}"#, "entities[0].attrs.level: "),
        (r#"{"level":9223372036854775808}"#, "entities[0].attrs.level: "),
        (r#"{"boss":"Group::\"g\""}"#, "entities[0].attrs.boss: "),
        (r#"{"home":{"at":"User::\"u\"","size":1}}"#, "entities[0].attrs.home.at: "),
        (r#"{"home":{"at":"Group::\"g\""}}"#, "entities[0].attrs.home.size: is missing"),
        (r#"{"home":{"size":1,"far":1}}"#, "entities[0].attrs.home.far: "),
        (r#"{"lvl":9}"#, "entities[0].attrs.lvl: "),
        (r#"{"level":1,"level":9}"#, "level: is there twice"),
    ] {
        let refused = ask(&store, &user(attrs)).unwrap_err();
        assert!(refused.starts_with(wanted), "{attrs}: {refused}");
    }
    for (entity, wanted) in [
        (r#"{"uid":"Color::\"blue\""}"#, "entities[0].uid"),
        (r#"{"uid":"Color::\"red\"","attrs":{"a":1}}"#, "entities[0].attrs.a"),
        (r#"{"uid":"Doc::\"d\"","tags":{"t":"Group::\"g\""}}"#, "entities[0].tags.t"),
        (r#"{"uid":"User::\"u\"","tags":{"t":"User::\"g\""}}"#, "entities[0].tags"),
        (r#"{"uid":"Action::\"view\"","parents":["Action::\"nothing\""]}"#, "entities[0].parents[0]"),
        (r#"{"attrs":{}}"#, "entities[0].uid: is missing"),
        ("[]", "entities[0]: "),
    ] {
        let refused = ask(&store, &with_entities(entity)).unwrap_err();
        assert!(refused.starts_with(wanted), "{entity}: {refused}");
    }
    assert!(ask(&store, &with_entities(r#"{"uid":"Color::\"red\""}"#)).is_ok());
}

#[test]
fn the_time_is_the_services_unless_the_caller_sends_one() {
    let store = store("");
    let root = |context: &str| of_alice(&format!(r#","context":{context}"#)).replace("alice", "root");
    assert!(ask(&store, &root("{}")).unwrap().allowed);
    assert!(ask(&store, &root(r#"{"now":"2029-12-31"}"#)).unwrap().allowed);
    assert_eq!(determining(&ask(&store, &root(r#"{"now":"2030-01-01T00:00:00.001Z"}"#)).unwrap()), ["late"]);
    assert!(ask(&store, &root(r#"{"now":null}"#)).is_err());
    assert!(ask(&store, &root(r#"{"now":1769851800}"#)).is_err());
    let json = Json::parse(b"[]").unwrap();
    assert!(native(&store, &json, now()).is_err());
}

#[test]
fn the_record_of_the_actions_properties_comes_from_nowhere_else() {
    let store = store("");
    let tell = r#"{"principal":"User::\"alice\"","action":"Action::\"tell\"","resource":"Doc::\"open\"",
        "context":{"action":{"why":"because"}}}"#;
    assert!(ask(&store, tell).unwrap_err().starts_with("context.action: "));
    let of = |text: &'static str| Json::parse(text.as_bytes()).unwrap();
    let (subject, resource) = (of(r#"{"type":"User","id":"alice"}"#), of(r#"{"type":"Doc","id":"open"}"#));
    let context = of(r#"{"action":{"why":"because"}}"#);
    let asked = |action: &Json| {
        let question = AuthzenQuestion {
            subject: Some(&subject),
            action: Some(action),
            resource: Some(&resource),
            context: Some(&context),
        };
        decide(&store, &authzen(&store, question, now()).unwrap(), Uuid::nil()).allowed
    };
    assert!(!asked(&of(r#"{"name":"tell"}"#)));
    assert!(!asked(&of(r#"{"name":"tell","properties":{}}"#)));
    assert!(asked(&of(r#"{"name":"tell","properties":{"why":"because"}}"#)));
}

#[test]
fn in_authzens_words_properties_do_not_replace_what_is_stored() {
    let store = store("");
    let of = |text: &'static str| Json::parse(text.as_bytes()).unwrap();
    let (action, resource) = (of(r#"{"name":"view"}"#), of(r#"{"type":"Doc","id":"open"}"#));
    let asked = |subject: &Json| {
        let question =
            AuthzenQuestion { subject: Some(subject), action: Some(&action), resource: Some(&resource), context: None };
        authzen(&store, question, now()).map(|mapped| decide(&store, &mapped, Uuid::nil()).allowed)
    };
    assert!(!asked(&of(r#"{"type":"User","id":"alice","properties":{"level":9}}"#)).unwrap());
    assert!(!asked(&of(r#"{"type":"User","id":"alice","properties":{"parents":["Group::\"admins\""]}}"#)).unwrap());
    assert!(asked(&of(r#"{"type":"User","id":"new","properties":{"level":9}}"#)).unwrap());
    assert!(asked(&of(r#"{"type":"User","id":"new","properties":{"level":"9"}}"#)).is_err());
}

#[test]
fn a_stored_hierarchy_100_000_deep_loads_and_decides_on_a_small_stack() {
    let mut entities = vec![r#"{"uid":"User::\"deep\"","attrs":{"level":1},"parents":["Group::\"0\""]}"#.to_owned()];
    entities.extend((0..100_000).map(|at| {
        let parent = if at == 99_999 { "admins".to_owned() } else { (at + 1).to_string() };
        format!(r#"{{"uid":"Group::\"{at}\"","parents":["Group::\"{parent}\""]}}"#)
    }));
    let entities = format!("[{}]", entities.join(","));
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let permit =
            "@id(\"p\") permit (principal in Group::\"admins\", action, resource) when { principal.level > 0 };";
        let source = StoreSource {
            store: "s".to_owned(),
            schemas: vec![file("s.cedarschema", SCHEMA)],
            policies: vec![file("p.cedar", permit)],
            entities: Some(file("entities.json", &entities)),
            ..StoreSource::default()
        };
        let snapshot = Arc::new(load(&source).unwrap());
        assert_eq!(snapshot.stored_entities(), 100_001);
        assert!(ask(&snapshot, &of_alice("").replace("alice", "deep")).unwrap().allowed);
        assert!(!ask(&snapshot, &of_alice("").replace("alice", "shallow")).unwrap().allowed);
    });
    small.unwrap().join().unwrap();
}

#[test]
fn the_deepest_condition_that_loads_is_evaluated_on_the_stack_of_a_thread() {
    let condition = vec!["principal.level > 1"; 990].join(" || ");
    let policy = format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};");
    let source = StoreSource {
        store: "s".to_owned(),
        schemas: vec![file("s.cedarschema", SCHEMA)],
        policies: vec![file("p.cedar", &policy)],
        entities: Some(file("entities.json", ENTITIES)),
        ..StoreSource::default()
    };
    let snapshot = Arc::new(load(&source).unwrap());
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let decision = ask(&snapshot, &of_alice("")).unwrap();
        assert!(!decision.allowed && decision.failures.is_empty(), "{:?}", decision.failures);
        assert_eq!(determining(&ask(&snapshot, &of_alice("").replace("alice", "root")).unwrap()), ["p"]);
    });
    small.unwrap().join().unwrap();
}
