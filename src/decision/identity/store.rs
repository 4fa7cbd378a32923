//! Random stores: a schema with settings, policies, links and entities.

use std::fmt;
use std::sync::Arc;

use cedar_policy::{PolicyId, PolicySet, Schema, SlotId, ValidationMode, Validator};
use serde_json::{Value as Tree, json};

use super::entities::{Thing, stored};
use super::policies::{RandomPolicy, Writer};
use super::schema::RandomSchema;
use super::tape::Tape;
use crate::policy::{Snapshot, SourceFile, StoreSource, load};

/// A store, and what it was made of.
pub(super) struct RandomStore {
    pub(super) schema: RandomSchema,
    pub(super) things: Vec<Thing>,
    pub(super) overrides: bool,
    /// Whether a `forbid` that errs denies.
    pub(super) denies: bool,
    pub(super) source: StoreSource,
    pub(super) snapshot: Arc<Snapshot>,
    /// All of it, as the engine itself reads it.
    pub(super) engine_schema: Schema,
    pub(super) policies: PolicySet,
    /// How many policies were written that do not fit the schema, and left out.
    pub(super) unfit: usize,
}

impl RandomStore {
    pub(super) fn of(tape: &mut Tape, overrides: bool) -> Self {
        let denies = tape.chance(30);
        let schema = RandomSchema::of(tape);
        let text = schema.text();
        let engine_schema = Schema::from_cedarschema_str(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}")).0;
        let validator = Validator::new(engine_schema.clone());
        let things = stored(tape, &schema);
        let mut source = StoreSource { store: "random".to_owned(), ..StoreSource::default() };
        let (mut policies, mut links, mut unfit) = (PolicySet::new(), Vec::new(), 0);
        let mut files = [file("a.cedar", ""), file("deep/er/b.cedar", "")];
        for number in 0..5 + tape.below(20) {
            let written = Writer::write(tape, &schema, format!("p{number}"));
            let fits = |set: &PolicySet| validator.validate(set, ValidationMode::Strict).validation_passed();
            let Some(alone) = engine_set(&written).filter(fits) else {
                unfit += 1;
                continue;
            };
            policies.merge(&alone, false).unwrap();
            links.extend(links_json(&written));
            match alone.policies().next().filter(|policy| policy.is_static() && tape.chance(20)) {
                Some(policy) => {
                    let json = policy.to_json().unwrap().to_string();
                    source.policies.push(file(&format!("{}.cedar.json", written.id), &json));
                }
                None => files[number % 2].text += &written.text,
            }
        }
        source.policies.extend(files);
        source.schemas = vec![file("random.cedarschema", &text)];
        source.links = Some(file("links.json", &json!(links).to_string()));
        let entities: Vec<Tree> = things.iter().map(|thing| thing.json(&schema)).collect();
        source.entities = Some(file("entities.json", &json!(entities).to_string()));
        let (attributes, error) = (if overrides { "override" } else { "add" }, if denies { "deny" } else { "cedar" });
        // Not every schema has something in each.
        let namespace = if text.contains("namespace App {") { "App" } else { "Org::Unit" };
        let settings = format!(
            "default_namespace = \"{namespace}\"\nrequest_attributes = \"{attributes}\"\non_forbid_error = \"{error}\"\n"
        );
        source.settings = Some(file("store.toml", &settings));
        let snapshot = match load(&source) {
            Ok(snapshot) => Arc::new(snapshot),
            Err(findings) => panic!("{findings}\n{}", Shown(&source)),
        };
        Self { schema, things, overrides, denies, source, snapshot, engine_schema, policies, unfit }
    }
}

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile::new(name, text)
}

fn link_id(policy: &RandomPolicy, number: usize) -> String {
    format!("{} link {number}", policy.id)
}

/// The policy as the engine itself reads it; `None` for one that cannot be parsed.
fn engine_set(written: &RandomPolicy) -> Option<PolicySet> {
    let read: PolicySet = written.text.parse().unwrap_or_else(|error| panic!("{error:?}\n{}", written.text));
    let id = PolicyId::new(&written.id);
    let mut set = PolicySet::new();
    if let Some(policy) = read.policies().next() {
        set.add(policy.new_id(id.clone())).ok()?;
    }
    if let Some(template) = read.templates().next() {
        set.add_template(template.new_id(id.clone())).ok()?;
    }
    for (number, [principal, resource]) in written.links.iter().enumerate() {
        let slots = [(SlotId::principal(), principal), (SlotId::resource(), resource)];
        let slots = slots.into_iter().filter_map(|(slot, uid)| Some((slot, uid.as_ref()?.parse().unwrap())));
        set.link(id.clone(), PolicyId::new(link_id(written, number)), slots.collect()).ok()?;
    }
    Some(set)
}

fn links_json(policy: &RandomPolicy) -> Vec<Tree> {
    let link = |(number, [principal, resource]): (usize, &[Option<String>; 2])| {
        let slots = [("?principal", principal), ("?resource", resource)];
        let slots = slots.into_iter().filter_map(|(slot, uid)| Some((slot.to_owned(), json!(uid.as_ref()?))));
        json!({"template_id": policy.id, "link_id": link_id(policy, number), "args": Tree::Object(slots.collect())})
    };
    policy.links.iter().enumerate().map(link).collect()
}

/// A store as one would read its files.
pub(super) struct Shown<'a>(pub(super) &'a StoreSource);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreSource { schemas, policies, links, entities, settings, .. } = self.0;
        for file in schemas.iter().chain(policies).chain([links, entities, settings].into_iter().flatten()) {
            // One entity and one link on a line.
            writeln!(f, "--- {}\n{}", file.name, file.text.replace("},{\"attrs\"", "},\n{\"attrs\""))?;
        }
        Ok(())
    }
}
