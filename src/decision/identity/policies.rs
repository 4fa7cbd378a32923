//! Random policies and templates.

use std::fmt::Write as _;

use super::entities::{TAGS, some_uid};
use super::schema::{Action, Fields, GROUPS, Kind, RandomSchema};
use super::tape::Tape;

/// A policy, or a template with what it is linked to.
#[derive(Debug)]
pub(super) struct RandomPolicy {
    pub(super) id: String,
    pub(super) text: String,
    /// For each link, what stands for `?principal` and for `?resource`.
    pub(super) links: Vec<[Option<String>; 2]>,
}

/// Writes one policy. What is written mostly fits the schema, but not always.
pub(super) struct Writer<'a> {
    tape: &'a mut Tape,
    schema: &'a RandomSchema,
    action: &'a Action,
    principal: usize,
    resource: usize,
    /// Whether the context's attributes are known: those of just one action.
    with_context: bool,
    /// What has to be asked first.
    guards: Vec<String>,
}

impl<'a> Writer<'a> {
    pub(super) fn write(tape: &'a mut Tape, schema: &'a RandomSchema, id: String) -> RandomPolicy {
        let action = &schema.actions[GROUPS + tape.below(schema.actions.len() - GROUPS)];
        let (principal, resource) = (tape.pick(&action.principals), tape.pick(&action.resources));
        let mut writer = Self { tape, schema, action, principal, resource, with_context: false, guards: Vec::new() };
        let template = writer.tape.chance(25);
        let on_action = writer.on_action();
        let (on_principal, principal_is_typed, slot) = writer.on_party("principal", principal, template);
        let (on_resource, resource_is_typed, other_slot) = writer.on_party("resource", resource, template);
        let effect = if writer.tape.chance(45) { "forbid" } else { "permit" };
        let guards: Vec<String> = [
            (!principal_is_typed).then(|| format!("principal is {}", schema.types[principal].name)),
            (!resource_is_typed).then(|| format!("resource is {}", schema.types[resource].name)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut text = format!("@id({id:?})\n{effect} ({on_principal}, {on_action}, {on_resource})");
        for _ in 0..[1, 1, 0, 2][writer.tape.below(4)] {
            let clause = if writer.tape.chance(25) { "unless" } else { "when" };
            let condition = writer.condition(2);
            // What follows is only looked at where both are of these types.
            let all: Vec<String> = guards.iter().cloned().chain([condition]).collect();
            write!(text, "\n{clause} {{ {} }}", all.join(" && ")).unwrap();
        }
        text += ";\n";
        let mut links = Vec::new();
        if slot || other_slot {
            for _ in 0..=writer.tape.below(3) {
                let principal = slot.then(|| writer.within(principal));
                links.push([principal, other_slot.then(|| writer.within(resource))]);
            }
        }
        RandomPolicy { id, text, links }
    }

    fn on_action(&mut self) -> String {
        let groups: Vec<&str> =
            self.action.groups.iter().map(|group| self.schema.actions[*group].uid.as_str()).collect();
        let own = self.action.uid.as_str();
        match self.tape.below(6) {
            0 => "action".to_owned(),
            1 if !groups.is_empty() => format!("action in {}", self.tape.pick(&groups)),
            2 => {
                let mut some = self.tape.some(60, &groups);
                some.extend(self.tape.chance(60).then_some(own));
                some.push(self.some_action());
                format!("action in [{}]", some.join(", "))
            }
            3 => format!("action in {own}"),
            _ => {
                self.with_context = true;
                format!("action == {own}")
            }
        }
    }

    fn some_action(&mut self) -> &'a str {
        &self.schema.actions[self.tape.below(self.schema.actions.len())].uid
    }

    /// An entity of a type, or one that such an entity may lie in.
    fn within(&mut self, of_type: usize) -> String {
        let mut around: Vec<usize> = self.schema.ancestors(of_type).into_iter().collect();
        around.push(of_type);
        let of_type = self.tape.pick(&around);
        some_uid(self.tape, of_type).text(self.schema)
    }

    /// The scope's constraint; whether it names the type; whether it has a slot.
    fn on_party(&mut self, party: &str, of_type: usize, template: bool) -> (String, bool, bool) {
        let slot = template && self.tape.chance(70);
        let name = &self.schema.types[of_type].name;
        let named = |writer: &mut Self, itself: bool| match (slot, itself) {
            (true, _) => format!("?{party}"),
            (false, true) => some_uid(writer.tape, of_type).text(writer.schema),
            (false, false) => writer.within(of_type),
        };
        match self.tape.below(8) {
            0 | 1 if !slot => (party.to_owned(), false, false),
            2 | 3 if !slot => (format!("{party} is {name}"), true, false),
            4 => (format!("{party} == {}", named(self, true)), !slot, slot),
            5 => (format!("{party} is {name} in {}", named(self, false)), true, slot),
            _ => (format!("{party} in {}", named(self, false)), false, slot),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.tape.chance(30) {
            return self.guarded();
        }
        match self.tape.below(6) {
            0 => self.guarded(),
            1 => format!("({} && {})", self.condition(depth - 1), self.condition(depth - 1)),
            2 | 3 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            4 => format!("!({})", self.condition(depth - 1)),
            _ => format!("(if {} then {} else {})", self.guarded(), self.condition(depth - 1), self.guarded()),
        }
    }

    /// An atom, and before it the questions whether what it looks at is there.
    fn guarded(&mut self) -> String {
        let outer = std::mem::take(&mut self.guards);
        let atom = self.atom();
        let mut all = std::mem::replace(&mut self.guards, outer);
        all.push(atom);
        format!("({})", all.join(" && "))
    }

    fn atom(&mut self) -> String {
        let (entity, of_type) = self.entity();
        match self.tape.below(12) {
            0..5 => self.of_attribute(&entity, of_type),
            5 => format!("{entity} in {}", self.within(of_type)),
            6 => {
                let (other, _) = self.entity();
                format!("{entity} in [{}, {other}]", self.within(of_type))
            }
            7 => format!("{entity} == {}", some_uid(self.tape, of_type).text(self.schema)),
            8 => {
                let path =
                    self.tape.pick(&["level", "owner", "owner.manager", "info.owner.level", "info.inner.manager"]);
                format!("{entity} has {path}")
            }
            9 => match self.tape.below(3) {
                0 => format!("{entity} is {}", self.schema.types[of_type].name),
                1 => format!("{entity} is {} in {}", self.schema.types[of_type].name, self.within(of_type)),
                _ => {
                    let (other, _) = self.entity();
                    format!("{entity} in {other}")
                }
            },
            10 => self.of_tag(&entity, of_type),
            _ => self.of_action(),
        }
    }

    fn of_action(&mut self) -> String {
        let (one, other) = (self.some_action(), self.some_action());
        match self.tape.below(4) {
            0 => format!("action in {one}"),
            1 => format!("action in [{one}, {other}]"),
            2 if self.with_context && self.action.context.contains_key("doing") => {
                self.guards.push("context has doing".to_owned());
                format!("context.doing in {one}")
            }
            _ => format!("{one} in {other}"),
        }
    }

    /// Something about a value of the entity, of the context, or of a record in either.
    fn of_attribute(&mut self, entity: &str, of_type: usize) -> String {
        let in_context = self.with_context && self.tape.chance(15);
        let schema = self.schema;
        let (mut base, mut fields): (String, &Fields) = if in_context {
            ("context".to_owned(), &self.action.context)
        } else {
            (entity.to_owned(), &schema.types[of_type].attributes)
        };
        loop {
            let all: Vec<_> = fields.iter().collect();
            let Some((name, (kind, required))) = (!all.is_empty()).then(|| self.tape.pick(&all)) else {
                return format!("{base} has level");
            };
            if !required {
                self.guards.push(format!("{base} has {name}"));
            }
            base = format!("{base}.{name}");
            let Kind::Record(inner) = kind else { return self.of_value(&base, kind) };
            fields = inner;
        }
    }

    fn of_value(&mut self, value: &str, kind: &Kind) -> String {
        match kind {
            Kind::Long => match self.tape.below(5) {
                0 | 1 => format!("{value} + 1 > {}", self.tape.below(3)),
                2 => format!("{value} * 9223372036854775807 >= 0"),
                _ => format!("{value} < {}", self.tape.below(4)),
            },
            Kind::Bool => value.to_owned(),
            Kind::Text => format!("{value} like \"k*\""),
            Kind::Ip => format!("{value}.isInRange(ip(\"10.0.0.0/8\"))"),
            Kind::Decimal => format!("{value}.lessThan(decimal(\"1.0\"))"),
            Kind::Time => format!("{value} < datetime(\"2020-01-01\")"),
            Kind::Action => format!("{value} in {}", self.some_action()),
            Kind::Entity(of_type) => match self.tape.below(3) {
                0 => format!("{value} == {}", some_uid(self.tape, *of_type).text(self.schema)),
                _ => format!("{value} in {}", self.within(*of_type)),
            },
            Kind::Set(element) => {
                let Kind::Entity(of_type) = **element else {
                    return format!("{value}.containsAny([\"k\", \"x\"])");
                };
                let (other, other_type) = self.entity();
                if other_type == of_type { format!("{value}.contains({other})") } else { format!("{other} in {value}") }
            }
            Kind::Record(_) => format!("{value} has level"),
        }
    }

    fn of_tag(&mut self, entity: &str, of_type: usize) -> String {
        let Some(kind) = &self.schema.types[of_type].tags else { return format!("{entity} has level") };
        let tag = format!("{:?}", self.tape.pick(&TAGS));
        if self.tape.chance(20) {
            return format!("{entity}.hasTag({tag})");
        }
        self.guards.push(format!("{entity}.hasTag({tag})"));
        self.of_value(&format!("{entity}.getTag({tag})"), kind)
    }

    /// An entity with its type: a party, a literal or one of the context, and from there a few steps on.
    fn entity(&mut self) -> (String, usize) {
        let in_context = |fields: &Fields| {
            let entities = fields.iter().filter_map(|(name, (kind, required))| {
                let Kind::Entity(of_type) = kind else { return None };
                Some((*name, *of_type, *required))
            });
            entities.collect::<Vec<_>>()
        };
        let of_context = if self.with_context { in_context(&self.action.context) } else { Vec::new() };
        let (mut text, mut of_type) = match self.tape.below(8) {
            0..3 => ("principal".to_owned(), self.principal),
            5 if !of_context.is_empty() => {
                let (name, of_type, required) = self.tape.pick(&of_context);
                if !required {
                    self.guards.push(format!("context has {name}"));
                }
                (format!("context.{name}"), of_type)
            }
            6 => {
                let of_type = self.tape.below(self.schema.types.len());
                (some_uid(self.tape, of_type).text(self.schema), of_type)
            }
            _ => ("resource".to_owned(), self.resource),
        };
        for _ in 0..self.tape.below(5) {
            let Some(next) = self.step(&text, of_type) else { break };
            (text, of_type) = next;
        }
        match self.tape.below(12) {
            10 => {
                let (question, other) = (self.guarded_test(), some_uid(self.tape, of_type).text(self.schema));
                (format!("(if {question} then {text} else {other})"), of_type)
            }
            11 => (format!("{{it: {text}, other: principal}}.it"), of_type),
            _ => (text, of_type),
        }
    }

    fn guarded_test(&mut self) -> String {
        let of_type = &self.schema.types[self.resource];
        let of_level = of_type.attributes.contains_key("level") && self.tape.chance(70);
        if of_level { "resource has level && resource.level < 2" } else { "principal has owner" }.to_owned()
    }

    /// One step on, to an entity that is an attribute, in a record that is one, or a tag.
    fn step(&mut self, text: &str, of_type: usize) -> Option<(String, usize)> {
        let schema = self.schema;
        let mut ways: Vec<(Vec<(String, String)>, usize)> = Vec::new();
        paths(text, &schema.types[of_type].attributes, &mut Vec::new(), &mut ways);
        if let Some(Kind::Entity(next)) = schema.types[of_type].tags {
            let tag = format!("{:?}", self.tape.pick(&TAGS));
            ways.push((vec![(format!("{text}.hasTag({tag})"), format!("{text}.getTag({tag})"))], next));
        }
        if ways.is_empty() {
            return None;
        }
        let (way, next) = &ways[self.tape.below(ways.len())];
        self.guards.extend(way.iter().map(|(guard, _)| guard.clone()).filter(|guard| !guard.is_empty()));
        Some((way.last()?.1.clone(), *next))
    }
}

/// The ways to entities: for each step what has to be asked first, if anything, and the expression.
fn paths(
    base: &str,
    fields: &Fields,
    way: &mut Vec<(String, String)>,
    found: &mut Vec<(Vec<(String, String)>, usize)>,
) {
    for (name, (kind, required)) in fields {
        let guard = if *required { String::new() } else { format!("{base} has {name}") };
        let here = format!("{base}.{name}");
        way.push((guard, here.clone()));
        if let Kind::Entity(next) = kind {
            found.push((way.clone(), *next));
        } else if let Kind::Record(inner) = kind {
            paths(&here, inner, way, found);
        }
        way.pop();
    }
}
