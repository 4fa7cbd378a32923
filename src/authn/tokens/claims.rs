//! The claims of a token, read as what they have to be.

use std::time::Duration;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::Flaw;
use crate::domain::invalid::quoted;
use crate::domain::{ClaimPath, Timestamp};

/// The last second of the year 9999: whoever names a later one means something else.
const LATEST: i64 = 253_402_300_799;

/// The claims of a token, with their types checked as they are read. One that is not what it has to
/// be, `null` included, is no absent one: the token is refused.
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    fn named(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// The claim at a path. Where the path leads through what is no object, the claim is not absent
    /// but malformed.
    pub(super) fn at(&self, path: &ClaimPath) -> Result<Option<&'a Value>, Flaw> {
        let mut object = self.0;
        let Some((last, outer)) = path.names().split_last() else { return Ok(None) };
        for name in outer {
            match object.get(name) {
                None => return Ok(None),
                Some(Value::Object(inner)) => object = inner,
                Some(_) => return Err(Flaw::new(format!("its {} is no object", quoted(name)))),
            }
        }
        Ok(object.get(last))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Flaw> {
        match self.named(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Flaw::new(format!("its `{name}` is no text"))),
        }
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Flaw> {
        match self.named(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(Flaw::new(format!("its `{name}` is neither true nor false"))),
        }
    }

    /// A `NumericDate` (RFC 7519, section 2): seconds, perhaps with a fraction, from the beginning of
    /// 1970 to the end of 9999.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Flaw> {
        let Some(value) = self.named(name) else { return Ok(None) };
        let millis = match (value.as_i64(), value.as_f64()) {
            (Some(seconds), _) if (0..=LATEST).contains(&seconds) => Some(seconds * 1000),
            (None, Some(seconds)) if (0.0..=253_402_300_799.0).contains(&seconds) => Some(whole_millis(seconds)),
            _ => None,
        };
        let time = millis.and_then(DateTime::from_timestamp_millis);
        time.map(Some).ok_or_else(|| Flaw::new(format!("its `{name}` is no time")))
    }

    /// One text or a list of texts, not too many.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Flaw> {
        let wrong = || Flaw::new(format!("its `{name}` is neither a text nor a list of texts"));
        let texts = self.named(name).map(|value| one_or_several(value).ok_or_else(wrong)).transpose()?;
        texts.map(|texts| not_too_many(&quoted(name), texts)).transpose()
    }

    /// `scope`, taken apart (RFC 8693, section 4.2).
    pub(super) fn scopes(&self) -> Result<Vec<&'a str>, Flaw> {
        not_too_many("`scope`", self.text("scope")?.unwrap_or_default().split_whitespace().collect())
    }

    /// Names of groups or roles: a list of texts, one text, or an object whose names count, as some
    /// issuers write roles. None, where there is no such claim.
    pub(super) fn names_at(&self, path: &ClaimPath) -> Result<Vec<&'a str>, Flaw> {
        let path_text = || quoted(&path.names().join("/"));
        let names = match self.at(path)? {
            None => Vec::new(),
            Some(Value::Object(object)) => object.keys().map(String::as_str).collect(),
            Some(value) => {
                one_or_several(value).ok_or_else(|| Flaw::new(format!("its {} is no list of names", path_text())))?
            }
        };
        not_too_many(&path_text(), names)
    }
}

/// How many entries a list of a token may have. What is made of them takes many times their bytes, and
/// an issuer that has more to say is asked to say less.
const MOST: usize = 200;

fn not_too_many<'a>(name: &str, entries: Vec<&'a str>) -> Result<Vec<&'a str>, Flaw> {
    if entries.len() <= MOST {
        return Ok(entries);
    }
    Err(Flaw::new(format!("its {name} has {} entries; at most {MOST} are allowed", entries.len())))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller has checked the range, and a part of a millisecond is none"
)]
fn whole_millis(seconds: f64) -> i64 {
    (seconds * 1000.0).floor() as i64
}

fn one_or_several(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// When a token counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    expires: Timestamp,
    not_before: Option<Timestamp>,
    /// When it was issued, as it says.
    pub(super) issued: Option<Timestamp>,
}

impl Times {
    pub(super) fn read(claims: &Claims<'_>) -> Result<Self, Flaw> {
        let expires = claims.time("exp")?.ok_or_else(|| Flaw::new("it has no `exp`"))?;
        Ok(Self { expires, not_before: claims.time("nbf")?, issued: claims.time("iat")? })
    }

    /// Whether it counts now, for clocks that differ by `skew` at most.
    pub(super) fn check(&self, now: Timestamp, skew: Duration) -> Result<(), Flaw> {
        if now >= self.expires + skew {
            return Err(Flaw::new("it has expired (`exp`)"));
        }
        if self.not_before.is_some_and(|from| now + skew < from) {
            return Err(Flaw::new("it does not count yet (`nbf`)"));
        }
        if self.issued.is_some_and(|at| now + skew < at) {
            return Err(Flaw::new("it was issued in the future (`iat`)"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn time(value: &Value) -> Result<Option<i64>, Flaw> {
        let claims = json!({ "exp": value });
        Claims(claims.as_object().unwrap()).time("exp").map(|time| time.map(|time| time.timestamp_millis()))
    }

    #[test]
    fn a_time_is_a_number_of_seconds_and_nothing_else() {
        for (value, millis) in [
            (json!(0), 0),
            (json!(1.5), 1500),
            (json!(1_800_000_000), 1_800_000_000_000),
            (json!(LATEST), LATEST * 1000),
        ] {
            assert_eq!(time(&value).unwrap(), Some(millis), "{value}");
        }
        for value in [
            json!(-1),
            json!(-0.5),
            json!(LATEST + 1),
            json!(1e300),
            json!(u64::MAX),
            json!("1800000000"),
            json!(null),
            json!([1]),
            json!(true),
        ] {
            assert!(time(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn the_edges_of_the_skew_are_where_they_should_be() {
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap();
        let skew = Duration::from_secs(30);
        let times = Times { expires: at(1000), not_before: None, issued: None };
        assert!(times.check(at(1029), skew).is_ok());
        assert!(times.check(at(1030), skew).is_err());
        assert!(times.check(at(999), Duration::ZERO).is_ok());
        assert!(times.check(at(1000), Duration::ZERO).is_err());
        for early in [Times { not_before: Some(at(500)), ..times }, Times { issued: Some(at(500)), ..times }] {
            assert!(early.check(at(470), skew).is_ok());
            assert!(early.check(at(469), skew).is_err());
        }
    }

    #[test]
    fn a_list_without_measure_refuses_the_token() {
        let entries = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let path = ClaimPath::parse("claim", "g").unwrap();
        for (count, is_good) in [(MOST, true), (MOST + 1, false)] {
            let object: Map<String, Value> = entries(count).into_iter().map(|name| (name, json!(1))).collect();
            let claims = json!({ "g": entries(count), "o": object, "scope": entries(count).join(" ") });
            let claims = Claims(claims.as_object().unwrap());
            assert_eq!(claims.names_at(&path).is_ok(), is_good);
            assert_eq!(claims.names_at(&ClaimPath::parse("claim", "o").unwrap()).is_ok(), is_good);
            assert_eq!(claims.texts("g").is_ok(), is_good);
            assert_eq!(claims.scopes().is_ok(), is_good);
        }
    }

    #[test]
    fn names_are_a_list_a_text_or_the_names_of_an_object() {
        let claims = json!({ "a": ["x", "y"], "b": "x y", "c": { "x": { "1": "2" } }, "d": ["x", 7], "e": null, "f": { "g": ["z"] } });
        let claims = Claims(claims.as_object().unwrap());
        let names = |path: &str| claims.names_at(&ClaimPath::parse("claim", path).unwrap());
        assert_eq!(names("a").unwrap(), ["x", "y"]);
        assert_eq!(names("b").unwrap(), ["x y"]);
        assert_eq!(names("c").unwrap(), ["x"]);
        assert_eq!(names("/f/g").unwrap(), ["z"]);
        for absent in ["z", "f.g", "/z/g", "/f/z"] {
            assert!(names(absent).unwrap().is_empty(), "{absent}");
        }
        for malformed in ["d", "e", "/a/0", "/b/c", "/e/x"] {
            assert!(names(malformed).is_err(), "{malformed}");
        }
    }
}
