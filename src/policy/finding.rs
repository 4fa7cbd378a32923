//! What is wrong with a store, and where.

use std::fmt;

/// One thing that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the store's folder.
    pub file: String,
    /// Line and column, both from 1, where the finding has a place.
    pub place: Option<(usize, usize)>,
    /// What is wrong, in a sentence without capital and full stop.
    pub message: String,
    /// The text of the line.
    pub source: Option<String>,
}

impl Finding {
    /// How many characters of a line are kept.
    const LONGEST_SOURCE: usize = 500;

    /// A finding about a whole file.
    pub fn of_file(file: &str, message: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), place: None, message: message.to_string(), source: None }
    }

    /// A finding at a byte offset of `text`, the content of `file`.
    pub fn at(file: &str, text: &str, offset: usize, message: impl fmt::Display) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let start = before.rsplit('\n').next().unwrap_or_default();
        Self::in_line(file, text, (line, start.chars().count() + 1), message)
    }

    /// A finding at a line and a column of `text`, the content of `file`; both from 1.
    pub(super) fn in_line(file: &str, text: &str, place: (usize, usize), message: impl fmt::Display) -> Self {
        // Behind the last line break there is a line without text, which `lines` leaves out.
        let source = text.lines().nth(place.0.saturating_sub(1)).unwrap_or_default();
        Self {
            file: file.to_owned(),
            place: Some(place),
            message: message.to_string(),
            source: Some(source.chars().take(Self::LONGEST_SOURCE).collect()),
        }
    }

    /// A finding of the Cedar engine, at the place that the engine names, which it counts from the byte `base`.
    pub fn of_engine(file: &str, text: &str, base: usize, error: &dyn miette::Diagnostic) -> Self {
        let message = error.help().map_or_else(|| error.to_string(), |help| format!("{error} ({help})"));
        match error.labels().and_then(|mut labels| labels.next()) {
            Some(label) => Self::at(file, text, base + label.offset(), message),
            None => Self::of_file(file, message),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong with a store: at least one finding, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Findings {
    /// The store's name.
    pub store: String,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Puts findings into the order of files and lines, each once.
    #[must_use]
    pub fn new(store: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| (&a.file, a.place, &a.message).cmp(&(&b.file, b.place, &b.message)));
        findings.dedup();
        Self { store: store.to_owned(), findings }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy store `{}` cannot be used:", self.store)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}
