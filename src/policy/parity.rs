//! The schema and the code, held against each other.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{EntityTypeName, EntityUid, Schema};

/// How the code uses an action.
#[derive(Debug, Clone, Copy)]
pub struct ActionUse {
    /// The action's name.
    pub name: &'static str,
    /// The groups that the shipped schema puts it in; a suggestion, not a condition.
    pub group: Option<&'static str>,
    /// The types of the things that it is done to, without the namespace.
    pub resources: &'static [&'static str],
    /// What its context has besides `request`, `now` and `tenant`, in the schema's syntax.
    pub context: &'static str,
}

/// What the code and the schema do not agree on.
#[derive(Debug, Default, thiserror::Error)]
pub struct Differences {
    /// One line of complaint for each difference.
    pub complaints: Vec<String>,
    /// The declarations that would make the schema fit the code.
    pub lines_to_add: Vec<String>,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema and the service do not fit together:")?;
        for complaint in &self.complaints {
            write!(f, "\n  {complaint}")?;
        }
        if !self.lines_to_add.is_empty() {
            write!(f, "\nIn the namespace Gatewood, these declarations would fit:\n")?;
            for line in &self.lines_to_add {
                write!(f, "\n{line}\n")?;
            }
        }
        Ok(())
    }
}

impl Differences {
    /// Every principal type that may come in by any route.
    const PRINCIPALS: [&'static str; 3] = ["ApiKey", "User", "Anonymous"];
    const NAMESPACE: &'static str = "Gatewood";

    /// Compares `schema` with what the code uses.
    ///
    /// # Errors
    /// An action that is used and not declared, or declared for other principals or resources; an
    /// action that applies to something and that nothing uses.
    pub fn check(schema: &Schema, uses: &[ActionUse]) -> Result<(), Self> {
        let mut found = Self::default();
        for used in uses {
            found.compare(schema, used);
        }
        let wanted: BTreeSet<String> = uses.iter().map(|used| Self::uid(used.name)).collect();
        let declared: BTreeSet<String> =
            schema.actions().filter(|action| applies(schema, action)).map(ToString::to_string).collect();
        for action in declared.difference(&wanted) {
            found.complaints.push(format!("the schema declares `{action}`, which no route uses: take it out"));
        }
        if found.complaints.is_empty() { Ok(()) } else { Err(found) }
    }

    fn compare(&mut self, schema: &Schema, used: &ActionUse) {
        let uid = Self::uid(used.name);
        let complaint = match schema.actions().find(|action| action.to_string() == uid) {
            None => Some(format!("a route uses `{uid}`, which the schema does not declare")),
            Some(action) => {
                let principals = types(schema.principals_for_action(action));
                let resources = types(schema.resources_for_action(action));
                if principals != Self::qualified(&Self::PRINCIPALS) {
                    Some(format!(
                        "`{uid}` applies to the principals {principals:?}; the service asks with {:?}",
                        Self::PRINCIPALS
                    ))
                } else if resources != Self::qualified(used.resources) {
                    Some(format!(
                        "`{uid}` applies to the resources {resources:?}; the service asks with {:?}",
                        used.resources
                    ))
                } else {
                    None
                }
            }
        };
        if let Some(complaint) = complaint {
            self.complaints.push(complaint);
            self.lines_to_add.push(Self::declaration(used));
        }
    }

    fn declaration(used: &ActionUse) -> String {
        let group = used.group.map(|group| format!(" in [\"{group}\"]")).unwrap_or_default();
        let context = if used.context.is_empty() {
            "Call".to_owned()
        } else {
            format!("{{ request: Request, now: datetime, tenant?: Tenant, {} }}", used.context)
        };
        format!(
            "    action \"{}\"{group} appliesTo {{\n        principal: [{}], resource: [{}],\n        context: {context},\n    }};",
            used.name,
            Self::PRINCIPALS.join(", "),
            used.resources.join(", "),
        )
    }

    fn uid(action: &str) -> String {
        format!("{}::Action::\"{action}\"", Self::NAMESPACE)
    }

    fn qualified(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("{}::{name}", Self::NAMESPACE)).collect()
    }
}

fn types<'a>(found: Option<impl Iterator<Item = &'a EntityTypeName>>) -> BTreeSet<String> {
    found.into_iter().flatten().map(ToString::to_string).collect()
}

fn applies(schema: &Schema, action: &EntityUid) -> bool {
    !types(schema.principals_for_action(action)).is_empty()
}
