//! What a server answered, with questions that tests ask of it.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Fails, with the whole answer, when the status is another one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// A text of the body, by JSON pointer without the first slash.
    #[track_caller]
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(&format!("/{pointer}")).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer}: {self:#?}")).to_owned()
    }

    /// The error code.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.text_at("code")
    }

    /// The field that is complained about.
    #[track_caller]
    pub(crate) fn field(&self) -> String {
        self.text_at("details/field")
    }

    /// The notices.
    #[track_caller]
    pub(crate) fn notices(&self) -> Vec<String> {
        let json = self.json();
        let notices = json["notices"].as_array().unwrap_or_else(|| panic!("no notices: {self:#?}"));
        notices.iter().map(|notice| notice.as_str().unwrap().to_owned()).collect()
    }

    /// A header, when it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.to_str().ok()?.to_owned();
        values.next().is_none().then_some(first)
    }
}

/// A time of an answer, to compare with others: as texts they do not sort, since `.5Z` comes after `.51Z`.
#[track_caller]
pub(crate) fn time(json: &Value) -> DateTime<Utc> {
    let at = json.as_str().unwrap_or_else(|| panic!("{json} is no time"));
    at.parse().unwrap_or_else(|error| panic!("{error}: {at}"))
}
