//! What a schema marks with `@sensitive`: attributes of contexts that no log may show.

use std::collections::{BTreeMap, HashMap};

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

use crate::domain::ContextPath;

/// For each action, the attributes of its context that are marked with `@sensitive`: themselves, by
/// the record that they are in, or by the common type that they have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sensitive(HashMap<String, Vec<ContextPath>>);

impl Sensitive {
    /// Nothing is.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads one schema in Cedar's syntax.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn of_cedar(text: &str) -> Result<Self, String> {
        let (fragment, _warnings) = SchemaFragment::from_cedarschema_str(text).map_err(|error| error.to_string())?;
        let json = fragment.to_json_value().map_err(|error| error.to_string())?;
        Ok(Self::of_schema(&[json]))
    }

    /// Reads the fragments of a schema that was validated, as `SchemaFragment::to_json_value` gives
    /// them: the only form in which annotations survive.
    #[must_use]
    pub fn of_schema(fragments: &[Value]) -> Self {
        let types = CommonTypes::of(fragments);
        let mut found: HashMap<String, Vec<ContextPath>> = HashMap::new();
        for (namespace, definition) in namespaces(fragments) {
            for (name, action) in entries(definition.get("actions")) {
                let mut walk = Walk { types: &types, namespace, open: Vec::new(), paths: Vec::new() };
                if let Some(context) = action.pointer("/appliesTo/context") {
                    walk.visit(context, &mut Vec::new());
                }
                if !walk.paths.is_empty() {
                    let action =
                        if namespace.is_empty() { "Action".to_owned() } else { format!("{namespace}::Action") };
                    // As the engine writes a reference to an entity.
                    let action = format!("{action}::\"{}\"", name.escape_debug());
                    found.entry(action).or_default().append(&mut walk.paths);
                }
            }
        }
        Self(found)
    }

    /// The paths of an action's context that are sensitive. The action is named as the engine writes
    /// it: `Gatewood::Action::"ReadTenant"`.
    #[must_use]
    pub fn of_action(&self, action: &str) -> &[ContextPath] {
        self.0.get(action).map_or(&[], Vec::as_slice)
    }
}

fn namespaces(fragments: &[Value]) -> impl Iterator<Item = (&str, &Value)> {
    fragments.iter().flat_map(|fragment| entries(Some(fragment)))
}

fn entries(object: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Common types by their full names, each with the namespace that it was declared in.
struct CommonTypes<'a>(BTreeMap<String, (&'a str, &'a Value)>);

impl<'a> CommonTypes<'a> {
    fn of(fragments: &'a [Value]) -> Self {
        let mut types = BTreeMap::new();
        for (namespace, definition) in namespaces(fragments) {
            for (name, common) in entries(definition.get("commonTypes")) {
                types.insert(qualified(namespace, name), (namespace, common));
            }
        }
        Self(types)
    }

    /// What a name means within a namespace: what is there has precedence over what has no namespace.
    fn find(&self, namespace: &str, name: &str) -> Option<(String, (&'a str, &'a Value))> {
        let names = [qualified(namespace, name), name.to_owned()];
        names.into_iter().find_map(|name| self.0.get(&name).map(|found| (name, *found)))
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

struct Walk<'a> {
    types: &'a CommonTypes<'a>,
    namespace: &'a str,
    /// The common types that are being looked into. A validated schema has no circle of them, but this must end.
    open: Vec<String>,
    paths: Vec<ContextPath>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, kind: &'a Value, path: &mut Vec<&'a str>) {
        if is_marked(kind) {
            self.paths.push(ContextPath::of_names(path));
            return;
        }
        match kind.get("type").and_then(Value::as_str) {
            Some("Record") => {
                for (name, attribute) in entries(kind.get("attributes")) {
                    path.push(name);
                    self.visit(attribute, path);
                    path.pop();
                }
            }
            // What is within a set has the path of the set.
            Some("Set") => {
                if let Some(element) = kind.get("element") {
                    self.visit(element, path);
                }
            }
            Some(name) => self.visit_named(kind, name, path),
            None => {}
        }
    }

    /// `{"type": "EntityOrCommon", "name": "Request"}`, or `{"type": "Request"}`.
    fn visit_named(&mut self, kind: &'a Value, name: &'a str, path: &mut Vec<&'a str>) {
        let name = kind.get("name").and_then(Value::as_str).unwrap_or(name);
        let Some((full, (declared_in, common))) = self.types.find(self.namespace, name) else { return };
        if self.open.contains(&full) {
            return;
        }
        // The names within a common type are those of where it was declared.
        let here = std::mem::replace(&mut self.namespace, declared_in);
        self.open.push(full);
        self.visit(common, path);
        self.open.pop();
        self.namespace = here;
    }
}

fn is_marked(kind: &Value) -> bool {
    kind.get("annotations").and_then(Value::as_object).is_some_and(|marks: &Map<_, _>| marks.contains_key("sensitive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(schema: &str, action: &str) -> Vec<ContextPath> {
        Sensitive::of_cedar(schema).unwrap().of_action(action).to_vec()
    }

    fn path(names: &[&str]) -> ContextPath {
        ContextPath::of_names(names)
    }

    #[test]
    fn nothing_is_sensitive_that_is_not_marked() {
        let schema =
            r#"entity U; action "read" appliesTo { principal: U, resource: U, context: { @doc("x") a: String } };"#;
        assert_eq!(Sensitive::of_cedar(schema).unwrap(), Sensitive::none());
        assert!(Sensitive::of_cedar("entity").is_err());
    }

    #[test]
    fn attributes_are_found_at_every_depth_and_by_the_action_that_has_them() {
        let schema = r#"namespace N {
            entity U;
            action "pay \"now\"" appliesTo { principal: U, resource: U, context: {
                @sensitive iban: String,
                note: String,
                inner: { @sensitive("why") deep?: Long, items: Set<{ @sensitive serial: String }> },
            } };
            action "look" appliesTo { principal: U, resource: U, context: { note: String } };
        }"#;
        let found = paths(schema, r#"N::Action::"pay \"now\"""#);
        assert_eq!(found, [path(&["iban"]), path(&["inner", "deep"]), path(&["inner", "items", "serial"])]);
        assert_eq!(paths(schema, r#"N::Action::"look""#), []);
    }

    #[test]
    fn common_types_are_followed_and_can_be_sensitive_themselves() {
        let schema = r#"
            @sensitive type Secret = String;
            namespace M { type Pin = { @sensitive digits: String, tries: Long }; }
            namespace N {
                type Call = { request: Request, pin: M::Pin };
                type Request = { id: String, @sensitive agent?: String, token: Secret };
                entity U;
                action "read" appliesTo { principal: U, resource: U, context: Call };
            }"#;
        let found = paths(schema, r#"N::Action::"read""#);
        assert_eq!(found, [path(&["pin", "digits"]), path(&["request", "agent"]), path(&["request", "token"])]);
    }

    #[test]
    fn a_whole_context_can_be_sensitive() {
        let schema = r#"
            @sensitive type Call = { a: String };
            entity U;
            action "read" appliesTo { principal: U, resource: U, context: Call };"#;
        assert_eq!(paths(schema, r#"Action::"read""#), [path(&[])]);
    }

    #[test]
    fn an_action_is_named_as_the_engine_names_it() {
        let name = "a\"b\\c\n\u{1F600}\u{7}é";
        let uid = cedar_policy::EntityUid::from_type_name_and_id(
            "Action".parse().unwrap(),
            cedar_policy::EntityId::new(name),
        );
        assert_eq!(uid.to_string(), format!("Action::\"{}\"", name.escape_debug()));
    }
}
