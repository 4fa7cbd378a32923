//! Values for a Cedar context, in words that need no Cedar.

use cedar_policy::RestrictedExpression;

use crate::domain::Timestamp;

/// A value that a policy can look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// `String`
    Text(String),
    /// `Bool`
    Bool(bool),
    /// `Long`
    Long(i64),
    /// `datetime`, to the millisecond
    Time(Timestamp),
    /// `duration`, in milliseconds
    Duration(i64),
    /// `Set<String>`
    Texts(Vec<String>),
    /// A record
    Record(Vec<(&'static str, Attribute)>),
}

impl Attribute {
    /// The value as Cedar takes it.
    pub(super) fn into_expression(self) -> RestrictedExpression {
        match self {
            Self::Text(text) => RestrictedExpression::new_string(text),
            Self::Bool(value) => RestrictedExpression::new_bool(value),
            Self::Long(value) => RestrictedExpression::new_long(value),
            Self::Time(time) => time_expression(time),
            Self::Duration(millis) => RestrictedExpression::new_duration(format!("{millis}ms")),
            Self::Texts(texts) => {
                RestrictedExpression::new_set(texts.into_iter().map(RestrictedExpression::new_string))
            }
            Self::Record(fields) => record(fields),
        }
    }
}

/// A `datetime`: Cedar reads exactly milliseconds and a `Z`.
pub(super) fn time_expression(time: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_datetime(time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn record(fields: Vec<(&'static str, Attribute)>) -> RestrictedExpression {
    let pairs = fields.into_iter().map(|(key, value)| (key.to_owned(), value.into_expression()));
    // Keys are field names of this code, so none is there twice; an empty record would be refused
    // by the schema if it ever came to that.
    RestrictedExpression::new_record(pairs).unwrap_or_else(|_duplicate| RestrictedExpression::new_set([]))
}
