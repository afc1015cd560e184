//! What was written to files and is not flushed there yet, kept in one place that is flushed at once.
//!
//! A new file costs several flushes (content, name, the file system's own journal), a block that is overwritten costs one.
//! So a memory's file is written, and its content a second time into a file that has had its size all along; an answer waits for
//! the flush of that one. The files are flushed a moment later, in the background, many at once, and what is kept here of them is
//! struck out. Where the machine ends suddenly, the next start writes what the files lack from here; where only the process
//! does, they lack nothing.

mod record;
mod replay;

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write as _},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use self::record::{HEAD, Record};
use crate::{
    Memories, MemoryError,
    folder::{self, Flush, Folder, Stamp},
};

/// What a half holds.
const HALF: u64 = 1 << 20;
/// Larger contents are flushed in their files.
const LARGEST: usize = 64 << 10;

/// The journal: two halves that take turns, so that one can be struck out while the other is written to.
#[derive(Debug)]
pub(crate) struct Journal {
    root: PathBuf,
    boot: record::Boot,
    state: Mutex<State>,
    /// The number of the last record that is on disk; whoever flushes holds it.
    flushed: Mutex<u64>,
    /// Whoever strikes out holds it.
    settling: Mutex<()>,
}

#[derive(Debug)]
struct State {
    halves: [Half; 2],
    active: usize,
    /// The number of the last record.
    written: u64,
}

#[derive(Debug)]
struct Half {
    file: Arc<File>,
    /// Tells the records of this turn from those of an earlier one.
    turn: i64,
    at: u64,
    /// Files that the records are of.
    files: BTreeSet<String>,
}

/// A record that was written; it lasts once this was waited for.
#[derive(Debug)]
#[must_use = "what was not waited for may be lost"]
pub(crate) struct Written<'a>(Option<(&'a Journal, u64)>);

impl Written<'_> {
    /// For what is on disk already.
    pub(crate) const NOW: Self = Self(None);

    /// Waits until it is on disk.
    pub(crate) fn wait(self) -> Result<(), MemoryError> {
        self.0.map_or(Ok(()), |(journal, number)| journal.flush(number))
    }
}

impl Journal {
    /// Opens the journal, and writes what the files lack. `None` where there is no space for one: everything is flushed then.
    pub(crate) fn open(folder: &Folder) -> Result<Option<Self>, MemoryError> {
        Self::open_after(folder, record::this_boot())
    }

    fn open_after(folder: &Folder, boot: record::Boot) -> Result<Option<Self>, MemoryError> {
        let place = folder.journal();
        folder::make(&place)?;
        let paths = [place.join("0"), place.join("1")];
        let mut halves = Vec::with_capacity(2);
        for path in &paths {
            match half(path) {
                Ok(file) => halves.push(Half { file: Arc::new(file), turn: 0, at: 0, files: BTreeSet::new() }),
                Err(error) => {
                    tracing::warn!(%error, "memory's journal can't be made; every memory is flushed by itself");
                    return Ok(None);
                }
            }
        }
        let Ok(halves) = <[Half; 2]>::try_from(halves) else { return Ok(None) };
        let state = Mutex::new(State { halves, active: 0, written: 0 });
        let root = folder.root().to_owned();
        let journal = Self { root, boot, state, flushed: Mutex::new(0), settling: Mutex::new(()) };
        journal.replay().map_err(MemoryError::io(&place))?;
        Ok(Some(journal))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was written to a file (its path is below the folder), or that it was removed.
    pub(crate) fn write(&self, file: &str, content: Option<&[u8]>) -> Result<Written<'_>, MemoryError> {
        loop {
            let mut state = self.state();
            let active = state.active;
            let latest = state.halves.iter().map(|half| half.turn).max().unwrap_or_default();
            let half = &mut state.halves[active];
            if half.at == 0 {
                half.turn = latest.saturating_add(1).max(Timestamp::now().as_microsecond());
            }
            let bytes =
                Record { turn: half.turn, boot: self.boot, file: file.into(), content: content.map(Into::into) }
                    .print();
            if half.at + bytes.len() as u64 > HALF {
                drop(state);
                self.settle()?;
                continue;
            }
            half.file.write_all_at(&bytes, half.at).map_err(MemoryError::io(&self.root))?;
            start_writing(&half.file, half.at, bytes.len());
            half.at += bytes.len() as u64;
            half.files.insert(file.to_owned());
            state.written += 1;
            return Ok(Written(Some((self, state.written))));
        }
    }

    /// Waits until a record is on disk. Those that wait at one time share a flush.
    fn flush(&self, number: u64) -> Result<(), MemoryError> {
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        if *flushed >= number {
            return Ok(());
        }
        let (written, file) = {
            let state = self.state();
            (state.written, state.halves[state.active].file.clone())
        };
        file.sync_data().map_err(MemoryError::io(&self.root))?;
        *flushed = written;
        Ok(())
    }

    /// Whether anything waits to be flushed in its file.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().halves.iter().all(|half| half.at == 0)
    }

    /// Whether so much waits that it should not wait longer.
    pub(crate) fn is_half_full(&self) -> bool {
        let state = self.state();
        state.halves[state.active].at > HALF / 2
    }

    /// Flushes the files that are kept here, and strikes them out. Whoever stores meanwhile does not wait for it.
    pub(crate) fn settle(&self) -> Result<(), MemoryError> {
        let _one_at_a_time = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = || {
            // What an earlier try left comes first: the later half tells of later changes.
            let idle = 1 - self.state().active;
            self.strike_out(idle)?;
            let full = self.turn_over()?;
            self.strike_out(full)
        };
        settled().map_err(MemoryError::io(&self.root))
    }

    /// Lets the empty half be written to; answers with the other one, of which everything is on disk.
    fn turn_over(&self) -> io::Result<usize> {
        // Nobody may write between: who waits for a record waits for the active half.
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let full = state.active;
        if state.halves[full].at > 0 {
            state.halves[full].file.sync_data()?;
            *flushed = state.written;
            state.active = 1 - full;
        }
        Ok(full)
    }

    fn strike_out(&self, half: usize) -> io::Result<()> {
        let (file, files) = {
            let state = self.state();
            let half = &state.halves[half];
            if half.at == 0 {
                return Ok(());
            }
            (half.file.clone(), half.files.clone())
        };
        self.flush_files(&files)?;
        file.write_all_at(&[0; HEAD], 0)?;
        file.sync_data()?;
        let mut state = self.state();
        let half = &mut state.halves[half];
        half.at = 0;
        half.files.clear();
        Ok(())
    }

    fn flush_files(&self, files: &BTreeSet<String>) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for file in files {
            let path = self.root.join(file);
            // The month's folder may be new too.
            folders.extend(path.ancestors().skip(1).take(2).map(Path::to_owned));
            match File::open(&path) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for folder in folders {
            match File::open(&folder) {
                Ok(folder) => folder.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How a file is written: [`folder::create`] or [`folder::replace`].
type Write = fn(&Path, &[u8], Flush) -> Result<Stamp, MemoryError>;

impl Memories {
    /// Writes a memory's file; its content lasts once this was waited for.
    pub(crate) fn write_file(
        &self,
        file: &str,
        content: &[u8],
        write: Write,
    ) -> Result<(Stamp, Written<'_>), MemoryError> {
        let path = self.folder().root().join(file);
        match self.journal().filter(|_| content.len() <= LARGEST) {
            Some(journal) => {
                let stamp = write(&path, content, Flush::Later)?;
                Ok((stamp, journal.write(file, Some(content))?))
            }
            None => Ok((write(&path, content, Flush::Now)?, Written::NOW)),
        }
    }

    /// Removes a memory's file; it stays removed once this was waited for.
    pub(crate) fn remove_file(&self, file: &str) -> Result<Written<'_>, MemoryError> {
        let path = self.folder().root().join(file);
        match self.journal() {
            Some(journal) => {
                folder::remove(&path, Flush::Later)?;
                journal.write(file, None)
            }
            None => folder::remove(&path, Flush::Now).map(|()| Written::NOW),
        }
    }
}

/// A file of its full size, every block of which was written once: from then on a flush is one of content alone.
fn half(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    if size < HALF {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&vec![0; usize::try_from(HALF - size).unwrap_or_default()])?;
        file.sync_all()?;
        File::open(path.parent().unwrap_or(path))?.sync_all()?;
    }
    Ok(file)
}

/// Reads a half as far as it has records of one turn.
fn records(file: &File) -> io::Result<Vec<Record>> {
    let mut bytes = vec![0; usize::try_from(HALF).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Record::read_all(&bytes))
}

/// Lets the disk begin, so that less is left to wait for at the flush.
fn start_writing(file: &File, at: u64, bytes: usize) {
    let (Ok(at), Ok(bytes)) = (i64::try_from(at), i64::try_from(bytes)) else { return };
    #[expect(unsafe_code, reason = "no crate that is here wraps the call")]
    // SAFETY: the call takes numbers alone, and the file is open as long as it is borrowed. Where it fails, the flush does all.
    unsafe {
        nix::libc::sync_file_range(file.as_raw_fd(), at, bytes, nix::libc::SYNC_FILE_RANGE_WRITE);
    }
}

/// A file's content, where it is there.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
