//! What is wrong with a store, and where.

use std::fmt;

use super::SourceFile;

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

    /// A finding at a byte offset of a file's text.
    pub fn at(file: &SourceFile, offset: usize, message: impl fmt::Display) -> Self {
        let place = file.places.of(&file.text, offset);
        let source = file.text.get(place.line_start..).unwrap_or_default();
        let source: String = source.chars().take_while(|found| *found != '\n').take(Self::LONGEST_SOURCE).collect();
        Self {
            file: file.name.clone(),
            place: Some((place.line, place.column)),
            message: message.to_string(),
            source: Some(source.trim_end_matches('\r').to_owned()),
        }
    }

    /// A finding of the Cedar engine, at the place that the engine names, which it counts from the byte `base`.
    pub fn of_engine(file: &SourceFile, base: usize, error: &dyn miette::Diagnostic) -> Self {
        let message = error.help().map_or_else(|| error.to_string(), |help| format!("{error} ({help})"));
        match error.labels().and_then(|mut labels| labels.next()) {
            Some(label) => Self::at(file, base + label.offset(), message),
            None => Self::of_file(&file.name, message),
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
