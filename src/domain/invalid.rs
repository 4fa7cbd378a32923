//! What is wrong with a value that somebody sent.

/// A value that breaks a rule: which field, and what would be right.
///
/// Its `reason` is for the sender, so it may quote the sender's own input (in backticks) but never
/// a secret and nothing that the service knows and the sender may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field, as the sender spelt or should have spelt it: `issuer_url`, `scopes[2]`.
    pub field: String,
    /// The rule that was broken, in a sentence without capital and full stop.
    pub reason: String,
}

impl Invalid {
    /// A complaint about `field`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same, of a field that lies within `outer`.
    #[must_use]
    pub fn below(self, outer: &str) -> Self {
        let Self { field, reason } = self;
        let field = match field.chars().next() {
            None => outer.to_owned(),
            Some('[') => format!("{outer}{field}"),
            Some(_) if outer.is_empty() => field,
            Some(_) => format!("{outer}.{field}"),
        };
        Self { field, reason }
    }
}

/// Quotes the sender's input for an error text: in backticks, cut and escaped.
#[must_use]
pub fn quoted(input: &str) -> String {
    if looks_like_a_key(input) { KEY_IN_WRONG_PLACE.to_owned() } else { format!("`{}`", escaped(input)) }
}

/// A name that the sender chose, for the place of a field's name: as in [`quoted`], and never empty.
#[must_use]
pub fn shown(name: &str) -> String {
    if name.is_empty() { "\"\"".to_owned() } else { escaped(name) }
}

/// Cuts to a readable length and escapes control characters, so that a log or a terminal cannot be
/// played with. An API key in the wrong place is not repeated.
fn escaped(input: &str) -> String {
    const LONGEST: usize = 80;
    if looks_like_a_key(input) {
        return KEY_IN_WRONG_PLACE.to_owned();
    }
    let mut text: String = input.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if input.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

const KEY_IN_WRONG_PLACE: &str = "what looks like an API key";

fn looks_like_a_key(input: &str) -> bool {
    input.contains("gwk_")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_is_cut_and_cannot_break_the_line() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), 83);
        assert_eq!(quoted("a gwk_0123"), "what looks like an API key");
    }
}
