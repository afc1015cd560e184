//! Log files. Daemons write to them directly, so that they go on when the supervisor dies; who wants to see them reads
//! along.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A log larger than this is moved aside, and the one that was aside goes.
const LARGEST: u64 = 32 << 20;
/// How much of a log's end is looked at for its last lines.
const TAIL_BYTES: u64 = 8 << 10;
/// How many last lines are shown.
const TAIL_LINES: usize = 10;

/// Makes the folder of the logs.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

/// Opens a log for appending.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Keeps a log within bounds while its daemon writes on: its content is copied aside and the file cut. A daemon's
/// descriptor appends, so it goes on at the new end.
pub(crate) fn bound(path: &Path) -> io::Result<()> {
    if fs::metadata(path).map_or(0, |meta| meta.len()) <= LARGEST {
        return Ok(());
    }
    fs::copy(path, path.with_extension("log.1"))?;
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

/// How long a log is.
pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// The last lines since `from`.
pub(crate) fn tail(path: &Path, from: u64) -> Vec<String> {
    let read = || {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL_BYTES)).min(end)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Reads along.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    at: u64,
}

impl Follower {
    /// From the file's present end on.
    pub(crate) fn from_end(path: PathBuf) -> Self {
        Self { at: length(&path), path }
    }

    /// Hands every whole line that has come since to `show`; with `rest`, also a last one that has no end yet.
    pub(crate) fn read(&mut self, rest: bool, mut show: impl FnMut(&str)) -> io::Result<()> {
        let length = length(&self.path);
        if length < self.at {
            self.at = 0;
        }
        if length == self.at {
            return Ok(());
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(1 << 20).read_to_end(&mut bytes)?;
        let whole = if rest || bytes.len() == 1 << 20 {
            bytes.len()
        } else {
            bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1)
        };
        String::from_utf8_lossy(&bytes[..whole]).lines().for_each(&mut show);
        self.at += whole as u64;
        Ok(())
    }
}

/// Writes one line to standard error; a terminal that is gone takes nothing, and that must not end the supervisor.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_ten_lines_since_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        assert!(tail(&path, 0).is_empty());
        fs::write(&path, "old\n").unwrap();
        let from = length(&path);
        let mut file = open(&path).unwrap();
        writeln!(file, "one\ntwo").unwrap();
        assert_eq!(tail(&path, from), ["one", "two"]);
        (0..2000).for_each(|n| writeln!(file, "line {n}").unwrap());
        let last = tail(&path, from);
        assert_eq!((last.len(), last[9].as_str()), (10, "line 1999"));
    }

    #[test]
    fn a_follower_shows_whole_lines_once_also_after_the_log_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        fs::write(&path, "before\n").unwrap();
        let mut follower = Follower::from_end(path.clone());
        let mut file = open(&path).unwrap();
        let mut read = |rest| {
            let mut seen = Vec::new();
            follower.read(rest, |line| seen.push(line.to_owned())).unwrap();
            seen
        };
        assert!(read(false).is_empty());
        write!(file, "a\nb").unwrap();
        assert_eq!(read(false), ["a"]);
        assert!(read(false).is_empty());
        writeln!(file, "c").unwrap();
        assert_eq!(read(false), ["bc"]);
        file.set_len(0).unwrap();
        write!(file, "d").unwrap();
        assert!(read(false).is_empty());
        assert_eq!(read(true), ["d"]);
    }

    #[test]
    fn a_log_that_grew_too_large_is_moved_aside_while_its_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = open(&path).unwrap();
        file.set_len(LARGEST).unwrap();
        bound(&path).unwrap();
        assert_eq!(length(&path), LARGEST);
        writeln!(file, "one more").unwrap();
        bound(&path).unwrap();
        writeln!(file, "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(length(&folder.path().join("x.log.1")), LARGEST + 9);
    }
}
