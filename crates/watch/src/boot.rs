//! Which boot this is, and how long it lasts: deadlines are kept by a clock that nobody sets.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use nix::time::{ClockId, clock_gettime};
use osmoda_ipc::daemon::Dirs;
use ulid::Ulid;

/// Where the kernel tells its own.
const KERNELS: &str = "/proc/sys/kernel/random/boot_id";

/// Milliseconds since boot, with the time asleep.
pub(crate) fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The name of this boot. The kernel has one, which all containers of a machine share; the run folder, which a reboot
/// empties, has another. Where one of them is new, so is the boot.
pub(crate) fn identity(dirs: &Dirs) -> io::Result<String> {
    let kernels = fs::read_to_string(KERNELS).unwrap_or_default().trim().to_owned();
    let file = dirs.run().join("watch.boot");
    if let Some(known) = read(&file).filter(|known| known.starts_with(&kernels)) {
        return Ok(known);
    }
    let new = format!("{kernels}/{}", Ulid::generate());
    let unready = dirs.run().join(format!("watch.boot.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let written = options.write(true).create(true).truncate(true).mode(0o644).open(&unready);
    written.and_then(|mut file| io::Write::write_all(&mut file, new.as_bytes()))?;
    fs::rename(&unready, &file)?;
    read(&file).ok_or_else(|| io::Error::other("the boot's name can't be read back"))
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_has_one_name_until_the_run_folder_or_the_kernel_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        dirs.prepare().unwrap();
        let first = identity(&dirs).unwrap();
        assert_eq!(identity(&dirs).unwrap(), first);
        let file = dirs.run().join("watch.boot");
        fs::write(&file, "another-kernel/01").unwrap();
        let second = identity(&dirs).unwrap();
        assert_ne!(second, "another-kernel/01");
        fs::remove_file(&file).unwrap();
        let third = identity(&dirs).unwrap();
        assert!(third != second && third != first);
    }
}
