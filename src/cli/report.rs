//! What is wrong with stores, for people: each finding with the line that it is about.

use std::fmt;
use std::io::{self, IsTerminal};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::policy::{Finding, Findings};

/// A report for standard error about stores that cannot be used; in colours where that is a terminal.
pub(super) fn findings(stores: &[Findings]) -> String {
    let colours = io::stderr().is_terminal();
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    stores.iter().map(|store| report(store, &theme)).collect::<Vec<_>>().join("\n")
}

/// How many columns a text may have before it is wrapped. A fixed number, so that a report is the same
/// in a terminal, in a pipe and in a page.
const WIDTH: usize = 120;

fn report(Findings { store, findings }: &Findings, theme: &GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme.clone()).with_width(WIDTH).with_context_lines(0);
    let mut text = format!("the policy store `{store}` cannot be used:\n");
    for finding in findings {
        // Writing into a text fails only where the finding's own source does, and that one does not.
        if handler.render_report(&mut text, &Shown::of(finding)).is_err() {
            text.push_str(&finding.to_string());
        }
    }
    text
}

/// A finding with its line of source, as miette wants both.
#[derive(Debug)]
struct Shown<'a> {
    /// With the file, where there is no line to show below it.
    message: String,
    line: Option<Line<'a>>,
}

impl<'a> Shown<'a> {
    fn of(finding: &'a Finding) -> Self {
        let line = finding.place.zip(finding.source.as_deref());
        let line = line.map(|((number, column), text)| Line { file: &finding.file, number, column, text });
        let message = if line.is_some() { finding.message.clone() } else { finding.to_string() };
        Self { message, line }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.line.as_ref()?.mark());
        Some(Box::new(std::iter::once(label)))
    }
}

/// One line of a file, as the source of a report: the file itself may have changed since it was read.
#[derive(Debug)]
struct Line<'a> {
    file: &'a str,
    /// From 1.
    number: usize,
    /// From 1, in characters.
    column: usize,
    text: &'a str,
}

impl Line<'_> {
    /// The character that the finding is about, in bytes of the line; nothing at its end when it lies beyond.
    fn mark(&self) -> SourceSpan {
        let mut characters = self.text.char_indices().skip(self.column.saturating_sub(1));
        characters.next().map_or((self.text.len(), 0), |(at, character)| (at, character.len_utf8())).into()
    }
}

impl SourceCode for Line<'_> {
    /// Always the whole line, whatever is asked for: there is no other. The column is the mark's, since that is
    /// what the head of a report names.
    fn read_span<'s>(
        &'s self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let whole = SourceSpan::from((0, self.text.len()));
        let contents = MietteSpanContents::new_named(
            self.file.to_owned(),
            self.text.as_bytes(),
            whole,
            self.number.saturating_sub(1),
            self.column.saturating_sub(1),
            1,
        );
        Ok(Box::new(contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::SourceFile;

    fn plain(findings: Vec<Finding>) -> String {
        report(&Findings::new("photos", findings), &GraphicalTheme::unicode_nocolor())
    }

    #[test]
    fn a_finding_stands_above_its_line_with_the_place_in_the_file_and_a_mark_below() {
        let text = "@id(\"a\")\npermit (principal, action, resource)\nwhen { principal.äge };\n";
        let offset = text.find("äge").unwrap();
        let shown = plain(vec![Finding::at(&SourceFile::new("a.cedar", text), offset, "there is no `äge`")]);
        let expected = "\
the policy store `photos` cannot be used:
  × there is no `äge`
   ╭─[a.cedar:3:18]
 3 │ when { principal.äge };
   ·                  ─
   ╰────
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_finding_without_a_line_names_its_file() {
        let shown = plain(vec![Finding::of_file("photos", "has no *.cedar file")]);
        assert!(shown.contains("× photos: has no *.cedar file"), "{shown}");
    }

    #[test]
    fn a_place_beyond_the_text_of_a_line_is_shown_at_its_end() {
        let long = format!("{}x", " ".repeat(600));
        for (text, offset) in [("", 0), ("permit", 6), ("permit\n", 7), (&long, 600)] {
            let finding = Finding::at(&SourceFile::new("a.cedar", text), offset, "it ends too early");
            let (line, column) = finding.place.unwrap();
            let shown = plain(vec![finding]);
            assert!(shown.contains("it ends too early"), "{shown}");
            assert!(shown.contains(&format!("a.cedar:{line}:{column}")), "{shown}");
        }
    }

    #[test]
    fn every_finding_is_in_the_report() {
        let findings = [1, 2, 3]
            .map(|nth| Finding::at(&SourceFile::new("a.cedar", "a\nb\nc\n"), 2 * nth - 2, format!("wrong {nth}")));
        let shown = plain(findings.to_vec());
        assert!(
            (1..=3).all(|nth| shown.contains(&format!("wrong {nth}")) && shown.contains(&format!(":{nth}:1]"))),
            "{shown}"
        );
    }
}
