//! Whether a context fits the schema, without the detours of the engine's own check.
//!
//! The engine turns every value back into an expression, twice, before it looks at its type; that
//! costs as much as evaluating the policies. This walks the values as they are. The tests hold it
//! against the engine's check.

use cedar_policy_core::ast::{Context, EntityUID, Literal, RequestSchema, Value, ValueKind};
use cedar_policy_core::validator::types::{BoolType, EntityKind, OpenTag, Type};
use cedar_policy_core::validator::{ValidatorEntityTypeKind, ValidatorSchema};

use super::MappingError;

/// Checks principal, action, resource and context against the schema.
///
/// # Errors
/// [`MappingError::Schema`], with what does not fit.
pub(super) fn check(
    schema: &ValidatorSchema,
    principal: &EntityUID,
    action: &EntityUID,
    resource: &EntityUID,
    context: &Context,
) -> Result<(), MappingError> {
    let refused = |what: String| MappingError::Schema(what);
    schema
        .validate_scope_variables(Some(principal), Some(action), Some(resource))
        .map_err(|error| refused(error.to_string()))?;
    let wanted = schema.get_action_id(action).and_then(|action| action.context_type());
    let wanted = wanted.ok_or_else(|| refused(format!("`{action}` has no context")))?;
    let fits = match context {
        Context::Value(fields) => record_fits(schema, fields.iter(), |name| fields.contains_key(name), wanted),
        // Only partial evaluation makes such a context, and nothing here evaluates partially.
        Context::RestrictedResidual(_) => false,
    };
    if fits { Ok(()) } else { Err(refused(format!("the context of `{action}` is another one: {}", names(context)))) }
}

fn names(context: &Context) -> String {
    match context {
        Context::Value(fields) => fields.keys().map(smol_str::SmolStr::as_str).collect::<Vec<_>>().join(", "),
        Context::RestrictedResidual(_) => "unknown".to_owned(),
    }
}

fn record_fits<'a, N: AsRef<str> + 'a>(
    schema: &ValidatorSchema,
    mut fields: impl Iterator<Item = (&'a N, &'a Value)>,
    has: impl Fn(&str) -> bool,
    wanted: &Type,
) -> bool {
    let Type::Record { attrs, open_attributes } = wanted else { return false };
    let known = fields.all(|(name, value)| match attrs.get_attr(name.as_ref()) {
        Some(attribute) => fits(schema, value, &attribute.attr_type),
        None => *open_attributes == OpenTag::OpenAttributes,
    });
    known && attrs.iter().all(|(name, attribute)| !attribute.is_required || has(name))
}

fn fits(schema: &ValidatorSchema, value: &Value, wanted: &Type) -> bool {
    match (value.value_kind(), wanted) {
        (ValueKind::Lit(Literal::Bool(value)), Type::Bool(BoolType::True)) => *value,
        (ValueKind::Lit(Literal::Bool(value)), Type::Bool(BoolType::False)) => !*value,
        (ValueKind::Lit(Literal::Bool(_)), Type::Bool(BoolType::AnyBool))
        | (ValueKind::Lit(Literal::Long(_)), Type::Long)
        | (ValueKind::Lit(Literal::String(_)), Type::String)
        | (ValueKind::Lit(Literal::EntityUID(_)), Type::Entity(EntityKind::AnyEntity))
        | (ValueKind::Set(_), Type::Set { element_type: None }) => true,
        (ValueKind::Lit(Literal::EntityUID(uid)), Type::Entity(EntityKind::Entity(types))) => {
            types.get_single_entity() == Some(uid.entity_type()) && is_listed(schema, uid)
        }
        (ValueKind::Set(set), Type::Set { element_type: Some(element) }) => {
            set.iter().all(|value| fits(schema, value, element))
        }
        (ValueKind::Record(fields), Type::Record { .. }) => {
            record_fits(schema, fields.iter(), |name| fields.contains_key(name), wanted)
        }
        (ValueKind::ExtensionValue(value), Type::ExtensionType { name }) => value.typename() == *name,
        (ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_), _) => false,
    }
}

/// Whether an entity of a type that lists its entities is one of them.
fn is_listed(schema: &ValidatorSchema, uid: &EntityUID) -> bool {
    match schema.get_entity_type(uid.entity_type()).map(|found| &found.kind) {
        Some(ValidatorEntityTypeKind::Enum(listed)) => listed.contains(uid.eid()),
        Some(ValidatorEntityTypeKind::Standard(_) | ValidatorEntityTypeKind::External) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use std::sync::{Arc, LazyLock};

    use cedar_policy_core::ast::{Eid, EntityType};
    use cedar_policy_core::extensions::Extensions;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::mapping::Attribute;

    const SCHEMA: &str = "entity A; entity B; entity R enum [\"x\"];
        action go appliesTo { principal: A, resource: B, context: {
            text: String, long: Long, truth: Bool, when: datetime, span?: duration, ip?: ipaddr,
            texts: Set<String>, a: A, role?: R, inner: { b?: B, deep: { texts?: Set<String> } },
        } };";

    static PARSED: LazyLock<ValidatorSchema> = LazyLock::new(|| {
        let (schema, _warnings) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::all_available()).unwrap();
        schema
    });

    fn uid(of_type: &str, id: &str) -> EntityUID {
        let of_type: EntityType = of_type.parse().unwrap();
        EntityUID::from_components(of_type, Eid::new(id), None)
    }

    /// Any of the values that could stand anywhere.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Attribute::Text("x".to_owned()).into_value().unwrap()),
            Just(Attribute::Long(7).into_value().unwrap()),
            any::<bool>().prop_map(Value::from),
            Just(Attribute::Time(Timestamp::UNIX_EPOCH).into_value().unwrap()),
            Just(Attribute::Duration(5).into_value().unwrap()),
            Just(Attribute::Ip(Ipv4Addr::LOCALHOST.into()).into_value().unwrap()),
            Just(Value::from(uid("A", "a"))),
            Just(Value::from(uid("B", "b"))),
            Just(Value::from(uid("R", "x"))),
            Just(Value::from(uid("R", "y"))),
            Just(Attribute::Texts(vec!["x".to_owned()]).into_value().unwrap()),
            Just(Value::set([Value::from(1)], None)),
            Just(Value::empty_set(None)),
            Just(Value::empty_record(None)),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let name = prop_oneof![Just("b"), Just("deep"), Just("texts"), Just("other")];
            prop::collection::btree_map(name, inner, 0..4).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (smol_str::SmolStr::new(name), value));
                Value::record_arc(Arc::new(fields.collect()), None)
            })
        })
    }

    /// A context that fits.
    fn fitting() -> BTreeMap<smol_str::SmolStr, Value> {
        let deep = Value::record_arc(Arc::new(BTreeMap::new()), None);
        let inner = Value::record_arc(Arc::new(BTreeMap::from([("deep".into(), deep)])), None);
        BTreeMap::from([
            ("text".into(), Value::from("x")),
            ("long".into(), Value::from(1)),
            ("truth".into(), Value::from(true)),
            ("when".into(), Attribute::Time(Timestamp::UNIX_EPOCH).into_value().unwrap()),
            ("texts".into(), Value::empty_set(None)),
            ("a".into(), Value::from(uid("A", "a"))),
            ("inner".into(), inner),
        ])
    }

    fn ours_and_theirs(fields: BTreeMap<smol_str::SmolStr, Value>) -> (bool, bool) {
        let (schema, action) = (&*PARSED, uid("Action", "go"));
        let context = Context::Value(Arc::new(fields));
        let ours = check(schema, &uid("A", "a"), &action, &uid("B", "b"), &context).is_ok();
        (ours, schema.validate_context(&context, &action, Extensions::all_available()).is_ok())
    }

    #[test]
    fn a_fitting_context_fits() {
        assert_eq!(ours_and_theirs(fitting()), (true, true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn it_says_what_the_engine_says(
            changes in prop::collection::vec((0usize..11, prop::option::weighted(0.8, any_value())), 0..3),
        ) {
            const NAMES: [&str; 11] =
                ["text", "long", "truth", "when", "span", "ip", "texts", "a", "inner", "other", "role"];
            let mut fields = fitting();
            for (name, value) in changes {
                match value {
                    Some(value) => fields.insert(NAMES[name].into(), value),
                    None => fields.remove(NAMES[name]),
                };
            }
            let (ours, theirs) = ours_and_theirs(fields);
            prop_assert_eq!(ours, theirs);
        }
    }
}
