//! Entity tags: which version of a row somebody has seen (RFC 9110, section 8.8.3).

use uuid::Uuid;

/// A strong validator of one version of one row. It has the row's id in it, because a row that was
/// deleted and made again starts counting afresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of `version` of the row `id`.
    #[must_use]
    pub fn new(id: Uuid, version: i64) -> Self {
        Self(format!("{}.{version}", id.as_simple()))
    }

    /// Its text, without the quotes that the header has around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
