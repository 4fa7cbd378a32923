//! The file of records for which there was no room in the queue.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::settings::SpillSettings;
use super::sink::whole_lines;

/// The file of records for which there was no room in the queue. From the first that goes there until
/// the last was brought back, all others go there too, so that they stay in order.
///
/// It is emptied when all that is in it was brought back. A process that dies before that leaves it to
/// the next, which writes some records a second time rather than none.
#[derive(Debug)]
pub(super) struct Spill {
    most: u64,
    /// Whether there is anything in it. Changed under the lock, looked at without.
    holding: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    length: u64,
    /// How many bytes were brought back.
    read: u64,
}

impl Spill {
    /// Opens the file, with what an earlier process left in it. This process alone may use it.
    ///
    /// # Errors
    /// When it cannot be opened, or another process uses it.
    pub(super) fn open(settings: &SpillSettings) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(&settings.path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process uses it"),
            TryLockError::Error(error) => error,
        })?;
        // A process that died while it wrote leaves half a line.
        let length = length_of_lines(&file)?;
        file.set_len(length)?;
        let state = Mutex::new(State { file, length, read: 0 });
        Ok(Self { most: settings.size, holding: AtomicBool::new(length > 0), state })
    }

    /// Whether an earlier process left something there.
    pub(super) fn is_left(path: &Path) -> bool {
        path.metadata().is_ok_and(|found| found.len() > 0)
    }

    /// Whether there is anything in it that was not brought back.
    pub(super) fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Acquire)
    }

    /// Adds a line; `false`: there is no room for it.
    ///
    /// # Errors
    /// When it cannot be written. Nothing of it stays.
    pub(super) fn push(&self, line: &[u8]) -> io::Result<bool> {
        let mut state = self.state();
        let length = state.length.saturating_add(line.len() as u64);
        if length > self.most {
            return Ok(false);
        }
        if let Err(error) = state.file.write_all(line) {
            state.file.set_len(state.length)?;
            return Err(error);
        }
        state.length = length;
        self.holding.store(true, Ordering::Release);
        Ok(true)
    }

    /// The next lines to bring back; when there are none, the file is emptied, and nothing goes there
    /// any more until there is no room again.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn next(&self, lines: &mut Vec<u8>) -> io::Result<()> {
        const PART: usize = 1 << 18;
        let mut state = self.state();
        let left = usize::try_from(state.length - state.read).unwrap_or(usize::MAX);
        let mut wanted = left.min(PART);
        loop {
            lines.resize(wanted, 0);
            state.file.read_exact_at(lines, state.read)?;
            lines.truncate(whole_lines(lines));
            if !lines.is_empty() {
                return Ok(());
            }
            if wanted == left {
                break;
            }
            // A line that is longer than a part.
            wanted = wanted.saturating_mul(2).min(left);
        }
        state.file.set_len(0)?;
        (state.length, state.read) = (0, 0);
        self.holding.store(false, Ordering::Release);
        Ok(())
    }

    /// So many bytes of what `next` gave are where they belong.
    pub(super) fn brought_back(&self, bytes: usize) {
        let mut state = self.state();
        state.read = state.read.saturating_add(bytes as u64).min(state.length);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of a file are whole lines.
fn length_of_lines(file: &File) -> io::Result<u64> {
    const PART: u64 = 1 << 16;
    let mut end = file.metadata()?.len();
    let mut part = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(PART);
        part.resize(usize::try_from(end - begin).unwrap_or_default(), 0);
        file.read_exact_at(&mut part, begin)?;
        match whole_lines(&part) {
            0 => end = begin,
            whole => return Ok(begin + whole as u64),
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn settings(folder: &Path, size: u64) -> SpillSettings {
        SpillSettings { path: folder.join("spill"), size }
    }

    fn next(spill: &Spill) -> String {
        let mut lines = Vec::new();
        spill.next(&mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn what_has_no_room_is_refused_until_everything_was_brought_back() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::open(&settings(folder.path(), 6)).unwrap();
        assert!(!spill.is_holding());
        assert_eq!(["aa\n", "bb\n", "c\n"].map(|line| spill.push(line.as_bytes()).unwrap()), [true, true, false]);
        assert!(spill.is_holding());
        assert_eq!(next(&spill), "aa\nbb\n");
        spill.brought_back(3);
        assert_eq!(next(&spill), "bb\n");
        assert!(!spill.push(b"c\n").unwrap());
        spill.brought_back(3);
        assert!(spill.is_holding());
        assert_eq!(next(&spill), "");
        assert!(!spill.is_holding() && !Spill::is_left(&folder.path().join("spill")));
        assert!(spill.push(b"c\n").unwrap());
        assert_eq!(next(&spill), "c\n");
    }

    #[test]
    fn what_an_earlier_process_left_is_there_but_for_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1000);
        for (left, recovered) in [("half", ""), ("aa\nbb\n", "aa\nbb\n"), ("aa\nbb\nhal", "aa\nbb\n")] {
            fs::write(&settings.path, left).unwrap();
            assert!(Spill::is_left(&settings.path));
            let spill = Spill::open(&settings).unwrap();
            assert_eq!(spill.is_holding(), !recovered.is_empty());
            assert_eq!(next(&spill), recovered, "{left}");
        }
        let long = "x".repeat(1 << 19);
        fs::write(&settings.path, format!("a\n{long}\n{long}")).unwrap();
        let spill = Spill::open(&settings).unwrap();
        assert_eq!(next(&spill), "a\n");
        spill.brought_back(2);
        assert_eq!(next(&spill).len(), long.len() + 1);
    }

    #[test]
    fn two_processes_cannot_use_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1000);
        let first = Spill::open(&settings).unwrap();
        assert_eq!(Spill::open(&settings).unwrap_err().to_string(), "another process uses it");
        drop(first);
        Spill::open(&settings).unwrap();
    }
}
