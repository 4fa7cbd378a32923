//! Cedar's extension types and the functions that give them.

use std::sync::LazyLock;

use cedar_policy_core::ast::{ExtensionFunction, Name, PartialValue, Value};
use cedar_policy_core::entities::SchemaType;
use cedar_policy_core::extensions::{Extensions, datetime, decimal, ipaddr};
use chrono::{DateTime, Timelike};

use super::Shape;
use crate::domain::invalid::quoted;

/// An extension type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `ipaddr`: an address or a range of them
    Ip,
    /// `decimal`: up to four digits after the point
    Decimal,
    /// `datetime`, to the millisecond
    Datetime,
    /// `duration`, to the millisecond
    Duration,
}

impl Extension {
    /// The type that Cedar calls so.
    #[must_use]
    pub fn named(name: &Name) -> Option<Self> {
        let known = [Self::Ip, Self::Decimal, Self::Datetime, Self::Duration];
        known.into_iter().find(|extension| is(name, extension.name()))
    }

    /// Cedar's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ipaddr",
            Self::Decimal => "decimal",
            Self::Datetime => "datetime",
            Self::Duration => "duration",
        }
    }

    /// What it is, with its article and an example, for messages.
    pub(super) const fn described(self) -> &'static str {
        match self {
            Self::Ip => "an ipaddr, as `192.0.2.7` or `192.0.2.0/24`",
            Self::Decimal => "a decimal, as `12.75`",
            Self::Datetime => "a datetime, as `2024-01-31T09:30:00Z`",
            Self::Duration => "a duration, as `1h30m`",
        }
    }

    /// The value that a text stands for. A datetime may be any of RFC 3339 besides what the engine
    /// reads; what it has below a millisecond is cut off.
    ///
    /// # Errors
    /// What would be right, as the reason of an [`Invalid`](crate::domain::Invalid).
    pub fn read(self, text: &str) -> Result<Value, String> {
        let constructor = FUNCTIONS.iter().find(|function| function.gives == self && function.is_constructor());
        let construct = |text: &str| constructor?.call(&[Value::from(text)]);
        construct(text)
            .or_else(|| if self == Self::Datetime { construct(&from_rfc3339(text)?) } else { None })
            .ok_or_else(|| format!("must be {}, not {}", self.described(), quoted(text)))
    }
}

/// The engine's spelling of an RFC 3339 date-time. It stays in its offset, where its year has four
/// digits. A leap second has no place in the engine's time.
fn from_rfc3339(text: &str) -> Option<String> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    let is_leap_second = time.nanosecond() >= 1_000_000_000;
    (!is_leap_second).then(|| time.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string())
}

/// A function of the engine that gives a value of an extension type.
pub(super) struct Function {
    engine: &'static ExtensionFunction,
    /// The type of what it gives.
    pub(super) gives: Extension,
    /// The types of its arguments: texts and extension types.
    pub(super) takes: Vec<Shape>,
}

/// All of them. Looking them up by name, or going through an expression that calls them, costs
/// several times what the call itself does.
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let extensions = [ipaddr::extension(), decimal::extension(), datetime::extension()];
    let names = extensions.iter().flat_map(cedar_policy_core::ast::Extension::funcs).map(ExtensionFunction::name);
    names.filter_map(|name| Function::of(Extensions::all_available().func(name).ok()?)).collect()
});

impl Function {
    fn of(engine: &'static ExtensionFunction) -> Option<Self> {
        let Shape::Extension(gives) = shape(engine.return_type()?)? else { return None };
        let takes = engine.arg_types().iter().map(shape).collect::<Option<_>>()?;
        Some(Self { engine, gives, takes })
    }

    /// The function that Cedar calls so.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| is(function.engine.name(), name))
    }

    /// Whether it makes a value of a text.
    pub(super) fn is_constructor(&self) -> bool {
        self.takes == [Shape::Text]
    }

    /// What it gives for arguments of the types that it takes, if anything.
    pub(super) fn call(&self, arguments: &[Value]) -> Option<Value> {
        match self.engine.call(arguments) {
            Ok(PartialValue::Value(value)) => Some(value),
            Ok(PartialValue::Residual(_)) | Err(_) => None,
        }
    }
}

fn is(name: &Name, unqualified: &str) -> bool {
    name.is_unqualified() && name.basename_as_ref().as_ref() == unqualified
}

fn shape(of: &SchemaType) -> Option<Shape> {
    if let SchemaType::Extension { name } = of {
        Extension::named(name).map(Shape::Extension)
    } else {
        (*of == SchemaType::String).then_some(Shape::Text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_function_that_gives_an_extension_type_is_known() {
        let names: BTreeSet<String> = FUNCTIONS.iter().map(|function| function.engine.name().to_string()).collect();
        let known = ["datetime", "decimal", "duration", "durationSince", "ip", "offset", "toDate", "toTime"];
        assert_eq!(names, known.map(str::to_owned).into());
        let types: BTreeSet<String> = Extensions::all_available().ext_types().map(ToString::to_string).collect();
        assert_eq!(types, ["datetime", "decimal", "duration", "ipaddr"].map(str::to_owned).into());
        assert!(Function::named("unknown").is_none() && Function::named("isIpv4").is_none());
    }

    #[test]
    fn a_datetime_may_be_any_of_rfc_3339() {
        let engine = |text: &str| Extension::Datetime.read(text).unwrap();
        for (text, same) in [
            ("2024-10-15T11:38:02+01:30", "2024-10-15T10:08:02Z"),
            ("2024-10-15T11:38:02.1234567891234-00:00", "2024-10-15T11:38:02.123Z"),
            ("2024-10-15T11:38:02.9999Z", "2024-10-15T11:38:02.999Z"),
            ("2024-10-15t11:38:02.1z", "2024-10-15T11:38:02.100Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00+2359"),
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-2359"),
        ] {
            assert_eq!(engine(text), engine(same), "{text}");
        }
        for bad in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5+00:00",
            "2024-02-30T00:00:00.12Z",
            "2024-10-15T24:00:00+00:00",
            "2024-10-15T11:38:02+24:00",
            "2024-10-15T11:38:02",
            "2024-10-15T11:38+01:00",
            "12024-10-15T11:38:02+01:00",
            "",
        ] {
            let reason = Extension::Datetime.read(bad).unwrap_err();
            assert_eq!(reason, format!("must be a datetime, as `2024-01-31T09:30:00Z`, not `{bad}`"));
        }
    }
}
