//! Stores that somebody got wrong, or wants to get past us.

use super::*;
use crate::policy::SourceFile;

const SCHEMA: &str = "entity User in [Group] { age: Long, boss?: User }; entity Group in [Group];
entity Color enum [\"red\"]; entity Doc in [Color];
action all; action view in [all] appliesTo { principal: User, resource: Doc };";
const PERMIT: &str = "@id(\"p\") permit (principal, action, resource);";
const TEMPLATE: &str = "@id(\"t\") permit (principal in ?principal, action, resource == ?resource);";

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile::new(name, text)
}

fn source(files: &[(&str, &str)]) -> StoreSource {
    let mut source = StoreSource { store: "s".to_owned(), ..StoreSource::default() };
    for (name, text) in files {
        let file = file(name, text);
        match *name {
            "links.json" => source.links = Some(file),
            "entities.json" => source.entities = Some(file),
            "store.toml" => source.settings = Some(file),
            _ if name.ends_with(".cedarschema") => source.schemas.push(file),
            _ => source.policies.push(file),
        }
    }
    if source.schemas.is_empty() {
        source.schemas.push(self::file("s.cedarschema", SCHEMA));
    }
    if source.policies.is_empty() {
        source.policies.push(self::file("p.cedar", PERMIT));
    }
    source
}

fn loaded(files: &[(&str, &str)]) -> Snapshot {
    load(&source(files)).unwrap_or_else(|findings| panic!("{findings}"))
}

fn refused(files: &[(&str, &str)]) -> Vec<String> {
    let findings = load(&source(files)).unwrap_err();
    findings.findings.iter().map(ToString::to_string).collect()
}

/// Each of these is refused with a single finding, which has this in it.
fn each_is_refused(name: &str, cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        let found = refused(&[(name, text)]);
        assert!(found.len() == 1 && found[0].contains(wanted), "{text}\n{found:#?}");
        assert!(found[0].starts_with(name), "{text}\n{found:#?}");
    }
}

#[test]
fn a_json_policy_that_is_not_whole_is_refused_and_never_permits_all() {
    const ALL: &str = r#""principal":{"op":"All"},"action":{"op":"All"},"resource":{"op":"All"}"#;
    each_is_refused(
        "p.cedar.json",
        &[
            ("{}", "`effect`"),
            ("[]", "`effect`"),
            ("null", "`effect`"),
            (r#"{"effekt":"permit"}"#, "`effect`"),
            (r#"{"effect":"permit"}"#, "principal"),
            (&format!(r#"{{"effect":"permit",{ALL}}}"#), "conditions"),
            (&format!(r#"{{"effect":"permit",{ALL},"condition":[]}}"#), "condition"),
            (&format!(r#"{{"effect":"permit",{ALL},"conditions":[],"when":[]}}"#), "when"),
            (&format!(r#"{{"effect":"allow",{ALL},"conditions":[]}}"#), "allow"),
            (&format!(r#"{{"effect":"forbid",{ALL},"conditions":[],"effect":"permit"}}"#), "effect"),
            (&format!(r#"{{"effect":"permit",{ALL},"conditions":[{{"kind":"when"}}]}}"#), "body"),
            (
                r#"{"effect":"permit","principal":{"op":"=="},"action":{"op":"All"},"resource":{"op":"All"},"conditions":[]}"#,
                "p.cedar.json",
            ),
            (r#"{"staticPolicies":{},"templates":{},"templateLinks":[],"policies":{}}"#, "policies"),
            (r#"{"staticPolicies":{"a":{}},"templates":{},"templateLinks":[]}"#, "effect"),
            (r#"{"staticPolicies":{"a":{"effect":"#, "p.cedar.json:1:"),
        ],
    );
    let whole = format!(r#"{{"effect":"permit",{ALL},"conditions":[]}}"#);
    assert_eq!(loaded(&[("x/p.cedar.json", &whole)]).policies()[0].id, "x/p.cedar.json#1");
    let twice = format!(r#"{{"staticPolicies":{{"a":{whole},"a":{whole}}},"templates":{{}},"templateLinks":[]}}"#);
    let found = refused(&[("p.cedar.json", &twice)]);
    assert!(found.len() == 1 && found[0].contains("`a`") && found[0].starts_with("p.cedar.json:1:"), "{found:?}");
}

#[test]
fn a_set_in_json_keeps_its_links_whatever_the_templates_annotations_say() {
    let body = |annotations: &str| {
        format!(
            r#"{{"effect":"permit","principal":{{"op":"in","slot":"?principal"}},"action":{{"op":"All"}},
            "resource":{{"op":"All"}},"conditions":[],"annotations":{annotations}}}"#
        )
    };
    let set = |annotations: &str| {
        format!(
            r#"{{"staticPolicies":{{}},"templates":{{"t0":{}}},"templateLinks":[
            {{"templateId":"t0","newId":"l0","values":{{"?principal":{{"__entity":{{"type":"Group","id":"g"}}}}}}}},
            {{"templateId":"t0","newId":"l1","values":{{"?principal":{{"__entity":{{"type":"Group","id":"h"}}}}}}}}]}}"#,
            body(annotations)
        )
    };
    for (annotations, template) in [(r#"{"id":"mine"}"#, "mine"), ("{}", "t0")] {
        let snapshot = loaded(&[("p.cedar.json", &set(annotations))]);
        let ids: Vec<&str> = snapshot.policies().iter().map(|policy| policy.id.as_str()).collect();
        assert_eq!(ids, ["l0", "l1"]);
        assert_eq!(snapshot.policies()[0].template.as_deref(), Some(template));
        let text = snapshot.text(&snapshot.policies()[0]).unwrap();
        assert!(text.contains("?principal"), "{text}");
    }
    let found = refused(&[("p.cedar.json", &set(r#"{"status":"200"}"#))]);
    assert_eq!(found, ["p.cedar.json: @status(\"200\") is none of 401, 403, 404 and 409"]);
}

#[test]
fn an_id_is_given_once_across_files_links_and_templates() {
    let found = refused(&[
        ("a.cedar", PERMIT),
        ("b.cedar", &format!("\n{PERMIT}\n{TEMPLATE}\n@id(\"t\") permit (principal, action, resource);")),
        (
            "links.json",
            r#"[{"template_id":"t","link_id":"p","args":{"?principal":"Group::\"g\"","?resource":"Doc::\"d\""}},
{"template_id":"t","link_id":"t","args":{"?principal":"Group::\"g\"","?resource":"Doc::\"d\""}}]"#,
        ),
    ]);
    assert_eq!(
        found,
        [
            "b.cedar:2:1: @id(\"p\") is taken already, by a.cedar:1",
            "b.cedar:4:1: @id(\"t\") is taken already, by b.cedar:3",
            "links.json:1:2: @id(\"p\") is taken already, by a.cedar:1",
            "links.json:2:1: @id(\"t\") is taken already, by b.cedar:3",
        ]
    );
}

#[test]
fn every_link_that_is_wrong_is_found_with_its_place() {
    let links = r#"[
  {"template_id":"none","link_id":"a","args":{}},
  {"template_id":"t","link_id":"b","args":{"?principal":"Group::\"g\""}},
  {"template_id":"t","link_id":"c","args":{"?principal":"Group::\"g\"","?resource":"Doc::\"d\"","?action":"X::\"x\""}},
  {"template_id":"t","link_id":"d","args":{"?principal":"g","?resource":"Doc::\"d\""}},
  {"template_id":"t","link_id":"","args":{"?principal":"Group::\"g\"","?resource":"Doc::\"d\""}},
  {"template_id":"t","link_id":"e","args":{"?principal":"Group::\"g\"","?principal":"Group::\"h\"","?resource":"Doc::\"d\""}},
  {"template_id":"t","link_id":"f","arguments":{}},
  {"template_id":"t","link_id":"g","args":{"?principal":7}},
  7
]"#;
    let found = refused(&[("t.cedar", TEMPLATE), ("links.json", links)]);
    let starts = [
        "links.json:2:3: link `a`: there is no template `none`",
        "links.json:3:3: link `b`: ",
        "links.json:4:3: link `c`: `?action` is neither",
        "links.json:5:3: link `d`: `g` is no entity",
        "links.json:6:3: link ``: link_id is empty",
        "links.json:7:3: duplicate field `?principal`",
        "links.json:8:3: unknown field `arguments`",
        "links.json:9:3: invalid type: integer `7`",
        "links.json:10:3: invalid type: integer `7`",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found} is not {start}");
    }
    for (links, wanted) in [("{}", "links.json:1:"), ("[{]", "links.json:1:"), ("\u{feff}[]", "links.json:1:1: ")] {
        assert!(refused(&[("t.cedar", TEMPLATE), ("links.json", links)])[0].starts_with(wanted));
    }
}

#[test]
fn a_link_to_what_the_schema_does_not_know_is_refused_where_it_stands() {
    let link = r#"[
 {"template_id":"t","link_id":"l","args":{"?principal":"Nobody::\"g\"","?resource":"Doc::\"d\""}}]"#;
    let found = refused(&[("t.cedar", TEMPLATE), ("links.json", link)]);
    assert!(found.iter().all(|found| found.starts_with("links.json:2:2: link `l`: ")), "{found:?}");
}

#[test]
fn an_id_is_what_it_says_whatever_it_says() {
    let odd = "a\"b\u{0}\u{202e}\\";
    let policy = format!("@id({odd:?}) permit (principal, action, resource)");
    assert_eq!(loaded(&[("p.cedar", &format!("{policy};"))]).policies()[0].id, odd);
    let found = refused(&[("p.cedar", &format!("\n{policy}\nwhen {{ principal.agge > 1 }};"))]);
    assert!(found[0].starts_with("p.cedar:3:"), "{found:?}");
}

#[test]
fn a_template_without_links_does_nothing_but_in_the_store_that_guards_gatewood() {
    let snapshot = loaded(&[("t.cedar", TEMPLATE)]);
    assert_eq!((snapshot.policies().len(), snapshot.templates()), (0, 1));
    let mut guarding = StoreSource::embedded_control_plane();
    guarding.policies.push(file("t.cedar", "@id(\"t\") permit (principal == ?principal, action, resource);"));
    let found = load(&guarding).unwrap_err().to_string();
    assert!(found.contains("t.cedar:1:1: policy template `t` has no links"), "{found}");
}

#[test]
fn a_policy_without_an_id_is_called_by_its_file_and_its_number_in_it() {
    let text = "permit (principal, action, resource);\npermit (principal == ?principal, action, resource);\n\
                @id(\"named\") forbid (principal, action, resource);\nforbid (principal, action, resource);";
    let snapshot = loaded(&[("a/b.cedar", text), ("c.cedar", text.replace("@id(\"named\")", "").as_str())]);
    let ids: Vec<(&str, Option<usize>)> =
        snapshot.policies().iter().map(|policy| (policy.id.as_str(), policy.line)).collect();
    let expected = [
        ("a/b.cedar#1", Some(1)),
        ("a/b.cedar#4", Some(4)),
        ("c.cedar#1", Some(1)),
        ("c.cedar#3", Some(3)),
        ("c.cedar#4", Some(4)),
        ("named", Some(3)),
    ];
    assert_eq!(ids, expected);
}

#[test]
fn no_finding_is_lost_because_another_came_first() {
    let found = refused(&[
        ("a.cedarschema", "entity User;\nentity Oops"),
        ("b.cedarschema", "namespace N {\n  entity X in;\n}"),
        ("p.cedar", "@id(\"p\")\npermit (principal, action);"),
        ("q.cedar", "@id(\"q\") @status(\"1\")\npermit (principal, action, resource);"),
        ("links.json", "[\n7]"),
        ("entities.json", "[\n{]"),
        ("store.toml", "\nrequest_attributes = \"both\""),
    ]);
    for start in [
        "a.cedarschema:2:",
        "b.cedarschema:2:",
        "p.cedar:2:",
        "q.cedar:1:",
        "links.json:2:1",
        "entities.json:2:2",
        "store.toml:2:22",
    ] {
        assert!(found.iter().any(|found| found.starts_with(start)), "{start} is not among {found:#?}");
    }
    // With a schema that is good, what is asked of it too.
    let found = refused(&[
        ("p.cedar", "@id(\"p\")\npermit (principal, action, resource) when { principal.agge > 1 };"),
        (
            "entities.json",
            "[\n{\"uid\":{\"type\":\"User\",\"id\":\"a\"}},\n{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"parents\":[{\"type\":\"Group\",\"id\":\"g\"}]},{}]",
        ),
        (
            "store.toml",
            "foo = 1\ntenants = [\"x\", \"y\"]\nbar = 2\n[search]\ndefault_limit = 0\nbaz = 3\n[types]\nu = \"Nope\"",
        ),
    ]);
    for start in [
        "p.cedar:2:",
        "entities.json:2:1",
        "entities.json:3:",
        "entities.json: `Group::\"g\"` is its own",
        "store.toml:1:1: unknown field `foo`",
        "store.toml:2:12: tenants: `x` is",
        "store.toml:2:17: tenants: `y` is",
        "store.toml:3:1: unknown field `bar`",
        "store.toml:4:1: [search]: default_limit",
        "store.toml:6:1: unknown field `baz`",
        "store.toml:8:5: [types] u: the schema has no entity type `Nope`",
    ] {
        assert!(found.iter().any(|found| found.starts_with(start)), "{start} is not among {found:#?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_hides_no_finding_in_another() {
    let mut source = source(&[("p.cedar", "permit (principal, action, resource) when { principal.agge > 1 };")]);
    let unread = |file: &str| vec![Finding::of_file(file, "cannot be read")];
    let found = |source: &StoreSource| load(source).unwrap_err().findings.iter().map(ToString::to_string).collect();
    source.unread = unread("q.cedar");
    let found_all: Vec<String> = found(&source);
    assert!(found_all.len() == 2 && found_all[0].contains("agge"), "{found_all:#?}");
    // Without a part of the schema, nothing can be said about types.
    source.unread = unread("more.cedarschema");
    assert_eq!(found(&source), ["more.cedarschema: cannot be read"]);
    source.policies.clear();
    assert_eq!(found(&source), ["more.cedarschema: cannot be read"]);
}

#[test]
fn that_findings_were_left_out_is_said() {
    let entities = format!("[{}]", vec!["{\"uid\":{\"type\":\"User\",\"id\":\"a\"}}"; 150].join(","));
    let found = refused(&[("entities.json", &entities)]);
    assert_eq!(found.len(), 101);
    let last = "entities.json: has 100 wrong entities before [100]; what follows was not looked at";
    assert!(found.iter().any(|found| found == last), "{found:#?}");
}

#[test]
fn thousands_of_findings_are_all_told_wherever_they_stand() {
    let wrong = "permit (principal, action, resource) when { principal.agge > 1 };";
    for between in ["\n", " "] {
        let found = refused(&[("p.cedar", &vec![wrong; 3_000].join(between))]);
        assert_eq!(found.len(), 3_000);
    }
}

#[test]
fn a_link_says_what_is_missing() {
    let link = r#"[{"template_id":"t","link_id":"l","args":{"?principal":"Group::\"g\""}}]"#;
    let found = refused(&[("p.cedar", &format!("{PERMIT}\n{TEMPLATE}")), ("links.json", link)]);
    assert!(found.len() == 1 && found[0].contains("?resource"), "{found:#?}");
}

#[test]
fn entities_that_do_not_fit_the_schema_are_refused_where_they_stand() {
    each_is_refused(
        "entities.json",
        &[
            (
                r#"[{"uid":{"type":"User","id":"a"},"attrs":{"age":"1"}}]"#,
                "entities.json:1:2: [0].attrs.age must be a number",
            ),
            (r#"[{"uid":{"type":"User","id":"a"},"attrs":{"age":1,"aage":1}}]"#, "attrs.aage is not"),
            (r#"[{"uid":{"type":"User","id":"a"},"attrs":{}}]"#, "attrs.age is missing"),
            (r#"[{"uid":{"type":"Usr","id":"a"}}]"#, "`Usr`"),
            (
                r#"[{"uid":{"type":"User","id":"a"},"attrs":{"age":1},"parents":[{"type":"Doc","id":"d"}]}]"#,
                "parents[0]",
            ),
            (r#"[{"uid":{"type":"User","id":"a"},"attrs":{"age":1},"tags":{"a":1}}]"#, "tags"),
            (r#"[{"uid":{"type":"Color","id":"blue"}}]"#, "`blue`"),
            (r#"[{"uid":{"type":"Color","id":"red"}},{"uid":{"type":"Color","id":"red"}}]"#, "is there twice"),
            (
                "[\n {\"uid\":{\"type\":\"Group\",\"id\":\"é\"},\n  \"parents\":[],\"parents\":[]}]",
                "entities.json:3:28: [0].parents is there twice",
            ),
            (
                "[\n {\"uid\":{\"type\":\"Group\",\"id\":\"é\"}, \"tags\": 1e999}]",
                "entities.json:2:48: [0] is not JSON that can be read",
            ),
            (r#"[{"uid":{"type":"Group","id":"g"},"parent":[]}]"#, "parent"),
            (r#"[{"uid":{"type":"Action","id":"view"},"parents":[{"type":"Action","id":"view"}]}]"#, "does not put"),
            (r#"[{"uid":{"type":"Action","id":"none"}}]"#, "uid"),
            (r#"[{"uid":{"type":"Action","id":"view"},"attrs":{"a":1}}]"#, "attrs"),
            (r#"{"uid":{"type":"Group","id":"g"}}"#, "a list of entities"),
            (r#"[{"uid":{"type":"Group","id":"g"}}"#, "entities.json:1:34: "),
            (r#"[{"uid":{"type":"Group","id":"g"}}] []"#, "entities.json:1:37: "),
            ("\u{feff}[]", "entities.json:1:1: "),
            ("", "entities.json:1:"),
        ],
    );
    let fits = r#"[{"uid":{"type":"Color","id":"red"}},
        {"uid":{"type":"Action","id":"view"},"attrs":{},"parents":[{"type":"Action","id":"all"}]},
        {"uid":{"type":"Action","id":"all"},"attrs":{},"parents":[]}]"#;
    assert_eq!(loaded(&[("entities.json", fits)]).stored_entities(), 1);
}

fn groups(parents: impl Iterator<Item = (usize, usize)>) -> String {
    let one = |(child, parent)| {
        format!(r#"{{"uid":{{"type":"Group","id":"{child}"}},"parents":[{{"type":"Group","id":"{parent}"}}]}}"#)
    };
    format!("[{}]", parents.map(one).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn a_cycle_is_refused_however_long_it_is() {
    for length in [1, 2, 3, 100_000] {
        let found = refused(&[("entities.json", &groups((0..length).map(|at| (at, (at + 1) % length))))]);
        assert!(found.len() == 1 && found[0].contains("is its own ancestor"), "{length}: {found:?}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    each_is_refused(
        "store.toml",
        &[
            ("on_forbid_eror = \"deny\"", "store.toml:1:1: unknown field `on_forbid_eror`"),
            ("on_forbid_error = \"allow\"", "store.toml:1:19: "),
            ("on_forbid_error = true", "store.toml:1:19: "),
            ("request_attributes = \"add\"\nrequest_attributes = \"override\"", "store.toml:2:1: duplicate key"),
            ("default_namespace = 1", "store.toml:1:21: "),
            ("default_namespace = \"Zed\"", "store.toml:1:21: default_namespace: the schema has no namespace `Zed`"),
            ("tenants = \"all\"", "store.toml:1:11: invalid value: string \"all\", expected \"any\" or a list"),
            ("tenants = [\"not an id\"]", "store.toml:1:12: tenants: `not an id` is"),
            ("tenants = 1", "store.toml:1:11: invalid type: integer `1`, expected \"any\" or a list"),
            ("[types]\nuser = \"Usr\"", "store.toml:2:8: [types] user: the schema has no entity type `Usr`"),
            ("[actions]\nread = \"vew\"", "store.toml:2:8: [actions] read: the schema has no action `vew`"),
            ("[token]\nprincipal = \"Usr\"", "store.toml:2:13: [token] principal: the schema has no entity type `Usr`"),
            ("[search]\ndefault_limit = 0", "default_limit"),
            ("[search]\nmax_limit = 0", "max_limit"),
            ("[search]\nmax_candidates = 0", "max_candidates"),
            ("[search]\nmax_candidates = -1", "store.toml:2:18: "),
            ("[search]\nmax_limit = 10\ndefault_limit = 11", "default_limit"),
            ("[serch]", "serch"),
            ("= 1", "store.toml:1:1: "),
        ],
    );
}

#[test]
fn what_is_nested_too_deep_is_a_finding_and_not_the_end_of_the_process() {
    let policy = |condition: &str| format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};");
    let around =
        |count: usize, open: &str, close: &str| policy(&format!("{}true{}", open.repeat(count), close.repeat(count)));
    for (open, close) in [
        ("(", ")"),
        ("!(", ")"),
        ("(true && ", ")"),
        ("[", "].isEmpty()"),
        ("{a: ", "}.a"),
        ("if true then true else ", ""),
    ] {
        // With 300 it is the engine's to say whether it is any good.
        drop(load(&source(&[("p.cedar", &around(300, open, close))])));
        for count in [2000, 100_000] {
            let found = refused(&[("p.cedar", &around(count, open, close))]);
            assert!(found.len() == 1 && found[0].contains("nested too deep"), "{open}: {found:?}");
        }
    }
    for chain in [" || principal.age > 1", " && true", ".boss", " + 1", " * 2", "[\"boss\"]", " }\nwhen { true"] {
        for count in [2000, 20_000, 1_000_000] {
            let found = refused(&[("p.cedar", &policy(&format!("principal{}", chain.repeat(count))))]);
            // The engine may find something wrong with it first, as long as it ends.
            assert!(!found.is_empty(), "{chain}");
        }
    }
    let json = format!("{}true{}", "{\"!\":{\"arg\":".repeat(5000), "}}".repeat(5000));
    refused(&[("p.cedar.json", &json)]);
    for (open, close) in [("{a: ", "}"), ("Set<", ">"), ("[", "]"), ("(", ")")] {
        for count in [2000, 100_000] {
            let schema = format!("entity User {{ a: {}Long{} }};", open.repeat(count), close.repeat(count));
            let found = refused(&[("s.cedarschema", &schema)]);
            assert!(found.len() == 1 && found[0].contains("nested too deep"), "{open}: {found:?}");
        }
    }
}

#[test]
fn what_is_long_and_not_deep_is_loaded() {
    let set = vec!["if principal.age > 1 then principal.age else (1 + 2)"; 3000].join(", ");
    let text = format!("{}\\\"(\\u{{28}} if if // ", "(".repeat(3000));
    let mut policies = format!(
        "@id(\"set\") permit (principal, action, resource) when {{ [{set}].contains(3) }} unless {{ \"\" like \"{text}\" }};\n// {text}\n"
    );
    for number in 0..3000 {
        use std::fmt::Write;
        let condition = "principal.age > 1 && (principal has boss || (if true then true else false))";
        writeln!(policies, "@id(\"{number}\") permit (principal, action, resource) when {{ {condition} }};").unwrap();
    }
    assert_eq!(loaded(&[("p.cedar", &policies)]).policies().len(), 3001);
}

#[test]
fn places_count_from_the_beginning_of_the_file_however_long_it_is() {
    let policy = |id: usize, condition: &str| {
        let comment = format!("// {}", "ü; ".repeat(800));
        format!("{comment}\n@id(\"{id}\")\npermit (principal, action, resource)\nwhen {{ {condition} }};\n")
    };
    let file = |conditions: &[&str]| -> String {
        conditions.iter().enumerate().map(|(id, condition)| policy(id, condition)).collect()
    };
    let good = file(&["principal.age > 1", "principal has boss", "1 < 2"]);
    let source = source(&[("p.cedar", &good)]);
    for pace in [Pace::Alone, Pace::BesideRequests] {
        let snapshot = load_at(&source, pace).unwrap();
        let lines: Vec<_> = snapshot.policies().iter().map(|policy| (policy.id.as_str(), policy.line)).collect();
        assert_eq!(lines, [("0", Some(2)), ("1", Some(6)), ("2", Some(10))]);
        let text = snapshot.text(snapshot.policy("1").unwrap()).unwrap();
        assert!(text.starts_with("@id(\"1\")") && text.ends_with("has boss };"), "{text}");
    }
    for (condition, wanted) in [
        ("principal.agee > 1", "p.cedar:12:8: for policy `2`"),
        ("principal.age >", "p.cedar:12:24: unexpected token `}`"),
        ("principal.age > 1 } }", "p.cedar:12:28: unexpected token `}`"),
        ("\"open", "p.cedar:12:"),
    ] {
        let found = refused(&[("p.cedar", &file(&["true", "principal has boss", condition]))]);
        assert!(found.iter().any(|found| found.starts_with(wanted)), "{condition}: {found:#?}");
    }
}
