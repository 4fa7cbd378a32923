//! The reader held against the engine's own, over random schemas and random JSON.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use cedar_policy_core::ast::{Context, EntityUID, PartialValue, RequestSchema, Value};
use cedar_policy_core::entities::{ContextJsonParser, EntityJsonParser, TCComputation};
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::{CoreSchema, ValidatorSchema, context_schema_for_action};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value as Tree, json};
use smol_str::SmolStr;

use super::*;

type Values = BTreeMap<SmolStr, Value>;

/// A type of a random schema.
#[derive(Debug, Clone)]
enum Kind {
    Plain(&'static str),
    Set(Box<Kind>),
    Record(Vec<(String, Kind, bool)>),
}

impl Kind {
    fn cedar(&self) -> String {
        match self {
            Self::Plain(name) => (*name).to_owned(),
            Self::Set(element) => format!("Set<{}>", element.cedar()),
            Self::Record(fields) => {
                let field = |(name, kind, required): &(String, Self, bool)| {
                    format!("\"{name}\"{}: {}", if *required { "" } else { "?" }, kind.cedar())
                };
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

const PLAIN: [&str; 13] = [
    "Bool",
    "Long",
    "String",
    "ipaddr",
    "decimal",
    "datetime",
    "duration",
    "User",
    "Other::User",
    "Bare",
    "Color",
    "Action",
    "Named",
];
const NAMES: [&str; 14] =
    ["a", "b", "type", "id", "fn", "arg", "args", "__entity", "__extn", "if", "ключ", "", " ", "\u{1F511}"];

fn schema(context: &Kind) -> ValidatorSchema {
    let (context, tags) = (context.cedar(), "Set<Named>");
    let text = format!(
        "entity Bare;
        namespace Other {{ entity User; action go; }}
        namespace Ns {{
            type Named = {{ who?: User, at: Set<datetime> }};
            entity User in [Group]; entity Group in [Other::User];
            entity Color enum [\"red\", \"\", \"a\\\"b\"];
            entity Thing = {context} tags {tags};
            action go appliesTo {{ principal: User, resource: [Thing, Bare], context: {context} }};
            action \"a b\" in [go];
        }}"
    );
    ValidatorSchema::from_cedarschema_str(&text, Extensions::all_available()).unwrap().0
}

fn uid(text: &str) -> EntityUID {
    text.parse().unwrap()
}

/// The context as we read it.
fn ours(types: &Types, json: &Tree, unknown: Unknown) -> Result<Values, String> {
    let bytes = serde_json::to_vec(json).unwrap();
    let reader = Reader { types, unknown, missing: Missing::Refuse };
    let shape = types.action("go").unwrap().context();
    reader.record(shape, &Json::parse(&bytes).unwrap(), "context").map_err(|error| error.to_string())
}

/// The context as the engine reads it, and then checks it, since it reads what does not fit as well.
fn theirs(schema: &ValidatorSchema, json: &Tree) -> Result<Values, String> {
    let go = uid("Ns::Action::\"go\"");
    let context_schema = context_schema_for_action(schema, &go);
    let parser = ContextJsonParser::new(context_schema.as_ref(), Extensions::all_available());
    let context = parser.from_json_value(json.clone()).map_err(|error| error.to_string())?;
    schema.validate_context(&context, &go, Extensions::all_available()).map_err(|error| error.to_string())?;
    match context {
        Context::Value(values) => Ok(values.as_ref().clone()),
        Context::RestrictedResidual(_) => Err("unknown".to_owned()),
    }
}

/// As the engine reads it, be it as it is or with what is beyond Cedar's JSON written in that.
fn theirs_of(schema: &ValidatorSchema, kind: &Kind, json: &Tree) -> Result<Values, String> {
    theirs(schema, json).or_else(|_refused| theirs(schema, &plain(kind, json)))
}

/// Attributes and tags of an entity, as the engine reads them.
fn their_entity(schema: &ValidatorSchema, attrs: &Tree, tags: &Tree) -> Result<(Values, Values), String> {
    let core = CoreSchema::new(schema);
    let parser = EntityJsonParser::new(Some(&core), Extensions::all_available(), TCComputation::ComputeNow);
    let json = json!({"uid": {"type": "Ns::Thing", "id": "t"}, "attrs": attrs, "parents": [], "tags": tags});
    let entity = parser.single_from_json_value(json).map_err(|error| format!("{error:?}"))?;
    let known = |(name, value): (&SmolStr, &PartialValue)| match value {
        PartialValue::Value(value) => Ok((name.clone(), value.clone())),
        PartialValue::Residual(_) => Err("unknown".to_owned()),
    };
    Ok((entity.attrs().map(known).collect::<Result<_, _>>()?, entity.tags().map(known).collect::<Result<_, _>>()?))
}

/// What is beyond Cedar's JSON, written in Cedar's JSON.
fn plain(kind: &Kind, json: &Tree) -> Tree {
    match (kind, json) {
        (Kind::Set(element), Tree::Array(list)) => list.iter().map(|json| plain(element, json)).collect(),
        (Kind::Record(fields), Tree::Object(members)) => {
            let field = |(name, json): (&String, &Tree)| {
                let kind = fields.iter().find(|(found, ..)| found == name);
                (name.clone(), kind.map_or_else(|| json.clone(), |(_, kind, _)| plain(kind, json)))
            };
            Tree::Object(members.iter().map(field).collect())
        }
        (Kind::Plain("Named"), json) => {
            let at = Kind::Set(Box::new(Kind::Plain("datetime")));
            let fields = [("who", Kind::Plain("User"), false), ("at", at, true)];
            plain(&Kind::Record(fields.map(|(name, kind, required)| (name.to_owned(), kind, required)).into()), json)
        }
        (Kind::Plain("datetime" | "duration"), json) => plain_times(json),
        (Kind::Plain("User" | "Other::User" | "Bare" | "Color" | "Action"), json) => plain_reference(json),
        (_, json) => json.clone(),
    }
}

fn plain_times(json: &Tree) -> Tree {
    match json {
        Tree::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) if !text.contains(":60") => {
                time.with_timezone(&Utc).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into()
            }
            _ => json.clone(),
        },
        Tree::Array(list) => list.iter().map(plain_times).collect(),
        Tree::Object(members) => members.iter().map(|(name, json)| (name.clone(), plain_times(json))).collect(),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) => json.clone(),
    }
}

fn plain_reference(json: &Tree) -> Tree {
    let full = |name: &str| {
        let is_short = ["User", "Group", "Color", "Thing", "Action"].contains(&name);
        if is_short { format!("Ns::{name}") } else { name.to_owned() }
    };
    match json {
        Tree::String(text) => text.parse::<EntityUID>().map_or_else(
            |_error| json.clone(),
            |uid| json!({"type": full(&uid.entity_type().to_string()), "id": AsRef::<str>::as_ref(uid.eid())}),
        ),
        Tree::Object(members) => {
            let member = |(name, json): (&String, &Tree)| match (name.as_str(), json) {
                ("type", Tree::String(of_type)) => (name.clone(), full(of_type).into()),
                ("__entity", json) => (name.clone(), plain_reference(json)),
                _ => (name.clone(), json.clone()),
            };
            members.iter().map(member).collect()
        }
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Array(_) => json.clone(),
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    let leaf = prop::sample::select(&PLAIN[..]).prop_map(Kind::Plain);
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![inner.clone().prop_map(|kind| Kind::Set(Box::new(kind))), records(inner)]
    })
}

fn records(of: impl Strategy<Value = Kind> + 'static) -> BoxedStrategy<Kind> {
    let fields = prop::collection::btree_map(prop::sample::select(&NAMES[..]), (of, prop::bool::weighted(0.3)), 0..5);
    let field = |(name, (kind, required)): (&str, _)| (name.to_owned(), kind, required);
    fields.prop_map(move |fields| Kind::Record(fields.into_iter().map(field).collect())).boxed()
}

/// A schema's record and JSON for it, most of which fits.
fn cases() -> impl Strategy<Value = (Kind, Tree)> {
    records(kinds()).prop_flat_map(|kind| (Just(kind.clone()), json_for(&kind)))
}

fn json_for(kind: &Kind) -> BoxedStrategy<Tree> {
    let fitting = match kind {
        Kind::Plain("Long") => any::<i64>().prop_map(Tree::from).boxed(),
        Kind::Plain("String") => any::<String>().prop_map(Tree::from).boxed(),
        Kind::Plain(name) => prop::sample::select(FITTING[name].as_slice()).boxed(),
        Kind::Set(element) => prop::collection::vec(json_for(element), 0..4).prop_map(Tree::from).boxed(),
        Kind::Record(fields) => {
            let field = |(name, kind, required): &(String, Kind, bool)| {
                let there = prop::bool::weighted(if *required { 0.98 } else { 0.5 });
                (Just(name.clone()), json_for(kind), there)
            };
            let members = fields.iter().map(field).collect::<Vec<_>>();
            let extra = (prop::sample::select(&NAMES[..]), prop::sample::select(SAMPLES.as_slice()));
            (members, prop::option::weighted(0.03, extra))
                .prop_map(|(members, extra)| {
                    let present = members.into_iter().filter_map(|(name, json, there)| there.then_some((name, json)));
                    present.chain(extra.map(|(name, json)| (name.to_owned(), json))).collect()
                })
                .boxed()
        }
    };
    prop_oneof![40 => fitting, 1 => prop::sample::select(SAMPLES.as_slice())].boxed()
}

/// JSON of which every element fits somewhere or hardly anywhere. The few forms are not here that
/// the engine takes and we do not.
static SAMPLES: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let mut all = [references(), times(), others(), junk()].concat();
    let named = |at: &Tree| json!({"at": [at], "who": "User::\"alice\""});
    let mut sets: Vec<Tree> = times().iter().map(named).collect();
    sets.extend(references().iter().map(|who| json!({"at": [], "who": who})));
    all.extend(sets);
    all
});

/// What of that fits each plain type, as the engine says.
static FITTING: LazyLock<HashMap<&str, Vec<Tree>>> = LazyLock::new(|| {
    let of = |name| {
        let kind = Kind::Record(vec![("a".to_owned(), Kind::Plain(name), true)]);
        let schema = schema(&kind);
        let fits = |sample: &&Tree| theirs_of(&schema, &kind, &json!({"a": sample})).is_ok();
        (name, SAMPLES.iter().filter(fits).cloned().collect())
    };
    PLAIN.into_iter().map(of).collect()
});

#[test]
fn every_form_of_every_type_reads_as_the_engine_reads_it() {
    for name in PLAIN {
        let kind = Kind::Record(vec![("a".to_owned(), Kind::Plain(name), true)]);
        let schema = schema(&kind);
        let types = Types::of(&schema, "Ns");
        for sample in SAMPLES.iter() {
            let json = json!({"a": sample});
            let ours = ours(&types, &json, Unknown::Refuse);
            assert_eq!(ours.ok(), theirs_of(&schema, &kind, &json).ok(), "{name}: {sample}");
        }
        assert!(FITTING[name].len() > 1, "{name}");
    }
}

fn references() -> Vec<Tree> {
    let types = [
        "User",
        "Ns::User",
        "Other::User",
        "Bare",
        "Color",
        "Ns::Color",
        "Action",
        "Ns::Action",
        "Other::Action",
        "No",
        "",
    ];
    let ids = ["alice", "", "red", "a\"b", "go", "a b", "\u{1F511}\n"];
    let each = types.iter().flat_map(|of_type| ids.iter().map(move |id| (of_type, id)));
    let forms = |(of_type, id): (&&str, &&str)| {
        let implicit = json!({"type": of_type, "id": id});
        let text = format!("{of_type}::\"{}\"", id.escape_debug());
        [json!({"__entity": implicit}), implicit, text.into()]
    };
    each.flat_map(forms).collect()
}

fn times() -> Vec<Tree> {
    let texts = [
        "2024-01-31",
        "2024-01-31T09:30:00Z",
        "2024-01-31T09:30:00.123Z",
        "2024-01-31T09:30:00.123+0530",
        "2024-01-31T09:30:00+05:30",
        "2024-01-31T09:30:00.123456789-00:01",
        "2024-01-31 09:30:00z",
        "1900-01-31T09:30:00.9999Z",
        "2016-12-31T23:59:60Z",
        "2024-02-30",
        "2024-13-01T00:00:00+00:00",
        "1h",
        "-1d2h3m4s5ms",
        "5ms",
        "",
        "1",
        "1h1d",
        "9223372036854775807ms",
        "9223372036854775808ms",
    ];
    let constructed = |text: &&str| {
        let name = if text.contains("-0") || text.contains("-1") { "datetime" } else { "duration" };
        [json!({"fn": name, "arg": text}), json!({"__extn": {"fn": name, "args": [text]}})]
    };
    let mut all: Vec<Tree> = texts.iter().flat_map(constructed).collect();
    all.extend(texts.map(Tree::from));
    let day = json!({"fn": "datetime", "arg": "2024-01-31T09:30:00Z"});
    let zone = "2024-01-31T09:30:00.5+05:30";
    for call in [
        json!({"fn": "offset", "args": [day, "1h"]}),
        json!({"fn": "offset", "args": [zone, {"__extn": {"fn": "duration", "arg": "1h"}}]}),
        json!({"fn": "offset", "args": [{"fn": "toDate", "arg": {"__extn": day}}, {"fn": "toTime", "arg": day}]}),
        json!({"fn": "offset", "args": [day, "9223372036854775807ms"]}),
        json!({"fn": "offset", "args": [day]}),
        json!({"fn": "offset", "arg": day}),
        json!({"fn": "durationSince", "args": ["2024-01-31", zone]}),
        json!({"fn": "toTime", "args": ["2024-01-31T09:30:00Z"]}),
        json!({"fn": "toMilliseconds", "arg": "1h"}),
        json!({"fn": "decimal", "arg": "1.0"}),
        json!({"fn": "nothing", "arg": "1.0"}),
        json!({"fn": "Ns::datetime", "arg": "2024-01-31"}),
        json!({"fn": 1, "arg": "1.0"}),
        json!({"fn": "datetime", "args": "2024-01-31"}),
        json!({"fn": "datetime", "arg": 1}),
        json!({"fn": "datetime"}),
    ] {
        all.push(json!({"__extn": call}));
        all.push(call);
    }
    all
}

fn others() -> Vec<Tree> {
    let texts = [
        "192.0.2.7",
        "2001:db8::/32",
        "::1",
        "10.0.0.0/8",
        "10.0.0.0/33",
        "1.0",
        "-922337203685477.5808",
        "1.23456",
        "1",
        "",
    ];
    let forms = |text: &&str| {
        let call = |name| json!({"fn": name, "arg": text});
        [json!(text), call("ip"), call("decimal"), json!({"__extn": call("ip")}), json!({"__extn": call("decimal")})]
    };
    texts.iter().flat_map(forms).collect()
}

fn junk() -> Vec<Tree> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(7),
        json!(i64::MIN),
        json!(9_223_372_036_854_775_808_u64),
        json!(1.0),
        json!(-0.0),
        json!(1e300),
        json!("x"),
        json!("User::\"alice\""),
        json!([]),
        json!([1]),
        json!([[]]),
        json!([null]),
        json!({}),
        json!({"a": 1}),
        json!({"type": "User"}),
        json!({"__entity": "User"}),
        json!({"__expr": "1"}),
        json!({"type": 1, "id": "x"}),
        json!({"__entity": {"__entity": {"type": "Ns::User", "id": "x"}}}),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_context_is_what_the_engine_reads((kind, json) in cases()) {
        let schema = schema(&kind);
        let types = Types::of(&schema, "Ns");
        let theirs = theirs_of(&schema, &kind, &json);
        let ours = ours(&types, &json, Unknown::Refuse);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "ours: {ours:?}\ntheirs: {theirs:?}"),
        }
    }

    #[test]
    fn an_entity_is_what_the_engine_reads(
        (kind, json) in cases(),
        tags in prop::collection::btree_map("\\PC{0,3}", json_for(&Kind::Set(Box::new(Kind::Plain("Named")))), 0..3),
    ) {
        let schema = schema(&kind);
        let types = Types::of(&schema, "Ns");
        let tag_kind = Kind::Set(Box::new(Kind::Plain("Named")));
        let plain_tags: Tree = tags.iter().map(|(name, json)| (name.clone(), plain(&tag_kind, json))).collect();
        let theirs = their_entity(&schema, &json, &json!(tags))
            .or_else(|_refused| their_entity(&schema, &plain(&kind, &json), &plain_tags));

        let shape = types.entity(types.find("Thing").unwrap());
        let reader = Reader { types: &types, unknown: Unknown::Refuse, missing: Missing::Refuse };
        let bytes = serde_json::to_vec(&json!([json, tags])).unwrap();
        let Json::List(parts) = Json::parse(&bytes).unwrap() else { unreachable!() };
        let Json::Object(members) = &parts[1] else { unreachable!() };
        let tag = |(name, json): &(smol_str::SmolStr, Json)| {
            Ok((SmolStr::new(name), reader.value(shape.tags.as_ref().unwrap(), json, "tags")?))
        };
        let ours = reader.record(&shape.attributes, &parts[0], "attrs");
        let ours = ours.and_then(|attrs| Ok((attrs, members.iter().map(tag).collect::<Result<Values, _>>()?)));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "ours: {ours:?}\ntheirs: {theirs:?}"),
        }
    }

    #[test]
    fn what_is_ignored_leaves_no_trace((kind, json) in cases(), junk in prop::sample::select(SAMPLES.as_slice())) {
        let types = Types::of(&schema(&kind), "Ns");
        let mut with = json.clone();
        if let Tree::Object(members) = &mut with {
            members.insert("nobody declares this".to_owned(), junk);
            prop_assert!(ours(&types, &with, Unknown::Refuse).is_err());
        }
        prop_assert_eq!(ours(&types, &with, Unknown::Ignore).ok(), ours(&types, &json, Unknown::Ignore).ok());
    }
}
