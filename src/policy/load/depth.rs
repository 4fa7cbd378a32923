//! How deep policies and schemas may nest.
//!
//! The engine reads, checks and drops what is nested by calling itself, and does not always look how much stack
//! there is. Without a bound one file could end the process.

use super::super::{Finding, SourceFile};
use super::code::Code;

/// How many expressions may be within each other in a condition.
pub(super) const DEEPEST: usize = 1000;

/// What a bracket or a branch takes of the stack, beside an operator in a chain like `a || b || c`.
const BRACKET: usize = 50;

/// What is said of too much of it.
pub(super) fn too_deep() -> String {
    format!("is nested too deep; {DEEPEST} expressions within each other are the most")
}

/// Looks through a file of policies, or of a schema, before the engine reads it.
///
/// # Errors
/// A finding at the first place that is too deep.
pub(super) fn check(file: &SourceFile) -> Result<(), Finding> {
    // In a schema these are brackets, too.
    let schema = file.name.ends_with(".cedarschema");
    let (opening, closing) = if schema { ("([{<", ")]}>") } else { ("([{", ")]}") };
    let text = file.text.as_str();
    let mut taken = Taken::default();
    for (at, found) in Code::of(text) {
        match found {
            ',' | ';' => taken.begin_anew(),
            '|' | '&' | '+' | '-' | '*' | '.' => taken.add(1),
            'i' if is_word(text, at, "if") => taken.add(BRACKET),
            found if opening.contains(found) => taken.open(),
            found if closing.contains(found) => taken.close(),
            _ => {}
        }
        if taken.total > BRACKET * DEEPEST {
            return Err(Finding::at(file, at, too_deep()));
        }
    }
    Ok(())
}

/// What the expressions take of the stack that a place is in.
#[derive(Default)]
struct Taken {
    total: usize,
    /// Of what is outside of all brackets.
    outside: usize,
    /// Of each bracket that is open.
    open: Vec<usize>,
}

impl Taken {
    fn innermost(&mut self) -> &mut usize {
        self.open.last_mut().unwrap_or(&mut self.outside)
    }

    fn add(&mut self, taken: usize) {
        *self.innermost() += taken;
        self.total += taken;
    }

    /// `a["b"]["c"]` and `when { a } when { b }` are chains of what is in brackets.
    fn open(&mut self) {
        self.add(1);
        self.open.push(0);
        self.add(BRACKET);
    }

    fn close(&mut self) {
        self.total -= self.open.pop().unwrap_or_default();
    }

    /// At the next element of a list, or the next policy.
    fn begin_anew(&mut self) {
        let kept = if self.open.is_empty() { 0 } else { BRACKET };
        let before = std::mem::replace(self.innermost(), kept);
        self.total = self.total - before + kept;
    }
}

/// Whether this word stands at this place, and not a longer one.
fn is_word(text: &str, at: usize, word: &str) -> bool {
    let goes_on = |other: char| other.is_ascii_alphanumeric() || other == '_';
    let (before, from) = text.split_at(at);
    !before.ends_with(goes_on) && from.strip_prefix(word).is_some_and(|after| !after.starts_with(goes_on))
}
