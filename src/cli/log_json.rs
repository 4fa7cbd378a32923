//! A log line as JSON.

use std::fmt;

use chrono::SecondsFormat;
use serde::Serializer as _;
use serde::ser::SerializeMap;
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_serde::{AsSerde, SerdeMapVisitor};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::domain::Clock;

/// One object in a line: `timestamp` (UTC), `level`, the event's fields, `target`.
///
/// It writes what tracing-subscriber's own format does, which puts every few bytes through three layers and looks
/// each time whether they are UTF-8. A line for each request is to be had for less.
pub(super) struct JsonLine(pub(super) Clock);

impl JsonLine {
    /// What most lines fit into, in bytes.
    const USUAL_LENGTH: usize = 1024;

    fn of(&self, event: &Event<'_>) -> serde_json::Result<Vec<u8>> {
        let of_log = event.normalized_metadata();
        let metadata = of_log.as_ref().unwrap_or_else(|| event.metadata());
        let mut line = Vec::with_capacity(Self::USUAL_LENGTH);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.0.now().to_rfc3339_opts(SecondsFormat::Micros, true))?;
        map.serialize_entry("level", &metadata.level().as_serde())?;
        let mut fields = SerdeMapVisitor::new(map);
        event.record(&mut fields);
        let mut map = fields.take_serializer()?;
        map.serialize_entry("target", metadata.target())?;
        map.end()?;
        line.push(b'\n');
        Ok(line)
    }
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = self.of(event).map_err(|_cannot_fail| fmt::Error)?;
        to.write_str(str::from_utf8(&line).map_err(|_cannot_fail| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use chrono::DateTime;
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn written(log: impl FnOnce()) -> String {
        struct Into(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Into {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let seen = Arc::default();
        let to = Arc::clone(&seen);
        let clock = Clock::from_fn(|| DateTime::UNIX_EPOCH);
        let layer = fmt::layer().event_format(JsonLine(clock)).with_writer(move || Into(Arc::clone(&to)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(seen.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_is_one_object_with_time_level_fields_and_target() {
        let absent: Option<&str> = None;
        let text = written(|| {
            let policies = tracing::field::display("a b");
            tracing::info!(target: "t", { request.id = "\"\n\u{1b}é", absent, n = 7_u64, yes = true, policies }, "did {}", 1);
        });
        assert_eq!(
            text,
            "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"message\":\"did 1\",\
             \"request.id\":\"\\\"\\n\\u001bé\",\"n\":7,\"yes\":true,\"policies\":\"a b\",\"target\":\"t\"}\n"
        );
    }
}
