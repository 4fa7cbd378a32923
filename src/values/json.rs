//! JSON as a tree. Its texts are kept inline up to 23 bytes, so that most cost no allocation.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::domain::Invalid;
use crate::domain::invalid::shown;

/// A JSON value. No object in it has a name twice, and it is at most 127 levels deep.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number without fraction and exponent that fits into 64 bits with a sign.
    Long(i64),
    /// Any other number, as text for messages.
    Number(Box<str>),
    /// A string
    Text(SmolStr),
    /// An array
    List(Vec<Json>),
    /// An object, with its members in their order.
    Object(Vec<(SmolStr, Json)>),
}

impl Json {
    /// Reads JSON in UTF-8.
    ///
    /// # Errors
    /// [`Invalid`] about `body` for what is not JSON, and about the name for one that stands twice;
    /// both tell line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        Self::parse_part(bytes).map_err(Unreadable::about_body)
    }

    /// Reads JSON in UTF-8 that is a part of something larger, in which its places mean something else.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse_part(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            let twice = text.strip_prefix(DUPLICATE).and_then(|rest| rest.rsplit_once("` at line "));
            Unreadable { twice: twice.map(|(name, _place)| shown(name)), line: error.line(), column: error.column() }
        })
    }

    /// Reads an object with a list in which each item stands for itself: one that cannot be read spoils no other. The
    /// list is taken out of the object, and is `None` where there is none.
    ///
    /// # Errors
    /// As for [`Self::parse`], about everything but the items.
    pub fn parse_batch(bytes: &[u8], list: &str) -> Result<(Self, Option<Vec<Item>>), Invalid> {
        let mut body = match Self::parse(bytes) {
            Ok(body) => body,
            Err(unreadable) => return parse_each(bytes, list).ok_or(unreadable),
        };
        let Self::Object(members) = &mut body else { return Ok((body, None)) };
        let place = members.iter().position(|(name, value)| name == list && matches!(value, Self::List(_)));
        let items = match place.map(|place| members.remove(place)) {
            Some((_, Self::List(items))) => Some(items.into_iter().map(Ok).collect()),
            Some(_) | None => None,
        };
        Ok((body, items))
    }

    /// The member of that name, when this is an object that has it. Looks at one member after the other.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find_map(|(found, value)| (found == name).then_some(value))
    }

    /// How large it is: the bytes of its texts and names, and some for each value. Takes no longer than reading it.
    #[must_use]
    pub fn size(&self) -> usize {
        const VALUE: usize = 8;
        VALUE
            + match self {
                Self::Null | Self::Bool(_) | Self::Long(_) => 0,
                Self::Number(text) => text.len(),
                Self::Text(text) => text.len(),
                Self::List(items) => items.iter().map(Self::size).sum(),
                Self::Object(members) => members.iter().map(|(name, value)| name.len() + value.size()).sum(),
            }
    }

    /// A complaint about one that is something else than `what`, such as `an object`.
    #[must_use]
    pub fn must_be(&self, at: &str, what: &str) -> Invalid {
        Invalid::new(at, format!("is {}, and must be {what}", self.kind()))
    }

    /// What it is, with its article, for messages: `a string`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Long(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// An item of a batch, or what is wrong with it.
pub type Item = Result<Json, Invalid>;

/// Reads a batch of which something cannot be read; `None` when that is not only in the items.
fn parse_each(bytes: &[u8], list: &str) -> Option<(Json, Option<Vec<Item>>)> {
    let Members(raw) = serde_json::from_slice(bytes).ok()?;
    let (mut members, mut items) = (Vec::with_capacity(raw.len()), None);
    for (name, text) in raw {
        if name != list {
            members.push((name, Json::parse_part(text.get().as_bytes()).ok()?));
        } else if items.is_none() {
            let texts: Vec<&RawValue> = serde_json::from_str(text.get()).ok()?;
            let item = |text: &RawValue| Json::parse_part(text.get().as_bytes()).map_err(|it| it.about("body"));
            items = Some(texts.into_iter().map(item).collect());
        } else {
            return None;
        }
    }
    twice(&members).is_none().then_some((Json::Object(members), items))
}

/// The members of an object, unread.
struct Members<'de>(Vec<(SmolStr, &'de RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unread;

        impl<'de> Visitor<'de> for Unread {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Unread)
    }
}

/// What is not JSON, or has a name twice in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The name.
    twice: Option<String>,
    /// From 1.
    line: usize,
    /// In bytes, from 1; 0 where there is nothing in the line.
    column: usize,
}

impl Unreadable {
    /// Where in `text`, which was read, in bytes.
    #[must_use]
    pub fn offset_in(&self, text: &str) -> usize {
        offset_at(text, self.line, self.column)
    }

    /// The complaint about a body, with its place.
    fn about_body(self) -> Invalid {
        let place = format!("line {}, column {}", self.line, self.column);
        let Invalid { field, reason } = self.about("body");
        Invalid { field, reason: format!("{reason} ({place})") }
    }

    /// The complaint without its place. What has no name is a complaint about `whole`.
    #[must_use]
    pub fn about(self, whole: &str) -> Invalid {
        match self.twice {
            Some(name) => Invalid::new(name, "is there twice"),
            None => Invalid::new(whole, "is not JSON that can be read"),
        }
    }
}

/// The byte of `text` that an error of serde's is about: a line and a byte of it, both from 1.
pub fn offset_at(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    before + column.saturating_sub(1)
}

/// How the complaint about a name that stands twice begins; the name and a backtick follow, as in
/// the complaints that serde derives.
const DUPLICATE: &str = "duplicate field `";

/// A name that stands twice.
fn twice(members: &[(SmolStr, Json)]) -> Option<&str> {
    /// Up to here, comparing every two costs less than hashing each.
    const FEW: usize = 12;
    let mut names = members.iter().map(|(name, _)| name.as_str());
    if members.len() <= FEW {
        let earlier = |index: usize| members.iter().take(index).map(|(name, _)| name);
        let mut each = names.enumerate();
        each.find_map(|(index, name)| earlier(index).any(|other| other == name).then_some(name))
    } else {
        let mut seen = HashSet::with_capacity(members.len());
        names.find(|name| !seen.insert(*name))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Long(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or_else(|_too_large| Json::Number(value.to_string().into()), Json::Long))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // `Debug` leaves the fraction there that makes it another number than the schema wants.
        Ok(Json::Number(format!("{value:?}").into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(SmolStr::new(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = entries.next_entry::<SmolStr, Json>()? {
            members.push((name, value));
        }
        match twice(&members) {
            Some(name) => Err(A::Error::custom(format_args!("{DUPLICATE}{name}`"))),
            None => Ok(Json::Object(members)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Json::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        assert_eq!(refused(""), "body: is not JSON that can be read (line 1, column 0)");
        assert_eq!(refused("{\n  \"a\": x}"), "body: is not JSON that can be read (line 2, column 8)");
        for bad in ["{} {}", "{\"a\":1,}", "01", "1e999", "\"\\ud800\"", "'a'", "[1", "NaN"] {
            assert!(refused(bad).starts_with("body: is not JSON that can be read (line 1, column "), "{bad}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
        assert!(refused(&"[".repeat(100_000)).starts_with("body: is not JSON that can be read"));
        assert!(refused(&format!("{}{}", "[".repeat(128), "]".repeat(128))).starts_with("body: "));
        assert!(Json::parse(format!("{}{}", "[".repeat(127), "]".repeat(127)).as_bytes()).is_ok());
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        assert_eq!(refused("{\"a\":1,\"a\":1}"), "a: is there twice (line 1, column 13)");
        assert_eq!(refused("[{\"x\":{\"b\":1,\n\"c\":2,\"\\u0062\":3}}]"), "b: is there twice (line 2, column 17)");
        assert_eq!(refused("{\"\":1,\"\":1}"), "\"\": is there twice (line 1, column 11)");
        assert_eq!(
            refused("{\"`a` at line 1\":1,\"`a` at line 1\":1}"),
            "`a` at line 1: is there twice (line 1, column 37)"
        );
        let mut many: Vec<String> = (0..1000).map(|index| format!("\"n{index}\":0")).collect();
        assert!(Json::parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        many.push("\"n7\":1".to_owned());
        assert!(refused(&format!("{{{}}}", many.join(","))).starts_with("n7: is there twice"));
    }

    #[test]
    fn only_a_whole_number_of_64_bits_is_a_long() {
        let read = |json: &'static str| Json::parse(json.as_bytes()).unwrap();
        assert_eq!(read("-9223372036854775808"), Json::Long(i64::MIN));
        assert_eq!(read("9223372036854775807"), Json::Long(i64::MAX));
        for (json, text) in [
            ("9223372036854775808", "9223372036854775808"),
            ("-0", "-0.0"),
            ("1.0", "1.0"),
            ("1e2", "100.0"),
            ("1e300", "1e300"),
        ] {
            assert_eq!(read(json), Json::Number(text.into()));
        }
    }
}
