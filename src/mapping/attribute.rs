//! Values for a Cedar context, in words that need no Cedar.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::LocalKey;

use cedar_policy_core::ast::{EntityUID, Value};
use chrono::SecondsFormat;

use super::MappingError;
use crate::domain::Timestamp;
use crate::values::Extension;

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
    /// `ipaddr`
    Ip(IpAddr),
    /// `Set<String>`
    Texts(Vec<String>),
    /// A record
    Record(Vec<(&'static str, Attribute)>),
}

impl Attribute {
    /// The value as the engine holds it.
    pub(super) fn into_value(self) -> Result<Value, MappingError> {
        Ok(match self {
            Self::Text(text) => Value::from(text),
            Self::Bool(value) => Value::from(value),
            Self::Long(value) => Value::from(value),
            Self::Time(time) => self::time(time)?,
            Self::Duration(millis) => extension(Extension::Duration, &format!("{millis}ms"))?,
            Self::Ip(address) => ip(address)?,
            Self::Texts(texts) => Value::set(texts.into_iter().map(Value::from), None),
            Self::Record(fields) => record(fields)?,
        })
    }
}

/// A record of attributes.
pub(super) fn record(fields: Vec<(&'static str, Attribute)>) -> Result<Value, MappingError> {
    let mut values = BTreeMap::new();
    for (name, attribute) in fields {
        values.insert(name.into(), attribute.into_value()?);
    }
    Ok(Value::record_arc(Arc::new(values), None))
}

/// A reference to an entity.
pub(super) fn reference(uid: EntityUID) -> Value {
    Value::from(uid)
}

/// The last value of its kind that a thread made. The engine makes such values from texts, a time with three regular
/// expressions; and many requests come in one millisecond, or from one address.
type Last<K> = LocalKey<RefCell<Option<(K, Value)>>>;

fn last_or<K: PartialEq + Copy>(
    last: &'static Last<K>,
    of: K,
    make: impl FnOnce() -> Result<Value, MappingError>,
) -> Result<Value, MappingError> {
    last.with_borrow_mut(|last| match last {
        Some((known, value)) if *known == of => Ok(value.clone()),
        Some(_) | None => Ok(last.insert((of, make()?)).1.clone()),
    })
}

/// A time.
pub(super) fn time(at: Timestamp) -> Result<Value, MappingError> {
    thread_local!(static LAST: RefCell<Option<(i64, Value)>> = const { RefCell::new(None) });
    last_or(&LAST, at.timestamp_millis(), || {
        // Cedar reads exactly milliseconds and a `Z`.
        extension(Extension::Datetime, &at.to_rfc3339_opts(SecondsFormat::Millis, true))
    })
}

fn ip(address: IpAddr) -> Result<Value, MappingError> {
    thread_local!(static LAST: RefCell<Option<(IpAddr, Value)>> = const { RefCell::new(None) });
    last_or(&LAST, address, || extension(Extension::Ip, &address.to_string()))
}

fn extension(of: Extension, text: &str) -> Result<Value, MappingError> {
    of.read(text).map_err(MappingError::Value)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use cedar_policy::{Context, RestrictedExpression};
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    /// What the engine itself makes of the same value, by way of an expression.
    fn reference_value(expression: RestrictedExpression) -> String {
        let context = Context::from_pairs([("it".to_owned(), expression)]).unwrap();
        format!("{:?}", context.get("it").unwrap())
    }

    fn ours(attribute: Attribute) -> String {
        format!("{:?}", cedar_policy::EvalResult::from(attribute.into_value().unwrap()))
    }

    #[test]
    fn addresses_are_what_the_engine_reads() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into(), "2001:db8::7".parse().unwrap()] {
            assert_eq!(ours(Attribute::Ip(ip)), reference_value(RestrictedExpression::new_ip(ip.to_string())));
        }
    }

    proptest! {
        #[test]
        fn times_and_durations_are_what_the_engine_reads(millis in 0_i64..253_402_300_799_999) {
            let time = DateTime::from_timestamp_millis(millis).unwrap();
            let text = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            prop_assert_eq!(ours(Attribute::Time(time)), reference_value(RestrictedExpression::new_datetime(text)));
            let text = format!("{millis}ms");
            prop_assert_eq!(ours(Attribute::Duration(millis)), reference_value(RestrictedExpression::new_duration(text)));
        }

        #[test]
        fn texts_and_sets_are_what_the_engine_reads(texts in prop::collection::vec("\\PC{0,20}", 0..5)) {
            let expressions = texts.iter().cloned().map(RestrictedExpression::new_string);
            let expected = reference_value(RestrictedExpression::new_set(expressions));
            prop_assert_eq!(ours(Attribute::Texts(texts)), expected);
        }
    }
}
