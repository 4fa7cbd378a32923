//! "Only if nobody has changed it since I saw it" (RFC 9110, section 13.1).

use super::ETag;

/// What must hold of the stored version for a request to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`: the version must be one of these.
    pub if_match: Option<Versions>,
    /// `If-None-Match`: the version must be none of these.
    pub if_none_match: Option<Versions>,
}

/// A set of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// `*`: whatever there is.
    Any,
    /// These.
    Of(Vec<String>),
}

impl Precondition {
    /// Whether it holds of what is stored; `None`: nothing is.
    #[must_use]
    pub fn holds(&self, stored: Option<&ETag>) -> bool {
        let matches = self.if_match.as_ref().is_none_or(|versions| versions.contain(stored));
        matches && !self.none_match_fails(stored)
    }

    /// Whether it is `If-None-Match` that does not hold: to a reader that says "you have it already".
    #[must_use]
    pub fn none_match_fails(&self, stored: Option<&ETag>) -> bool {
        self.if_none_match.as_ref().is_some_and(|versions| versions.contain(stored))
    }
}

impl Versions {
    fn contain(&self, stored: Option<&ETag>) -> bool {
        match (self, stored) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Of(tags), Some(stored)) => tags.iter().any(|tag| tag == stored.as_str()),
        }
    }
}
