//! A file that is rotated by size and by age.
//!
//! The crates for rotated files (`file-rotate`, `rolling-file`, `logroller`) rotate by one of the two, by
//! the calendar of the machine's own clock, and tell nobody of an error.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use serde::Deserialize;

use super::seldom::Seldom;
use super::settings::FileSettings;
use super::sink::{WriteFailure, write_lines};
use crate::domain::{Clock, Timestamp};

/// A file that is rotated by size and by age.
pub(super) struct RotatingFile {
    settings: FileSettings,
    clock: Clock,
    /// `None` after a failure: the next line opens it again.
    open: Option<Open>,
    complaints: Seldom,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// The time of its first record.
    began: Timestamp,
}

impl RotatingFile {
    /// What is appended to the name of a file that is rotated: so they sort by time.
    const STAMP: &'static str = "%Y%m%dT%H%M%S%.6fZ";

    /// Opens the file, which only its owner may read; makes it when it is not there.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(super) fn open(settings: FileSettings, clock: Clock) -> io::Result<Self> {
        let open = Open::at(&settings.path, clock.now())?;
        Ok(Self { settings, clock, open: Some(open), complaints: Seldom::default() })
    }

    /// Writes whole lines, after a rotation where one is due.
    ///
    /// # Errors
    /// How much of it was written, and why the rest was not. Half a line is taken back.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        let nothing = |error| WriteFailure { kept: 0, error };
        let open = self.ready(lines.len()).map_err(nothing)?;
        let before = open.file.metadata().map_err(nothing)?.len();
        match write_lines(&open.file, lines) {
            Ok(()) => {
                self.open = Some(open);
                Ok(())
            }
            Err(failure) => {
                // What cannot be taken back either (a device, for one) stays as it is.
                let _ = open.file.set_len(before.saturating_add(failure.kept as u64));
                Err(failure)
            }
        }
    }

    /// The file, with room for so many bytes. Somebody may have moved it away since the last line; what
    /// were written into it then would be seen by nobody.
    fn ready(&mut self, adding: usize) -> io::Result<Open> {
        let now = self.clock.now();
        let path = &self.settings.path;
        let open = match self.open.take() {
            Some(open) if open.is_at(path)? => open,
            Some(_) | None => Open::at(path, now)?,
        };
        let length = open.file.metadata()?.len();
        let full = length.saturating_add(adding as u64) > self.settings.rotate_size;
        let old = (now - open.began).to_std().is_ok_and(|age: Duration| age >= self.settings.rotate_after);
        if length == 0 || !(full || old) {
            return Ok(open);
        }
        match self.rotate(now) {
            Ok(()) => Open::at(&self.settings.path, now),
            // Better a file that is too large than a record that is lost.
            Err(error) => {
                self.complain(&error, "the decision log cannot be rotated");
                Ok(open)
            }
        }
    }

    fn rotate(&self, mut now: Timestamp) -> io::Result<()> {
        let mut target = self.rotated(now);
        while target.try_exists()? {
            now += Duration::from_micros(1);
            target = self.rotated(now);
        }
        fs::rename(&self.settings.path, target)?;
        if let Err(error) = self.prune() {
            self.complain(&error, "old files of the decision log cannot be removed");
        }
        Ok(())
    }

    fn rotated(&self, at: Timestamp) -> PathBuf {
        let mut name = self.settings.path.as_os_str().to_owned();
        name.push(format!(".{}", at.format(Self::STAMP)));
        PathBuf::from(name)
    }

    /// Removes the oldest files but for as many as are kept.
    fn prune(&self) -> io::Result<()> {
        let folder = self.settings.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let ours = self.settings.path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
        let mut rotated = Vec::new();
        for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let stamp = name.strip_prefix(&ours);
            if stamp.is_some_and(|stamp| NaiveDateTime::parse_from_str(stamp, Self::STAMP).is_ok()) {
                rotated.push((name, entry.path()));
            }
        }
        rotated.sort();
        let surplus = rotated.len().saturating_sub(self.settings.keep);
        rotated.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn complain(&self, error: &io::Error, what: &str) {
        if self.complaints.is_due(Instant::now()) {
            tracing::warn!(path = %self.settings.path.display(), %error, "{what}");
        }
    }
}

impl Open {
    fn at(path: &Path, now: Timestamp) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let began = first_time(&file).unwrap_or(now);
        Ok(Self { file, began })
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The time of a file's first record. No file system tells reliably when a file was made.
fn first_time(file: &File) -> Option<Timestamp> {
    const MOST: u64 = 1 << 20;
    #[derive(Deserialize)]
    struct First {
        time: Timestamp,
    }
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut line = Vec::new();
    BufReader::new(file.take(MOST)).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice::<First>(&line).ok().map(|first| first.time)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use tempfile::TempDir;

    use super::*;

    /// A file in a folder of its own, with a clock that is wound in seconds.
    struct Fixture {
        folder: TempDir,
        seconds: Arc<AtomicI64>,
        settings: FileSettings,
    }

    impl Fixture {
        fn new(rotate_size: u64, keep: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log.ndjson");
            let rotate_after = Duration::from_secs(100);
            let settings = FileSettings { path, rotate_size, rotate_after, keep };
            Self { folder, seconds: Arc::default(), settings }
        }

        fn clock(&self) -> Clock {
            let seconds = Arc::clone(&self.seconds);
            Clock::from_fn(move || Timestamp::from_timestamp(seconds.load(Ordering::Relaxed), 0).unwrap())
        }

        fn open(&self) -> RotatingFile {
            RotatingFile::open(self.settings.clone(), self.clock()).unwrap()
        }

        fn line(&self) -> String {
            format!("{{\"time\":\"{}\"}}\n", self.clock().now().to_rfc3339())
        }

        fn wind(&self, seconds: i64) {
            self.seconds.fetch_add(seconds, Ordering::Relaxed);
        }

        /// Every file by its name, with what is in it, in the order of the names.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap);
            let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
            let mut files: Vec<_> =
                entries.map(|entry| (name(&entry), fs::read_to_string(entry.path()).unwrap())).collect();
            files.sort();
            files
        }
    }

    fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_at_once() {
        let mut fixture = Fixture::new(100, 2);
        fixture.settings.path = fixture.folder.path().join("missing/log.ndjson");
        assert!(RotatingFile::open(fixture.settings.clone(), fixture.clock()).is_err());
    }

    #[test]
    fn a_full_device_fails_and_says_that_nothing_was_kept() {
        let mut fixture = Fixture::new(100, 2);
        fixture.settings.path = "/dev/full".into();
        let failure = fixture.open().append(b"x\n").unwrap_err();
        assert_eq!((failure.kept, failure.error.kind()), (0, io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again_and_a_folder_that_is_gone_is_an_error_until_it_is_back() {
        let fixture = Fixture::new(100, 2);
        let mut file = fixture.open();
        file.append(b"1\n").unwrap();
        fs::rename(&fixture.settings.path, fixture.folder.path().join("moved")).unwrap();
        file.append(b"2\n").unwrap();
        assert_eq!(fixture.files(), named(&[("log.ndjson", "2\n"), ("moved", "1\n")]));
        fs::remove_dir_all(fixture.folder.path()).unwrap();
        assert_eq!(file.append(b"3\n").unwrap_err().kept, 0);
        fs::create_dir(fixture.folder.path()).unwrap();
        file.append(b"3\n").unwrap();
        assert_eq!(fixture.files(), named(&[("log.ndjson", "3\n")]));
    }

    #[test]
    fn only_its_owner_may_read_it() {
        let fixture = Fixture::new(100, 2);
        drop(fixture.open());
        assert_eq!(fs::metadata(&fixture.settings.path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn it_is_rotated_before_it_is_too_large_and_the_oldest_are_removed() {
        let fixture = Fixture::new(6, 2);
        // What has another name is nobody's business.
        fs::write(fixture.folder.path().join("log.ndjson.spill"), "s").unwrap();
        fs::write(fixture.folder.path().join("log.ndjson.1"), "1").unwrap();
        let mut file = fixture.open();
        for text in ["aa\n", "bb\n", "cc\n", "dd\n", "ee\n", "too large\n", "ff\n"] {
            file.append(text.as_bytes()).unwrap();
            fixture.wind(1);
        }
        let expected = named(&[
            ("log.ndjson", "ff\n"),
            ("log.ndjson.1", "1"),
            ("log.ndjson.19700101T000005.000000Z", "ee\n"),
            ("log.ndjson.19700101T000006.000000Z", "too large\n"),
            ("log.ndjson.spill", "s"),
        ]);
        assert_eq!(fixture.files(), expected);
    }

    #[test]
    fn two_rotations_at_the_same_moment_overwrite_nothing() {
        let fixture = Fixture::new(2, 10);
        let mut file = fixture.open();
        for text in ["a\n", "b\n", "c\n"] {
            file.append(text.as_bytes()).unwrap();
        }
        let expected = named(&[
            ("log.ndjson", "c\n"),
            ("log.ndjson.19700101T000000.000000Z", "a\n"),
            ("log.ndjson.19700101T000000.000001Z", "b\n"),
        ]);
        assert_eq!(fixture.files(), expected);
    }

    #[test]
    fn it_is_rotated_by_the_age_of_its_first_record_also_after_a_restart() {
        let fixture = Fixture::new(10_000, 10);
        let first = fixture.line();
        fixture.open().append(first.as_bytes()).unwrap();
        fixture.wind(99);
        let mut file = fixture.open();
        let second = fixture.line();
        file.append(second.as_bytes()).unwrap();
        fixture.wind(1);
        let third = fixture.line();
        file.append(third.as_bytes()).unwrap();
        let old = ("log.ndjson.19700101T000140.000000Z", first + &second);
        assert_eq!(fixture.files(), named(&[("log.ndjson", &third), (old.0, &old.1)]));
    }
}
