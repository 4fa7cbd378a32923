//! Notices of a call that was let through: so that a deprecation can be announced before it bites.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::app::Decided;

/// The header and the metadata key that each notice is in.
pub const NOTICE: &str = "gatewood-notice";

/// The notices, percent-encoded for a header.
pub fn notice_values(decided: &Decided) -> impl Iterator<Item = String> {
    // What is left as it is, is what a header value may hold without being misread as a list.
    const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',').add(b'"').add(b' ');
    decided.notices.iter().map(|notice| utf8_percent_encode(notice, ENCODED).to_string())
}
