//! Where in a body a value stands.

use std::fmt;

use crate::domain::Invalid;
use crate::domain::invalid::shown;

/// The way to a value, on the stack: it costs nothing until somebody wants to read it.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    /// What the caller named.
    At(&'a str),
    /// A member of an object.
    Field(&'a Path<'a>, &'a str),
    /// An element of an array, from 0.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A complaint about the value that stands here.
    pub(super) fn invalid(&self, reason: impl Into<String>) -> Invalid {
        Invalid::new(self.to_string(), reason)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place) => out.write_str(place),
            Self::Field(Path::At(""), name) => out.write_str(&shown(name)),
            Self::Field(parent, name) => write!(out, "{parent}.{}", shown(name)),
            Self::Item(parent, index) => write!(out, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_reads_like_the_way_to_the_value() {
        let context = Path::At("context");
        let (device, odd) = (Path::Field(&context, "device"), Path::Field(&context, "a\nb"));
        let tags = Path::Field(&device, "tags");
        assert_eq!(Path::Item(&tags, 3).to_string(), "context.device.tags[3]");
        assert_eq!(odd.to_string(), "context.a\\nb");
        assert_eq!(Path::Field(&Path::At(""), "x").to_string(), "x");
        assert_eq!(Path::Field(&Path::At("attrs"), "").to_string(), "attrs.\"\"");
    }
}
