//! `entities.json` into numbered entities.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy_core::ast::EntityUID;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::entities::{Facts, KnownBuilder, Node};
use super::super::pace::Breath;
use super::super::{Finding, SourceFile};
use super::ActionLine;
use super::policies::{json_finding, offset_in};
use crate::domain::Invalid;
use crate::values::{ActionRead, EntityRead, Json, Listed, Missing, Reader, Types, Unknown};

/// Reads the entities of a store, one after the other: the file may be large.
pub(super) fn read(
    file: &SourceFile,
    types: &Types,
    actions: &[ActionLine],
    known: &mut KnownBuilder,
    breath: &Breath,
) -> Vec<Finding> {
    let reader = Reader { types, unknown: Unknown::Refuse, missing: Missing::Refuse };
    let mut entities = EntityReader { file, reader, actions, known, findings: Vec::new(), breath };
    let mut json = serde_json::Deserializer::from_str(&file.text);
    let read = ArrayOf(&mut entities).deserialize(&mut json).and_then(|()| json.end());
    let EntityReader { mut findings, .. } = entities;
    if let Err(error) = read {
        findings.push(json_finding(file, &error));
    }
    findings.extend(known.find_cycle().and_then(|node| known.name(node)).map(|(of_type, id)| {
        let message = format!("`{}::{:?}` is its own ancestor", types.name(of_type), id.as_str());
        Finding::of_file(&file.name, message)
    }));
    findings
}

struct EntityReader<'a> {
    file: &'a SourceFile,
    reader: Reader<'a>,
    actions: &'a [ActionLine],
    known: &'a mut KnownBuilder,
    findings: Vec<Finding>,
    breath: &'a Breath,
}

impl EntityReader<'_> {
    /// More findings than this help nobody.
    const MOST_FINDINGS: usize = 100;

    fn element(&mut self, raw: &RawValue, index: usize) {
        self.breath.take();
        if self.findings.len() > Self::MOST_FINDINGS {
            return;
        }
        if self.findings.len() == Self::MOST_FINDINGS {
            let more =
                format!("has {} wrong entities before [{index}]; what follows was not looked at", Self::MOST_FINDINGS);
            return self.findings.push(Finding::of_file(&self.file.name, more));
        }
        if let Err((Invalid { field, reason }, within)) = self.take(raw.get()) {
            // The element is a part of the file's text, so where it lies tells its place.
            let offset = offset_in(self.file, raw) + within;
            let field = field.trim_start_matches('.');
            let message = format!("[{index}]{}{field} {reason}", if field.is_empty() { "" } else { "." });
            self.findings.push(Finding::at(self.file, offset, message));
        }
    }

    /// Takes an element in, or says what is wrong with it, and at which byte of it.
    fn take(&mut self, text: &str) -> Result<(), (Invalid, usize)> {
        let json = Json::parse_part(text.as_bytes()).map_err(|error| {
            let within = error.offset_in(text);
            (error.about(""), within)
        })?;
        let taken = self.reader.listed(&json, "").and_then(|listed| match listed {
            Listed::Entity(entity) => self.store(entity),
            Listed::Action(action) => self.is_declared(&action),
        });
        taken.map_err(|invalid| (invalid, 0))
    }

    fn store(&mut self, entity: EntityRead) -> Result<(), Invalid> {
        let EntityRead { uid: (of_type, id), attributes, tags, parents } = entity;
        let node = self.known.number(of_type, &id);
        let parents: Vec<Node> = parents.iter().map(|(of_type, id)| self.known.number(*of_type, id)).collect();
        let facts = Facts { attributes: attributes.into_iter().collect(), tags: tags.into_iter().collect() };
        if self.known.store(node, parents, facts) {
            return Ok(());
        }
        Err(Invalid::new("uid", format!("`{}::{:?}` is there twice", self.reader.types.name(of_type), id.as_str())))
    }

    /// The schema's actions may be listed, and then as the schema has them: with the groups that they
    /// are in, or with the next of those only.
    fn is_declared(&self, action: &ActionRead) -> Result<(), Invalid> {
        let line = self.actions.iter().find(|line| line.uid == action.uid);
        let groups: BTreeSet<&EntityUID> = line.into_iter().flat_map(|line| &line.groups).collect();
        match action.parents.iter().find(|parent| !groups.contains(parent)) {
            Some(parent) => Err(Invalid::new(
                "parents",
                format!("has `{parent}`, which the schema does not put `{}` in", action.uid),
            )),
            None => Ok(()),
        }
    }
}

/// The elements of the array, each handed on as it comes.
struct ArrayOf<'r, 'a>(&'r mut EntityReader<'a>);

impl<'de> DeserializeSeed<'de> for ArrayOf<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ArrayOf<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = elements.next_element::<&'de RawValue>()? {
            self.0.element(raw, index);
            index += 1;
        }
        Ok(())
    }
}
