//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::log::{DecisionLog, Message, Shared};
use super::seldom::Seldom;
use super::sink::{Sink, WriteFailure};
use super::spill::Spill;

/// The thread that writes, for whoever watches over it.
#[derive(Debug)]
pub struct Writer {
    log: DecisionLog,
    /// The thread drops its end when it ends, however that is.
    ended: oneshot::Receiver<()>,
}

impl Writer {
    pub(super) fn start(write: WriteLoop, log: DecisionLog) -> Result<Self, String> {
        let (alive, ended) = oneshot::channel();
        let body = move || {
            write.run();
            drop::<oneshot::Sender<()>>(alive);
        };
        let started = thread::Builder::new().name("decision-log".to_owned()).spawn(body);
        started.map_err(|error| format!("the decision log's thread cannot be started: {error}"))?;
        Ok(Self { log, ended })
    }

    /// Done when the thread has ended.
    pub async fn ended(&mut self) {
        // All that can come is that the other end is gone.
        let _ = (&mut self.ended).await;
    }

    /// Writes what was recorded until now and ends the thread; what takes longer than `within` is given up.
    pub async fn stop(mut self, within: Duration) {
        let asked = async {
            self.log.ask_to_stop().await;
            let _ = (&mut self.ended).await;
        };
        if tokio::time::timeout(within, asked).await.is_err() {
            self.log.abandon();
            tracing::warn!(records = self.log.counters().depth, "stopped before the decision log was written");
        }
    }
}

/// What the thread does.
pub(super) struct WriteLoop {
    queue: mpsc::Receiver<Message>,
    sink: Sink,
    shared: Arc<Shared>,
    /// Whether what cannot be written is tried again until it can.
    patient: bool,
    stopping: bool,
    messages: Vec<Message>,
    lines: Vec<u8>,
    complaints: Seldom,
}

impl WriteLoop {
    /// How many records are written at once.
    const BATCH: usize = 1024;
    /// How long the next records are let gather. To wake a thread costs whoever sends as much as several
    /// records do.
    const GATHER: Duration = Duration::from_millis(2);
    /// How long a sink is left alone that could not be written.
    const PAUSE: Duration = Duration::from_millis(200);

    pub(super) fn new(queue: mpsc::Receiver<Message>, sink: Sink, shared: Arc<Shared>, patient: bool) -> Self {
        let (messages, lines) = (Vec::with_capacity(Self::BATCH), Vec::new());
        Self { queue, sink, shared, patient, stopping: false, messages, lines, complaints: Seldom::default() }
    }

    /// Writes until it is asked to stop and everything is written.
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            // What is in the queue is older than what this process spilled.
            if let Some(spill) = shared.spill.as_ref().filter(|spill| spill.is_holding() && self.queue.is_empty()) {
                if !self.bring_back(spill) {
                    if self.stopping {
                        return;
                    }
                    thread::sleep(Self::PAUSE);
                }
            } else if !self.write_batch() {
                return;
            }
        }
    }

    /// Writes what is in the queue, waiting for it; `false`: nothing will come any more.
    fn write_batch(&mut self) -> bool {
        let count = self.queue.blocking_recv_many(&mut self.messages, Self::BATCH);
        self.lines.clear();
        for message in self.messages.drain(..) {
            match message {
                Message::Record(record) => self.shared.lines.write(&record, &mut self.lines),
                Message::Stop => {
                    self.queue.close();
                    self.stopping = true;
                }
            }
        }
        self.put();
        if count < Self::BATCH && !self.stopping {
            thread::sleep(Self::GATHER);
        }
        count > 0
    }

    /// Writes the lines, or counts them as failed. A sink that fails is tried once more at once, by
    /// opening it again, and then, where records must not be lost, until it works.
    fn put(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let mut rest = lines.as_slice();
        let mut tried = 0;
        while let Err(failure) = self.append(rest) {
            rest = rest.get(failure.kept..).unwrap_or_default();
            tried += 1;
            let given_up = self.shared.abandoned.load(Ordering::Acquire);
            if given_up || (tried > 1 && !self.patient) {
                self.shared.counts.failed.fetch_add(count(rest), Ordering::Relaxed);
                break;
            }
            if tried > 1 {
                thread::sleep(Self::PAUSE);
            }
        }
        // Its memory serves the next batch.
        self.lines = lines;
    }

    /// Brings some of what was spilled into the sink; `false`: that cannot be done now.
    fn bring_back(&mut self, spill: &Spill) -> bool {
        let mut lines = std::mem::take(&mut self.lines);
        let done = if let Err(error) = spill.next(&mut lines) {
            self.complain(&error, "what the decision log spilled cannot be read");
            false
        } else {
            let appended = self.append(&lines);
            spill.brought_back(appended.as_ref().map_or_else(|failure| failure.kept, |()| lines.len()));
            appended.is_ok()
        };
        self.lines = lines;
        done
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        if lines.is_empty() {
            return Ok(());
        }
        let appended = self.sink.append(lines);
        let counts = &self.shared.counts;
        let kept = appended.as_ref().map_or_else(|failure| failure.kept, |()| lines.len());
        counts.written.fetch_add(count(lines.get(..kept).unwrap_or_default()), Ordering::Relaxed);
        if let Err(failure) = &appended {
            counts.write_errors.fetch_add(1, Ordering::Relaxed);
            self.complain(&failure.error, "the decision log cannot be written");
        }
        appended
    }

    fn complain(&self, error: &io::Error, what: &str) {
        if self.complaints.is_due(Instant::now()) {
            tracing::error!(%error, "{what}");
        }
    }
}

/// How many lines there are.
fn count(lines: &[u8]) -> u64 {
    lines.iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'))
}
