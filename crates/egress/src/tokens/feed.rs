//! agentd's feed: read when the daemon starts, and again whenever it is replaced.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
    unistd::Uid,
};
use osmoda_capability::{BadFeed, FEED_FILE, Feed};
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The largest feed that is read: some 80,000 revoked tokens.
const LARGEST: u64 = 4 << 20;
/// How often the feed is looked at where its folder can't be watched.
const PATIENCE: Duration = Duration::from_millis(250);

/// The feed's place.
#[derive(Clone, Debug)]
pub(crate) struct FeedFile {
    folder: PathBuf,
}

/// The feed can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFeed {
    #[error("the feed of capabilities can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("others than agentd and root may write the feed of capabilities (owner {uid}, mode {mode:o})")]
    Foreign { uid: u32, mode: u32 },
    #[error(transparent)]
    Bad(#[from] BadFeed),
}

impl FeedFile {
    /// The feed of the suite whose runtime folder this is.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What it says now.
    pub(crate) fn read(&self) -> Result<Feed, NoFeed> {
        let mut options = OpenOptions::new();
        let file =
            options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(self.folder.join(FEED_FILE))?;
        let meta = file.metadata()?;
        let is_trusted = [0, Uid::effective().as_raw()].contains(&meta.uid()) && meta.is_file();
        if !is_trusted || meta.mode() & 0o022 != 0 {
            return Err(NoFeed::Foreign { uid: meta.uid(), mode: meta.mode() & 0o7777 });
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text)?;
        Ok(Feed::parse(&text)?)
    }
}

/// Calls `changed` whenever the feed may have been replaced, until `stop`.
pub(crate) async fn watch(file: FeedFile, changed: impl Fn() + Send, stop: CancellationToken) {
    loop {
        // The feed may have moved in before the watch stood.
        let watched = Watch::new(&file.folder);
        changed();
        let ended = async {
            match watched {
                Ok(watch) => watch.until_broken(&changed).await,
                Err(error) => warn!(%error, "the runtime folder can't be watched; the feed is read again and again"),
            }
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = ended => {}
        }
    }
}

/// A watch on the runtime folder.
struct Watch {
    inotify: Inotify,
    ready: AsyncFd<OwnedFd>,
}

impl Watch {
    fn new(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(folder, events)?;
        let ready = registered(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Self { inotify, ready })
    }

    /// Returns when the folder itself is gone.
    async fn until_broken(self, changed: &(impl Fn() + Send)) {
        while let Ok(mut ready) = self.ready.readable().await {
            match self.inotify.read_events() {
                Ok(events) => {
                    let concerns = |name: Option<&std::ffi::OsString>| name.is_none_or(|name| name == FEED_FILE);
                    if events.iter().any(|event| concerns(event.name.as_ref())) {
                        changed();
                    }
                    if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_IGNORED)) {
                        return;
                    }
                }
                Err(nix::errno::Errno::EAGAIN) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }
}

#[expect(unsafe_code)]
fn registered(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` always gives the same descriptor, and keeps it open until it is dropped; the `AsyncFd` owns it.
    let registered = unsafe { AsyncFd::register(descriptor) };
    Ok(registered?)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::PermissionsExt,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use osmoda_capability::{Revocations, SigningKey};

    use super::*;

    fn write(folder: &Path, text: &str) {
        std::fs::write(folder.join("fresh"), text).unwrap();
        std::fs::rename(folder.join("fresh"), folder.join(FEED_FILE)).unwrap();
    }

    #[test]
    fn a_feed_that_others_could_have_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = FeedFile::in_folder(folder.path());
        assert!(matches!(file.read(), Err(NoFeed::Io(_))));
        let key = SigningKey::generate().unwrap();
        let feed = Feed { key: key.public(), sequence: 1, revoked: Revocations::default() };
        write(folder.path(), &feed.to_text(&key));
        assert_eq!(file.read().unwrap(), feed);
        let place = folder.path().join(FEED_FILE);
        std::fs::set_permissions(&place, Permissions::from_mode(0o664)).unwrap();
        assert!(matches!(file.read(), Err(NoFeed::Foreign { .. })));
        std::fs::rename(&place, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", &place).unwrap();
        assert!(matches!(file.read(), Err(NoFeed::Io(_))));
    }

    #[tokio::test]
    async fn a_replaced_feed_is_noticed_and_so_is_one_in_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let (seen, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let count = seen.clone();
        let watching = watch(
            FeedFile::in_folder(&run),
            move || {
                count.fetch_add(1, Ordering::SeqCst);
            },
            stop.clone(),
        );
        let watching = tokio::spawn(watching);
        let more_than = |number: usize| {
            let seen = seen.clone();
            async move {
                let wait = async {
                    while seen.load(Ordering::SeqCst) <= number {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
            }
        };
        // Without a folder it is tried again.
        more_than(1).await;
        std::fs::create_dir(&run).unwrap();
        more_than(seen.load(Ordering::SeqCst)).await;
        write(&run, "x");
        more_than(seen.load(Ordering::SeqCst) - 1).await;
        stop.cancel();
        watching.await.unwrap();
    }
}
