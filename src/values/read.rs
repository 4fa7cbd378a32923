//! JSON into values, each by its type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::Value;
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
    pub fn record(&self, shape: &RecordShape, json: &Json, at: &str) -> Result<BTreeMap<SmolStr, Value>, Invalid> {
        self.fields(shape, json, self.missing, &Path::At(at))
    }

    /// A value of the type. `at` is where it stands, for errors.
    ///
    /// # Errors
    /// [`Invalid`] for the first value that does not fit, under its path.
    pub fn value(&self, shape: &Shape, json: &Json, at: &str) -> Result<Value, Invalid> {
        self.read(shape, json, &Path::At(at))
    }

    /// Type and id of an entity of any type that the schema declares.
    ///
    /// # Errors
    /// [`Invalid`] about `at` or a member of it, when it is not a reference, or the schema has no
    /// such type, or it lists the type's entities and that one is not among them.
    pub fn reference(&self, json: &Json, at: &str) -> Result<(TypeId, SmolStr), Invalid> {
        self.entity(json, &Path::At(at))
    }

    /// An action that the schema declares.
    ///
    /// # Errors
    /// [`Invalid`] about `at` or a member of it, when it is not a reference to one.
    pub fn action(&self, json: &Json, at: &str) -> Result<&'t ActionShape, Invalid> {
        self.declared_action(json, &Path::At(at))
    }

    fn read(&self, shape: &Shape, json: &Json, path: &Path<'_>) -> Result<Value, Invalid> {
        Ok(match (shape, json) {
            (Shape::Bool, Json::Bool(value)) => Value::from(*value),
            (Shape::Long, Json::Long(value)) => Value::from(*value),
            (Shape::Text, Json::Text(text)) => Value::from(text.as_ref()),
            (Shape::Entity(wanted), Json::Text(_) | Json::Object(_)) => self.entity_of(*wanted, json, path)?,
            (Shape::AnyEntity, Json::Text(_) | Json::Object(_)) => {
                let (of_type, id) = self.entity(json, path)?;
                Value::from(self.types.uid(of_type, id))
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
        json: &Json,
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

    fn entity_of(&self, wanted: TypeId, json: &Json, path: &Path<'_>) -> Result<Value, Invalid> {
        let (of_type, id) = self.entity(json, path)?;
        if of_type == wanted {
            Ok(Value::from(self.types.uid(of_type, id)))
        } else {
            let (wanted, found) = (self.described(&Shape::Entity(wanted)), self.types.name(of_type));
            Err(path.invalid(format!("must be {wanted}, not of `{found}`")))
        }
    }

    fn entity(&self, json: &Json, path: &Path<'_>) -> Result<(TypeId, SmolStr), Invalid> {
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

    fn declared_action(&self, json: &Json, path: &Path<'_>) -> Result<&'t ActionShape, Invalid> {
        let named = Named::read(json, path)?;
        self.types.action_named(named.of_type, &named.id).ok_or_else(|| {
            let (of_type, id) = (quoted(named.of_type), quoted(&named.id));
            path.invalid(format!("must be an action that the schema declares, not {id} of the type {of_type}"))
        })
    }

    /// A value by a call of one of the engine's functions.
    fn call(&self, wanted: Extension, json: &Json, path: &Path<'_>) -> Result<Value, Invalid> {
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

    fn another_type(&self, shape: &Shape, json: &Json, path: &Path<'_>) -> Invalid {
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
    fn read(json: &'j Json, path: &Path<'_>) -> Result<Self, Invalid> {
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
fn inner<'j, 'p>(json: &'j Json, escape: &'p str, path: &'p Path<'p>) -> (&'j Json, Path<'p>) {
    match json {
        Json::Object(members) => match members.as_slice() {
            [(name, inner)] if name == escape => (inner, Path::Field(path, escape)),
            _ => (json, *path),
        },
        Json::Null | Json::Bool(_) | Json::Long(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => (json, *path),
    }
}

/// Of an object with two members: the one of that name, and the other one with its name.
fn pair<'j>(json: &'j Json, first: &str) -> Option<(&'j Json, (&'j str, &'j Json))> {
    let Json::Object(members) = json else { return None };
    match members.as_slice() {
        [(name, one), (other, two)] if name == first => Some((one, (other, two))),
        [(other, two), (name, one)] if name == first => Some((one, (other, two))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy_core::extensions::Extensions;
    use cedar_policy_core::validator::ValidatorSchema;

    use super::*;

    const SCHEMA: &str = "
        entity Bare;
        namespace Other { entity User; action go; }
        namespace Ns {
            type Device = { name: String, tags?: Set<String>, owner?: User };
            entity User = { age: Long, device?: Device };
            entity Color enum [\"red\", \"blue\"];
            action view appliesTo { principal: User, resource: Bare, context: {
                ok?: Bool, age?: Long, text?: String, device?: Device, color?: Color, act?: Action,
                ip?: ipaddr, dec?: decimal, at?: datetime, span?: duration,
            } };
        }";

    fn types() -> Types {
        let (schema, _warnings) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::all_available()).unwrap();
        Types::of(&schema, "Ns")
    }

    fn refusal(json: &str) -> String {
        let types = types();
        let reader = Reader { types: &types, unknown: Unknown::Refuse, missing: Missing::Refuse };
        let shape = types.action("view").unwrap().context();
        let read = reader.record(shape, &Json::parse(json.as_bytes()).unwrap(), "context");
        read.expect_err(json).to_string()
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_path_and_what_would_be_right() {
        const LONG: &str = "a number from -9223372036854775808 to 9223372036854775807 without fraction or exponent";
        const REFERENCE: &str =
            "must be a reference, as `Ns::Type::\"id\"` or as an object with the strings `type` and `id`";
        for (json, text) in [
            ("[]", "context: must be an object, not an array".to_owned()),
            ("null", "context: must be an object, not null".to_owned()),
            ("{\"x\\n\":1}", "context.x\\n: is not an attribute that the schema has here".to_owned()),
            ("{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}", "context.__extn: is not an attribute that the schema has here".to_owned()),
            ("{\"ok\":1}", "context.ok: must be a boolean, not a number".to_owned()),
            ("{\"ok\":null}", "context.ok: must be a boolean, not null".to_owned()),
            ("{\"ok\":1.5}", "context.ok: must be a boolean, not `1.5`".to_owned()),
            ("{\"age\":\"1\"}", format!("context.age: must be {LONG}, not a string")),
            ("{\"age\":1.0}", format!("context.age: must be {LONG}, not `1.0`")),
            ("{\"age\":1e2}", format!("context.age: must be {LONG}, not `100.0`")),
            ("{\"age\":-0}", format!("context.age: must be {LONG}, not `-0.0`")),
            ("{\"age\":9223372036854775808}", format!("context.age: must be {LONG}, not `9223372036854775808`")),
            ("{\"text\":{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}}", "context.text: must be a string, not an object".to_owned()),
            ("{\"device\":{}}", "context.device.name: is missing".to_owned()),
            ("{\"device\":{\"name\":\"n\",\"tags\":\"t\"}}", "context.device.tags: must be an array, not a string".to_owned()),
            ("{\"device\":{\"name\":\"n\",\"tags\":[\"a\",\"b\",\"c\",4]}}", "context.device.tags[3]: must be a string, not a number".to_owned()),
            ("{\"device\":{\"name\":\"n\",\"owner\":\"Bare::\\\"x\\\"\"}}", "context.device.owner: must be a reference to an entity of the type `Ns::User`, not of `Bare`".to_owned()),
            ("{\"device\":{\"name\":\"n\",\"owner\":7}}", "context.device.owner: must be a reference to an entity of the type `Ns::User`, not a number".to_owned()),
            ("{\"device\":{\"name\":\"n\",\"owner\":\"alice\"}}", format!("context.device.owner: {REFERENCE}, not `alice`")),
            ("{\"color\":\"No::\\\"x\\\"\"}", "context.color: is of the type `No`, which the schema does not declare".to_owned()),
            ("{\"color\":{\"type\":\"\",\"id\":\"x\"}}", "context.color: is of the type ``, which the schema does not declare".to_owned()),
            ("{\"color\":{\"type\":\"Color\",\"id\":\"\"}}", "context.color: has the id ``, which is not among those that the schema lists for `Ns::Color`".to_owned()),
            ("{\"color\":{\"__entity\":{\"type\":\"Color\"}}}", format!("context.color.__entity: {REFERENCE} and nothing else")),
            ("{\"color\":{\"__entity\":\"x\"}}", format!("context.color.__entity: {REFERENCE}, not a string")),
            ("{\"act\":\"Action::\\\"no\\\"\"}", "context.act: must be an action that the schema declares, not `no` of the type `Action`".to_owned()),
            ("{\"act\":\"Other::Action::\\\"go\\\"\"}", "context.act: must be a reference to an action of the type `Ns::Action`, not Other::Action::\"go\"".to_owned()),
            ("{\"ip\":\"300.0.0.1\"}", "context.ip: must be an ipaddr, as `192.0.2.7` or `192.0.2.0/24`, not `300.0.0.1`".to_owned()),
            ("{\"dec\":1.5}", "context.dec: must be a decimal, as `12.75`, not `1.5`".to_owned()),
            ("{\"dec\":{\"fn\":\"decimal\",\"arg\":\"1.23456\"}}", "context.dec.arg: must be a decimal, as `12.75`, not `1.23456`".to_owned()),
            ("{\"span\":[]}", "context.span: must be a duration, as `1h30m`, not an array".to_owned()),
            ("{\"at\":{}}", "context.at: must be a datetime, as `2024-01-31T09:30:00Z`, or a call with the members `fn` and `arg` or `args`".to_owned()),
            ("{\"at\":{\"fn\":1,\"arg\":\"x\"}}", "context.at: must be a datetime, as `2024-01-31T09:30:00Z`, or a call with a string as `fn`".to_owned()),
            ("{\"at\":{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}}", "context.at.__extn: must be a datetime, as `2024-01-31T09:30:00Z`, or a call that gives one; `unknown` is no function that gives a datetime".to_owned()),
            ("{\"at\":{\"fn\":\"offset\",\"args\":[\"2024-01-31\",\"x\"]}}", "context.at.args[1]: must be a duration, as `1h30m`, not `x`".to_owned()),
            ("{\"at\":{\"fn\":\"offset\",\"arg\":\"1h\"}}", "context.at: `offset` takes 2 arguments, not 1".to_owned()),
            ("{\"at\":{\"fn\":\"offset\",\"args\":[\"2024-01-31\",\"9223372036854775807ms\"]}}", "context.at: what `offset` gives is out of range".to_owned()),
        ] {
            assert_eq!(refusal(json), text, "{json}");
        }
    }

    #[test]
    fn what_the_engine_alone_takes_is_refused() {
        for json in [
            "{\"color\":{\"type\":\"Ns::Color\",\"id\":\"red\",\"more\":1}}",
            "{\"color\":{\"__entity\":{\"type\":\"Ns::Color\",\"id\":\"red\"},\"more\":1}}",
            "{\"color\":[\"Ns::Color\",\"red\"]}",
            "{\"dec\":{\"fn\":\"decimal\",\"arg\":\"1.5\",\"more\":1}}",
            "{\"dec\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"},\"more\":1}}",
            "{\"age\":{\"__extn\":{\"fn\":\"toHours\",\"arg\":{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1h\"}}}}}",
            "{\"ok\":{\"__extn\":{\"fn\":\"isIpv4\",\"arg\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}}}}",
        ] {
            let (schema, _warnings) = cedar_policy::Schema::from_cedarschema_str(SCHEMA).unwrap();
            let view = "Ns::Action::\"view\"".parse().unwrap();
            let theirs = cedar_policy::Context::from_json_str(json, Some((&schema, &view)));
            assert!(theirs.unwrap().validate(&schema, &view).is_ok(), "{json}");
            refusal(json);
        }
    }

    #[test]
    fn a_required_attribute_may_be_missing_at_the_top_alone() {
        let types = types();
        let shape = &types.entity(types.find("User").unwrap()).attributes;
        let read = |json: &str, missing| {
            let reader = Reader { types: &types, unknown: Unknown::Refuse, missing };
            reader.record(shape, &Json::parse(json.as_bytes()).unwrap(), "entities[2].attrs").map_err(|e| e.to_string())
        };
        assert_eq!(read("{}", Missing::Refuse), Err("entities[2].attrs.age: is missing".to_owned()));
        assert_eq!(read("{}", Missing::Allow), Ok(BTreeMap::new()));
        let nested = read("{\"device\":{}}", Missing::Allow);
        assert_eq!(nested, Err("entities[2].attrs.device.name: is missing".to_owned()));
    }

    #[test]
    fn json_that_was_put_together_cannot_hide_what_is_missing() {
        let types = types();
        let reader = Reader { types: &types, unknown: Unknown::Refuse, missing: Missing::Refuse };
        let shape = &types.entity(types.find("User").unwrap()).attributes;
        let json = Json::Object(vec![("age".into(), Json::Long(1)), ("age".into(), Json::Long(2))]);
        let refused = reader.record(shape, &json, "").unwrap_err();
        assert_eq!(refused.to_string(), "age: is there twice");
    }

    #[test]
    fn references_are_read_in_every_form_and_in_the_default_namespace() {
        let types = types();
        let reader = Reader { types: &types, unknown: Unknown::Refuse, missing: Missing::Refuse };
        let user = types.find("Ns::User").unwrap();
        for json in [
            "\"User::\\\"a\\\"\"",
            "\"Ns::User::\\\"\\\\u{61}\\\"\"",
            "{\"id\":\"a\",\"type\":\"User\"}",
            "{\"__entity\":{\"type\":\"Ns::User\",\"id\":\"a\"}}",
        ] {
            let json = Json::parse(json.as_bytes()).unwrap();
            assert_eq!(reader.reference(&json, "principal"), Ok((user, "a".into())));
        }
        assert_eq!(reader.reference(&Json::Text("User::\"\"".into()), "principal"), Ok((user, "".into())));
        for json in ["\"view\"", "\"Action::\\\"view\\\"\"", "{\"type\":\"Ns::Action\",\"id\":\"view\"}"] {
            let json = Json::parse(json.as_bytes()).unwrap();
            assert!(reader.reference(&json, "principal").unwrap_err().to_string().starts_with("principal: "));
            let action = reader.action(&json, "action");
            assert_eq!(action.is_ok(), json != Json::Text("view".into()), "{json:?}");
        }
        assert_eq!(types.uid(user, "a\"b").to_string(), "Ns::User::\"a\\\"b\"");
    }
}
