//! The space of file systems, without waiting for a server that is away.

use std::{
    collections::HashMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::statvfs::statvfs;

use super::mounts::{Mount, Space};

/// Kinds whose answer comes from elsewhere and may never come.
const REMOTE: [&str; 14] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "gfs2",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "virtiofs",
];
/// How long all of those together may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most questions that may be open at once: one that is never answered keeps a thread for itself.
const MOST_OPEN: usize = 16;

/// How many questions are open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// The space of each mount, in the same order; None where it doesn't answer.
pub(super) fn of(mounts: &[Mount]) -> Vec<Option<Space>> {
    let is_remote = |mount: &Mount| REMOTE.contains(&mount.fstype.as_str()) || mount.fstype.starts_with("fuse");
    let paths = mounts.iter().enumerate().filter(|(_, mount)| is_remote(mount)).map(|(at, mount)| (at, path(mount)));
    let remote = patiently(paths.collect(), PATIENCE, &OPEN, ask);
    let told = |(at, mount)| if is_remote(mount) { remote.get(&at).copied().flatten() } else { ask(&path(mount)) };
    mounts.iter().enumerate().map(told).collect()
}

fn path(mount: &Mount) -> PathBuf {
    OsStr::from_bytes(&mount.target).into()
}

fn ask(path: &PathBuf) -> Option<Space> {
    statvfs(path).ok().as_ref().map(Space::from)
}

/// What `ask` answers of each path within `patience`.
fn patiently<T: Send + 'static>(
    paths: Vec<(usize, PathBuf)>,
    patience: Duration,
    open: &'static AtomicUsize,
    ask: impl Fn(&PathBuf) -> T + Copy + Send + 'static,
) -> HashMap<usize, T> {
    let (sender, answers) = mpsc::channel();
    for (at, path) in paths {
        if open.fetch_add(1, Ordering::Relaxed) >= MOST_OPEN {
            open.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(?path, "not asked for its space: too many file systems don't answer");
            continue;
        }
        let sender = sender.clone();
        let asker = thread::Builder::new().name("space".into()).spawn(move || {
            let answer = ask(&path);
            open.fetch_sub(1, Ordering::Relaxed);
            // Whoever asked may have gone on.
            let _ = sender.send((at, answer));
        });
        if asker.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
    drop(sender);
    let ends = Instant::now() + patience;
    let mut told = HashMap::new();
    while let Ok((at, answer)) = answers.recv_timeout(ends.saturating_duration_since(Instant::now())) {
        told.insert(at, answer);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_never_answers_holds_nobody_up() {
        static OPEN: AtomicUsize = AtomicUsize::new(0);
        let never = |path: &PathBuf| {
            while path.ends_with("never") {
                thread::park();
            }
            path.clone()
        };
        let paths = ["/a", "/never", "/b"].map(PathBuf::from).into_iter().enumerate().collect();
        let told = patiently(paths, Duration::from_secs(1), &OPEN, never);
        assert_eq!(told, HashMap::from([(0, "/a".into()), (2, "/b".into())]));

        // So many that never answer leave no thread for more, and still nobody waits.
        let paths = (0..2 * MOST_OPEN).map(|at| (at, PathBuf::from("/never"))).collect();
        assert!(patiently(paths, Duration::from_millis(10), &OPEN, never).is_empty());
        assert_eq!(OPEN.load(Ordering::Relaxed), MOST_OPEN);
    }
}
