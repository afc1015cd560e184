//! The process of a pid file lives. Its end is told by the kernel, through a descriptor of the process; a look only asks
//! whether that came.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use tokio::io::{Interest, unix::AsyncFd};

use super::Saw;

/// Which one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pid_file: PathBuf,
    /// What is held of the process that was seen last.
    #[serde(skip)]
    held: Mutex<Option<Held>>,
}

/// A process by a descriptor that means this very one, also when its number is used again.
#[derive(Debug)]
struct Held {
    pid: i32,
    fd: OwnedFd,
    /// The pid file as it was.
    file: FileId,
}

/// Which file, and since when: a pid file is only read again where this changed.
type FileId = (u64, i64, i64);

impl Process {
    pub(super) fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    pub(super) fn checked(&self) -> Result<String, String> {
        if self.pid_file.is_absolute() {
            Ok(self.pid_file.display().to_string())
        } else {
            Err("pid_file is an absolute path".into())
        }
    }

    pub(super) fn look(&self) -> Saw {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file_id(&self.pid_file) else {
            *held = None;
            return Saw::bad("there is no pid file");
        };
        if held.as_ref().is_none_or(|held| held.file != file || has_ended(held.fd.as_fd())) {
            *held = open(&self.pid_file).map(|(pid, fd)| Held { pid, fd, file });
        }
        match &*held {
            Some(held) if !has_ended(held.fd.as_fd()) => Saw::ok(format!("process {} lives", held.pid)),
            _ => Saw::bad("its process does not live"),
        }
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

fn open(pid_file: &Path) -> Option<(i32, OwnedFd)> {
    let text = fs::read_to_string(pid_file).ok()?;
    let pid = text.split_whitespace().next()?.parse().ok().filter(|pid| *pid > 0)?;
    Some((pid, pidfd(pid)?))
}

/// pidfd_open(2), for which nix has no wrapper.
#[expect(unsafe_code)]
fn pidfd(pid: i32) -> Option<OwnedFd> {
    // SAFETY: the call takes two integers and no memory of ours; a descriptor that it answers with is new, open and
    // owned by nobody else.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        i32::try_from(fd).ok().filter(|fd| *fd >= 0).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// The descriptor in the runtime's own poll.
#[expect(unsafe_code)]
fn readable(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open and stays the same until it is dropped, and from here on the `AsyncFd` owns it; nobody
    // else has it and nobody takes it out.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(Into::into)
}

fn has_ended(fd: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Waits for the end of a pid file's process, whatever process that is.
#[derive(Debug)]
pub(crate) struct Exits(PathBuf);

impl Exits {
    pub(crate) fn of(pid_file: &Path) -> Self {
        Self(pid_file.to_owned())
    }

    /// Until the process that the file names now has ended; waits for one where there is none.
    pub(crate) async fn next(&self, every: Duration) {
        loop {
            let fd = open(&self.0).filter(|(_, fd)| !has_ended(fd.as_fd()));
            if let Some((_, fd)) = fd
                && let Ok(fd) = readable(fd)
            {
                let _ = fd.readable().await;
                return;
            }
            tokio::time::sleep(every).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use osmoda_api::watch::CheckState;

    use super::*;

    #[test]
    fn a_process_lives_until_it_ends_and_a_new_one_is_met() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("x.pid");
        let check = Process { pid_file: pid_file.clone(), held: Mutex::default() };
        let sleep = || Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        assert_eq!(check.look().state, CheckState::Failing);
        let mut first = sleep();
        fs::write(&pid_file, format!("{}\n", first.id())).unwrap();
        assert_eq!(check.look(), Saw::ok(format!("process {} lives", first.id())));
        first.kill().unwrap();
        first.wait().unwrap();
        assert_eq!(check.look().state, CheckState::Failing);
        let mut second = sleep();
        fs::write(&pid_file, second.id().to_string()).unwrap();
        assert_eq!(check.look().state, CheckState::Ok);
        second.kill().unwrap();
        second.wait().unwrap();
        fs::write(&pid_file, "nonsense").unwrap();
        assert_eq!(check.look().state, CheckState::Failing);
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("x.pid");
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        fs::write(&pid_file, child.id().to_string()).unwrap();
        let exits = Exits::of(&pid_file);
        let told = tokio::spawn(async move { exits.next(Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        child.kill().unwrap();
        tokio::time::timeout(Duration::from_secs(10), told).await.unwrap().unwrap();
        child.wait().unwrap();
    }
}
