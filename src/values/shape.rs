//! The types of a schema's values, in the form in which values are read by them.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{EntityType, EntityUID};
use smol_str::SmolStr;

use super::Extension;

/// An entity type of a schema: a number from 0, in the order of the types' names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TypeId(pub(super) u32);

impl TypeId {
    /// Its place in a list that has one element for each type.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `Bool`
    Bool,
    /// `Long`
    Long,
    /// `String`
    Text,
    /// An entity of this type.
    Entity(TypeId),
    /// An entity of any type that the schema declares.
    AnyEntity,
    /// An action of this type, `Ns::Action`, that the schema declares.
    Action(EntityType),
    /// A set
    Set(Box<Shape>),
    /// The set without elements, the only value of a type of which the schema does not say more.
    Empty,
    /// A record
    Record(RecordShape),
    /// An extension type
    Extension(Extension),
}

/// The attributes that a record or an entity may have, and no others.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordShape {
    /// In the order of their names.
    fields: Box<[Field]>,
    /// How many of them are required.
    required: usize,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name
    pub name: SmolStr,
    /// Its type
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
}

impl RecordShape {
    pub(super) fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        let mut fields: Box<[Field]> = fields.into_iter().collect();
        fields.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let required = fields.iter().filter(|field| field.required).count();
        Self { fields, required }
    }

    /// The attribute of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        self.fields.get(index)
    }

    /// All attributes, in the order of their names.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// How many attributes have to be there.
    #[must_use]
    pub const fn required(&self) -> usize {
        self.required
    }
}

/// What the entities of a type may have.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityShape {
    /// Their attributes.
    pub attributes: RecordShape,
    /// The type of their tags. Without it, they have none.
    pub tags: Option<Shape>,
    /// The ids of all of them, where the schema lists them.
    pub listed: Option<BTreeSet<SmolStr>>,
    /// The types that their parents may have, and the parents of those, and so on.
    pub ancestors: BTreeSet<TypeId>,
}

/// An action that can be asked about, or a group of actions.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionShape {
    pub(super) uid: EntityUID,
    pub(super) context: RecordShape,
    pub(super) principals: BTreeSet<TypeId>,
    pub(super) resources: BTreeSet<TypeId>,
}

impl ActionShape {
    /// The action
    #[must_use]
    pub const fn uid(&self) -> &EntityUID {
        &self.uid
    }

    /// The record that its context is.
    #[must_use]
    pub const fn context(&self) -> &RecordShape {
        &self.context
    }

    /// The types that its principal may have. A mere group has none.
    #[must_use]
    pub const fn principals(&self) -> &BTreeSet<TypeId> {
        &self.principals
    }

    /// The types that its resource may have. A mere group has none.
    #[must_use]
    pub const fn resources(&self) -> &BTreeSet<TypeId> {
        &self.resources
    }
}
