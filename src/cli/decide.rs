//! `gatewood decide`

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;

use super::{complain, print, report};
use crate::app::evaluate::Answer;
use crate::decision::decide;
use crate::domain::{Clock, Entropy, Invalid, Timestamp};
use crate::http::{DecisionBody, effect};
use crate::mapping::{AuthzenQuestion, Mapped, Refusal, authzen, native};
use crate::policy::{Findings, Policy, Snapshot, StoreSource, load};
use crate::values::Json;

#[derive(Args)]
pub(super) struct DecideFlags {
    /// The folder of the store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Who asks, as in `User::"alice"`
    #[arg(long, value_name = "ENTITY", required_unless_present = "request")]
    principal: Option<String>,
    /// What for, as in `view` or `Action::"view"`
    #[arg(long, value_name = "ACTION", required_unless_present = "request")]
    action: Option<String>,
    /// What it is about, as in `Photo::"vacation.jpg"`
    #[arg(long, value_name = "ENTITY", required_unless_present = "request")]
    resource: Option<String>,
    /// The context: a JSON object, or a file that has one
    #[arg(long, value_name = "FILE|JSON")]
    context: Option<String>,
    /// Entities to lay over those that are stored: a JSON array, or a file that has one
    #[arg(long, value_name = "FILE|JSON")]
    entities: Option<String>,
    /// The whole request as JSON, `-` for standard input: as `/v1/is-authorized` takes it or, where it has
    /// `subject`, in AuthZEN's words
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["principal", "action", "resource", "context", "entities"])]
    request: Option<PathBuf>,
    /// The time to decide at, as in `2026-03-01T09:00:00Z` [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    now: Option<Timestamp>,
    /// The languages that notices are wanted in, best first, as in `de-AT,fr`
    #[arg(long = "language", value_name = "TAG", value_delimiter = ',')]
    languages: Vec<String>,
    /// Print what `/v1/is-authorized` would answer
    #[arg(long)]
    json: bool,
}

/// Why there is no decision.
enum Failure {
    /// One text for the person who asked.
    Text(String),
    /// The store cannot be used.
    Store(Findings),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

pub(super) fn run(flags: &DecideFlags) -> ExitCode {
    const DENY: u8 = 2;
    const INVALID_STORE: u8 = 3;
    let answered = answer(flags).and_then(|answer| {
        print(&if flags.json { json(&answer)? } else { text(&answer) })?;
        Ok(answer.decision.allowed)
    });
    match answered {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DENY),
        Err(Failure::Text(text)) => {
            complain(&text);
            ExitCode::FAILURE
        }
        Err(Failure::Store(findings)) => {
            complain(&report::findings(&[findings]));
            ExitCode::from(INVALID_STORE)
        }
    }
}

fn answer(flags: &DecideFlags) -> Result<Answer, Failure> {
    let request = request(flags)?;
    let snapshot = open(&flags.store)?;
    let now = flags.now.unwrap_or_else(|| Clock::system().now());
    let mapped = mapped(&snapshot, &request, now).map_err(|invalid| told("the request", &invalid))?;
    let decision = decide(&snapshot, &mapped, Entropy::system().uuid_at(now));
    Ok(Answer { notices: decision.notices(&flags.languages), shows_policies: true, decision })
}

/// The request, in the words of the native API or in AuthZEN's.
fn request(flags: &DecideFlags) -> Result<Json, String> {
    if let Some(file) = &flags.request {
        return read(file);
    }
    let text = |text: &String| Ok(Json::Text(text.into()));
    // Whoever types it need not say that an action is one.
    let action = |name: &String| if name.contains("::") { text(name) } else { Ok(action_of_the_store(name)) };
    let json = |flag: &'static str| move |text: &String| inline(flag, text);
    let members = [
        ("principal", flags.principal.as_ref().map(text)),
        ("action", flags.action.as_ref().map(action)),
        ("resource", flags.resource.as_ref().map(text)),
        ("context", flags.context.as_ref().map(json("--context"))),
        ("entities", flags.entities.as_ref().map(json("--entities"))),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some(value?.map(|value| (name.into(), value))));
    Ok(Json::Object(given.collect::<Result<_, String>>()?))
}

/// The action of this name in the store's default namespace.
fn action_of_the_store(name: &str) -> Json {
    let member = |key: &str, value: &str| (key.into(), Json::Text(value.into()));
    Json::Object(vec![member("type", "Action"), member("id", name)])
}

/// JSON, or the file that has it.
fn inline(flag: &str, text: &str) -> Result<Json, String> {
    if text.trim_start().starts_with(['{', '[']) {
        return Json::parse(text.as_bytes()).map_err(|invalid| told(flag, &invalid));
    }
    read(Path::new(text))
}

/// JSON from a file, or from standard input.
fn read(file: &Path) -> Result<Json, String> {
    let mut bytes = Vec::new();
    let (place, outcome) = if file == Path::new("-") {
        ("standard input".to_owned(), io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (format!("`{}`", file.display()), fs::read(file))
    };
    let bytes = outcome.map_err(|error| format!("{place} cannot be read: {error}"))?;
    Json::parse(&bytes).map_err(|invalid| told(&place, &invalid))
}

/// What is wrong with `what`, or with a field of it.
fn told(what: &str, Invalid { field, reason }: &Invalid) -> String {
    if field == "body" { format!("{what} {reason}") } else { format!("{what}: {field} {reason}") }
}

/// The store, as the server would load it.
fn open(folder: &Path) -> Result<Arc<Snapshot>, Failure> {
    if !folder.is_dir() {
        return Err(Failure::Text(format!("there is no folder `{}`", folder.display())));
    }
    let name = match folder.file_name() {
        Some(name) => name.to_owned(),
        // What is written as `.` has a name, too.
        None => {
            fs::canonicalize(folder).ok().and_then(|whole| whole.file_name().map(ToOwned::to_owned)).unwrap_or_default()
        }
    };
    let name = name.to_string_lossy();
    load(&StoreSource::from_folder(&name, folder)).map(Arc::new).map_err(Failure::Store)
}

fn mapped(snapshot: &Snapshot, request: &Json, now: Timestamp) -> Result<Mapped, Invalid> {
    if request.get("subject").is_none() {
        return native(snapshot, request, now);
    }
    if request.get("evaluations").is_some() {
        return Err(Invalid::new("evaluations", "is a batch; here is room for one request"));
    }
    authzen(snapshot, AuthzenQuestion::of(request)?, now).map_err(Refusal::into_invalid)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let read = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    read.map_err(|error| format!("{error}; right would be 2026-03-01T09:00:00Z"))
}

fn json(answer: &Answer) -> Result<String, String> {
    let text = serde_json::to_string(&DecisionBody::from(answer));
    text.map(|text| format!("{text}\n")).map_err(|error| format!("the answer cannot be written: {error}"))
}

/// The answer for people. What there is none of is left out, but for the policies: that none
/// permitted is the reason of most denials.
fn text(Answer { decision, notices, .. }: &Answer) -> String {
    let mut determining: Vec<String> = decision.determining().map(policy).collect();
    if determining.is_empty() {
        determining.push("no policy permits this".to_owned());
    }
    let errors = decision.failures.iter().map(|failure| format!("{}: {}", failure.policy, failure.message));
    let snapshot = &decision.snapshot;
    let word = if decision.allowed { "allow" } else { "deny" };
    [
        ("decision", vec![word.to_owned()]),
        ("determining", determining),
        ("notices", notices.clone()),
        ("errors", errors.collect()),
        ("store", vec![format!("{}, revision {}", snapshot.store(), snapshot.revision())]),
    ]
    .iter()
    .map(|(title, entries)| section(title, entries))
    .collect()
}

/// A policy with where it stands.
fn policy(policy: &Policy) -> String {
    let line = policy.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{} ({}, {}{line})", policy.id, effect(policy.effect), policy.file)
}

/// Entries below one another, the title before the first.
fn section(title: &str, entries: &[String]) -> String {
    let lines = entries.iter().flat_map(|entry| entry.lines());
    let line = |(nth, line): (usize, &str)| format!("{:<13} {line}\n", if nth == 0 { title } else { "" });
    lines.enumerate().map(line).collect()
}
