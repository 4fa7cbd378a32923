//! What may be said of the decision log: what is hidden in it, and what happens when it cannot keep up.

use super::invalid::{Invalid, quoted};

/// What happens to a record for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped, and counted.
    Drop,
    /// Whoever asks for a decision waits for room.
    Block,
    /// It goes to a second file, from which it is brought back.
    Spill,
}

/// Attributes of a context: names with dots between, outermost first. A `*` is any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextPath(Vec<Step>);

/// One name of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This attribute.
    Named(String),
    /// Any attribute.
    Any,
}

impl ContextPath {
    /// Reads a path, such as `input.client_id` or `device.*.serial`.
    ///
    /// # Errors
    /// Names `field` when a name is empty or has other characters than letters, digits, `_`, `-`
    /// and `:`, and when the path begins with `context`, which would hide nothing.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let refused = |what: &str| Err(Invalid::new(field, format!("has the path {}, {what}", quoted(text))));
        let mut steps = Vec::new();
        for name in text.split('.') {
            match name {
                "" => return refused("in which a name is empty"),
                "context" if steps.is_empty() => {
                    return refused("which begins with `context`; paths begin within it, like `input.client_id`");
                }
                "*" => steps.push(Step::Any),
                _ if name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ':')) => {
                    steps.push(Step::Named(name.to_owned()));
                }
                _ => return refused("in which a name is neither `*` nor made of letters, digits, `_`, `-` and `:`"),
            }
        }
        Ok(Self(steps))
    }

    /// A path to an attribute of which the names are known, whatever they are made of.
    #[must_use]
    pub fn of_names(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Step::Named((*name).to_owned())).collect())
    }

    /// Its steps, outermost first. There is at least one where it was parsed.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_well_formed_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "has the path ``, in which a name is empty"),
            ("input.", "has the path `input.`, in which a name is empty"),
            (".input", "has the path `.input`, in which a name is empty"),
            ("in put", "in which a name is neither `*` nor made of"),
            ("input.client*", "in which a name is neither `*` nor made of"),
            ("context.input", "begins with `context`; paths begin within it"),
        ] {
            let refused = ContextPath::parse("mask", text).unwrap_err().reason;
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_path_is_read_name_by_name() {
        let named = |name: &str| Step::Named(name.to_owned());
        let path = ContextPath::parse("mask", "device.*.user-agent").unwrap();
        assert_eq!(path.steps(), [named("device"), Step::Any, named("user-agent")]);
        assert_eq!(ContextPath::parse("mask", "input.context").unwrap(), ContextPath::of_names(&["input", "context"]));
    }
}
