//! The name of a policy store.

use std::fmt;
use std::sync::Arc;

use super::invalid::{Invalid, quoted};

/// The name of a policy store: that of its folder. 1 to 100 letters, digits, `.`, `_` and `-`, of which
/// the first is a letter or a digit, so that it is the same in a path, a label and a line of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(Arc<str>);

impl StoreName {
    const LONGEST: usize = 100;

    /// Reads a name.
    ///
    /// # Errors
    /// Names `field` when it is no name of a store.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let known = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if starts && known && text.len() <= Self::LONGEST {
            return Ok(Self(text.into()));
        }
        let rule = "is no name of a store: 1 to 100 letters, digits, `.`, `_` and `-`, a letter or digit first";
        Err(Invalid::new(field, format!("{} {rule}", quoted(text))))
    }

    /// A name to rehearse with.
    #[must_use]
    pub fn example() -> Self {
        Self("example".into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::StoreName;

    #[test]
    fn what_could_mean_something_else_in_a_path_is_no_name() {
        for bad in ["", ".", "..", ".git", "a/b", "a b", "-a", "ä", "a\n", &"a".repeat(101)] {
            assert!(StoreName::parse("store", bad).is_err(), "{bad}");
        }
        for good in ["photoflash", "a", "0", "a.b-c_D"] {
            assert_eq!(StoreName::parse("store", good).unwrap().as_str(), good);
        }
    }
}
