//! Policy files into policies with ids, annotations and places.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use cedar_policy::{EntityUid, Policy as CedarPolicy, PolicyId, PolicySet, SlotId, Template};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::pace::Breath;
use super::super::source::is_json_policy_file;
use super::super::{Annotations, Finding, SourceFile};
use super::{code, depth};
use crate::values::{Json, offset_at};

/// Where a policy or a template stands.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a SourceFile,
    /// Where the piece of the file begins that the engine read with it: its own places count from there.
    base: usize,
    /// Where it begins and ends, in bytes; JSON has no places.
    pub(super) span: Option<(usize, usize)>,
    /// The line that it begins in, from 1.
    pub(super) line: Option<usize>,
}

impl Place<'_> {
    /// A finding of the engine about what stands here.
    pub(super) fn of_engine(&self, error: &dyn miette::Diagnostic) -> Finding {
        Finding::of_engine(self.file, self.base, error)
    }

    pub(super) fn finding(&self, message: impl std::fmt::Display) -> Finding {
        match self.span {
            Some((start, _)) => Finding::at(self.file, start, message),
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
pub(super) struct PolicyFiles<'a> {
    /// Those that are no templates, the linked ones among them.
    pub(super) policies: BTreeMap<String, Read<'a, CedarPolicy>>,
    pub(super) templates: BTreeMap<String, Read<'a, Template>>,
    /// Where the links of `links.json` stand, by their ids.
    pub(super) links: BTreeMap<String, Place<'a>>,
    /// Which policies had no `@id`, and where.
    pub(super) nameless: Vec<Finding>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> PolicyFiles<'a> {
    /// Reads one file.
    pub(super) fn file(&mut self, file: &'a SourceFile, breath: &Breath) {
        let json = is_json_policy_file(&file.name);
        let sets = match if json { from_json(file).map(|set| vec![(0, set)]) } else { from_cedar(file, breath) } {
            Ok(sets) => sets,
            Err(findings) => return self.findings.extend(findings),
        };
        let place = |base: usize, span: Option<(usize, usize)>| {
            let span = span.map(|(start, end)| (base + start, base + end));
            let line = span.map(|(start, _)| file.places.of(&file.text, start).line);
            Place { file, base, span, line }
        };
        let (mut templates, mut policies) = (Vec::new(), Vec::new());
        for (base, set) in &sets {
            templates.extend(set.templates().map(|it| (place(*base, template_loc(it)), it)));
            policies.extend(set.policies().map(|it| (place(*base, policy_loc(it)), it)));
        }
        // The engine's own ids count the policies of a file, so the order is that of the places.
        templates.sort_by(|(one, it), (other, its)| (one.span, it.id()).cmp(&(other.span, its.id())));
        policies.sort_by(|(one, it), (other, its)| (one.span, it.id()).cmp(&(other.span, its.id())));
        let places = policies.iter().map(|(place, _)| place).chain(templates.iter().map(|(place, _)| place));
        let mut spans: Vec<_> = places.filter_map(|place| place.span).collect();
        spans.sort_unstable();
        let number = |place: &Place<'_>| place.span.map_or(1, |span| spans.partition_point(|other| *other < span) + 1);
        // A name that a JSON file gives to a policy is as good as an annotation.
        let named = |id: &PolicyId| json.then(|| text_of(id)).filter(|id| id != ONLY);
        let mut renamed = BTreeMap::new();
        breath.take();
        for (place, template) in templates {
            let known = self.identify(&place, template.annotations(), named(template.id()), number(&place));
            let Some((id, annotations)) = known else { continue };
            renamed.insert(text_of(template.id()), id.clone());
            let policy = template.new_id(PolicyId::new(&id));
            self.templates.insert(id, Read { policy, annotations, place });
        }
        for (place, policy) in policies {
            if let (Some(template), Some(slots)) = (policy.template_id(), policy.template_links()) {
                // A link of a JSON file: its name is its own, and all else is the template's, if that is any good.
                let Some(template) = renamed.get(&text_of(template)) else { continue };
                let id = text_of(policy.id());
                if let Err(message) = self.instantiate(template, &id, slots, place.clone()) {
                    self.findings.push(place.finding(format!("link `{id}`: {message}")));
                }
                continue;
            }
            breath.take();
            let known = self.identify(&place, policy.annotations(), named(policy.id()), number(&place));
            let Some((id, annotations)) = known else { continue };
            let policy = policy.new_id(PolicyId::new(&id));
            self.policies.insert(id, Read { policy, annotations, place });
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
                self.nameless.push(place.finding("the policy has no @id(\"...\")"));
                format!("{}#{number}", place.file.name)
            }
        };
        self.free(&id, place).then_some((id, annotations))
    }

    /// Whether an id is free; a finding when it is not.
    fn free(&mut self, id: &str, place: &Place<'a>) -> bool {
        let policy = self.policies.get(id).map(|read| &read.place);
        let Some(other) = policy.or_else(|| self.templates.get(id).map(|read| &read.place)) else { return true };
        let line = other.line.map(|line| format!(":{line}")).unwrap_or_default();
        let message = format!("@id(\"{id}\") is taken already, by {}{line}", other.file.name);
        self.findings.push(place.finding(message));
        false
    }

    /// Reads `links.json` and links the templates.
    pub(super) fn links(&mut self, file: &'a SourceFile) {
        let links: Vec<&RawValue> = match serde_json::from_str(&file.text) {
            Ok(links) => links,
            Err(error) => return self.findings.push(json_finding(file, &error)),
        };
        for raw in links {
            let offset = offset_in(file, raw);
            let place = Place { file, base: 0, span: Some((offset, offset + raw.get().len())), line: None };
            if let Err(message) = self.link(raw, place.clone()) {
                self.findings.push(place.finding(message));
            }
        }
    }

    fn link(&mut self, raw: &RawValue, place: Place<'a>) -> Result<(), String> {
        let broken = |error: serde_json::Error| {
            let text = error.to_string();
            text.rsplit_once(" at line ").map_or(text.clone(), |(message, _place)| message.to_owned())
        };
        serde_json::from_str::<Json>(raw.get()).map_err(broken)?;
        let link: Linking = serde_json::from_str(raw.get()).map_err(broken)?;
        let of_link = |message: String| format!("link `{}`: {message}", link.link_id);
        let slots = link.slots().map_err(of_link)?;
        self.instantiate(&link.template_id, &link.link_id, slots, place).map_err(of_link)
    }

    /// Makes a policy of a template. A finding, and no error, where only the id is taken already.
    fn instantiate(
        &mut self,
        template: &str,
        id: &str,
        slots: HashMap<SlotId, EntityUid>,
        place: Place<'a>,
    ) -> Result<(), String> {
        if id.is_empty() {
            return Err("link_id is empty".to_owned());
        }
        if !self.free(id, &place) {
            return Ok(());
        }
        let of = self.templates.get(template).ok_or_else(|| format!("there is no template `{template}`"))?;
        let failed = |error: cedar_policy::PolicySetError| chain(&error);
        let mut set = PolicySet::new();
        set.add_template(of.policy.clone()).map_err(failed)?;
        set.link(of.policy.id().clone(), PolicyId::new(id), slots).map_err(failed)?;
        let policy = set.policy(&PolicyId::new(id)).ok_or("the engine made no policy of it")?.clone();
        let read = Read { policy, annotations: of.annotations.clone(), place: of.place.clone() };
        self.policies.insert(id.to_owned(), read);
        self.links.insert(id.to_owned(), place);
        Ok(())
    }
}

/// A link of a template, in the Cedar CLI's format.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a link, like {\"template_id\", \"link_id\", \"args\"}")]
struct Linking {
    template_id: String,
    link_id: String,
    args: BTreeMap<String, String>,
}

impl Linking {
    /// What stands for the slots.
    fn slots(&self) -> Result<HashMap<SlotId, EntityUid>, String> {
        let slot = |(slot, entity): (&String, &String)| {
            let slot = match slot.as_str() {
                "?principal" => SlotId::principal(),
                "?resource" => SlotId::resource(),
                _ => return Err(format!("`{slot}` is neither ?principal nor ?resource")),
            };
            let uid = EntityUid::from_str(entity);
            Ok((slot, uid.map_err(|_no_entity| format!("`{entity}` is no entity, like User::\"alice\""))?))
        };
        self.args.iter().map(slot).collect()
    }
}

/// A finding about JSON that cannot be read, at its place.
pub(super) fn json_finding(file: &SourceFile, error: &serde_json::Error) -> Finding {
    if error.line() == 0 {
        return Finding::of_file(&file.name, error);
    }
    // The place stands before the message already.
    let (text, at) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    let message = text.strip_suffix(&at).unwrap_or(&text);
    Finding::at(file, offset_at(&file.text, error.line(), error.column()), message)
}

/// Where a part of a file's text lies in it, in bytes.
pub(super) fn offset_in(file: &SourceFile, part: &RawValue) -> usize {
    part.get().as_ptr().addr().saturating_sub(file.text.as_ptr().addr())
}

/// The policies of a file in Cedar's own syntax, in pieces, each with its place in the file.
fn from_cedar(file: &SourceFile, breath: &Breath) -> Result<Vec<(usize, PolicySet)>, Vec<Finding>> {
    depth::check(file).map_err(|too_deep| vec![too_deep])?;
    breath.take();
    let read = |(base, piece): (usize, &str)| {
        breath.take();
        PolicySet::from_str(piece).ok().map(|set| (base, set))
    };
    if let Some(sets) = code::pieces(&file.text).into_iter().map(read).collect() {
        return Ok(sets);
    }
    // What the engine has to say of a file that it cannot read depends on all of it.
    let whole = PolicySet::from_str(&file.text).map(|set| vec![(0, set)]);
    whole.map_err(|errors| errors.iter().map(|error| Finding::of_engine(file, 0, error)).collect())
}

/// The engine's name for the policy of a file that is a single policy in JSON.
const ONLY: &str = "\u{0}only";

/// A policy set, or a single policy or template.
fn from_json(file: &SourceFile) -> Result<PolicySet, Vec<Finding>> {
    let unreadable = |error| vec![json_finding(file, &error)];
    // Of two members with one name the engine would take the last, and a condition could be lost.
    serde_json::from_str::<Json>(&file.text).map_err(unreadable)?;
    let json: serde_json::Value = serde_json::from_str(&file.text).map_err(unreadable)?;
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

/// The id as it is; the engine displays it with escapes.
pub(super) fn text_of(id: &PolicyId) -> String {
    AsRef::<str>::as_ref(id).to_owned()
}

fn policy_loc(policy: &CedarPolicy) -> Option<(usize, usize)> {
    let core: &cedar_policy_core::ast::Policy = policy.as_ref();
    core.loc().map(|loc| (loc.start(), loc.end()))
}

fn template_loc(template: &Template) -> Option<(usize, usize)> {
    let core: &cedar_policy_core::ast::Template = template.as_ref();
    core.loc().map(|loc| (loc.start(), loc.end()))
}
