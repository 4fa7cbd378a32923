//! Where lines end up.

use std::io::{self, Write};

use super::file::RotatingFile;

/// Where lines end up.
pub(super) enum Sink {
    /// Standard output.
    Stdout,
    /// A file.
    File(RotatingFile),
}

/// Not everything was written.
#[derive(Debug)]
pub(super) struct WriteFailure {
    /// How many bytes were, in whole lines.
    pub(super) kept: usize,
    /// Why the others were not.
    pub(super) error: io::Error,
}

impl Sink {
    /// Writes whole lines, and sees to it that they leave the process.
    ///
    /// # Errors
    /// How much of it was written, and why the rest was not.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        match self {
            Self::File(file) => file.append(lines),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                write_lines(&mut out, lines)?;
                // What was handed over counts as written, or it would stand there twice.
                out.flush().map_err(|error| WriteFailure { kept: lines.len(), error })
            }
        }
    }
}

/// Writes as much as can be.
///
/// # Errors
/// How much of it was written, in whole lines, and why the rest was not.
pub(super) fn write_lines(mut to: impl Write, lines: &[u8]) -> Result<(), WriteFailure> {
    let mut rest = lines;
    while !rest.is_empty() {
        let error = match to.write(rest) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(count) => {
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let written = lines.get(..lines.len() - rest.len()).unwrap_or_default();
        return Err(WriteFailure { kept: whole_lines(written), error });
    }
    Ok(())
}

/// How many of the bytes are whole lines.
pub(super) fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes and then no more, as a full disk does.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = (self.1 - self.0.len()).min(bytes.len()).min(3);
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failure_says_how_many_whole_lines_were_written() {
        for (room, kept) in [(0, 0), (4, 0), (5, 5), (9, 5), (10, 10), (13, 10)] {
            let failure = write_lines(&mut Full(Vec::new(), room), b"1234\n6789\nbcde\n").unwrap_err();
            assert_eq!((failure.kept, failure.error.kind()), (kept, io::ErrorKind::StorageFull), "{room}");
        }
        let mut enough = Full(Vec::new(), 15);
        write_lines(&mut enough, b"1234\n6789\nbcde\n").unwrap();
        assert_eq!(enough.0, b"1234\n6789\nbcde\n");
    }
}
