//! The text of policies and schemas without what the engine passes over.

use std::str::CharIndices;

/// The characters outside of strings and comments, with their places in bytes.
pub(super) struct Code<'a>(CharIndices<'a>);

impl<'a> Code<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text.char_indices())
    }

    /// Goes behind the end of a string.
    fn skip_string(&mut self) {
        while let Some((_, found)) = self.0.next() {
            match found {
                '"' => return,
                '\\' => {
                    self.0.next();
                }
                _ => {}
            }
        }
    }
}

impl Iterator for Code<'_> {
    type Item = (usize, char);

    fn next(&mut self) -> Option<(usize, char)> {
        loop {
            let (at, found) = self.0.next()?;
            match found {
                '"' => self.skip_string(),
                '/' if self.0.as_str().starts_with('/') => {
                    self.0.find(|(_, next)| *next == '\n');
                }
                _ => return Some((at, found)),
            }
        }
    }
}

/// Cuts a file of policies into pieces of whole policies, each with its place. The engine reads a file at once, and
/// many policies take it long.
pub(super) fn pieces(text: &str) -> Vec<(usize, &str)> {
    /// So many bytes take the engine less than a millisecond.
    const LONG: usize = 2048;
    let (mut open, mut begin, mut pieces) = (0_usize, 0, Vec::new());
    for (at, found) in Code::of(text) {
        match found {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            ';' if open == 0 && at - begin >= LONG => {
                let end = at + found.len_utf8();
                pieces.extend(text.get(begin..end).map(|piece| (begin, piece)));
                begin = end;
            }
            _ => {}
        }
    }
    pieces.extend(text.get(begin..).map(|piece| (begin, piece)));
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> String {
        Code::of(text).map(|(_, found)| found).collect()
    }

    #[test]
    fn strings_and_comments_are_no_code() {
        assert_eq!(code("a \"b;\\\"(\" c // d;\ne / f"), "a  c e / f");
        assert_eq!((code("\"open"), code("// open"), code("\"\\")), (String::new(), String::new(), String::new()));
    }

    #[test]
    fn pieces_end_behind_policies() {
        let policy = format!("permit (principal, action, resource) when {{ \"{};\" like \"*;\" }};", "x".repeat(1500));
        let text = format!("// ;\n{policy}\n{policy} // end\n{policy}");
        let cut: Vec<&str> = pieces(&text).into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(cut, [format!("// ;\n{policy}\n{policy}"), format!(" // end\n{policy}")]);
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_in_its_order(text in "[a;(){}\"\\\\/\n ü]{0,200}") {
            let long = text.repeat(40);
            let mut end = 0;
            for (begin, piece) in pieces(&long) {
                prop_assert_eq!(begin, end);
                end += piece.len();
                prop_assert_eq!(&long[begin..end], piece);
            }
            prop_assert_eq!(end, long.len());
        }
    }
}
