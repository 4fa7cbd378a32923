//! The types and actions of a schema, compiled once for all the values that are read by them.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{Eid, EntityType, EntityUID};
use cedar_policy_core::validator::types::{Attributes, EntityKind, Type};
use cedar_policy_core::validator::{ValidatorActionId, ValidatorEntityType, ValidatorEntityTypeKind, ValidatorSchema};
use foldhash::fast::RandomState;
use smol_str::SmolStr;

use super::reference::split;
use super::{ActionShape, EntityShape, Extension, Field, RecordShape, Shape, TypeId};

/// Keys come from the schema alone, so a hash that is fast will do.
type HashMap<K, V> = hashbrown::HashMap<K, V, RandomState>;

/// The entity types and the actions of one schema.
#[derive(Debug)]
pub struct Types {
    /// By [`TypeId`].
    entities: Vec<Entity>,
    /// Every name that a type goes by: the full one, and the last part of those in the default namespace.
    by_name: HashMap<Box<str>, TypeId>,
    by_type: HashMap<EntityType, TypeId>,
    /// In the order of their uids.
    actions: Vec<ActionShape>,
    /// By every name of their type, and by id: indexes of `actions`.
    action_by_name: HashMap<Box<str>, HashMap<SmolStr, usize>>,
    action_by_uid: HashMap<EntityUID, usize>,
    /// The type of the actions of the default namespace.
    default_action_type: Box<str>,
}

#[derive(Debug)]
struct Entity {
    name: Box<str>,
    of_type: EntityType,
    shape: EntityShape,
}

impl Types {
    /// Compiles a schema. `default_namespace` is where unqualified names are looked for, after the
    /// empty namespace; `""` is the empty one itself. What the schema only declares as `external` is
    /// a type without attributes; an action of that kind does not exist.
    #[must_use]
    pub fn of(schema: &ValidatorSchema, default_namespace: &str) -> Self {
        let mut names: Vec<(Box<str>, &EntityType)> =
            schema.entity_type_names().map(|of_type| (of_type.to_string().into(), of_type)).collect();
        names.sort_unstable();
        let by_type: HashMap<_, _> =
            names.iter().zip(0..).map(|((_, of_type), index)| ((*of_type).clone(), TypeId(index))).collect();
        let by_name = names.iter().zip(0..).map(|((name, _), index)| (name.clone(), TypeId(index))).collect();
        let compiler = Compiler { schema, by_type: &by_type };
        let mut actions: Vec<_> = schema.action_ids().filter_map(|action| compiler.action(action)).collect();
        actions.sort_unstable_by(|one, other| one.uid.cmp(&other.uid));
        let mut action_by_name: HashMap<Box<str>, HashMap<_, _>> = HashMap::default();
        for (index, action) in actions.iter().enumerate() {
            let ids = action_by_name.entry(action.uid.entity_type().to_string().into()).or_default();
            ids.insert(SmolStr::new(action.uid.eid()), index);
        }
        let entity = |(name, of_type): (Box<str>, &EntityType)| {
            let shape = compiler.entity(schema.get_entity_type(of_type)?);
            Some(Entity { name, of_type: of_type.clone(), shape })
        };
        Self {
            entities: names.into_iter().filter_map(entity).collect(),
            by_name: with_short_names(by_name, default_namespace),
            action_by_uid: actions.iter().enumerate().map(|(index, action)| (action.uid.clone(), index)).collect(),
            actions,
            action_by_name: with_short_names(action_by_name, default_namespace),
            default_action_type: qualified(default_namespace, "Action").into(),
            by_type,
        }
    }

    /// The type of that name, `Ns::User`. A name without a namespace that no type has by itself is
    /// looked for in the default namespace.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The full name of a type.
    #[must_use]
    pub fn name(&self, of_type: TypeId) -> &str {
        &self.at(of_type).name
    }

    /// The type as the engine has it.
    #[must_use]
    pub fn entity_type(&self, of_type: TypeId) -> &EntityType {
        &self.at(of_type).of_type
    }

    /// The entity of that type and id, as the engine has it.
    #[must_use]
    pub fn uid(&self, of_type: TypeId, id: impl Into<SmolStr>) -> EntityUID {
        EntityUID::from_components(self.entity_type(of_type).clone(), Eid::new(id), None)
    }

    /// The number of a type, if the schema declares it.
    #[must_use]
    pub fn id_of(&self, of_type: &EntityType) -> Option<TypeId> {
        self.by_type.get(of_type).copied()
    }

    /// What the entities of a type may have.
    #[must_use]
    pub fn entity(&self, of_type: TypeId) -> &EntityShape {
        &self.at(of_type).shape
    }

    /// All types, in the order of their names.
    pub fn types(&self) -> impl Iterator<Item = TypeId> {
        self.entities.iter().zip(0..).map(|(_, index)| TypeId(index))
    }

    /// The action of that name: `Ns::Action::"view"`, or the mere id of one in the default namespace.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&ActionShape> {
        let named = split(name).and_then(|(of_type, id)| self.action_named(of_type, &id));
        named.or_else(|| self.action_named(&self.default_action_type, name))
    }

    /// The action of that type and id.
    pub(super) fn action_named(&self, of_type: &str, id: &str) -> Option<&ActionShape> {
        self.actions.get(*self.action_by_name.get(of_type)?.get(id)?)
    }

    /// What the schema says of an action.
    #[must_use]
    pub fn action_of(&self, uid: &EntityUID) -> Option<&ActionShape> {
        self.actions.get(*self.action_by_uid.get(uid)?)
    }

    /// All actions and groups of actions, in the order of their uids.
    pub fn actions(&self) -> impl Iterator<Item = &ActionShape> {
        self.actions.iter()
    }

    #[expect(clippy::indexing_slicing, reason = "a `TypeId` is made by the `Types` that it is used with")]
    fn at(&self, of_type: TypeId) -> &Entity {
        &self.entities[of_type.index()]
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

/// Adds the last part of each name in the default namespace, where it is not a name by itself.
fn with_short_names<T: Clone>(mut named: HashMap<Box<str>, T>, default_namespace: &str) -> HashMap<Box<str>, T> {
    let prefix = qualified(default_namespace, "");
    let shorts = named.iter().filter_map(|(name, value)| {
        let short = name.strip_prefix(prefix.as_str())?;
        (!short.contains("::") && !named.contains_key(short)).then(|| (short.into(), value.clone()))
    });
    let shorts: Vec<(Box<str>, T)> = shorts.collect();
    named.extend(shorts);
    named
}

struct Compiler<'s> {
    schema: &'s ValidatorSchema,
    by_type: &'s HashMap<EntityType, TypeId>,
}

impl Compiler<'_> {
    fn ids<'t>(&self, types: impl Iterator<Item = &'t EntityType>) -> BTreeSet<TypeId> {
        types.filter_map(|of_type| self.by_type.get(of_type).copied()).collect()
    }

    fn entity(&self, declared: &ValidatorEntityType) -> EntityShape {
        let is_ancestor = |other: &&ValidatorEntityType| other.has_descendant_entity_type(declared.name());
        let ancestors = self.schema.entity_types().filter(is_ancestor).map(ValidatorEntityType::name);
        EntityShape {
            attributes: self.record(declared.attributes()),
            tags: declared.tag_type().map(|tag| self.shape(tag)),
            listed: match &declared.kind {
                ValidatorEntityTypeKind::Enum(ids) => Some(ids.iter().map(SmolStr::new).collect()),
                ValidatorEntityTypeKind::Standard(_) | ValidatorEntityTypeKind::External => None,
            },
            ancestors: self.ids(ancestors),
        }
    }

    /// `None` for an action that is only declared as `external`.
    fn action(&self, declared: &ValidatorActionId) -> Option<ActionShape> {
        let Shape::Record(context) = self.shape(declared.context_type()?) else { return None };
        Some(ActionShape {
            uid: declared.name().clone(),
            context,
            principals: self.ids(declared.applies_to_principals()),
            resources: self.ids(declared.applies_to_resources()),
        })
    }

    fn record(&self, attributes: &Attributes) -> RecordShape {
        RecordShape::new(attributes.iter().map(|(name, attribute)| Field {
            name: name.clone(),
            shape: self.shape(&attribute.attr_type),
            required: attribute.is_required,
        }))
    }

    fn shape(&self, of: &Type) -> Shape {
        match of {
            Type::Bool(_) => Shape::Bool,
            Type::Long => Shape::Long,
            Type::String => Shape::Text,
            Type::Entity(EntityKind::AnyEntity) => Shape::AnyEntity,
            Type::Entity(EntityKind::Entity(types)) => match types.get_single_entity() {
                Some(of_type) => match self.by_type.get(of_type) {
                    Some(id) => Shape::Entity(*id),
                    None => Shape::Action(of_type.clone()),
                },
                None => Shape::AnyEntity,
            },
            Type::Set { element_type: Some(element) } => Shape::Set(Box::new(self.shape(element))),
            Type::Never | Type::Set { element_type: None } => Shape::Empty,
            Type::Record { attrs, .. } => Shape::Record(self.record(attrs)),
            Type::ExtensionType { name } => Extension::named(name).map_or(Shape::Empty, Shape::Extension),
        }
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy_core::extensions::Extensions;

    use super::*;

    fn types(default_namespace: &str) -> Types {
        const SCHEMA: &str = "
            entity Bare; action top;
            namespace Ns {
                entity User in [Team] = { age: Long, name?: String } tags Set<Long>;
                entity Team in [Org]; entity Org in [Org]; entity Color enum [\"red\", \"blue\"];
                action read; action view in [read] appliesTo { principal: [User, Team], resource: Org, context: { x: Color } };
            }
            namespace Ns::Deep { entity Leaf; action view; }";
        let (schema, _warnings) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::all_available()).unwrap();
        Types::of(&schema, default_namespace)
    }

    #[test]
    fn a_short_name_is_looked_for_in_the_default_namespace_after_the_empty_one() {
        let (types, empty) = (types("Ns"), types(""));
        let full = |name: &str| types.find(name).map(|found| types.name(found));
        assert_eq!(full("User"), Some("Ns::User"));
        assert_eq!(full("Ns::User"), Some("Ns::User"));
        assert_eq!(full("Bare"), Some("Bare"));
        for unknown in ["Ns::Bare", "Leaf", "Deep::Leaf", "Action", "Ns::Action", "", "::User", "Ns::", "user"] {
            assert_eq!(full(unknown), None, "{unknown}");
        }
        assert_eq!(empty.find("User"), None);
        assert!(empty.find("Bare").is_some() && empty.find("Ns::Deep::Leaf").is_some());
    }

    #[test]
    fn every_type_is_found_by_its_number_its_name_and_as_the_engine_has_it() {
        let types = types("Ns");
        let names: Vec<&str> = types.types().map(|of_type| types.name(of_type)).collect();
        assert_eq!(names, ["Bare", "Ns::Color", "Ns::Deep::Leaf", "Ns::Org", "Ns::Team", "Ns::User"]);
        for (index, of_type) in types.types().enumerate() {
            assert_eq!(of_type.index(), index);
            assert_eq!(types.find(types.name(of_type)), Some(of_type));
            assert_eq!(types.id_of(types.entity_type(of_type)), Some(of_type));
        }
        assert_eq!(types.id_of(&"Nobody".parse().unwrap()), None);
    }

    #[test]
    fn an_entity_has_the_attributes_tags_ids_and_ancestors_of_the_schema() {
        let types = types("Ns");
        let shape = |name: &str| types.entity(types.find(name).unwrap());
        let names = |ids: &BTreeSet<TypeId>| ids.iter().map(|id| types.name(*id).to_owned()).collect::<Vec<_>>();
        let user = shape("User");
        let fields: Vec<_> = user.attributes.fields().map(|field| (field.name.as_str(), field.required)).collect();
        assert_eq!(fields, [("age", true), ("name", false)]);
        assert_eq!(user.attributes.get("name").unwrap().shape, Shape::Text);
        assert_eq!(user.attributes.get("nam"), None);
        assert_eq!(user.tags, Some(Shape::Set(Box::new(Shape::Long))));
        assert_eq!(names(&user.ancestors), ["Ns::Org", "Ns::Team"]);
        assert_eq!(names(&shape("Org").ancestors), ["Ns::Org"]);
        assert_eq!(user.listed, None);
        assert_eq!(shape("Color").listed, Some(["red", "blue"].map(SmolStr::new).into()));
        assert_eq!(shape("Color").tags, None);
    }

    #[test]
    fn an_action_is_found_by_its_text_its_id_and_as_the_engine_has_it() {
        let types = types("Ns");
        let found = |name: &str| types.action(name).map(|action| action.uid().to_string());
        for name in ["view", "Ns::Action::\"view\"", "Action::\"top\"", "Ns::Action::\"\\u{76}iew\""] {
            assert!(found(name).is_some(), "{name}");
        }
        assert_eq!(found("view").unwrap(), "Ns::Action::\"view\"");
        // The empty namespace has actions of its own, so their type is a name by itself.
        for name in ["top", "Action::\"view\"", "Nobody", "", "Ns::User::\"view\""] {
            assert_eq!(found(name), None, "{name}");
        }
        let names = |ids: &BTreeSet<TypeId>| ids.iter().map(|id| types.name(*id).to_owned()).collect::<Vec<_>>();
        let view = types.action("view").unwrap();
        assert_eq!(names(view.principals()), ["Ns::Team", "Ns::User"]);
        assert_eq!(names(view.resources()), ["Ns::Org"]);
        assert!(view.context().get("x").is_some());
        assert!(types.action("read").unwrap().principals().is_empty());
        assert_eq!(types.actions().count(), 4);
        assert!(types.actions().all(|action| types.action_of(action.uid()) == Some(action)));
    }
}
