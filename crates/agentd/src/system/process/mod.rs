//! Processes through /proc: each one is held by a descriptor of its folder, so that a pid that is used again in between
//! can't mix two processes up.

mod owners;
mod stat;
mod unit;

use std::{fs::File, io::Read, os::fd::OwnedFd};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{OFlag, openat, readlinkat},
    sys::stat::{Mode, fstat},
};

pub(super) use self::{owners::owners, stat::Stat};
use super::{SystemError, text};

/// The kernel itself allows four million; nobody reads so many rows.
const MOST_PROCESSES: usize = 100_000;
/// The most of one file of a process that is read, in bytes.
const LARGEST_FILE: usize = 64 << 10;

/// One process. All it tells is None once the process is gone, and where this daemon may not see it.
#[derive(Debug)]
pub(super) struct Process {
    pid: i32,
    folder: OwnedFd,
}

impl Process {
    /// The process of this id, while it lives.
    pub(super) fn open(pid: i32) -> Option<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = openat(nix::fcntl::AT_FDCWD, format!("/proc/{pid}").as_str(), flags, Mode::empty()).ok()?;
        Some(Self { pid, folder })
    }

    /// Its id.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Its effective user. The folder itself belongs to that user even where its files are root's.
    pub(super) fn uid(&self) -> Option<u32> {
        fstat(&self.folder).ok().map(|stat| stat.st_uid)
    }

    /// Its name and counters.
    pub(super) fn stat(&self) -> Option<Stat> {
        Stat::parse(&self.read("stat", LARGEST_FILE)?)
    }

    /// Its arguments joined by blanks; None for a kernel thread.
    pub(super) fn command_line(&self) -> Option<String> {
        command_line(&self.read("cmdline", text::LONGEST_COMMAND_LINE)?)
    }

    /// The path of its executable; of one that has been replaced or removed since, the path that it had.
    pub(super) fn executable(&self) -> Option<String> {
        let link = readlinkat(&self.folder, "exe").ok()?;
        let path = std::os::unix::ffi::OsStrExt::as_bytes(link.as_os_str());
        let path = match path.strip_suffix(b" (deleted)") {
            Some(former) if !std::path::Path::new(&link).exists() => former,
            _ => path,
        };
        Some(text::lossy(path, text::LONGEST_PATH))
    }

    /// The systemd unit that it belongs to.
    pub(super) fn unit(&self) -> Option<String> {
        unit::of(&self.read("cgroup", LARGEST_FILE)?)
    }

    /// Its open files; None where this daemon may not see them.
    fn open_files(&self) -> Option<Dir> {
        Dir::openat(&self.folder, "fd", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok()
    }

    fn read(&self, name: &str, max: usize) -> Option<Vec<u8>> {
        let file = openat(&self.folder, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut bytes = Vec::with_capacity(1024);
        File::from(file).take(max as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The ids of all processes, from the smallest up.
pub(super) fn pids() -> Result<Vec<i32>, SystemError> {
    let unreadable = |errno: Errno| SystemError::unreadable("/proc", errno.into());
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = Dir::open("/proc", flags, Mode::empty()).map_err(unreadable)?;
    let mut pids = Vec::with_capacity(512);
    for entry in folder.iter().take(MOST_PROCESSES) {
        pids.extend(text::number::<i32>(entry.map_err(unreadable)?.file_name().to_bytes()));
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Arguments end in NUL; a program that writes its own title leaves blanks or NULs behind it.
fn command_line(raw: &[u8]) -> Option<String> {
    let used = raw.iter().rposition(|byte| !matches!(byte, 0 | b' '))? + 1;
    let joined: Vec<u8> = raw[..used].iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    Some(text::lossy(&joined, text::LONGEST_COMMAND_LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_joined_and_bounded() {
        for (raw, line) in [
            (&b"/bin/sh\0-c\0echo a b\0"[..], Some("/bin/sh -c echo a b")),
            (b"nginx: master process\0\0\0\0", Some("nginx: master process")),
            (b"sshd: root@pts/0      ", Some("sshd: root@pts/0")),
            (b"a\0\0b\0", Some("a  b")),
            (b"a\nb\0\xff\0", Some("a\nb \u{fffd}")),
            (b"", None),
            (b"\0\0", None),
        ] {
            assert_eq!(command_line(raw).as_deref(), line, "{raw:?}");
        }
        assert_eq!(command_line(&[b'x'; 10_000]).unwrap().len(), text::LONGEST_COMMAND_LINE);
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(pids().unwrap().contains(&pid));
        let process = Process::open(pid).unwrap();
        assert_eq!(process.pid(), pid);
        assert_eq!(process.uid(), Some(nix::unistd::geteuid().as_raw()));
        assert_eq!(process.executable(), std::env::current_exe().unwrap().to_str().map(Into::into));
        let line = process.command_line().unwrap();
        assert!(line.starts_with(&std::env::args().next().unwrap()), "{line}");
    }

    #[test]
    fn a_process_that_is_gone_tells_nothing() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(process.stat().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.stat().is_none() && process.command_line().is_none() && process.executable().is_none());
        assert!(Process::open(process.pid()).is_none());
    }

    #[test]
    fn a_removed_executable_keeps_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a (b) é");
        std::fs::copy("/bin/sleep", &path).unwrap();
        let mut child = std::process::Command::new(&path).arg("60").spawn().unwrap();
        std::fs::remove_file(&path).unwrap();
        let executable = Process::open(i32::try_from(child.id()).unwrap()).unwrap().executable();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(executable.as_deref(), path.to_str());
    }
}
