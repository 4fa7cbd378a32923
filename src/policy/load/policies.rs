//! Policy files into policies with ids, annotations and places.

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{EntityUid, Policy as CedarPolicy, PolicyId, PolicySet, SlotId, Template};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::source::is_json_policy_file;
use super::super::{Annotations, Finding, SourceFile};

/// Where a policy or a template stands.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a SourceFile,
    /// Where it begins and ends, in bytes; JSON has no places.
    pub(super) span: Option<(usize, usize)>,
    /// The line, from 1, where there is a span.
    pub(super) line: Option<usize>,
}

impl<'a> Place<'a> {
    /// Of what a file has without places.
    const fn somewhere(file: &'a SourceFile) -> Self {
        Self { file, span: None, line: None }
    }
}

impl Place<'_> {
    pub(super) fn finding(&self, message: impl std::fmt::Display) -> Finding {
        match self.span {
            Some((start, _)) => Finding::at(&self.file.name, &self.file.text, start, message),
            None => Finding::of_file(&self.file.name, message),
        }
    }
}

pub(super) struct Read<'a, P> {
    pub(super) policy: P,
    pub(super) annotations: Annotations,
    pub(super) place: Place<'a>,
}

/// The policies of a store, by their ids.
#[derive(Default)]
pub(super) struct Policies<'a> {
    /// Those that are no templates, the linked ones among them.
    pub(super) by_id: BTreeMap<String, Read<'a, CedarPolicy>>,
    pub(super) templates: BTreeMap<String, Read<'a, Template>>,
    /// Which policies had no `@id`, and where.
    pub(super) nameless: Vec<Place<'a>>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Policies<'a> {
    /// Reads one file.
    pub(super) fn file(&mut self, file: &'a SourceFile) {
        let json = is_json_policy_file(&file.name);
        let set = match if json { from_json(file) } else { from_cedar(file) } {
            Ok(set) => set,
            Err(findings) => return self.findings.extend(findings),
        };
        // Looked for once: from the beginning of the file for each policy, it would take a large file ages.
        let ends: Vec<usize> = file.text.match_indices('\n').map(|(at, _)| at).collect();
        let place = |span: Option<(usize, usize)>| {
            let line = span.map(|(start, _)| ends.partition_point(|end| *end < start) + 1);
            Place { file, span, line }
        };
        // The engine's own ids count the policies of a file, so the order is that of the places.
        let mut templates: Vec<_> = set.templates().map(|it| (place(template_loc(it)), it)).collect();
        let mut policies: Vec<_> = set.policies().map(|it| (place(policy_loc(it)), it)).collect();
        templates.sort_by_key(|(place, it)| (place.span, it.id().to_string()));
        policies.sort_by_key(|(place, it)| (place.span, it.id().to_string()));
        // A name that a JSON file gives to a policy is as good as an annotation.
        let named = |id: &PolicyId| json.then(|| id.to_string()).filter(|id| id != ONLY);
        let spans =
            |places: &mut dyn Iterator<Item = &Place<'a>>| places.filter_map(|place| place.span).collect::<Vec<_>>();
        let mut all = spans(&mut policies.iter().map(|(place, _)| place));
        all.extend(spans(&mut templates.iter().map(|(place, _)| place)));
        all.sort_unstable();
        let number = |place: &Place<'_>, nth: usize| match place.span {
            Some(span) => all.binary_search(&span).unwrap_or(0) + 1,
            None => nth + 1,
        };
        for (nth, (place, template)) in templates.iter().enumerate() {
            let number = number(place, nth);
            if let Some((id, annotations)) = self.identify(place, template.annotations(), named(template.id()), number)
            {
                let policy = template.new_id(PolicyId::new(&id));
                self.templates.insert(id, Read { policy, annotations, place: place.clone() });
            }
        }
        for (nth, (place, policy)) in policies.iter().enumerate() {
            // Links of a JSON file are policies of their own, with the names that the file gives them.
            let number = number(place, nth);
            if let Some((id, annotations)) = self.identify(place, policy.annotations(), named(policy.id()), number) {
                let policy = policy.new_id(PolicyId::new(&id));
                self.by_id.insert(id, Read { policy, annotations, place: place.clone() });
            }
        }
    }

    /// The id and the annotations; a finding where they are no good.
    fn identify<'p>(
        &mut self,
        place: &Place<'a>,
        annotations: impl Iterator<Item = (&'p str, &'p str)>,
        named: Option<String>,
        number: usize,
    ) -> Option<(String, Annotations)> {
        let annotations = match Annotations::read(annotations) {
            Ok(annotations) => annotations,
            Err(wrong) => {
                self.findings.extend(wrong.into_iter().map(|message| place.finding(message)));
                return None;
            }
        };
        let id = match annotations.id().map(str::to_owned).or(named) {
            Some(id) if id.is_empty() => {
                self.findings.push(place.finding("@id(\"\") is empty"));
                return None;
            }
            Some(id) => id,
            None => {
                self.nameless.push(place.clone());
                format!("{}#{number}", place.file.name)
            }
        };
        self.free(&id, place).then_some((id, annotations))
    }

    /// Whether an id is free; a finding when it is not.
    fn free(&mut self, id: &str, place: &Place<'a>) -> bool {
        let policy = self.by_id.get(id).map(|read| &read.place);
        let Some(other) = policy.or_else(|| self.templates.get(id).map(|read| &read.place)) else { return true };
        let line = other.line.map(|line| format!(":{line}")).unwrap_or_default();
        let message = format!("@id(\"{id}\") is taken already, by {}{line}", other.file.name);
        self.findings.push(place.finding(message));
        false
    }

    /// Reads `links.json` and links the templates.
    pub(super) fn links(&mut self, file: &'a SourceFile) {
        let links: Vec<Link> = match serde_json::from_str(&file.text) {
            Ok(links) => links,
            Err(error) => return self.findings.push(json_finding(file, &error)),
        };
        // It is a list, or it could not have been read; the second time tells where each link stands.
        let places: Vec<&RawValue> = serde_json::from_str(&file.text).unwrap_or_default();
        for (link, raw) in links.iter().zip(places) {
            if let Err(message) = self.link(file, link) {
                let message = format!("link `{}`: {message}", link.id);
                self.findings.push(Finding::at(&file.name, &file.text, offset_in(file, raw), message));
            }
        }
    }

    fn link(&mut self, file: &'a SourceFile, link: &Link) -> Result<(), String> {
        let of = self.templates.get(&link.template);
        let of = of.ok_or_else(|| format!("there is no template `{}`", link.template))?;
        let mut slots = std::collections::HashMap::new();
        for (slot, entity) in &link.args {
            let slot = match slot.as_str() {
                "?principal" => SlotId::principal(),
                "?resource" => SlotId::resource(),
                _ => return Err(format!("`{slot}` is neither ?principal nor ?resource")),
            };
            let uid = EntityUid::from_str(entity)
                .map_err(|_error| format!("`{entity}` is no entity, like User::\"alice\""))?;
            slots.insert(slot, uid);
        }
        let failed = |error: cedar_policy::PolicySetError| error.to_string();
        let mut set = PolicySet::new();
        set.add_template(of.policy.clone()).map_err(failed)?;
        let id = PolicyId::new(&link.id);
        set.link(of.policy.id().clone(), id.clone(), slots).map_err(failed)?;
        let policy = set.policy(&id).ok_or("the engine made no policy of it")?.clone();
        let (annotations, place) = (of.annotations.clone(), of.place.clone());
        if link.id.is_empty() {
            return Err("link_id is empty".to_owned());
        }
        if self.free(&link.id, &Place::somewhere(file)) {
            self.by_id.insert(link.id.clone(), Read { policy, annotations, place });
        }
        Ok(())
    }
}

/// A link of a template, in the Cedar CLI's format.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a link, like {\"template_id\", \"link_id\", \"args\"}")]
struct Link {
    #[serde(rename = "template_id")]
    template: String,
    #[serde(rename = "link_id")]
    id: String,
    args: BTreeMap<String, String>,
}

/// A finding about JSON that cannot be read, at its place.
pub(super) fn json_finding(file: &SourceFile, error: &serde_json::Error) -> Finding {
    if error.line() == 0 {
        return Finding::of_file(&file.name, error);
    }
    // The place stands before the message already.
    let (text, at) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    let message = text.strip_suffix(&at).unwrap_or(&text);
    Finding::in_line(&file.name, &file.text, (error.line(), error.column().max(1)), message)
}

/// Where a part of a file's text lies in it, in bytes.
pub(super) fn offset_in(file: &SourceFile, part: &RawValue) -> usize {
    part.get().as_ptr().addr().saturating_sub(file.text.as_ptr().addr())
}

fn from_cedar(file: &SourceFile) -> Result<PolicySet, Vec<Finding>> {
    PolicySet::from_str(&file.text)
        .map_err(|errors| errors.iter().map(|error| Finding::of_engine(&file.name, &file.text, error)).collect())
}

/// The engine's name for the policy of a file that is a single policy in JSON.
const ONLY: &str = "\u{0}only";

/// A policy set, or a single policy or template.
fn from_json(file: &SourceFile) -> Result<PolicySet, Vec<Finding>> {
    let json: serde_json::Value = serde_json::from_str(&file.text).map_err(|error| vec![json_finding(file, &error)])?;
    let failed = |error: &dyn std::fmt::Display| vec![Finding::of_file(&file.name, error)];
    if json.get("effect").is_none() {
        let known = ["staticPolicies", "templates", "templateLinks"];
        if !known.iter().any(|name| json.get(name).is_some()) {
            return Err(failed(
                &"is neither a policy, which has `effect`, nor a policy set, which has `staticPolicies`",
            ));
        }
        return PolicySet::from_json_value(json).map_err(|error| failed(&chain(&error)));
    }
    let mut set = PolicySet::new();
    match CedarPolicy::from_json(Some(PolicyId::new(ONLY)), json.clone()) {
        Ok(policy) => set.add(policy).map_err(|error| failed(&error))?,
        Err(of_policy) => match Template::from_json(Some(PolicyId::new(ONLY)), json) {
            Ok(template) => set.add_template(template).map_err(|error| failed(&error))?,
            Err(_of_template) => return Err(failed(&chain(&of_policy))),
        },
    }
    Ok(set)
}

/// An error with what caused it, which the engine keeps apart.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn policy_loc(policy: &CedarPolicy) -> Option<(usize, usize)> {
    let core: &cedar_policy_core::ast::Policy = policy.as_ref();
    core.loc().map(|loc| (loc.start(), loc.end()))
}

fn template_loc(template: &Template) -> Option<(usize, usize)> {
    let core: &cedar_policy_core::ast::Template = template.as_ref();
    core.loc().map(|loc| (loc.start(), loc.end()))
}
