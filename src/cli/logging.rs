//! Where log lines and traces go, and how they look.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use super::log_json::JsonLine;
use super::log_lines::LogLines;
use crate::config::{LogConfig, LogFormat, TracingConfig};
use crate::domain::Clock;
use crate::telemetry::{TARGET, Traces};

/// The log, and the traces where there is a collector. What is left of the log is written when this is dropped.
pub(super) struct Logging {
    lines: LogLines,
    pub(super) traces: Option<Traces>,
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.lines.flush();
    }
}

/// Sends log lines to standard error, and panics into the log; and traces to the collector, where there
/// is one.
///
/// # Errors
/// When there can be no thread that writes the log, and when traces cannot be exported.
pub(super) fn start(config: &LogConfig, tracing: Option<&TracingConfig>) -> Result<Logging, String> {
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    // What is exported is not for the log. Without a collector nobody at all wants it, and it costs nothing.
    let filter = config.level.parse::<Targets>().unwrap_or_default().with_target(TARGET, LevelFilter::OFF);
    let lines = LogLines::start(io::stderr()).map_err(|error| format!("the log cannot be started: {error}"))?;
    let layer = if json {
        fmt::layer().event_format(JsonLine(Clock::system())).with_writer(lines.clone()).boxed()
    } else {
        fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(lines.clone()).boxed()
    };
    let traces = tracing.map(|to| Traces::start(&to.otlp_endpoint, to.sample_ratio, &to.service_name)).transpose();
    let traces = traces.map_err(|error| error.to_string())?;
    let log = tracing_subscriber::registry().with(layer.with_filter(filter));
    // An absent layer is not the same as none: it would have every span made that nobody wants.
    let started = match &traces {
        Some(traces) => log.with(traces.layer()).try_init(),
        None => log.try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let what = panic.payload_as_str().unwrap_or("no text");
            tracing::error!(place, what, "panicked");
        }));
    }
    Ok(Logging { lines, traces })
}
