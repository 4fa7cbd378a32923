//! The log's lines on their way to standard error.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lets lines gather for some milliseconds and writes them together: to write each by itself costs a question more
/// than its decision does. A warning or an error is written at once, with all that came before it.
#[derive(Clone)]
pub(super) struct LogLines(Arc<Shared>);

struct Shared {
    gathered: Mutex<Gathered>,
    wake: Condvar,
    /// Whoever writes locks this before `gathered`, so that lines stay in their order, and nobody who has a line
    /// waits until others are written.
    writing: Mutex<Writing>,
}

struct Writing {
    to: Box<dyn Write + Send>,
    lines: Vec<u8>,
}

#[derive(Debug, Default)]
struct Gathered {
    lines: Vec<u8>,
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
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let writing = Mutex::new(Writing { to: Box::new(to), lines: Vec::new() });
        let shared = Arc::new(Shared { gathered: Mutex::default(), wake: Condvar::new(), writing });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.write_again_and_again())?;
        Ok(Self(shared))
    }

    /// Writes what was gathered.
    pub(super) fn flush(&self) {
        self.0.flush();
    }
}

impl Shared {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Writing { to, lines } = &mut *writing;
        mem::swap(lines, &mut self.gathered().lines);
        // There is nowhere to say that the log cannot be written, and that must not fail what it is about.
        let _ = to.write_all(lines);
        lines.clear();
    }

    fn write_again_and_again(&self) {
        loop {
            let mut gathered = self.gathered();
            while gathered.lines.is_empty() {
                gathered.idle = true;
                gathered = self.wake.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            }
            drop(gathered);
            thread::sleep(LogLines::GATHER);
            self.flush();
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
pub(super) struct LogLine<'a> {
    to: &'a Shared,
    urgent: bool,
}

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = self.to.gathered();
        gathered.lines.extend_from_slice(line);
        let at_once = self.urgent || gathered.lines.len() >= LogLines::ROOM;
        let wake = !at_once && mem::take(&mut gathered.idle);
        drop(gathered);
        if at_once {
            self.to.flush();
        }
        if wake {
            self.to.wake.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Seen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        #[track_caller]
        fn soon(&self, text: &str) {
            let began = Instant::now();
            while self.text() != text {
                assert!(began.elapsed() < Duration::from_secs(10), "there is {:?}", self.text());
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(lines: &LogLines, urgent: bool, text: &str) {
        LogLine { to: &lines.0, urgent }.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn every_line_is_written_soon_and_an_urgent_one_at_once_with_all_before_it() {
        let seen = Seen::default();
        let lines = LogLines::start(seen.clone()).unwrap();
        let mut all = String::new();
        for round in 0..20 {
            for (urgent, text) in [(true, "a\n"), (false, "b\n"), (true, "c\n"), (false, "d\n")] {
                line(&lines, urgent, text);
                all.push_str(text);
                if urgent {
                    assert_eq!(seen.text(), all, "{round}");
                }
            }
            seen.soon(&all);
        }
    }

    #[test]
    fn lines_of_many_threads_are_all_there_and_whole() {
        let seen = Seen::default();
        let lines = LogLines::start(seen.clone()).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let lines = &lines;
                scope.spawn(move || {
                    (0..5000).for_each(|n| line(lines, n % 1000 == 0, &format!("{thread} {n} {}\n", "x".repeat(40))));
                });
            }
        });
        lines.flush();
        for thread in 0..4 {
            let own = format!("{thread} ");
            let text = seen.text();
            let numbers =
                text.lines().filter_map(|line| line.strip_prefix(&own)?.split(' ').next()?.parse::<i32>().ok());
            assert!(numbers.eq(0..5000), "those of one thread are not in their order");
        }
    }
}
