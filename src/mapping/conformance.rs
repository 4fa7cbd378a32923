//! Whether a context fits the schema, without the detours of the engine's own check.
//!
//! The engine turns every value back into an expression, twice, before it looks at its type; that
//! costs as much as evaluating the policies. This walks the values as they are. The tests hold it
//! against the engine's check.

use std::collections::BTreeMap;

use cedar_policy_core::ast::{Context, EntityUID, Literal, Value, ValueKind};
use smol_str::SmolStr;

use super::MappingError;
use crate::values::{Extension, RecordShape, Shape, TypeId, Types};

/// Checks principal, action, resource and context against the schema.
///
/// # Errors
/// [`MappingError::Schema`], with what does not fit.
pub(super) fn check(
    types: &Types,
    principal: &EntityUID,
    action: &EntityUID,
    resource: &EntityUID,
    context: &Context,
) -> Result<(), MappingError> {
    let refused = |what: String| Err(MappingError::Schema(what));
    let Some(shape) = types.action_of(action) else { return refused(format!("there is no action `{action}`")) };
    for (party, applies_to) in [(principal, shape.principals()), (resource, shape.resources())] {
        let of_type = types.id_of(party.entity_type()).filter(|of_type| applies_to.contains(of_type));
        if !of_type.is_some_and(|of_type| is_listed(types, of_type, party)) {
            return refused(format!("`{action}` does not apply to `{party}`"));
        }
    }
    let fits = match context {
        Context::Value(fields) => record_fits(types, fields, shape.context()),
        // Only partial evaluation makes such a context, and nothing here evaluates partially.
        Context::RestrictedResidual(_) => false,
    };
    if fits { Ok(()) } else { refused(format!("the context of `{action}` is another one: {}", names(context))) }
}

fn names(context: &Context) -> String {
    match context {
        Context::Value(fields) => fields.keys().map(SmolStr::as_str).collect::<Vec<_>>().join(", "),
        Context::RestrictedResidual(_) => "unknown".to_owned(),
    }
}

fn record_fits(types: &Types, fields: &BTreeMap<SmolStr, Value>, wanted: &RecordShape) -> bool {
    let mut required = 0;
    let known = fields.iter().all(|(name, value)| {
        wanted.get(name).is_some_and(|field| {
            required += usize::from(field.required);
            fits(types, value, &field.shape)
        })
    });
    known && required == wanted.required()
}

fn fits(types: &Types, value: &Value, wanted: &Shape) -> bool {
    match (value.value_kind(), wanted) {
        (ValueKind::Lit(Literal::Bool(_)), Shape::Bool)
        | (ValueKind::Lit(Literal::Long(_)), Shape::Long)
        | (ValueKind::Lit(Literal::String(_)), Shape::Text) => true,
        (ValueKind::Lit(Literal::EntityUID(uid)), Shape::Entity(of_type)) => {
            types.entity_type(*of_type) == uid.entity_type() && is_listed(types, *of_type, uid)
        }
        (ValueKind::Lit(Literal::EntityUID(uid)), Shape::Action(of_type)) => {
            uid.entity_type() == of_type && types.action_of(uid).is_some()
        }
        (ValueKind::Lit(Literal::EntityUID(uid)), Shape::AnyEntity) => types.id_of(uid.entity_type()).is_some(),
        (ValueKind::Set(set), Shape::Set(element)) => set.iter().all(|value| fits(types, value, element)),
        (ValueKind::Set(set), Shape::Empty) => set.is_empty(),
        (ValueKind::Record(fields), Shape::Record(wanted)) => record_fits(types, fields, wanted),
        (ValueKind::ExtensionValue(value), Shape::Extension(wanted)) => {
            Extension::named(&value.typename()) == Some(*wanted)
        }
        (ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_), _) => false,
    }
}

/// Whether an entity of a type that lists its entities is one of them.
fn is_listed(types: &Types, of_type: TypeId, uid: &EntityUID) -> bool {
    types.entity(of_type).listed.as_ref().is_none_or(|listed| listed.contains(AsRef::<str>::as_ref(uid.eid())))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::{Arc, LazyLock};

    use cedar_policy_core::ast::{Eid, EntityType, RequestSchema};
    use cedar_policy_core::extensions::Extensions;
    use cedar_policy_core::validator::ValidatorSchema;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::mapping::Attribute;

    const SCHEMA: &str = "entity A; entity B; entity R enum [\"x\"]; action all;
        action go appliesTo { principal: A, resource: B, context: {
            text: String, long: Long, truth: Bool, when: datetime, span?: duration, ip?: ipaddr,
            texts: Set<String>, a: A, role?: R, act?: Action, inner: { b?: B, deep: { texts?: Set<String> } },
        } };
        action list appliesTo { principal: [A, R], resource: R };";

    static PARSED: LazyLock<(ValidatorSchema, Types)> = LazyLock::new(|| {
        let (schema, _warnings) = ValidatorSchema::from_cedarschema_str(SCHEMA, Extensions::all_available()).unwrap();
        let types = Types::of(&schema, "");
        (schema, types)
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
            Just(Value::from(uid("Action", "go"))),
            Just(Value::from(uid("Action", "all"))),
            Just(Value::from(uid("Action", "none"))),
            Just(Value::from(uid("Unknown", "u"))),
            Just(Attribute::Texts(vec!["x".to_owned()]).into_value().unwrap()),
            Just(Value::set([Value::from(1)], None)),
            Just(Value::empty_set(None)),
            Just(Value::empty_record(None)),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let name = prop_oneof![Just("b"), Just("deep"), Just("texts"), Just("other")];
            prop::collection::btree_map(name, inner, 0..4).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (SmolStr::new(name), value));
                Value::record_arc(Arc::new(fields.collect()), None)
            })
        })
    }

    /// A context that fits.
    fn fitting() -> BTreeMap<SmolStr, Value> {
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

    fn ours_and_theirs(fields: BTreeMap<SmolStr, Value>) -> (bool, bool) {
        let ((schema, types), action) = (&*PARSED, uid("Action", "go"));
        let context = Context::Value(Arc::new(fields));
        let ours = check(types, &uid("A", "a"), &action, &uid("B", "b"), &context).is_ok();
        (ours, schema.validate_context(&context, &action, Extensions::all_available()).is_ok())
    }

    #[test]
    fn a_fitting_context_fits() {
        assert_eq!(ours_and_theirs(fitting()), (true, true));
    }

    #[test]
    fn principal_action_and_resource_fit_where_the_engine_says_so() {
        let (schema, types) = &*PARSED;
        let context = Context::Value(Arc::new(fitting()));
        let uids = [("A", "a"), ("B", "b"), ("R", "x"), ("R", "y"), ("Action", "go"), ("Unknown", "u")];
        let (uids, actions) = (uids.map(|(of_type, id)| uid(of_type, id)), ["go", "list", "all", "none"]);
        for action in actions.map(|id| uid("Action", id)) {
            for (principal, resource) in uids.iter().flat_map(|one| uids.iter().map(move |other| (one, other))) {
                let ours = check(types, principal, &action, resource, &context).is_ok();
                let theirs = schema.validate_scope_variables(Some(principal), Some(&action), Some(resource)).is_ok();
                // The context is that of `go`.
                let theirs = theirs && schema.validate_context(&context, &action, Extensions::all_available()).is_ok();
                assert_eq!(ours, theirs, "{principal} {action} {resource}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn it_says_what_the_engine_says(
            changes in prop::collection::vec((0usize..12, prop::option::weighted(0.8, any_value())), 0..3),
        ) {
            const NAMES: [&str; 12] =
                ["text", "long", "truth", "when", "span", "ip", "texts", "a", "inner", "other", "role", "act"];
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
