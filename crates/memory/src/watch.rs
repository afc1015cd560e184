//! Noticing what people do to the files: inotify on the folders of memories and documents.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};

use crate::folder::{Folder, is_note};

/// What changed since the last look.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Files of memories, below the folder.
    pub(crate) notes: BTreeSet<String>,
    /// Whether any document changed.
    pub(crate) documents: bool,
    /// Whether more changed than was told: everything must be looked at.
    pub(crate) lost: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty() && !self.documents && !self.lost
    }
}

/// The watched folders.
pub(crate) struct Watch {
    inotify: Inotify,
    folder: Folder,
    watched: HashMap<WatchDescriptor, PathBuf>,
    is_new: bool,
}

impl Watch {
    /// Watches; `None` where the system has no watches left, and changes are noticed at recall and at the next start.
    pub(crate) fn start(folder: &Folder) -> Option<Self> {
        let inotify = match Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC) {
            Ok(inotify) => inotify,
            Err(error) => {
                tracing::warn!(%error, "files of memories can't be watched");
                return None;
            }
        };
        let mut watch = Self { inotify, folder: folder.clone(), watched: HashMap::new(), is_new: true };
        watch.add(&folder.notes());
        watch.add(&folder.documents());
        Some(watch)
    }

    /// Watches a folder and those in it.
    fn add(&mut self, folder: &Path) {
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ONLYDIR;
        match self.inotify.add_watch(folder, what) {
            Ok(descriptor) => drop(self.watched.insert(descriptor, folder.to_owned())),
            Err(error) => tracing::warn!(%error, folder = %folder.display(), "this folder can't be watched"),
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add(&entry.path());
            }
        }
    }

    /// What changed since the last call. The first call says that everything may have.
    pub(crate) fn changes(&mut self) -> Changes {
        let mut changes = Changes { lost: std::mem::take(&mut self.is_new), ..Changes::default() };
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.into_iter().for_each(|event| self.take(&event, &mut changes)),
                Err(Errno::EINTR) => {}
                Err(_) => return changes,
            }
        }
    }

    fn take(&mut self, event: &nix::sys::inotify::InotifyEvent, changes: &mut Changes) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            changes.lost = true;
            return;
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.watched.remove(&event.wd);
            return;
        }
        let Some(folder) = self.watched.get(&event.wd) else { return };
        let path = event.name.as_ref().map_or_else(|| folder.clone(), |name| folder.join(name));
        if event.mask.contains(AddWatchFlags::IN_ISDIR) {
            if event.mask.intersects(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO) {
                self.add(&path);
            }
            // Files may have come before the watch, or gone with the folder.
            if path.starts_with(self.folder.documents()) {
                changes.documents = true;
            } else {
                changes.lost = true;
            }
        } else if path.starts_with(self.folder.documents()) {
            changes.documents |= path.file_name().is_some_and(|name| name == "document.md");
        } else if let (true, Ok(below)) = (is_note(&path), path.strip_prefix(self.folder.root())) {
            changes.notes.extend(below.to_str().map(str::to_owned));
        }
    }
}
