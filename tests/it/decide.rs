//! `gatewood decide`, through the real program: what it prints and how it ends.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, gatewood, run};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/photoflash");
const DEPOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases/depot");
const CAROL: [&str; 6] =
    ["--principal", "User::\"carol\"", "--action", "view", "--resource", "Photo::\"birthday.jpg\""];

fn decide(folder: &Path, arguments: &[&str]) -> Ended {
    run(&mut gatewood(folder, &[&["decide"], arguments].concat()))
}

/// A question to the store at `store`, in a folder without anything.
fn ask(store: &str, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    decide(folder.path(), &[&["--store", store], arguments].concat())
}

/// A request from a file, to the example store.
fn request(text: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("request.json"), text).unwrap();
    decide(folder.path(), &["--store", PHOTOS, "--request", "request.json"])
}

/// A folder with a store `broken` of these files.
fn broken(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("broken")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("broken").join(name), text).unwrap();
    }
    folder
}

const SCHEMA: (&str, &[u8]) = (
    "schema.cedarschema",
    b"entity User { age: Long };\nentity Photo;\naction view appliesTo { principal: User, resource: Photo };\n",
);
const WRONG: (&str, &[u8]) = (
    "a.cedar",
    b"@id(\"a\")\n@status(\"500\")\nforbid (principal, action, resource);\n\n\
      @id(\"b\")\npermit (principal, action, resource)\nwhen { principal.agee > 17 };\n",
);
const LINKS: (&str, &[u8]) = ("links.json", b"[\n  { \"template_id\": \"t\", \"link_id\": \"l\", \"args\": {} }\n]\n");
const ENTITIES: (&str, &[u8]) = ("entities.json", b"[\n  { \"uid\": \"User::\\\"ann\\\"\",\n");

// What is refused.

#[test]
fn wrong_usage_ends_with_1_since_2_would_say_deny() {
    for (arguments, named) in [
        (vec![], "--store"),
        (vec!["--store", PHOTOS], "--principal"),
        (vec!["--store", PHOTOS, "--principal", "User::\"carol\"", "--action", "view"], "--resource"),
        (vec!["--store", PHOTOS, "--request", "-", "--principal", "User::\"carol\""], "--principal"),
        (vec!["--store", PHOTOS, "--request", "-", "--context", "{}"], "--context"),
        (vec!["--store", PHOTOS, "--request", "-", "--now", "tomorrow"], "2026-03-01T09:00:00Z"),
        (vec!["--stores", PHOTOS], "--stores"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let complaint = decide(folder.path(), &arguments).refused();
        assert!(complaint.contains(named), "{complaint}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&mut gatewood(folder.path(), &["config", "--stores"])).code, Some(2));
    assert!(decide(folder.path(), &["--help"]).succeeded().contains("--request"));
}

#[test]
fn a_flag_before_the_command_ends_with_1_too() {
    let folder = tempfile::tempdir().unwrap();
    let before = [&["--verbose", "decide", "--store", PHOTOS], &CAROL[..]].concat();
    assert_eq!(run(&mut gatewood(folder.path(), &before)).code, Some(1));
    assert_eq!(run(&mut gatewood(folder.path(), &["--verbose", "config"])).code, Some(2));
}

#[test]
fn an_answer_that_nobody_can_read_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = gatewood(folder.path(), &[&["decide", "--store", PHOTOS], &CAROL[..]].concat());
    let ended = command.stdout(File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    let complaint = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{complaint}");
    assert!(complaint.starts_with("gatewood: the answer cannot be written"), "{complaint}");
}

#[test]
fn a_folder_or_a_file_that_is_not_there_is_named() {
    let complaint = ask("nowhere", &CAROL).refused();
    assert_eq!(complaint, "gatewood: there is no folder `nowhere`\n");
    for flag in ["--context", "--entities"] {
        let complaint = ask(PHOTOS, &[&CAROL[..], &[flag, "nothing.json"]].concat()).refused();
        assert!(complaint.starts_with("gatewood: `nothing.json` cannot be read: "), "{complaint}");
    }
    // A folder, which nobody can read as a file, whoever runs the tests.
    let complaint = ask(PHOTOS, &["--request", DEPOT]).refused();
    assert!(complaint.contains(&format!("`{DEPOT}` cannot be read: ")), "{complaint}");
}

#[test]
fn a_request_that_is_wrong_is_refused_with_the_field() {
    for (text, complaint) in [
        ("{", "`request.json` is not JSON that can be read (line 1, column 1)"),
        ("{\"action\": 1, \"action\": 2}", "`request.json`: action is there twice (line 1, column 26)"),
        ("[]", "the request is an array, and must be an object"),
        ("{}", "the request: principal is missing"),
        ("{\"principal\": \"User::\\\"carol\\\"\"}", "the request: action is missing"),
        ("{\"subject\": {\"type\": \"user\", \"id\": \"carol\"}}", "the request: resource is missing"),
        ("{\"subject\": {\"type\": \"user\"}}", "the request: subject.id is missing"),
        ("{\"subject\": {}, \"evaluations\": []}", "the request: evaluations is a batch; here is room for one request"),
    ] {
        assert_eq!(request(text).refused(), format!("gatewood: {complaint}\n"));
    }
    for (flag, value, named) in [
        ("--principal", "carol", "the request: principal "),
        ("--action", "look", "the request: action "),
        ("--context", "{\"now\": \"soon\"}", "the request: context.now "),
        ("--context", "{\"colour\": 1}", "the request: context.colour "),
        ("--context", "{\"now\"}", "--context is not JSON"),
        ("--entities", "[{}]", "the request: entities[0]"),
        ("--entities", "{}", "the request: entities "),
    ] {
        let mut arguments: Vec<&str> = CAROL.to_vec();
        match arguments.iter().position(|given| *given == flag) {
            Some(at) => arguments[at + 1] = value,
            None => arguments.extend([flag, value]),
        }
        let complaint = ask(PHOTOS, &arguments).refused();
        assert!(complaint.starts_with(&format!("gatewood: {named}")), "{complaint}");
    }
}

#[test]
fn a_store_that_is_not_valid_ends_with_3_and_every_finding_above_its_line() {
    let folder = broken(&[SCHEMA, WRONG, LINKS]);
    let ended = decide(folder.path(), &[&["--store", "broken"], &CAROL[..]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{}", ended.stderr);
    let report = ended.stderr;
    assert!(report.starts_with("gatewood: the policy store `broken` cannot be used:\n"), "{report}");
    for expected in [
        "× @status(\"500\") is none of 401, 403, 404 and 409\n   ╭─[a.cedar:1:1]\n 1 │ @id(\"a\")\n",
        "╭─[a.cedar:7:8]\n 7 │ when { principal.agee > 17 };\n",
        "× link `l`: there is no template `t`\n   ╭─[links.json:2:3]\n 2 │   { \"template_id\": \"t\"",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "colours are for terminals: {report:?}");
}

#[test]
fn what_cannot_be_read_of_a_store_makes_it_invalid() {
    let folder = broken(&[SCHEMA, ("a.cedar", b"\xff"), ENTITIES]);
    symlink("nowhere", folder.path().join("broken/b.cedar")).unwrap();
    let ended = decide(folder.path(), &[&["--store", "broken"], &CAROL[..]].concat());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for file in ["× a.cedar: cannot be read: ", "× b.cedar: cannot be read: "] {
        assert!(ended.stderr.contains(file), "{}", ended.stderr);
    }
    let folder = broken(&[SCHEMA, ENTITIES]);
    let ended = decide(folder.path(), &[&["--store", "broken"], &CAROL[..]].concat());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("× broken: has no *.cedar file"), "{}", ended.stderr);
    assert!(ended.stderr.contains("[entities.json:"), "{}", ended.stderr);
}

#[test]
fn the_service_does_not_start_and_shows_every_finding_of_every_store() {
    let folder = broken(&[SCHEMA, WRONG]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let folders = folder.path().display().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let report = run(&mut gatewood(elsewhere.path(), &["serve", "--policies", &folders])).refused();
    for expected in [
        "the policy store `broken` cannot be used:",
        "╭─[a.cedar:1:1]\n 1 │ @id(\"a\")\n",
        "╭─[a.cedar:7:8]\n 7 │ when { principal.agee > 17 };\n",
        "the policy store `empty` cannot be used:",
        "× empty: has no *.cedarschema file",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    assert!(!elsewhere.path().join("gatewood.db").exists(), "nothing is made before the policies are good");
}

// What is answered.

/// Takes the revision away, which changes with every word of the store.
fn without_revision(text: &str) -> String {
    let (before, revision) = text.split_once("revision ").unwrap();
    assert_eq!(revision.trim_end().len(), 12, "{text}");
    format!("{before}revision\n")
}

#[test]
fn allow_ends_with_0_and_says_which_policies_and_where_they_stand() {
    let printed = ask(PHOTOS, &CAROL).succeeded();
    assert_eq!(
        without_revision(&printed),
        "\
decision      allow
determining   family-album-for-carol (permit, albums/sharing.cedar:4)
              people-in-the-picture (permit, photos/people.cedar:3)
notices       This album was shared with you.
              You are in this picture.
store         photoflash, revision
"
    );
    let german = ask(PHOTOS, &[&CAROL[..], &["--language", "fr,de-AT"]].concat()).succeeded();
    assert!(german.contains("Du bist auf diesem Bild.") && !german.contains("You are in this"), "{german}");
}

#[test]
fn deny_ends_with_2_and_says_so_when_nothing_permitted() {
    let ended = ask(DEPOT, &["--principal", "User::\"bob\"", "--action", "open", "--resource", "Crate::\"books\""]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""));
    let expected = "decision      deny\ndetermining   no policy permits this\nstore         depot, revision\n";
    assert_eq!(without_revision(&ended.stdout), expected);
}

#[test]
fn a_policy_that_cannot_be_evaluated_is_among_the_errors() {
    let limit = ["--context", "{\"limit\": 9223372036854775807}"];
    let who = ["--principal", "User::\"cat\"", "--action", "open", "--resource", "Crate::\"books\""];
    let ended = ask(DEPOT, &[who.as_slice(), &limit].concat());
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stdout.contains("determining   limit (forbid, rules.cedar:"), "{}", ended.stdout);
    assert!(ended.stdout.contains("errors        limit: "), "{}", ended.stdout);
}

#[test]
fn the_time_is_given_where_the_request_has_none() {
    let jury = ["--principal", "User::\"carol\"", "--action", "view", "--resource", "Photo::\"entry-17.jpg\""];
    let at = |now: &str| ask(PHOTOS, &[jury.as_slice(), &["--now", now]].concat()).code;
    assert_eq!(at("2026-03-31T23:59:59Z"), Some(0));
    assert_eq!(at("2026-04-01T00:00:00Z"), Some(2));
    assert_eq!(at("2026-04-01T00:00:00+02:00"), Some(0));
    let said = ["--context", "{\"now\": \"2026-03-31T23:59:59Z\"}"];
    let ended = ask(PHOTOS, &[jury.as_slice(), &["--now", "2026-04-01T00:00:00Z"], &said].concat());
    assert_eq!(ended.code, Some(0), "what the request says counts: {ended:#?}");
}

#[test]
fn json_has_the_members_of_the_native_answer() {
    let answer: Value = serde_json::from_str(&ask(PHOTOS, &[&CAROL[..], &["--json"]].concat()).succeeded()).unwrap();
    let mut names: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["decision", "decision_id", "determining", "errors", "notices", "revision", "store"]);
    assert_eq!(answer["revision"].as_str().unwrap().len(), 64);
    assert_eq!(
        answer["determining"][1],
        json!({
            "id": "people-in-the-picture",
            "effect": "permit",
            "file": "photos/people.cedar",
            "line": 3,
            "annotations": {
                "id": "people-in-the-picture",
                "notice": "You are in this picture.",
                "notice_de": "Du bist auf diesem Bild.",
            },
        })
    );
}

#[test]
fn a_request_may_come_from_standard_input_and_in_the_words_of_authzen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("question");
    let question = json!({
        "subject": { "type": "user", "id": "carol" },
        "action": { "name": "can_read" },
        "resource": { "type": "photo", "id": "birthday.jpg" },
        "context": { "something": "that the schema does not know" },
    });
    fs::write(&file, question.to_string()).unwrap();
    let mut command = gatewood(folder.path(), &["decide", "--store", PHOTOS, "--request", "-"]);
    let printed = run(command.stdin(File::open(&file).unwrap())).succeeded();
    assert_eq!(printed, ask(PHOTOS, &CAROL).succeeded());
    let unknown = question.to_string().replace("can_read", "can_fly");
    let complaint = request(&unknown).refused();
    assert_eq!(complaint, "gatewood: the request: action.name `can_fly` is no action of this store\n");
}

#[test]
fn a_store_has_the_name_of_its_folder_however_the_folder_is_written() {
    let arguments = ["--principal", "User::\"cat\"", "--action", "open", "--resource", "Crate::\"books\""];
    let printed = decide(Path::new(DEPOT), &[&["--store", "."], &arguments[..]].concat()).succeeded();
    assert!(printed.contains("store         depot, revision "), "{printed}");
}
