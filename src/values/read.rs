//! JSON into values, each by its type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Eid, EntityUID, Value};
use smol_str::SmolStr;

use super::extension::Function;
use super::path::Path;
use super::reference::split;
use super::{ActionShape, Extension, Json, RecordShape, Shape, TypeId, Types};
use crate::domain::Invalid;
use crate::domain::invalid::quoted;

/// What becomes of attributes that the schema does not have, in records at any depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// They are an error.
    Refuse,
    /// They are passed over.
    Ignore,
}

/// What becomes of required attributes that are not there, in the record that is read. In the
/// records within it they are always an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They are an error.
    Refuse,
    /// The record is read without them.
    Allow,
}

/// Reads values by the types of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'t> {
    /// The types
    pub types: &'t Types,
    /// Attributes that the schema does not have.
    pub unknown: Unknown,
    /// Required attributes that are not there.
    pub missing: Missing,
}

impl<'t> Reader<'t> {
    /// The attributes of a record, a context or an entity. `at` is where it stands, for errors.
    ///
    /// # Errors
    /// [`Invalid`] for the first value that does not fit, under its path: `context.device.tags[3]`.
    pub fn record(&self, shape: &RecordShape, json: &Json<'_>, at: &str) -> Result<BTreeMap<SmolStr, Value>, Invalid> {
        self.fields(shape, json, self.missing, &Path::At(at))
    }

    /// A value of the type. `at` is where it stands, for errors.
    ///
    /// # Errors
    /// [`Invalid`] for the first value that does not fit, under its path.
    pub fn value(&self, shape: &Shape, json: &Json<'_>, at: &str) -> Result<Value, Invalid> {
        self.read(shape, json, &Path::At(at))
    }

    /// Type and id of an entity of any type that the schema declares.
    ///
    /// # Errors
    /// [`Invalid`] about `at` or a member of it, when it is not a reference, or the schema has no
    /// such type, or it lists the type's entities and that one is not among them.
    pub fn reference(&self, json: &Json<'_>, at: &str) -> Result<(TypeId, SmolStr), Invalid> {
        self.entity(json, &Path::At(at))
    }

    /// An action that the schema declares.
    ///
    /// # Errors
    /// [`Invalid`] about `at` or a member of it, when it is not a reference to one.
    pub fn action(&self, json: &Json<'_>, at: &str) -> Result<&'t ActionShape, Invalid> {
        self.declared_action(json, &Path::At(at))
    }

    /// The entity of that type and id, as the engine has it.
    #[must_use]
    pub fn uid(&self, of_type: TypeId, id: &str) -> EntityUID {
        EntityUID::from_components(self.types.entity_type(of_type).clone(), Eid::new(id), None)
    }

    fn read(&self, shape: &Shape, json: &Json<'_>, path: &Path<'_>) -> Result<Value, Invalid> {
        Ok(match (shape, json) {
            (Shape::Bool, Json::Bool(value)) => Value::from(*value),
            (Shape::Long, Json::Long(value)) => Value::from(*value),
            (Shape::Text, Json::Text(text)) => Value::from(text.as_ref()),
            (Shape::Entity(wanted), Json::Text(_) | Json::Object(_)) => self.entity_of(*wanted, json, path)?,
            (Shape::AnyEntity, Json::Text(_) | Json::Object(_)) => {
                let (of_type, id) = self.entity(json, path)?;
                Value::from(self.uid(of_type, &id))
            }
            (Shape::Action(wanted), Json::Text(_) | Json::Object(_)) => {
                let uid = self.declared_action(json, path)?.uid();
                if uid.entity_type() != wanted {
                    return Err(path.invalid(format!("must be {}, not {uid}", self.described(shape))));
                }
                Value::from(uid.clone())
            }
            (Shape::Set(element), Json::List(elements)) => {
                let read = |(index, json)| self.read(element, json, &Path::Item(path, index));
                Value::set(elements.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?, None)
            }
            (Shape::Empty, Json::List(elements)) if elements.is_empty() => Value::empty_set(None),
            (Shape::Record(shape), Json::Object(_)) => {
                Value::record_arc(Arc::new(self.fields(shape, json, Missing::Refuse, path)?), None)
            }
            (Shape::Extension(wanted), Json::Text(text)) => wanted.read(text).map_err(|reason| path.invalid(reason))?,
            (Shape::Extension(wanted), Json::Object(_)) => self.call(*wanted, json, path)?,
            (
                Shape::Bool
                | Shape::Long
                | Shape::Text
                | Shape::Entity(_)
                | Shape::AnyEntity
                | Shape::Action(_)
                | Shape::Set(_)
                | Shape::Empty
                | Shape::Record(_)
                | Shape::Extension(_),
                _,
            ) => return Err(self.another_type(shape, json, path)),
        })
    }

    fn fields(
        &self,
        shape: &RecordShape,
        json: &Json<'_>,
        missing: Missing,
        path: &Path<'_>,
    ) -> Result<BTreeMap<SmolStr, Value>, Invalid> {
        let Json::Object(members) = json else {
            return Err(path.invalid(format!("must be an object, not {}", json.kind())));
        };
        let mut values = BTreeMap::new();
        let mut required = 0;
        for (name, json) in members {
            let place = Path::Field(path, name);
            let Some(field) = shape.get(name) else {
                match self.unknown {
                    Unknown::Ignore => continue,
                    Unknown::Refuse => return Err(place.invalid("is not an attribute that the schema has here")),
                }
            };
            let value = self.read(&field.shape, json, &place)?;
            // Parsed JSON has no name twice, but JSON that was put together may.
            if values.insert(field.name.clone(), value).is_some() {
                return Err(place.invalid("is there twice"));
            }
            required += usize::from(field.required);
        }
        if missing == Missing::Refuse && required < shape.required() {
            let is_missing = |name: &str| !values.contains_key(name);
            let first = shape.fields().find(|field| field.required && is_missing(&field.name));
            let name = first.map_or("", |field| field.name.as_str());
            return Err(Path::Field(path, name).invalid("is missing"));
        }
        Ok(values)
    }

    fn entity_of(&self, wanted: TypeId, json: &Json<'_>, path: &Path<'_>) -> Result<Value, Invalid> {
        let (of_type, id) = self.entity(json, path)?;
        if of_type == wanted {
            Ok(Value::from(self.uid(of_type, &id)))
        } else {
            let (wanted, found) = (self.described(&Shape::Entity(wanted)), self.types.name(of_type));
            Err(path.invalid(format!("must be {wanted}, not of `{found}`")))
        }
    }

    fn entity(&self, json: &Json<'_>, path: &Path<'_>) -> Result<(TypeId, SmolStr), Invalid> {
        let named = Named::read(json, path)?;
        let of_type = self.types.find(named.of_type).ok_or_else(|| {
            path.invalid(format!("is of the type {}, which the schema does not declare", quoted(named.of_type)))
        })?;
        match &self.types.entity(of_type).listed {
            Some(ids) if !ids.contains(named.id.as_ref()) => {
                let (id, name) = (quoted(&named.id), self.types.name(of_type));
                Err(path
                    .invalid(format!("has the id {id}, which is not among those that the schema lists for `{name}`")))
            }
            Some(_) | None => Ok((of_type, SmolStr::new(named.id))),
        }
    }

    fn declared_action(&self, json: &Json<'_>, path: &Path<'_>) -> Result<&'t ActionShape, Invalid> {
        let named = Named::read(json, path)?;
        self.types.action_named(named.of_type, &named.id).ok_or_else(|| {
            let (of_type, id) = (quoted(named.of_type), quoted(&named.id));
            path.invalid(format!("must be an action that the schema declares, not {id} of the type {of_type}"))
        })
    }

    /// A value by a call of one of the engine's functions.
    fn call(&self, wanted: Extension, json: &Json<'_>, path: &Path<'_>) -> Result<Value, Invalid> {
        let (json, path) = inner(json, "__extn", path);
        let refused = |reason: &str| path.invalid(format!("must be {}, or a call{reason}", wanted.described()));
        let (name, argument) = pair(json, "fn").ok_or_else(|| refused(" with the members `fn` and `arg` or `args`"))?;
        let Json::Text(name) = name else { return Err(refused(" with a string as `fn`")) };
        let function = Function::named(name).filter(|function| function.gives == wanted);
        let function = function.ok_or_else(|| {
            refused(&format!(" that gives one; {} is no function that gives a {}", quoted(name), wanted.name()))
        })?;
        let (label, arguments) = match argument {
            ("arg", argument) => ("arg", std::slice::from_ref(argument)),
            ("args", Json::List(arguments)) => ("args", arguments.as_slice()),
            _ => return Err(refused(" with the members `fn` and `arg` or `args`, of which `args` is an array")),
        };
        if arguments.len() != function.takes.len() {
            let (wanted, found) = (function.takes.len(), arguments.len());
            return Err(path.invalid(format!("{} takes {wanted} arguments, not {found}", quoted(name))));
        }
        let place = Path::Field(&path, label);
        let item = |index| if label == "args" { Path::Item(&place, index) } else { place };
        if let (true, [Json::Text(text)]) = (function.is_constructor(), arguments) {
            return wanted.read(text).map_err(|reason| item(0).invalid(reason));
        }
        let read = |(index, (shape, json))| self.read(shape, json, &item(index));
        let values = function.takes.iter().zip(arguments).enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        function.call(&values).ok_or_else(|| path.invalid(format!("what {} gives is out of range", quoted(name))))
    }

    fn another_type(&self, shape: &Shape, json: &Json<'_>, path: &Path<'_>) -> Invalid {
        let wanted = self.described(shape);
        match json {
            Json::Number(number) => path.invalid(format!("must be {wanted}, not `{number}`")),
            Json::Null | Json::Bool(_) | Json::Long(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => {
                path.invalid(format!("must be {wanted}, not {}", json.kind()))
            }
        }
    }

    fn described(&self, shape: &Shape) -> Cow<'static, str> {
        match shape {
            Shape::Bool => "a boolean".into(),
            Shape::Long => {
                "a number from -9223372036854775808 to 9223372036854775807 without fraction or exponent".into()
            }
            Shape::Text => "a string".into(),
            Shape::Entity(of_type) => {
                format!("a reference to an entity of the type `{}`", self.types.name(*of_type)).into()
            }
            Shape::AnyEntity => "a reference to an entity".into(),
            Shape::Action(of_type) => format!("a reference to an action of the type `{of_type}`").into(),
            Shape::Set(_) => "an array".into(),
            Shape::Empty => "an empty array".into(),
            Shape::Record(_) => "an object".into(),
            Shape::Extension(extension) => extension.described().into(),
        }
    }
}

/// A reference, taken apart.
struct Named<'j> {
    of_type: &'j str,
    id: Cow<'j, str>,
}

impl<'j> Named<'j> {
    fn read(json: &'j Json<'_>, path: &Path<'_>) -> Result<Self, Invalid> {
        const WANTED: &str =
            "must be a reference, as `Ns::Type::\"id\"` or as an object with the strings `type` and `id`";
        if let Json::Text(text) = json {
            let (of_type, id) = split(text).ok_or_else(|| path.invalid(format!("{WANTED}, not {}", quoted(text))))?;
            return Ok(Self { of_type, id });
        }
        let (inner, path) = inner(json, "__entity", path);
        match pair(inner, "type") {
            Some((Json::Text(of_type), ("id", Json::Text(id)))) => Ok(Self { of_type, id: Cow::Borrowed(id) }),
            Some(_) | None => match inner {
                Json::Object(_) => Err(path.invalid(format!("{WANTED} and nothing else"))),
                Json::Null | Json::Bool(_) | Json::Long(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => {
                    Err(path.invalid(format!("{WANTED}, not {}", inner.kind())))
                }
            },
        }
    }
}

/// What is in `{"__entity": ..}` or `{"__extn": ..}`, and where; without that, what is here.
fn inner<'j, 'a, 'p>(json: &'j Json<'a>, escape: &'p str, path: &'p Path<'p>) -> (&'j Json<'a>, Path<'p>) {
    match json {
        Json::Object(members) => match members.as_slice() {
            [(name, inner)] if name == escape => (inner, Path::Field(path, escape)),
            _ => (json, *path),
        },
        Json::Null | Json::Bool(_) | Json::Long(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => (json, *path),
    }
}

/// Of an object with two members: the one of that name, and the other one with its name.
fn pair<'j, 'a>(json: &'j Json<'a>, first: &str) -> Option<(&'j Json<'a>, (&'j str, &'j Json<'a>))> {
    let Json::Object(members) = json else { return None };
    match members.as_slice() {
        [(name, one), (other, two)] if name == first => Some((one, (other, two))),
        [(other, two), (name, one)] if name == first => Some((one, (other, two))),
        _ => None,
    }
}
