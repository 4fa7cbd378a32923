//! The one loader: source in, snapshot or findings out.

mod code;
mod depth;
mod entities;
#[cfg(test)]
mod hostile;
mod policies;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cedar_policy::{Effect, PolicySet, Schema, SchemaFragment, ValidationError, ValidationMode, Validator};
use cedar_policy_core::ast::{Entity, EntityUID};

use self::policies::{PolicyFiles, Read, text_of};
use super::entities::KnownBuilder;
use super::index::IndexBuilder;
use super::pace::{Breath, Pace};
use super::reach::Reach;
use super::settings::ReadSettings;
use super::snapshot::{CONTROL_STORE, Policy, PolicyRevision};
use super::source::is_json_policy_file;
use super::{Finding, Findings, Sensitive, Snapshot, StoreSource};
use crate::values::Types;

/// Loads a store whole, or not at all.
///
/// # Errors
/// Every finding: syntax, repeated ids, annotations without meaning, links without a template, entities
/// that the schema does not know, settings that name what is not there, and whatever strict validation
/// against the schema says. The validator's warnings are no findings. In the store that guards Gatewood
/// itself, a policy without an id and a template without a link are findings too.
pub fn load(source: &StoreSource) -> Result<Snapshot, Findings> {
    load_at(source, Pace::Alone)
}

/// The same, with a thought for what runs beside it.
///
/// # Errors
/// As for [`load`].
pub fn load_at(source: &StoreSource, pace: Pace) -> Result<Snapshot, Findings> {
    // The engine's parser takes some 20 KiB of stack for each pair of parentheses within another, and does not
    // look how much there is. The memory is only taken where it is written to.
    const STACK: usize = 256 * 1024 * 1024;
    stacker::grow(STACK, || load_all(source, &Breath::of(pace)))
}

fn load_all(source: &StoreSource, breath: &Breath) -> Result<Snapshot, Findings> {
    let mut findings = source.unread.clone();
    let schema = if source.misses_schema() { None } else { schema(source, &mut findings) };
    let mut policies = PolicyFiles::default();
    source.policies.iter().for_each(|file| policies.file(file, breath));
    source.links.iter().for_each(|file| policies.links(file));
    findings.append(&mut policies.findings);
    if source.store == CONTROL_STORE {
        findings.append(&mut policies.nameless);
        findings.extend(without_links(&policies));
    }
    if source.policies.is_empty() && source.unread.is_empty() {
        findings.push(Finding::of_file(&source.store, "has no *.cedar file"));
    }
    if schema.is_none() {
        findings.extend(without_schema(source));
    }
    let loaded = schema.and_then(|schema| match finish(source, schema, policies, &mut findings, breath) {
        Some(snapshot) if findings.is_empty() => Some(snapshot),
        Some(_) | None => None,
    });
    loaded.ok_or_else(|| Findings::new(&source.store, findings))
}

/// An action of the schema with all the groups that it is in.
pub(super) struct ActionLine {
    pub(super) uid: EntityUID,
    pub(super) groups: Vec<EntityUID>,
    pub(super) entity: Arc<Entity>,
}

/// The fragments as one schema, and what they mark as sensitive; `None` when there is none.
fn schema(source: &StoreSource, findings: &mut Vec<Finding>) -> Option<(Schema, Sensitive)> {
    if source.schemas.is_empty() {
        findings.push(Finding::of_file(&source.store, "has no *.cedarschema file"));
        return None;
    }
    let mut fragments = Vec::new();
    for file in &source.schemas {
        if let Err(too_deep) = depth::check(file) {
            findings.push(too_deep);
            continue;
        }
        match SchemaFragment::from_cedarschema_str(&file.text) {
            Ok((fragment, _warnings)) => fragments.push(fragment),
            Err(error) => findings.push(Finding::of_engine(file, 0, &error)),
        }
    }
    if fragments.len() < source.schemas.len() {
        return None;
    }
    // What was read can be written; without that nothing would be masked.
    let json: Option<Vec<_>> = fragments.iter().map(|fragment| fragment.clone().to_json_value().ok()).collect();
    let sensitive = Sensitive::of_schema(&json?);
    match Schema::from_schema_fragments(fragments) {
        Ok(schema) => Some((schema, sensitive)),
        Err(error) => {
            // The engine does not say which of the fragments it means, unless there is only one.
            findings.push(match source.schemas.as_slice() {
                [only] => Finding::of_engine(only, 0, &error),
                many => {
                    let names: Vec<&str> = many.iter().map(|file| file.name.as_str()).collect();
                    Finding::of_file(&names.join(", "), error)
                }
            });
            None
        }
    }
}

fn without_links(policies: &PolicyFiles<'_>) -> Vec<Finding> {
    let linked = |id: &str| {
        policies.policies.values().any(|read| read.policy.template_id().is_some_and(|template| text_of(template) == id))
    };
    let idle = policies.templates.iter().filter(|(id, _)| !linked(id));
    let message = |id: &str| format!("policy template `{id}` has no links; a template does nothing by itself");
    idle.map(|(id, read)| read.place.finding(message(id))).collect()
}

/// What can be told of the other files where there is no schema.
fn without_schema(source: &StoreSource) -> Vec<Finding> {
    let mut findings = ReadSettings::of(source.settings.as_ref(), None).findings;
    if let Some(file) = &source.entities {
        let read: Result<Vec<serde::de::IgnoredAny>, _> = serde_json::from_str(&file.text);
        findings.extend(read.err().map(|error| policies::json_finding(file, &error)));
    }
    findings
}

/// Everything that needs the schema.
fn finish(
    source: &StoreSource,
    (schema, sensitive): (Schema, Sensitive),
    policies: PolicyFiles<'_>,
    findings: &mut Vec<Finding>,
    breath: &Breath,
) -> Option<Snapshot> {
    validate(&schema, source, &policies, findings, breath);
    let namespaces = namespaces(&schema);
    let only = if let [only] = namespaces.as_slice() { Some(only.as_str()) } else { None };
    let mut read = ReadSettings::of(source.settings.as_ref(), only);
    findings.append(&mut read.findings);
    let types = Types::of(schema.as_ref(), &read.settings.default_namespace);
    if let Some(file) = &source.settings {
        findings.extend(read.unknown(file, &types, &namespaces));
    }
    let actions = action_lines(source, &schema, findings)?;
    let mut known = KnownBuilder::default();
    if let Some(file) = &source.entities {
        findings.extend(entities::read(file, &types, &actions, &mut known, breath));
    }
    let mut index = IndexBuilder::default();
    let templates = policies.templates.len();
    let mut all = Vec::with_capacity(policies.policies.len());
    for (position, (id, read)) in policies.policies.into_iter().enumerate() {
        breath.take();
        index.add(position, read.policy.as_ref(), &types, &mut known);
        let place = read.place.clone();
        let policy = policy(id, read);
        if policy.reach.height > depth::DEEPEST {
            findings.push(place.finding(format!("policy `{}` {}", policy.id, depth::too_deep())));
        }
        all.push(policy);
    }
    breath.take();
    let lines = actions.iter().map(|line| std::iter::once(&line.uid).chain(&line.groups).cloned().collect());
    Some(Snapshot {
        store: source.store.as_str().into(),
        revision: PolicyRevision::of(source),
        index: index.finish(lines),
        actions: actions.into_iter().map(|line| (line.uid, line.entity)).collect(),
        known: known.finish(),
        source: kept(source),
        schema,
        sensitive: Arc::new(sensitive),
        settings: read.settings,
        types,
        policies: all,
        templates,
    })
}

/// The source, as the snapshot keeps it.
fn kept(source: &StoreSource) -> StoreSource {
    let few = source.entities.as_ref().filter(|file| file.text.len() <= Snapshot::LONGEST_ENTITIES);
    StoreSource {
        store: source.store.clone(),
        schemas: source.schemas.clone(),
        policies: source.policies.clone(),
        links: source.links.clone(),
        entities: few.cloned(),
        settings: source.settings.clone(),
        unread: Vec::new(),
    }
}

fn validate(
    schema: &Schema,
    source: &StoreSource,
    policies: &PolicyFiles<'_>,
    findings: &mut Vec<Finding>,
    breath: &Breath,
) {
    let groups = match groups(policies) {
        Ok(groups) => groups,
        Err(error) => return findings.push(Finding::of_file(&source.store, error)),
    };
    let validator = Validator::new(schema.clone());
    for group in groups {
        breath.take();
        for error in validator.validate(&group, ValidationMode::Strict).validation_errors() {
            findings.push(invalid(error, source, policies));
        }
    }
    findings.dedup();
}

fn invalid(error: &ValidationError, source: &StoreSource, policies: &PolicyFiles<'_>) -> Finding {
    let id = text_of(error.policy_id());
    let policy = policies.policies.get(&id).map(|read| &read.place);
    let place = policy.or_else(|| policies.templates.get(&id).map(|read| &read.place));
    match (policies.links.get(&id), place) {
        // The engine's own places are in the template, which has findings of its own.
        (Some(link), _) => link.finding(format!("link `{id}`: {error}")),
        (None, Some(place)) if place.span.is_some() => place.of_engine(error),
        (None, Some(place)) => Finding::of_file(&place.file.name, error),
        (None, None) => Finding::of_file(&source.store, error),
    }
}

/// All policies, for the validator: a few at a time, as it looks at each by itself, and the templates with their links.
fn groups(policies: &PolicyFiles<'_>) -> Result<Vec<PolicySet>, Box<cedar_policy::PolicySetError>> {
    const FEW: usize = 16;
    let (mut linked, mut groups, mut group) = (PolicySet::new(), Vec::new(), PolicySet::new());
    for read in policies.templates.values() {
        linked.add_template(read.policy.clone())?;
    }
    for read in policies.policies.values() {
        match (read.policy.template_id(), read.policy.template_links()) {
            (Some(template), Some(slots)) => linked.link(template.clone(), read.policy.id().clone(), slots)?,
            _ => group.add(read.policy.clone())?,
        }
        if group.num_of_policies() == FEW {
            groups.push(std::mem::take(&mut group));
        }
    }
    groups.extend([group, linked]);
    Ok(groups)
}

/// The namespaces that the schema has types or actions in.
fn namespaces(schema: &Schema) -> Vec<String> {
    let core: &cedar_policy_core::validator::ValidatorSchema = schema.as_ref();
    let of_types = core.entity_types().map(|found| found.name().name().as_ref().namespace());
    let of_actions = core.actions().map(|action| action.entity_type().name().as_ref().namespace());
    let mut all: Vec<String> = of_types.chain(of_actions).collect();
    all.sort();
    all.dedup();
    all
}

fn action_lines(source: &StoreSource, schema: &Schema, findings: &mut Vec<Finding>) -> Option<Vec<ActionLine>> {
    let entities = match schema.action_entities() {
        Ok(entities) => entities,
        Err(error) => {
            findings.push(Finding::of_file(&source.store, error));
            return None;
        }
    };
    let line = |action: &cedar_policy::Entity| {
        let core: &Entity = action.as_ref();
        let groups = core.ancestors().cloned().collect();
        ActionLine { uid: core.uid().clone(), groups, entity: Arc::new(core.clone()) }
    };
    Some(entities.iter().map(line).collect())
}

fn policy(id: String, read: Read<'_, cedar_policy::Policy>) -> Policy {
    let Read { policy: engine, annotations, place } = read;
    let core: &cedar_policy_core::ast::Policy = engine.as_ref();
    let condition = core.non_scope_constraints_arc().cloned();
    let reach = condition.as_deref().map_or(Reach::NONE, Reach::of);
    let json = is_json_policy_file(&place.file.name);
    Policy {
        id,
        effect: if engine.effect() == Effect::Permit { Effect::Permit } else { Effect::Forbid },
        annotations,
        file: place.file.name.clone(),
        line: place.line,
        span: place.span,
        template: engine.template_id().map(text_of),
        text: json.then(|| engine.to_cedar().unwrap_or_else(|| core.template().to_string())),
        condition,
        reach,
    }
}
