//! Lines and columns of a text.

use std::sync::OnceLock;

/// Where lines begin, at every few bytes of a text: looked up from there, a place costs the same wherever it is.
#[derive(Debug, Default)]
pub(super) struct Places(OnceLock<Vec<Place>>);

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The line, from 1.
    pub(super) line: usize,
    /// The character in the line, from 1.
    pub(super) column: usize,
    /// The byte that the line begins at.
    pub(super) line_start: usize,
}

impl Clone for Places {
    /// They are made again where they are wanted: most copies are never looked into.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Places {
    /// How many bytes apart.
    const STEP: usize = 512;

    /// The place of a byte of `text`, always the same one; that of its end, where there are fewer.
    pub(super) fn of(&self, text: &str, offset: usize) -> Place {
        let marks = self.0.get_or_init(|| marks(text));
        let nearest = offset.min(text.len()) / Self::STEP;
        let mark = marks.get(nearest).copied().unwrap_or(Place::FIRST);
        mark.after(text, nearest * Self::STEP, offset)
    }
}

fn marks(text: &str) -> Vec<Place> {
    let (mut marks, mut place) = (vec![Place::FIRST], Place::FIRST);
    for start in (0..text.len()).step_by(Places::STEP) {
        place = place.after(text, start, start + Places::STEP);
        marks.push(place);
    }
    marks
}

impl Place {
    const FIRST: Self = Self { line: 1, column: 1, line_start: 0 };

    /// The place at the byte `to`, if this is the one at `from`. Characters count where they begin.
    fn after(mut self, text: &str, from: usize, to: usize) -> Self {
        let bytes = text.as_bytes().get(from..to.min(text.len())).unwrap_or_default();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => self = Self { line: self.line + 1, column: 1, line_start: from + at + 1 },
                0x80..=0xbf => {}
                _ => self.column += 1,
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_what_counting_from_the_start_says(text in "([a-z]|\n|\r\n|ä|😀| {300}){0,40}", nearly in 0..9_000_usize) {
            let places = Places::default();
            let offset = (0..=nearly.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let before = &text[..offset];
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let (line, column) = (before.matches('\n').count() + 1, text[start..offset].chars().count() + 1);
            prop_assert_eq!(places.of(&text, offset), Place { line, column, line_start: start });
        }
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        assert_eq!(Places::default().of("ab\nc", 99), Place { line: 2, column: 2, line_start: 3 });
        assert_eq!(Places::default().of("", 1), Place::FIRST);
    }
}
