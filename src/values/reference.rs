//! The texts that refer to entities: `Ns::User::"alice"`.

use std::borrow::Cow;

use cedar_policy_core::parser::unescape::to_unescaped_string;

/// Takes the text of a reference apart, into type and id. The type may be anything without a quote.
pub(super) fn split(text: &str) -> Option<(&str, Cow<'_, str>)> {
    let (of_type, rest) = text.split_once("::\"")?;
    let quoted = rest.strip_suffix('"')?;
    if !quoted.contains(['\\', '"', '\r']) {
        return Some((of_type, Cow::Borrowed(quoted)));
    }
    if ends_within(quoted) {
        return None;
    }
    let id = to_unescaped_string(quoted).ok()?;
    Some((of_type, Cow::Owned(id.into())))
}

/// Whether there is a quote that no backslash precedes, or a line that a backslash ends: to the engine the
/// string would have ended there.
fn ends_within(quoted: &str) -> bool {
    let mut escaped = false;
    quoted.chars().any(|c| {
        let ends = if escaped { c == '\n' } else { c == '"' };
        escaped = c == '\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use cedar_policy_core::ast::EntityUID;
    use proptest::prelude::*;

    use super::split;

    fn ours(text: &str) -> Option<(String, String)> {
        split(text).map(|(of_type, id)| (of_type.to_owned(), id.into_owned()))
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in [
            "",
            "alice",
            "User",
            "User::alice",
            "User::'a'",
            "User::\"a",
            "User::\"",
            "User::\"a\"b\"",
            "User::\"a\\\"",
            "User::\"\\q\"",
            "User::\"\\u{110000}\"",
            "User::\"\\",
            "User::\"\\\n\"",
            "User::\"a\" ",
        ] {
            assert_eq!(ours(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_string_reads_as_the_engine_reads_it(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("\\".to_owned()), Just("\"".to_owned()), Just("n".to_owned()), Just("\\u{1F511}".to_owned()),
                    Just("\\x41".to_owned()), Just("\\n".to_owned()), Just("::".to_owned()), Just("\r".to_owned()),
                    Just("\\0".to_owned()), Just("\\'".to_owned()), "\\PC{0,3}", any::<char>().prop_map(String::from),
                ],
                0..6,
            ),
        ) {
            let text = format!("A::B::\"{}\"", parts.concat());
            let theirs = text.parse::<EntityUID>().ok();
            let theirs = theirs.map(|uid| (uid.entity_type().to_string(), AsRef::<str>::as_ref(uid.eid()).to_owned()));
            prop_assert_eq!(ours(&text), theirs);
        }
    }
}
