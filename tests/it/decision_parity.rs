//! One table of questions through every way to ask: the same answers to the last member.
//!
//! A further way is one more line in [`every_way_to_ask_gives_the_same_answer`], with a function that puts
//! all cases and gives their answers in order.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Backend, TestServer, Tweaks, gatewood, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    store: String,
    request: Value,
    expect: Expected,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    decision: String,
    /// Ids.
    determining: Vec<String>,
    /// The ids of the policies that could not be evaluated.
    errors: Vec<String>,
    notices: Vec<String>,
}

impl Expected {
    fn of(answer: &Value) -> Self {
        let texts = |list: &Value, member: &str| -> Vec<String> {
            let text = |entry: &Value| entry.pointer(member).and_then(Value::as_str).unwrap().to_owned();
            list.as_array().unwrap().iter().map(text).collect()
        };
        Self {
            decision: answer["decision"].as_str().unwrap().to_owned(),
            determining: texts(&answer["determining"], "/id"),
            errors: texts(&answer["errors"], "/policy"),
            notices: texts(&answer["notices"], ""),
        }
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&fs::read_to_string("tests/it/cases/decisions.json").unwrap()).unwrap()
}

/// The stores of the table: the example that is shipped, `depot`, and the same skipping what cannot be evaluated.
fn stores() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let depot = fs::canonicalize("tests/it/cases/depot").unwrap();
    symlink(fs::canonicalize("policies/photoflash").unwrap(), root.path().join("photoflash")).unwrap();
    symlink(&depot, root.path().join("depot")).unwrap();
    let skipping = root.path().join("depot-as-cedar");
    fs::create_dir(&skipping).unwrap();
    for entry in fs::read_dir(depot).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), skipping.join(entry.file_name())).unwrap();
    }
    fs::write(skipping.join("store.toml"), "on_forbid_error = \"cedar\"\n").unwrap();
    root
}

/// An answer without its id, which is another one each time.
fn without_id(mut answer: Value) -> Value {
    let id = answer.as_object_mut().unwrap().remove("decision_id");
    assert!(id.is_some_and(|id| uuid::Uuid::try_parse(id.as_str().unwrap()).is_ok()), "{answer:#}");
    answer
}

async fn native(server: &TestServer, cases: &[Case]) -> Vec<Value> {
    let mut answers = Vec::new();
    for case in cases {
        let path = format!("/v1/stores/{}/is-authorized", case.store);
        answers.push(without_id(server.root().post(&path).json(&case.request).send().await.expect(200).json()));
    }
    answers
}

/// All questions to a store at once; the answers in the order of the cases.
async fn batch(server: &TestServer, cases: &[Case]) -> Vec<Value> {
    let mut answers = vec![Value::Null; cases.len()];
    for store in ["photoflash", "depot", "depot-as-cedar"] {
        let of_store: Vec<usize> = (0..cases.len()).filter(|at| cases[*at].store == store).collect();
        let requests: Vec<&Value> = of_store.iter().map(|at| &cases[*at].request).collect();
        let path = format!("/v1/stores/{store}/is-authorized/batch");
        let answered = server.root().post(&path).json(&json!({ "requests": requests })).send().await.expect(200).json();
        for (at, answer) in of_store.iter().zip(answered["answers"].as_array().unwrap()) {
            answers[*at] = without_id(answer.clone());
        }
    }
    answers
}

/// What `gatewood decide` prints, with the exit code that goes with it.
fn decided(root: &Path, case: &Case, arguments: &[String]) -> Value {
    let mut all = vec!["decide", "--json", "--store", &case.store];
    all.extend(arguments.iter().map(String::as_str));
    let ended = run(&mut gatewood(root, &all));
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    assert_eq!(ended.code, Some(if answer["decision"] == "allow" { 0 } else { 2 }), "{}", case.name);
    without_id(answer)
}

fn command_line(root: &Path, cases: &[Case]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("request.json");
    let ask = |case: &Case| {
        fs::write(&file, case.request.to_string()).unwrap();
        decided(root, case, &["--request".to_owned(), file.display().to_string()])
    };
    cases.iter().map(ask).collect()
}

/// The members of the request as arguments of their own.
fn arguments(root: &Path, cases: &[Case]) -> Vec<Value> {
    let text = |value: &Value| match (value.as_str(), value.get("type"), value.get("id")) {
        (Some(text), ..) => text.to_owned(),
        (None, Some(of_type), Some(id)) => format!("{}::{id}", of_type.as_str().unwrap()),
        (None, ..) => value.to_string(),
    };
    let ask = |case: &Case| {
        let members = case.request.as_object().unwrap().iter();
        let given: Vec<String> = members.flat_map(|(name, value)| [format!("--{name}"), text(value)]).collect();
        decided(root, case, &given)
    };
    cases.iter().map(ask).collect()
}

/// The question in AuthZEN's words: the entities that it brings are the properties of subject and resource.
/// `None` where it cannot be said so.
fn in_authzens_words(request: &Value) -> Option<Value> {
    let name = |reference: &Value| match reference.as_str() {
        Some(text) => {
            let (of_type, id) = text.split_once("::\"")?;
            Some((of_type.to_owned(), id.strip_suffix('"')?.to_owned()))
        }
        None => Some((reference["type"].as_str()?.to_owned(), reference["id"].as_str()?.to_owned())),
    };
    let short = |(of_type, id): (String, String)| (of_type.rsplit("::").next().unwrap_or_default().to_owned(), id);
    let (subject, resource) = (name(&request["principal"])?, name(&request["resource"])?);
    let (_, action) = name(&request["action"])?;
    let mut question = json!({
        "subject": { "type": subject.0, "id": subject.1 },
        "action": { "name": action },
        "resource": { "type": resource.0, "id": resource.1 },
        "context": request.get("context").cloned().unwrap_or_else(|| json!({})),
    });
    for entity in request.get("entities").and_then(Value::as_array).into_iter().flatten() {
        let empty = |member: &str| entity.get(member).is_none_or(|it| [json!([]), json!({})].contains(it));
        let uid = short(name(&entity["uid"])?);
        let part = if uid == short(subject.clone()) { "subject" } else { "resource" };
        if !(empty("parents") && empty("tags")) || (part == "resource" && uid != short(resource.clone())) {
            return None;
        }
        question[part]["properties"] = entity["attrs"].clone();
    }
    Some(question)
}

/// What AuthZEN's answers say, as far as they say the same: decision, ids and notices.
async fn authzen(server: &TestServer, cases: &[Case]) -> Vec<Option<(bool, String, String)>> {
    let mut answers = Vec::new();
    for case in cases {
        let Some(question) = in_authzens_words(&case.request) else {
            answers.push(None);
            continue;
        };
        let path = format!("/stores/{}/access/v1/evaluation", case.store);
        let answer = server.root().post(&path).json(&question).send().await.expect(200).json();
        let reasons = |name: &str| {
            let by_status = answer["context"].get(name).and_then(Value::as_object);
            let mut texts: Vec<&str> = by_status
                .into_iter()
                .flatten()
                .filter(|(status, _)| *status != "500")
                .filter_map(|(_, text)| text.as_str())
                .collect();
            texts.sort_unstable();
            texts.join(" ")
        };
        let decision = answer["decision"].as_bool().unwrap();
        answers.push(Some((decision, reasons("reason_admin"), reasons("reason_user"))));
    }
    answers
}

async fn serving(root: &Path) -> TestServer {
    let mut tweaks = Tweaks::default();
    tweaks.flags.push(("policies", root.display().to_string()));
    TestServer::start_with(Backend::Sqlite, tweaks).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authzen_gives_the_same_answers() {
    let (root, cases) = (stores(), cases());
    let server = serving(root.path()).await;
    let answers = authzen(&server, &cases).await;
    for (case, answer) in cases.iter().zip(&answers) {
        let Some((decision, ids, notices)) = answer else { continue };
        let expected = &case.expect;
        assert_eq!((*decision, ids), (expected.decision == "allow", &expected.determining.join(", ")), "{}", case.name);
        assert_eq!(*notices, expected.notices.join(" "), "{}", case.name);
    }
    let said = answers.iter().flatten().count();
    assert!(said >= 12, "only {said} of the cases can be said in AuthZEN's words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_ask_gives_the_same_answer() {
    let (root, cases) = (stores(), cases());
    let server = serving(root.path()).await;
    let expected = native(&server, &cases).await;
    for (case, answer) in cases.iter().zip(&expected) {
        assert_eq!(Expected::of(answer), case.expect, "{}: {answer:#}", case.name);
    }
    for (way, answers) in [
        ("batch", batch(&server, &cases).await),
        ("command line", command_line(root.path(), &cases)),
        ("arguments", arguments(root.path(), &cases)),
    ] {
        for ((case, answer), expected) in cases.iter().zip(&answers).zip(&expected) {
            assert_eq!(answer, expected, "{}, {way}", case.name);
        }
    }
}
