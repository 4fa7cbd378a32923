//! Stores that load, and stores that do not.

use super::*;
use crate::policy::SourceFile;

fn store(policies: &str) -> Result<Snapshot, Vec<String>> {
    let mut source = StoreSource::embedded_control_plane();
    source.policies = vec![SourceFile::new("test.cedar", policies)];
    load(&source).map_err(|findings| findings.findings.iter().map(ToString::to_string).collect())
}

#[test]
fn the_shipped_store_loads() {
    let snapshot = load(&StoreSource::embedded_control_plane()).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(&**snapshot.store(), "gatewood");
    assert!(snapshot.policies().iter().any(|policy| policy.id == "tenant-isolation"));
}

#[test]
fn every_policy_file_of_the_folder_is_in_the_binary() {
    let mut in_folder: Vec<String> = std::fs::read_dir("policies/gatewood")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| std::path::Path::new(name).extension().is_some_and(|extension| extension == "cedar"))
        .collect();
    in_folder.sort();
    let embedded: Vec<String> =
        StoreSource::embedded_control_plane().policies.into_iter().map(|file| file.name).collect();
    assert_eq!(in_folder, embedded);
}

#[test]
fn a_misspelt_role_is_refused() {
    let findings = store("@id(\"a\")\npermit (principal in Gatewood::Role::\"amdin\", action, resource);").unwrap_err();
    assert!(findings[0].starts_with("test.cedar:2:") && findings[0].contains("amdin"), "{findings:?}");
}

#[test]
fn every_shipped_forbid_says_why() {
    let snapshot = load(&StoreSource::embedded_control_plane()).unwrap();
    for policy in snapshot.policies().iter().filter(|policy| policy.effect == cedar_policy::Effect::Forbid) {
        assert!(policy.annotations.notice(&[]).is_some(), "{} has no @notice", policy.id);
    }
}

#[test]
fn all_findings_are_reported_with_their_places() {
    let findings = store(
        "@id(\"a\")\npermit (principal, action, resource);\n\
         @id(\"a\")\npermit (principal, action, resource);\n\
         permit (principal, action, resource);\n\
         @id(\"b\")\n@status(\"500\")\nforbid (principal, action, resource);\n",
    )
    .unwrap_err();
    assert_eq!(
        findings,
        [
            "test.cedar:3:1: @id(\"a\") is taken already, by test.cedar:1",
            "test.cedar:5:1: the policy has no @id(\"...\")",
            "test.cedar:6:1: @status(\"500\") is none of 401, 403, 404 and 409",
        ]
    );
}

#[test]
fn a_misspelt_attribute_is_an_error_with_its_place() {
    let findings = store(
        "@id(\"a\")\nforbid (principal, action == Gatewood::Action::\"UpsertOidcConfig\", resource)\n\
         when { context.input.isuer.host == \"x\" };",
    )
    .unwrap_err();
    assert!(findings[0].starts_with("test.cedar:3:8: "), "{findings:?}");
    assert!(findings[0].contains("isuer"), "{findings:?}");
}

#[test]
fn a_syntax_error_refuses_the_whole_store() {
    let findings = store("@id(\"a\")\npermit (principal, action, resource)\n").unwrap_err();
    assert!(findings[0].starts_with("test.cedar:"), "{findings:?}");
}

#[test]
fn the_revision_moves_with_every_byte_and_with_nothing_else() {
    let source = StoreSource::embedded_control_plane();
    let revision = |source: &StoreSource| PolicyRevision::of(source);
    assert_eq!(revision(&source), revision(&source.clone()));
    let mut moved = source.clone();
    let last = moved.policies[0].text.pop().unwrap();
    moved.policies[1].text.insert(0, last);
    assert_ne!(revision(&source), revision(&moved));
    let mut elsewhere = source.clone();
    elsewhere.schemas[0].name = "/etc/gatewood/schema.cedarschema".to_owned();
    assert_eq!(revision(&source), revision(&elsewhere));
}
