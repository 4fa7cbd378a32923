//! A request of either transport.

use std::sync::Arc;

use crate::app::Decided;

/// A request, as far as both transports have the same.
pub trait Incoming {
    /// Every value of a header; of gRPC, of a metadata key. The name is in lower case.
    fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]>;

    /// Leaves a decision where the log line and the answer's headers find it.
    fn record(&self, decided: Arc<Decided>);
}
