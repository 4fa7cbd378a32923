//! The log's lines on their way to standard error.

use std::io::{self, BufWriter, Stderr, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lets lines gather for some milliseconds and writes them together: to write each by itself costs a question more
/// than its decision does. A warning or an error is written at once, with all that came before it.
#[derive(Debug, Clone)]
pub(super) struct LogLines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    gathered: Mutex<Gathered>,
    wake: Condvar,
}

#[derive(Debug)]
struct Gathered {
    lines: BufWriter<Stderr>,
    /// Whether the thread sleeps until there is a line.
    idle: bool,
}

impl LogLines {
    /// How long lines are let gather.
    const GATHER: Duration = Duration::from_millis(5);
    /// How many bytes are let gather. Whoever has more writes them.
    const ROOM: usize = 64 * 1024;

    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start() -> io::Result<Self> {
        let gathered = Gathered { lines: BufWriter::with_capacity(Self::ROOM, io::stderr()), idle: false };
        let shared = Arc::new(Shared { gathered: Mutex::new(gathered), wake: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.write_again_and_again())?;
        Ok(Self(shared))
    }

    /// Writes what was gathered.
    pub(super) fn flush(&self) {
        // There is nowhere to say that the log cannot be written.
        let _ = self.0.lock().lines.flush();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_again_and_again(&self) {
        loop {
            let mut gathered = self.lock();
            while gathered.lines.buffer().is_empty() {
                gathered.idle = true;
                gathered = self.wake.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            }
            drop(gathered);
            thread::sleep(LogLines::GATHER);
            let _ = self.lock().lines.flush();
        }
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine { to: &self.0, urgent: true }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> LogLine<'a> {
        LogLine { to: &self.0, urgent: *about.level() <= Level::WARN }
    }
}

/// One line.
#[derive(Debug)]
pub(super) struct LogLine<'a> {
    to: &'a Shared,
    urgent: bool,
}

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = self.to.lock();
        // A log that cannot be written must not fail the request that it is about.
        let _ = gathered.lines.write_all(line);
        if self.urgent {
            let _ = gathered.lines.flush();
        } else if std::mem::take(&mut gathered.idle) {
            self.to.wake.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.to.lock().lines.flush();
        Ok(())
    }
}
