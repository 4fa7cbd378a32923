//! What the service tells operators about itself: metrics, and traces.
//!
//! [`Metrics`] is made once and given to those who count; nothing here is global. Traces go by way of
//! `tracing`, so whoever makes a span needs to know nothing of where it is sent.

mod catalogue;
mod exporter;
mod labels;
mod metrics;
mod readings;
mod spans;
mod store_series;
mod trace_parent;
mod traces;

pub use catalogue::document;
pub use metrics::{DecisionFacts, Metrics, Reload, StoreFacts};
pub use readings::{DecisionLogUsage, PoolUsage, Readings};
pub use spans::{DecisionSpan, Outcome, Trace};
pub use trace_parent::TraceParent;
pub use traces::{TARGET, TraceError, Traces};
