//! Random schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::tape::Tape;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Long,
    Bool,
    Text,
    Ip,
    Decimal,
    Time,
    Action,
    /// An entity of the type of this number.
    Entity(usize),
    Set(Box<Kind>),
    Record(Fields),
}

/// Attributes: their types, and whether they are required.
pub(super) type Fields = BTreeMap<&'static str, (Kind, bool)>;

#[derive(Debug)]
pub(super) struct EntityType {
    /// With its namespace.
    pub(super) name: String,
    pub(super) parents: BTreeSet<usize>,
    pub(super) attributes: Fields,
    pub(super) tags: Option<Kind>,
}

#[derive(Debug)]
pub(super) struct Action {
    /// With its namespace.
    pub(super) uid: String,
    pub(super) groups: Vec<usize>,
    pub(super) principals: Vec<usize>,
    pub(super) resources: Vec<usize>,
    pub(super) context: Fields,
}

#[derive(Debug)]
pub(super) struct RandomSchema {
    pub(super) types: Vec<EntityType>,
    pub(super) actions: Vec<Action>,
}

/// The last one is an enumeration.
const TYPES: [&str; 6] = ["User", "Group", "Doc", "Folder", "Device", "Color"];
pub(super) const ENUM: usize = TYPES.len() - 1;
pub(super) const LISTED: [&str; 2] = ["red", "dark blue"];
const NAMESPACES: [&str; 3] = ["", "App", "Org::Unit"];
/// The first ones are mere groups; nobody can ask about them.
const ACTIONS: [&str; 8] = ["all", "reading", "writing", "view", "edit", "share", "del ete", "see"];
pub(super) const GROUPS: usize = 3;

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

fn entity(tape: &mut Tape) -> Kind {
    Kind::Entity(tape.below(TYPES.len()))
}

/// Attributes of every kind. They have the same names everywhere, so that a path often leads on.
fn fields(tape: &mut Tape, percent: usize) -> Fields {
    let record = BTreeMap::from([
        ("owner", (entity(tape), tape.chance(70))),
        ("level", (Kind::Long, tape.chance(70))),
        ("inner", (Kind::Record(BTreeMap::from([("manager", (entity(tape), tape.chance(70)))])), tape.chance(70))),
    ]);
    let all = [
        ("level", Kind::Long),
        ("owner", entity(tape)),
        ("manager", entity(tape)),
        ("flag", Kind::Bool),
        ("info", Kind::Record(record)),
        ("name", Kind::Text),
        ("labels", Kind::Set(Box::new(Kind::Text))),
        ("friends", Kind::Set(Box::new(entity(tape)))),
        ("address", Kind::Ip),
        ("cost", Kind::Decimal),
        ("now", Kind::Time),
        ("doing", Kind::Action),
    ];
    let chosen = all.into_iter().filter_map(|(name, kind)| tape.chance(percent).then_some((name, kind)));
    let chosen: Vec<_> = chosen.collect();
    chosen.into_iter().map(|(name, kind)| (name, (kind, tape.chance(65)))).collect()
}

impl RandomSchema {
    pub(super) fn of(tape: &mut Tape) -> Self {
        let every: Vec<usize> = (0..TYPES.len()).collect();
        let types = TYPES.iter().enumerate().map(|(number, name)| {
            let name = qualified(tape.pick(&NAMESPACES), name);
            if number == ENUM {
                return EntityType { name, parents: BTreeSet::new(), attributes: Fields::new(), tags: None };
            }
            let parents = every.iter().copied().filter(|_| tape.chance(40)).collect();
            let attributes = fields(tape, 60);
            let tags = tape.chance(50).then(|| match tape.below(4) {
                0 => Kind::Long,
                1 => Kind::Text,
                2 => Kind::Record(BTreeMap::from([("owner", (entity(tape), true))])),
                _ => entity(tape),
            });
            EntityType { name, parents, attributes, tags }
        });
        let types = types.collect();
        let actions = ACTIONS.iter().enumerate().map(|(number, name)| {
            let uid = format!("{}::\"{name}\"", qualified(tape.pick(&NAMESPACES[1..]), "Action"));
            let groups = (0..number).filter(|_| tape.chance(35)).collect();
            if number < GROUPS {
                return Action { uid, groups, principals: vec![], resources: vec![], context: Fields::new() };
            }
            let (principals, resources) = (tape.some(25, &every), tape.some(25, &every));
            Action { uid, groups, principals, resources, context: fields(tape, 30) }
        });
        Self { types, actions: actions.collect() }
    }

    /// The types that an entity of this type may lie in, at any distance.
    pub(super) fn ancestors(&self, of_type: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut next: Vec<usize> = self.types[of_type].parents.iter().copied().collect();
        while let Some(parent) = next.pop() {
            if found.insert(parent) {
                next.extend(&self.types[parent].parents);
            }
        }
        found
    }

    /// In Cedar's syntax.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for namespace in NAMESPACES {
            let mut inner = String::new();
            let of_types = self.types.iter().enumerate();
            for (number, of_type) in of_types.filter(|(_, of_type)| namespace_of(&of_type.name) == namespace) {
                writeln!(inner, "  {}", self.entity(number, of_type)).unwrap();
            }
            for action in self.actions.iter().filter(|action| action.uid.starts_with(&format!("{namespace}::Action"))) {
                writeln!(inner, "  {}", self.action(action)).unwrap();
            }
            match (namespace, inner.is_empty()) {
                (_, true) => {}
                ("", false) => text += &inner,
                (_, false) => write!(text, "namespace {namespace} {{\n{inner}}}\n").unwrap(),
            }
        }
        text
    }

    fn entity(&self, number: usize, of_type: &EntityType) -> String {
        let name = of_type.name.rsplit("::").next().unwrap();
        if number == ENUM {
            return format!("entity {name} enum {LISTED:?};");
        }
        let tags = of_type.tags.as_ref().map(|kind| format!(" tags {}", self.kind(kind))).unwrap_or_default();
        format!("entity {name} in [{}] {}{tags};", self.names(&of_type.parents), self.fields(&of_type.attributes))
    }

    fn action(&self, action: &Action) -> String {
        let name = action.uid.split_once("Action::").unwrap().1;
        let groups: Vec<&str> = action.groups.iter().map(|group| self.actions[*group].uid.as_str()).collect();
        let groups = if groups.is_empty() { String::new() } else { format!(" in [{}]", groups.join(", ")) };
        if action.principals.is_empty() {
            return format!("action {name}{groups};");
        }
        let (principals, resources) = (self.names(&action.principals), self.names(&action.resources));
        let context = self.fields(&action.context);
        format!(
            "action {name}{groups} appliesTo {{ principal: [{principals}], resource: [{resources}], context: {context} }};"
        )
    }

    fn names<'n>(&self, numbers: impl IntoIterator<Item = &'n usize>) -> String {
        numbers.into_iter().map(|number| self.types[*number].name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn fields(&self, fields: &Fields) -> String {
        let field = |(name, (kind, required)): (&&str, &(Kind, bool))| {
            format!("{name}{}: {}", if *required { "" } else { "?" }, self.kind(kind))
        };
        format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
    }

    fn kind(&self, kind: &Kind) -> String {
        match kind {
            Kind::Long => "Long".to_owned(),
            Kind::Bool => "Bool".to_owned(),
            Kind::Text => "String".to_owned(),
            Kind::Ip => "ipaddr".to_owned(),
            Kind::Decimal => "decimal".to_owned(),
            Kind::Time => "datetime".to_owned(),
            Kind::Action => action_type(&self.actions[GROUPS].uid).to_owned(),
            Kind::Entity(number) => self.types[*number].name.clone(),
            Kind::Set(element) => format!("Set<{}>", self.kind(element)),
            Kind::Record(fields) => self.fields(fields),
        }
    }
}

fn namespace_of(name: &str) -> &str {
    name.rsplit_once("::").map_or("", |(namespace, _)| namespace)
}

/// The type of an action.
pub(super) fn action_type(uid: &str) -> &str {
    uid.split_once("::\"").unwrap().0
}
