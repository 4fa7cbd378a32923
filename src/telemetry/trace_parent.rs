//! The trace that a caller says its request belongs to (W3C Trace Context, level 1).

use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The headers `traceparent` and `tracestate`.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceParent(pub(super) SpanContext);

impl TraceParent {
    /// The header that names trace and span.
    pub const HEADER: &'static str = "traceparent";
    /// The header of what tracing systems tell each other besides.
    pub const STATE_HEADER: &'static str = "tracestate";

    /// Reads the headers. A malformed `traceparent` is as good as none, as the specification asks; a
    /// malformed `tracestate` is left out.
    #[must_use]
    pub fn parse(parent: &[u8], state: Option<&[u8]>) -> Option<Self> {
        let parent = std::str::from_utf8(parent).ok()?;
        let (version, rest) = parent.split_once('-')?;
        let (trace, rest) = rest.split_once('-')?;
        let (span, rest) = rest.split_once('-')?;
        // Later versions may have more parts, and keep the first four.
        let (flags, more) = rest.split_once('-').map_or((rest, false), |(flags, _)| (flags, true));
        let of_digits = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let well_formed = of_digits(version, 2) && of_digits(trace, 32) && of_digits(span, 16) && of_digits(flags, 2);
        if !well_formed || version == "ff" || (version == "00" && more) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let state = state.and_then(|state| TraceState::from_str(std::str::from_utf8(state).ok()?).ok());
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let context = SpanContext::new(trace, span, flags, true, state.unwrap_or_default());
        context.is_valid().then_some(Self(context))
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(parent: &str) -> Option<TraceParent> {
        TraceParent::parse(parent.as_bytes(), None)
    }

    #[test]
    fn a_malformed_traceparent_is_as_good_as_none() {
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(TraceParent::parse(b"\xff", None), None);
    }

    #[test]
    fn trace_span_and_flags_are_read_and_later_versions_may_say_more() {
        let parent = read(GOOD).unwrap();
        assert_eq!(parent.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.0.span_id().to_string(), "b7ad6b7169203331");
        assert!(parent.0.is_sampled() && parent.0.is_remote());
        let unsampled = read(&GOOD.replace("-01", "-00")).unwrap();
        assert!(!unsampled.0.is_sampled());
        assert!(read(&format!("{}-more", GOOD.replacen("00", "cc", 1))).is_some());
    }

    #[test]
    fn a_malformed_tracestate_is_left_out() {
        let state = |state: &[u8]| TraceParent::parse(GOOD.as_bytes(), Some(state)).unwrap().0.trace_state().header();
        assert_eq!(state(b"vendor=value"), "vendor=value");
        assert_eq!(state(b"no equals sign"), "");
        assert_eq!(state(b"\xff"), "");
    }
}
