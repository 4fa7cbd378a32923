//! The example store `policies/photoflash`, held against the Cedar engine itself and nothing of
//! Gatewood's: that it is valid, and that its own tests are right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, EntityUid, Policy, PolicyId, PolicySet,
    Request, Schema, SlotId, ValidationMode, Validator,
};
use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const STORE: &str = "policies/photoflash";
const NAMESPACE: &str = "PhotoFlash";

/// The files of the store whose names end so, at any depth.
fn files(end: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, end, found);
            } else if path.to_str().unwrap().ends_with(end) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(STORE), end, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no {end} in {STORE}");
    found
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap()
}

fn json_of(name: &str) -> Value {
    serde_json::from_str(&text(Path::new(STORE).join(name))).unwrap()
}

fn yaml<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A name with the store's namespace before it, unless it has it already.
fn full(name: &str) -> String {
    if name.starts_with(&format!("{NAMESPACE}::")) { name.to_owned() } else { format!("{NAMESPACE}::{name}") }
}

fn uid(text: &str) -> EntityUid {
    full(text).parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn policies() -> PolicySet {
    let mut all = PolicySet::new();
    let mut templates = Vec::new();
    for path in files(".cedar") {
        let set = PolicySet::from_str(&text(&path)).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        for policy in set.policies() {
            let id = policy.annotation("id").unwrap_or_else(|| panic!("{}: a policy has no @id", path.display()));
            all.add(policy.new_id(PolicyId::new(id))).unwrap();
        }
        for template in set.templates() {
            let id = template.annotation("id").unwrap_or_else(|| panic!("{}: a template has no @id", path.display()));
            templates.push(template.new_id(PolicyId::new(id)));
        }
    }
    for path in files(".cedar.json") {
        let policy = Policy::from_json(None, serde_json::from_str(&text(path)).unwrap()).unwrap();
        let id = PolicyId::new(policy.annotation("id").unwrap());
        all.add(policy.new_id(id)).unwrap();
    }
    for template in templates {
        all.add_template(template).unwrap();
    }
    for link in json_of("links.json").as_array().unwrap() {
        let id = |key: &str| PolicyId::new(link[key].as_str().unwrap());
        let slot = |name: &str| if name == "?principal" { SlotId::principal() } else { SlotId::resource() };
        let args = link["args"].as_object().unwrap().iter();
        let args = args.map(|(name, to)| (slot(name), to.as_str().unwrap().parse().unwrap())).collect();
        all.link(id("template_id"), id("link_id"), args).unwrap();
    }
    all
}

fn schema() -> Schema {
    let (schema, warnings) = Schema::from_cedarschema_str(&text(Path::new(STORE).join("schema.cedarschema"))).unwrap();
    assert_eq!(warnings.map(|warning| warning.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
    schema
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[serde(rename = "name")]
    _name: String,
    now: String,
    #[serde(default)]
    entities: Vec<Value>,
    #[serde(default)]
    fixtures: Vec<String>,
    #[serde(default)]
    cases: Vec<Case>,
    matrix: Option<Matrix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    principals: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    now: Option<String>,
    #[serde(default)]
    principal: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    context: Map<String, Value>,
    authzen: Option<Value>,
    expect: String,
    determining: Option<BTreeSet<String>>,
    notices: Option<Vec<String>>,
    #[serde(default)]
    errors: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    principals: Vec<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    allow: Vec<Allowed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    principal: Option<Names>,
    action: Option<Names>,
    resource: Option<Names>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn has(names: Option<&Self>, name: &str) -> bool {
        match names {
            None => true,
            Some(Self::One(one)) => one == name,
            Some(Self::Many(many)) => many.iter().any(|one| one == name),
        }
    }
}

/// What an AuthZEN request asks, in Cedar's terms, by the names of `store.toml`.
fn by_authzen(case: &mut Case) {
    let Some(asked) = case.authzen.take() else { return };
    let settings: toml::Table = text(Path::new(STORE).join("store.toml")).parse().unwrap();
    let renamed = |table: &str, name: &Value| {
        let name = name.as_str().unwrap();
        settings[table].get(name).map_or(name.to_owned(), |to| to.as_str().unwrap().to_owned())
    };
    let entity = |value: &Value| format!("{}::{}", renamed("types", &value["type"]), value["id"]);
    case.principal = entity(&asked["subject"]);
    case.resource = entity(&asked["resource"]);
    case.action = renamed("actions", &asked["action"]["name"]);
    case.context = asked["context"].as_object().cloned().unwrap_or_default();
    case.context.remove("action");
    if let Some(properties) = asked["action"].get("properties") {
        case.context.insert("action".to_owned(), properties.clone());
    }
}

/// What came of a request, as Gatewood would tell it.
struct Outcome {
    decision: &'static str,
    determining: BTreeSet<String>,
    notices: Vec<String>,
    errors: BTreeSet<String>,
}

struct Store {
    schema: Schema,
    policies: PolicySet,
}

impl Store {
    fn load() -> Self {
        Self { schema: schema(), policies: policies() }
    }

    /// The stored entities, with those of a suite laid over them: what is stored is not replaced.
    fn entities(&self, overlay: &[Value]) -> Entities {
        let mut all = json_of("entities.json").as_array().unwrap().clone();
        for entity in overlay {
            let named =
                |text: &Value| serde_json::to_value(uid(text.as_str().unwrap()).to_json_value().unwrap()).unwrap();
            let plain = |uid: &Value| uid.get("__entity").unwrap_or(uid).clone();
            let name = plain(&named(&entity["uid"]));
            if let Some(stored) = all.iter_mut().find(|stored| stored["uid"] == name) {
                for (key, value) in entity["attrs"].as_object().unwrap() {
                    stored["attrs"].as_object_mut().unwrap().entry(key).or_insert(value.clone());
                }
                continue;
            }
            let parents = entity["parents"].as_array().cloned().unwrap_or_default();
            let parents: Vec<Value> = parents.iter().map(|parent| plain(&named(parent))).collect();
            let tags = entity.get("tags").cloned().unwrap_or_else(|| json!({}));
            all.push(json!({ "uid": name, "attrs": entity["attrs"], "tags": tags, "parents": parents }));
        }
        Entities::from_json_value(Value::Array(all), Some(&self.schema)).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn decide(&self, entities: &Entities, case: &Case, now: &str) -> Outcome {
        let action = uid(&format!("Action::{}", json!(case.action)));
        let now = DateTime::parse_from_rfc3339(case.now.as_deref().unwrap_or(now)).unwrap();
        let mut context = case.context.clone();
        context.insert("now".to_owned(), json!(now.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)));
        let context = Context::from_json_value(Value::Object(context), Some((&self.schema, &action))).unwrap();
        let (principal, resource) = (uid(&case.principal), uid(&case.resource));
        let request = Request::new(principal, action, resource, context, Some(&self.schema)).unwrap();
        let answer = Authorizer::new().is_authorized(&request, &self.policies, entities);
        self.outcome(&answer)
    }

    /// A forbid that cannot be evaluated denies and is determining: the one thing that Gatewood adds.
    fn outcome(&self, answer: &cedar_policy::Response) -> Outcome {
        let errors = answer.diagnostics().errors();
        let errors = errors.map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().to_string());
        let errors: BTreeSet<String> = errors.collect();
        let forbids = |id: &String| self.policies.policy(&PolicyId::new(id)).unwrap().effect() == Effect::Forbid;
        let erring: BTreeSet<String> = errors.iter().filter(|id| forbids(id)).cloned().collect();
        let mut determining: BTreeSet<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        if !erring.is_empty() {
            determining.retain(forbids);
            determining.extend(erring.iter().cloned());
        }
        let allowed = answer.decision() == Decision::Allow && erring.is_empty();
        let notice = |id: &String| self.policies.annotation(&PolicyId::new(id), "notice").map(str::to_owned);
        let notices = determining.iter().filter_map(notice).collect();
        Outcome { decision: if allowed { "allow" } else { "deny" }, determining, notices, errors }
    }
}

#[test]
fn the_example_store_is_valid_without_a_warning_and_so_are_its_entities() {
    let store = Store::load();
    let result = Validator::new(store.schema.clone()).validate(&store.policies, ValidationMode::Strict);
    let findings: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
    let warnings: Vec<String> = result.validation_warnings().map(ToString::to_string).collect();
    assert_eq!((findings, warnings), (Vec::new(), Vec::new()));
    assert_eq!(store.policies.num_of_templates(), 2);
    assert!(store.entities(&[]).iter().count() > 25);
}

#[test]
fn every_forbid_of_the_example_store_tells_the_caller_what_is_wrong_and_has_a_code() {
    for policy in policies().policies().filter(|policy| policy.effect() == Effect::Forbid) {
        assert!(policy.annotation("notice").is_some(), "{} has no @notice", policy.id());
        assert!(policy.annotation("code").is_some(), "{} has no @code", policy.id());
    }
}

#[test]
fn the_policies_of_the_example_store_are_formatted() {
    let settings = cedar_policy_formatter::Config { line_width: 80, indent_width: 4 };
    // The formatter takes away the empty line below a comment that is about the whole file.
    let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    for path in files(".cedar") {
        let found = text(&path);
        let formatted = cedar_policy_formatter::policies_str_to_pretty(&found, &settings).unwrap();
        assert_eq!(lines(&found), lines(&formatted), "{} is not as `cedar format` writes it", path.display());
    }
}

#[test]
fn the_cases_of_the_example_store_are_right() {
    let store = Store::load();
    let mut wrong = Vec::new();
    for path in files(".test.yaml") {
        let suite: Suite = yaml(&path);
        assert!(!suite.cases.is_empty() || suite.matrix.is_some(), "{} tests nothing", path.display());
        let entities = store.entities(&suite.entities);
        for mut case in suite.cases {
            by_authzen(&mut case);
            let found = store.decide(&entities, &case, &suite.now);
            let fits = found.decision == case.expect
                && case.determining.as_ref().is_none_or(|expected| *expected == found.determining)
                && case.notices.as_ref().is_none_or(|expected| *expected == found.notices)
                && case.errors == found.errors;
            if !fits {
                wrong.push(format!(
                    "{}: {}: {} by {:?}, with {:?} and the errors {:?}",
                    path.display(),
                    case.name,
                    found.decision,
                    found.determining,
                    found.notices,
                    found.errors
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_matrices_of_the_example_store_are_right_in_every_cell() {
    let store = Store::load();
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for path in files(".test.yaml") {
        let suite: Suite = yaml(&path);
        let Some(matrix) = suite.matrix else { continue };
        let mut names = BTreeMap::new();
        for fixtures in suite.fixtures {
            names.extend(yaml::<Fixtures>(&path.parent().unwrap().join(fixtures)).principals);
        }
        let entities = store.entities(&suite.entities);
        for who in &matrix.principals {
            for action in &matrix.actions {
                for resource in &matrix.resources {
                    let expected = matrix.allow.iter().any(|row| {
                        Names::has(row.principal.as_ref(), who)
                            && Names::has(row.action.as_ref(), action)
                            && Names::has(row.resource.as_ref(), resource)
                    });
                    let case = cell(&names[who], action, resource);
                    let found = store.decide(&entities, &case, &suite.now);
                    cells += 1;
                    if (found.decision == "allow") != expected || !found.errors.is_empty() {
                        let by = found.determining;
                        wrong.push(format!("{who} {action} {resource}: {} by {by:?}", found.decision));
                    }
                }
            }
        }
    }
    assert!(cells > 200, "{cells} cells");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn cell(principal: &str, action: &str, resource: &str) -> Case {
    Case {
        name: String::new(),
        now: None,
        principal: principal.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: Map::new(),
        authzen: None,
        expect: String::new(),
        determining: None,
        notices: None,
        errors: BTreeSet::new(),
    }
}
