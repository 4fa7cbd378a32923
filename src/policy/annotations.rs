//! The annotations that the service reads on a policy.

use std::collections::BTreeMap;

/// What a determining `forbid` may ask to be answered, weakest first. When several ask, the
/// strongest is answered: whoever must not learn that a thing exists must not learn it from a
/// second policy either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The state of things forbids it, not who is asking.
    Conflict,
    /// The caller is known, and may not.
    Forbidden,
    /// The caller should present another credential.
    Unauthenticated,
    /// The existence itself is secret.
    NotFound,
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "401" => Some(Self::Unauthenticated),
            "403" => Some(Self::Forbidden),
            "404" => Some(Self::NotFound),
            "409" => Some(Self::Conflict),
            _ => None,
        }
    }
}

/// The annotations of one policy.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    all: BTreeMap<String, String>,
    status: Option<Status>,
}

impl Annotations {
    /// Takes a policy's annotations over and checks those that the service reads.
    ///
    /// # Errors
    /// A sentence about each one that has a value without meaning.
    pub fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<String>> {
        let all: BTreeMap<String, String> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut wrong = Vec::new();
        let status = all.get("status").and_then(|text| {
            let status = Status::parse(text);
            if status.is_none() {
                wrong.push(format!("@status(\"{text}\") is none of 401, 403, 404 and 409"));
            }
            status
        });
        if let Some(code) = all.get("code").filter(|code| !is_code(code)) {
            wrong.push(format!("@code(\"{code}\") is not in lower snake case"));
        }
        for (key, _) in all.iter().filter(|(key, value)| is_notice(key) && value.trim().is_empty()) {
            wrong.push(format!("@{key} has no text"));
        }
        if wrong.is_empty() { Ok(Self { all, status }) } else { Err(wrong) }
    }

    /// All of them, those that the service does not read too.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<String, String> {
        &self.all
    }

    /// `@id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.all.get("id").map(String::as_str)
    }

    /// `@code`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.all.get("code").map(String::as_str)
    }

    /// `@status`; 403 when there is none.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.unwrap_or(Status::Forbidden)
    }

    /// `@notice` in the first of `languages` that the policy has (`@notice_de` for `de` and
    /// `de-AT`), else the plain one.
    #[must_use]
    pub fn notice(&self, languages: &[String]) -> Option<&str> {
        let translated = languages.iter().find_map(|language| {
            let whole = language.to_ascii_lowercase().replace('-', "_");
            let main = whole.split('_').next().unwrap_or_default().to_owned();
            [whole, main].iter().find_map(|tag| self.all.get(&format!("notice_{tag}")))
        });
        translated.or_else(|| self.all.get("notice")).map(String::as_str)
    }
}

fn is_code(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    starts && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

fn is_notice(key: &str) -> bool {
    key == "notice" || key.starts_with("notice_")
}

#[cfg(test)]
mod tests {
    use super::{Annotations, Status};

    fn read(pairs: &[(&str, &str)]) -> Result<Annotations, Vec<String>> {
        Annotations::read(pairs.iter().copied())
    }

    #[test]
    fn an_annotation_without_meaning_is_refused_in_words() {
        let wrong = read(&[("status", "200"), ("code", "Not-Snake"), ("notice", " ")]).unwrap_err();
        assert_eq!(
            wrong,
            [
                "@status(\"200\") is none of 401, 403, 404 and 409",
                "@code(\"Not-Snake\") is not in lower snake case",
                "@notice has no text",
            ]
        );
    }

    #[test]
    fn a_notice_is_chosen_by_language_and_falls_back_to_the_plain_one() {
        let policy = read(&[("notice", "no"), ("notice_de", "nein"), ("notice_pt_br", "não")]).unwrap();
        let chosen = |languages: &[&str]| {
            let languages: Vec<String> = languages.iter().map(|&l| l.to_owned()).collect();
            policy.notice(&languages).unwrap().to_owned()
        };
        assert_eq!(chosen(&[]), "no");
        assert_eq!(chosen(&["fr", "de-AT"]), "nein");
        assert_eq!(chosen(&["pt-BR", "de"]), "não");
        assert_eq!(chosen(&["fr"]), "no");
    }

    #[test]
    fn secret_existence_is_stronger_than_a_plain_denial() {
        assert!(Status::NotFound > Status::Unauthenticated);
        assert!(Status::Unauthenticated > Status::Forbidden);
        assert!(Status::Forbidden > Status::Conflict);
    }
}
