//! The way to the collector, which says when it is blocked and when it is free again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Sends spans to the collector. Those that cannot be sent are lost, with one warning until it works again.
#[derive(Debug)]
pub(super) struct Exporter {
    inner: OtlpExporter,
    blocked: AtomicBool,
}

impl Exporter {
    pub(super) fn new(inner: OtlpExporter) -> Self {
        Self { inner, blocked: AtomicBool::new(false) }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.inner.export(batch).await;
        match (&exported, self.blocked.swap(exported.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(%error, spans, "traces cannot be exported; they are lost until the collector answers again");
            }
            (Ok(()), true) => tracing::info!("traces are exported again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
