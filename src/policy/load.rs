//! The one loader: source in, snapshot or findings out.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::entities::err::EntitiesError;
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;

use super::index::ScopeIndex;
use super::snapshot::{Policy, PolicyRevision};
use super::{Annotations, Finding, Findings, Sensitive, Snapshot, SourceFile, StoreSource};

/// Loads a store whole, or not at all.
///
/// # Errors
/// Every finding: syntax, missing or repeated ids, annotations without meaning, and whatever strict
/// validation against the schema says. The validator's warnings are no findings.
pub fn load(source: &StoreSource) -> Result<Snapshot, Findings> {
    let mut loader = Loader::default();
    let schema = loader.schema(&source.schema);
    for file in &source.policies {
        loader.file(file);
    }
    if let Some(schema) = &schema {
        loader.validate(schema, source);
    }
    match schema {
        Some(schema) if loader.findings.is_empty() => loader.finish(source, schema),
        _ => {
            loader.findings.sort_by(|a, b| (&a.file, a.place, &a.message).cmp(&(&b.file, b.place, &b.message)));
            Err(Findings { store: source.store.clone(), findings: loader.findings })
        }
    }
}

#[derive(Default)]
struct Loader<'a> {
    /// By id, with the file and the offset in it.
    policies: BTreeMap<String, (CedarPolicy, Annotations, &'a SourceFile, usize)>,
    findings: Vec<Finding>,
}

impl<'a> Loader<'a> {
    fn schema(&mut self, file: &SourceFile) -> Option<Schema> {
        match Schema::from_cedarschema_str(&file.text) {
            Ok((schema, _warnings)) => Some(schema),
            Err(error) => {
                self.findings.push(Finding::of_engine(&file.name, &file.text, &error));
                None
            }
        }
    }

    fn file(&mut self, file: &'a SourceFile) {
        let set = match PolicySet::from_str(&file.text) {
            Ok(set) => set,
            Err(errors) => {
                let findings = errors.iter().map(|error| Finding::of_engine(&file.name, &file.text, error));
                return self.findings.extend(findings);
            }
        };
        for template in set.templates() {
            let message =
                format!("policy template `{}` has no links; a template does nothing by itself", template.id());
            self.findings.push(Finding::of_file(&file.name, message));
        }
        for policy in set.policies() {
            self.policy(file, policy);
        }
    }

    fn policy(&mut self, file: &'a SourceFile, policy: &CedarPolicy) {
        let core: &cedar_policy_core::ast::Policy = policy.as_ref();
        let offset = core.loc().map_or(0, cedar_policy_core::parser::Loc::start);
        let at = |message: String| Finding::at(&file.name, &file.text, offset, message);
        let annotations = match Annotations::read(policy.annotations()) {
            Ok(annotations) => annotations,
            Err(wrong) => return self.findings.extend(wrong.into_iter().map(at)),
        };
        let Some(id) = annotations.id().filter(|id| !id.is_empty()).map(str::to_owned) else {
            return self.findings.push(at("the policy has no @id(\"...\")".to_owned()));
        };
        if let Some((_, _, other, other_offset)) = self.policies.get(&id) {
            let first = Finding::at(&other.name, &other.text, *other_offset, "");
            let (line, _) = first.place.unwrap_or_default();
            return self.findings.push(at(format!("@id(\"{id}\") is taken already, by {}:{line}", first.file)));
        }
        let policy = policy.new_id(PolicyId::new(&id));
        self.policies.insert(id, (policy, annotations, file, offset));
    }

    fn validate(&mut self, schema: &Schema, source: &StoreSource) {
        let all = match PolicySet::from_policies(self.policies.values().map(|(policy, ..)| policy.clone())) {
            Ok(all) => all,
            Err(error) => return self.findings.push(Finding::of_file(&source.store, error)),
        };
        let result = Validator::new(schema.clone()).validate(&all, ValidationMode::Strict);
        for error in result.validation_errors() {
            let finding = match self.policies.get(error.policy_id().to_string().as_str()) {
                Some((_, _, file, _)) => Finding::of_engine(&file.name, &file.text, error),
                None => Finding::of_file(&source.store, error),
            };
            self.findings.push(finding);
        }
    }

    fn finish(self, source: &StoreSource, schema: Schema) -> Result<Snapshot, Findings> {
        let of_schema = |error: Box<EntitiesError>| Findings {
            store: source.store.clone(),
            findings: vec![Finding::of_file(&source.schema.name, error)],
        };
        let actions = schema.action_entities().map_err(Box::new).map_err(of_schema)?;
        let sensitive = Sensitive::of_cedar(&source.schema.text).map_err(|error| Findings {
            store: source.store.clone(),
            findings: vec![Finding::of_file(&source.schema.name, error)],
        })?;
        let index = ScopeIndex::build(self.policies.values().map(|(policy, ..)| policy), &schema, &actions);
        let actions = actions_alone(&actions).map_err(of_schema)?;
        let policies = self.policies.into_iter().map(|(id, (policy, annotations, file, offset))| {
            let line = Finding::at(&file.name, &file.text, offset, "").place.map_or(1, |(line, _)| line);
            let effect = policy.effect();
            let core: &cedar_policy_core::ast::Policy = policy.as_ref();
            let (condition, slots) = (core.condition(), core.env().clone());
            Policy { id, effect, annotations, place: (file.name.clone(), line), condition, slots }
        });
        Ok(Snapshot {
            actions,
            store: source.store.clone(),
            revision: PolicyRevision::of(source),
            policies: policies.collect(),
            index,
            schema,
            sensitive: Arc::new(sensitive),
        })
    }
}

/// Each action of the schema with its groups, as a set of entities of its own.
fn actions_alone(actions: &cedar_policy::Entities) -> Result<HashMap<EntityUID, Entities>, Box<EntitiesError>> {
    let alone = |action: &cedar_policy::Entity| {
        let core: &cedar_policy_core::ast::Entity = action.as_ref();
        let entities = Entities::from_entities(
            [core.clone()],
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        );
        let entities = entities.map_err(Box::new)?;
        Ok((core.uid().clone(), entities))
    };
    actions.iter().map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(policies: &str) -> Result<Snapshot, Vec<String>> {
        let mut source = StoreSource::embedded_control_plane();
        source.policies = vec![SourceFile { name: "test.cedar".to_owned(), text: policies.to_owned() }];
        load(&source).map_err(|findings| findings.findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_shipped_store_loads() {
        let snapshot = load(&StoreSource::embedded_control_plane()).unwrap_or_else(|findings| panic!("{findings}"));
        assert_eq!(snapshot.store(), "gatewood");
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
        let findings =
            store("@id(\"a\")\npermit (principal in Gatewood::Role::\"amdin\", action, resource);").unwrap_err();
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
        elsewhere.schema.name = "/etc/gatewood/schema.cedarschema".to_owned();
        assert_eq!(revision(&source), revision(&elsewhere));
    }
}
