//! The trace of a request: its caller's, as the header `traceparent` names it, or a new one.

use super::Incoming;
use crate::telemetry::{Trace, TraceParent};

/// Begins the trace of a request. A header that is there more than once names nothing.
#[must_use]
pub fn begin_trace(incoming: &impl Incoming) -> Trace {
    let once = |name: &'static str| {
        let mut values = incoming.header(name);
        values.next().filter(|_| values.next().is_none())
    };
    let parent = once(TraceParent::HEADER);
    Trace::begin(parent.and_then(|parent| TraceParent::parse(parent, once(TraceParent::STATE_HEADER))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::client::tests::Sent;

    const PARENT: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_that_is_there_twice_names_no_trace() {
        let trace = |headers: &[(&'static str, &'static [u8])]| {
            begin_trace(&Sent::new(headers.iter().copied())).id().map(str::to_owned)
        };
        assert_eq!(trace(&[]), None);
        assert_eq!(trace(&[("traceparent", PARENT), ("traceparent", PARENT)]), None);
        assert_eq!(trace(&[("traceparent", PARENT)]).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        let state: [(&'static str, &'static [u8]); 2] = [("tracestate", b"a=b"), ("tracestate", b"c=d")];
        assert!(trace(&[("traceparent", PARENT), state[0], state[1]]).is_some());
    }
}
