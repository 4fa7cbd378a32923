//! Traces by OTLP: what makes the spans of this service into those of OpenTelemetry, and sends them away.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::exporter::Exporter;

/// The target of the spans that are exported. No log line is of it.
pub const TARGET: &str = "gatewood::traces";

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be exported: {0}")]
pub struct TraceError(#[from] ExporterBuildError);

/// The export of traces. It goes on until [`Traces::finish`], on a thread of its own.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// How many ended spans wait to be sent; more are given up.
    const QUEUE: usize = 4096;
    /// How many spans are sent at once.
    const BATCH: usize = 512;
    /// How long spans wait for others to be sent with.
    const DELAY: Duration = Duration::from_secs(2);
    /// How long sending may take.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Begins to export to the collector at `endpoint`, by OTLP over HTTP, to `v1/traces` below it. Of the
    /// traces that begin here `sample_ratio` (0 to 1) are exported; of others, those that whoever began them
    /// wants. Nothing is sent yet, so a collector that is away is no error.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn start(endpoint: &Url, sample_ratio: f64, service_name: &str) -> Result<Self, TraceError> {
        let place = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(place)
            .with_timeout(Self::TIMEOUT)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(Self::QUEUE)
            .with_max_export_batch_size(Self::BATCH)
            .with_scheduled_delay(Self::DELAY)
            .build();
        let processor = BatchSpanProcessor::builder(Exporter::new(exporter)).with_batch_config(batches).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(service_name.to_owned()).with_attribute(version).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio)));
        let provider =
            SdkTracerProvider::builder().with_span_processor(processor).with_sampler(sampler).with_resource(resource);
        Ok(Self(provider.build()))
    }

    /// The layer that takes the spans of [`TARGET`], and nothing else: no log line gets into a trace.
    #[must_use]
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let ours = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target() == TARGET;
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("gatewood"))
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(FilterFn::new(ours as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what is left, for at most `timeout`. Blocks.
    pub fn finish(self, timeout: Duration) {
        if let Err(error) = self.0.shutdown_with_timeout(timeout) {
            tracing::warn!(%error, "the traces of the last requests were not exported");
        }
    }
}
