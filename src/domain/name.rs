//! Names that people give to tenants and keys.

use super::invalid::Invalid;

/// 1 to 255 printable characters, without white space at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// Names `field` when `text` is empty, too long, has control characters, or starts or ends with white space.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        if text.trim() != text {
            return Err(Invalid::new(field, "starts or ends with white space"));
        }
        printable(field, text, 255)?;
        Ok(Self(text.to_owned()))
    }

    /// A name that the database stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks that `text` has 1 to `longest` characters, none of which could hide or reorder others.
///
/// # Errors
/// Names `field` and the rule.
pub(crate) fn printable(field: &str, text: &str, longest: usize) -> Result<(), Invalid> {
    let length = text.chars().count();
    if length == 0 || length > longest {
        return Err(Invalid::new(field, format!("has {length} characters; 1 to {longest} are allowed")));
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(Invalid::new(field, "has a character that cannot be printed"));
    }
    Ok(())
}

/// Line and paragraph separators, the bidirectional controls, and what takes no room (soft hyphens,
/// joiners, fillers, tags): with them two names that differ look the same, or a log line reads backwards.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn a_name_is_printable_and_of_sensible_length() {
        for bad in
            ["", " a", "a ", "a\nb", "a\u{0}b", "a\u{202e}b", "a\u{61c}b", "a\u{ad}b", "a\u{e0041}b", &"x".repeat(256)]
        {
            assert_eq!(Name::parse("name", bad).unwrap_err().field, "name", "{bad:?}");
        }
        for good in ["a", "Acme Inc.", "Zoë & 東京", &"x".repeat(255)] {
            assert_eq!(Name::parse("name", good).unwrap().as_str(), good);
        }
    }
}
