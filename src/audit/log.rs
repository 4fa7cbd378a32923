//! The handle that records are given to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::file::RotatingFile;
use super::line::Lines;
use super::pending::Room;
use super::record::Record;
use super::seldom::Seldom;
use super::settings::{LogSettings, SinkSettings};
use super::sink::Sink;
use super::spill::Spill;
use super::writer::{WriteLoop, Writer};
use crate::domain::{Clock, Overflow};

/// The decision log. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct DecisionLog(Option<Arc<Handle>>);

#[derive(Debug)]
struct Handle {
    queue: mpsc::Sender<Message>,
    overflow: Overflow,
    shared: Arc<Shared>,
}

/// What the handles and the writing thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) lines: Lines,
    pub(super) spill: Option<Spill>,
    pub(super) counts: Counts,
    /// Nobody waits any longer for what cannot be written.
    pub(super) abandoned: AtomicBool,
    complaints: Seldom,
}

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    Record(Box<Record>),
    /// Write what is there, and end.
    Stop,
}

/// How many records became of what.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) spilled: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) write_errors: AtomicU64,
}

/// What became of the records since the start, and how full the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that are in the sink.
    pub written: u64,
    /// Records for which there was no room.
    pub dropped: u64,
    /// Records that went through the spill file. They count as written once they are in the sink.
    pub spilled: u64,
    /// Records that were lost because they could not be written.
    pub failed: u64,
    /// How often writing to the sink failed.
    pub write_errors: u64,
    /// How many places of the queue are taken.
    pub depth: usize,
    /// How many places the queue has.
    pub capacity: usize,
}

impl DecisionLog {
    /// No log: records go nowhere.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Opens the sink and starts the thread that writes.
    ///
    /// # Errors
    /// When a file cannot be opened or the thread cannot be started, with the file.
    pub fn start(settings: LogSettings, clock: Clock) -> Result<(Self, Writer), String> {
        let named = |path: &Path, error| format!("the decision log cannot use {}: {error}", path.display());
        let sink = match settings.sink {
            SinkSettings::Stdout => Sink::Stdout,
            SinkSettings::File(file) => {
                let path = file.path.clone();
                Sink::File(RotatingFile::open(file, clock).map_err(|error| named(&path, error))?)
            }
        };
        let spill = match (&settings.spill, settings.overflow) {
            (Some(spill), Overflow::Spill) => Some(Spill::open(spill).map_err(|error| named(&spill.path, error))?),
            (None, Overflow::Spill) => return Err("the decision log has no file to spill into".to_owned()),
            (Some(spill), Overflow::Drop | Overflow::Block) if Spill::is_left(&spill.path) => {
                Some(Spill::open(spill).map_err(|error| named(&spill.path, error))?)
            }
            (Some(_) | None, Overflow::Drop | Overflow::Block) => None,
        };
        let (sender, receiver) = mpsc::channel(settings.queue.max(1));
        let shared = Arc::new(Shared {
            lines: Lines::new(settings.mask),
            spill,
            counts: Counts::default(),
            abandoned: AtomicBool::new(false),
            complaints: Seldom::default(),
        });
        let write = WriteLoop::new(receiver, sink, Arc::clone(&shared), settings.overflow != Overflow::Drop);
        let log = Self(Some(Arc::new(Handle { queue: sender, overflow: settings.overflow, shared })));
        let writer = Writer::start(write, log.clone())?;
        Ok((log, writer))
    }

    /// Whether records are kept at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a record. Under `block` this waits for room; otherwise it never does.
    pub async fn record(&self, record: Record) {
        self.room().await.fill(Box::new(record));
    }

    /// Room for one record. Under `block` this waits until there is some, and the room is held; whoever
    /// holds room must not wait for more.
    pub async fn room(&self) -> Room {
        let place = match &self.0 {
            Some(handle) if handle.overflow == Overflow::Block => handle.queue.clone().reserve_owned().await.ok(),
            Some(_) | None => None,
        };
        Room::new(self.clone(), place)
    }

    /// What became of the records so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Some(handle) = &self.0 else { return Counters::default() };
        let counts = &handle.shared.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let capacity = handle.queue.max_capacity();
        Counters {
            written: of(&counts.written),
            dropped: of(&counts.dropped),
            spilled: of(&counts.spilled),
            failed: of(&counts.failed),
            write_errors: of(&counts.write_errors),
            depth: capacity - handle.queue.capacity(),
            capacity,
        }
    }

    /// Puts a record for which no room is held into the queue, or wherever it goes if that is full.
    pub(super) fn offer(&self, record: Box<Record>) {
        let Some(handle) = &self.0 else { return };
        let spilling = match handle.overflow {
            Overflow::Spill => handle.shared.spill.as_ref(),
            Overflow::Drop | Overflow::Block => None,
        };
        if let Some(spill) = spilling.filter(|spill| spill.is_holding()) {
            return handle.shared.spill(spill, &record);
        }
        match handle.queue.try_send(Message::Record(record)) {
            Ok(()) | Err(TrySendError::Full(Message::Stop)) => {}
            Err(TrySendError::Full(Message::Record(record))) => match spilling {
                Some(spill) => handle.shared.spill(spill, &record),
                None => handle.shared.drop_one("the queue is full"),
            },
            Err(TrySendError::Closed(_)) => handle.shared.drop_one("the service is stopping"),
        }
    }

    /// Asks the thread to write what is there and to end.
    pub(super) async fn ask_to_stop(&self) {
        if let Some(handle) = &self.0 {
            // It may have ended already.
            let _ = handle.queue.send(Message::Stop).await;
        }
    }

    /// Nobody waits any longer for what cannot be written.
    pub(super) fn abandon(&self) {
        if let Some(handle) = &self.0 {
            handle.shared.abandoned.store(true, Ordering::Release);
        }
    }
}

impl Shared {
    fn spill(&self, spill: &Spill, record: &Record) {
        let mut line = Vec::new();
        self.lines.write(record, &mut line);
        match spill.push(&line) {
            Ok(true) => {
                self.counts.spilled.fetch_add(1, Ordering::Relaxed);
            }
            Ok(false) => self.drop_one("the spill file is full"),
            Err(error) => self.drop_one(&format!("the spill file cannot be written: {error}")),
        }
    }

    fn drop_one(&self, why: &str) {
        let dropped = self.counts.dropped.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.complaints.is_due(Instant::now()) {
            tracing::warn!(dropped, "the decision log drops records: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tempfile::TempDir;

    use super::*;
    use crate::audit::record::tests::{ids, record};
    use crate::audit::{FileSettings, SpillSettings};
    use crate::domain::Timestamp;

    const LONG: Duration = Duration::from_mins(1);

    /// A log in a folder that can be taken away, so that nothing can be written.
    struct Fixture {
        folder: TempDir,
        settings: LogSettings,
    }

    impl Fixture {
        fn new(overflow: Overflow, queue: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("sink")).unwrap();
            let path = folder.path().join("sink/log.ndjson");
            let file = FileSettings { path, rotate_size: 1 << 30, rotate_after: LONG, keep: 1 };
            let spill = SpillSettings { path: folder.path().join("spill"), size: 20_000 };
            let settings =
                LogSettings { sink: SinkSettings::File(file), overflow, queue, spill: Some(spill), mask: Vec::new() };
            Self { folder, settings }
        }

        fn start(&self) -> (DecisionLog, Writer) {
            let start = Timestamp::UNIX_EPOCH;
            DecisionLog::start(self.settings.clone(), Clock::from_fn(move || start)).unwrap()
        }

        fn take_the_sink_away(&self) {
            fs::rename(self.folder.path().join("sink"), self.folder.path().join("away")).unwrap();
        }

        fn bring_the_sink_back(&self) {
            fs::rename(self.folder.path().join("away"), self.folder.path().join("sink")).unwrap();
        }

        fn written(&self) -> Vec<u128> {
            ids(&fs::read_to_string(self.folder.path().join("sink/log.ndjson")).unwrap())
        }
    }

    #[test]
    fn a_log_that_cannot_be_opened_or_has_nowhere_to_spill_does_not_start() {
        let mut fixture = Fixture::new(Overflow::Spill, 1);
        let start = |settings: &LogSettings| DecisionLog::start(settings.clone(), Clock::system()).unwrap_err();
        fixture.settings.spill = None;
        assert_eq!(start(&fixture.settings), "the decision log has no file to spill into");
        fixture.take_the_sink_away();
        let error = start(&fixture.settings);
        assert!(error.starts_with("the decision log cannot use /") && error.contains("sink/log.ndjson: "), "{error}");
    }

    #[tokio::test]
    async fn records_are_written_in_their_order_before_the_end() {
        let fixture = Fixture::new(Overflow::Block, 5);
        let (log, writer) = fixture.start();
        for n in 0..3000 {
            log.record(record(n)).await;
        }
        writer.stop(LONG).await;
        assert_eq!(fixture.written(), (0..3000).collect::<Vec<_>>());
        let counters = log.counters();
        assert_eq!(counters, Counters { written: 3000, capacity: 5, depth: counters.depth, ..Counters::default() });
        log.record(record(9)).await;
        assert_eq!(log.counters().dropped, 1, "a log that has ended takes nothing");
    }

    #[tokio::test]
    async fn the_end_of_the_thread_is_seen() {
        let fixture = Fixture::new(Overflow::Drop, 5);
        let (log, mut writer) = fixture.start();
        assert!(writer.ended().now_or_never().is_none());
        log.ask_to_stop().await;
        writer.ended().await;
    }

    #[tokio::test]
    async fn under_drop_a_sink_that_fails_loses_records_and_counts_them_and_works_again_by_itself() {
        let fixture = Fixture::new(Overflow::Drop, 10);
        let (log, writer) = fixture.start();
        fixture.take_the_sink_away();
        log.record(record(1)).await;
        while log.counters().failed == 0 {
            tokio::task::yield_now().await;
        }
        fixture.bring_the_sink_back();
        log.record(record(2)).await;
        writer.stop(LONG).await;
        assert_eq!(fixture.written(), [2]);
        let Counters { written, dropped, failed, write_errors, .. } = log.counters();
        assert_eq!((written, dropped, failed, write_errors), (1, 0, 1, 2));
    }

    #[tokio::test]
    async fn under_drop_records_without_room_are_dropped_and_counted() {
        let fixture = Fixture::new(Overflow::Drop, 3);
        let (log, writer) = fixture.start();
        let mut kept = Vec::new();
        // Nothing waits in between, but the thread takes from the queue while this fills it.
        for n in 0.. {
            let before = log.counters().dropped;
            log.record(record(n)).now_or_never().unwrap();
            if log.counters().dropped > before {
                break;
            }
            kept.push(n);
        }
        writer.stop(LONG).await;
        assert_eq!(fixture.written(), kept);
        assert_eq!((log.counters().written, log.counters().dropped), (kept.len() as u64, 1));
    }

    #[tokio::test]
    async fn under_block_whoever_records_waits_and_nothing_is_lost() {
        let fixture = Fixture::new(Overflow::Block, 2);
        let (log, writer) = fixture.start();
        fixture.take_the_sink_away();
        let mut n = 0;
        // The thread may take one more batch out of the queue, with which it is stuck then.
        while log.room().now_or_never().is_some() {
            assert!(n < 10_000, "there is always room, so anything may be decided");
            while log.record(record(n)).now_or_never().is_some() {
                n += 1;
            }
        }
        fixture.bring_the_sink_back();
        log.record(record(n)).await;
        writer.stop(LONG).await;
        assert_eq!(fixture.written(), (0..=n).collect::<Vec<_>>());
        assert_eq!((log.counters().failed, log.counters().dropped), (0, 0));
    }

    #[tokio::test]
    async fn under_block_what_can_never_be_written_is_given_up_at_the_end() {
        let fixture = Fixture::new(Overflow::Block, 2);
        let (log, mut writer) = fixture.start();
        fixture.take_the_sink_away();
        log.record(record(1)).await;
        log.ask_to_stop().await;
        log.abandon();
        writer.ended().await;
        assert_eq!(log.counters().failed, 1);
    }

    #[tokio::test]
    async fn under_spill_what_has_no_room_comes_back_in_order() {
        let fixture = Fixture::new(Overflow::Spill, 2);
        let (log, writer) = fixture.start();
        fixture.take_the_sink_away();
        let mut n = 0;
        while log.counters().dropped == 0 {
            log.record(record(n)).now_or_never().unwrap();
            n += 1;
        }
        let spilled = log.counters().spilled;
        assert!(spilled > 10, "{spilled}");
        fixture.bring_the_sink_back();
        // What was brought back is counted before its room in the file is free again.
        let spill = fixture.folder.path().join("spill");
        let is_holding = || fs::metadata(&spill).unwrap().len() > 0;
        while log.counters().written < u64::try_from(n - 1).unwrap() || is_holding() {
            tokio::task::yield_now().await;
        }
        log.record(record(n)).await;
        writer.stop(LONG).await;
        // The one that was dropped found the spill file full.
        let expected: Vec<u128> = (0..n - 1).chain([n]).collect();
        assert_eq!(fixture.written(), expected);
        assert!(!is_holding());
    }

    #[tokio::test]
    async fn what_an_earlier_process_spilled_is_written_first_whatever_the_overflow_is_now() {
        for overflow in [Overflow::Drop, Overflow::Block, Overflow::Spill] {
            let fixture = Fixture::new(overflow, 10);
            let (lines, mut left) = (Lines::new(Vec::new()), Vec::new());
            lines.write(&record(1), &mut left);
            lines.write(&record(2), &mut left);
            fs::write(fixture.folder.path().join("spill"), [left, b"{\"half".to_vec()].concat()).unwrap();
            let (log, writer) = fixture.start();
            while log.counters().written < 2 {
                tokio::task::yield_now().await;
            }
            log.record(record(3)).await;
            writer.stop(LONG).await;
            assert_eq!(fixture.written(), [1, 2, 3], "{overflow:?}");
        }
    }

    #[tokio::test]
    async fn a_decision_is_recorded_once_also_when_nobody_answers_and_not_when_it_is_part_of_another() {
        let fixture = Fixture::new(Overflow::Block, 10);
        let (log, writer) = fixture.start();
        let answered = log.room().await.hold(record(1));
        answered.answered(Duration::from_micros(5));
        answered.answered(Duration::from_micros(6));
        drop(answered);
        drop(log.room().await.hold(record(2)));
        let folded = log.room().await.hold(record(3));
        let guard = folded.fold().unwrap();
        assert_eq!(
            (guard.decision_id.as_u128(), guard.allowed, guard.determining.as_slice()),
            (3, true, &["p1".to_owned()][..])
        );
        assert!(folded.fold().is_none());
        drop(folded);
        writer.stop(LONG).await;
        assert_eq!(fixture.written(), [1, 2]);
        assert!(!Room::none().is_wanted() && log.room().await.is_wanted());
    }
}
