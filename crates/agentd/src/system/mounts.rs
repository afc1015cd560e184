//! What is mounted where, and the space of each file system.

use nix::sys::statvfs::Statvfs;

use super::{SystemError, text};

const SOURCE: &str = "/proc/self/mountinfo";
/// A machine of many containers has thousands.
const MOST_MOUNTS: usize = 100_000;

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    pub(super) parent: u64,
    /// Major and minor number, such as `254:1`; the same for every mount of one file system.
    pub(super) device: String,
    /// The folder of the file system that is mounted.
    pub(super) root: String,
    /// Where; the bytes, since a path need not be text.
    pub(super) target: Vec<u8>,
    pub(super) options: String,
    pub(super) fstype: String,
    pub(super) source: String,
    pub(super) super_options: String,
}

/// A file system's space.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Space {
    pub(super) total_bytes: u64,
    pub(super) used_bytes: u64,
    /// What unprivileged programs may still use.
    pub(super) available_bytes: u64,
    pub(super) inodes_total: u64,
    pub(super) inodes_used: u64,
}

impl Space {
    /// The share that is used of what unprivileged programs may use, 0 to 100, as df tells it.
    pub(super) fn percent(self) -> Option<f64> {
        let usable = self.used_bytes.saturating_add(self.available_bytes);
        (usable > 0).then(|| self.used_bytes as f64 / usable as f64 * 100.0)
    }
}

impl From<&Statvfs> for Space {
    fn from(told: &Statvfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(told.fragment_size());
        Self {
            total_bytes: bytes(told.blocks()),
            used_bytes: bytes(told.blocks().saturating_sub(told.blocks_free())),
            available_bytes: bytes(told.blocks_available()),
            inodes_total: told.files(),
            inodes_used: told.files().saturating_sub(told.files_free()),
        }
    }
}

/// Every mount that this process sees, in the order in which they were mounted.
pub(super) fn mounts() -> Result<Vec<Mount>, SystemError> {
    Ok(text::lines(&text::read(SOURCE)?).filter_map(parse).take(MOST_MOUNTS).collect())
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, see proc_pid_mountinfo(5). Fields are parted by
/// one blank; the source may be empty.
fn parse(line: &[u8]) -> Option<Mount> {
    let plain = |field: &[u8]| text::lossy(&text::without_octal_escapes(field), text::LONGEST_PATH);
    let mut fields = line.split(|byte| *byte == b' ');
    let (id, parent) = (text::number(fields.next()?)?, text::number(fields.next()?)?);
    let (device, root) = (plain(fields.next()?), plain(fields.next()?));
    let target = text::without_octal_escapes(fields.next()?);
    let options = plain(fields.next()?);
    fields.find(|optional| *optional == b"-")?;
    let (fstype, source) = (plain(fields.next()?), plain(fields.next()?));
    let super_options = plain(fields.next().unwrap_or_default());
    Some(Mount { id, parent, device, root, target, options, fstype, source, super_options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_with_and_without_optional_fields() {
        let mount =
            parse(b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue").unwrap();
        assert_eq!(
            mount,
            Mount {
                id: 36,
                parent: 35,
                device: "98:0".into(),
                root: "/mnt1".into(),
                target: b"/mnt2".to_vec(),
                options: "rw,noatime".into(),
                fstype: "ext3".into(),
                source: "/dev/root".into(),
                super_options: "rw,errors=continue".into(),
            }
        );
        assert_eq!(parse(b"22 27 0:21 / /proc rw,relatime - proc proc rw").unwrap().fstype, "proc");
        assert_eq!(parse(b"22 27 0:21 / /x rw -  none rw").unwrap().fstype, "");
    }

    #[test]
    fn odd_names_come_back_as_they_are() {
        for (field, target) in [
            (&b"/media/a\\040b\\011c\\012d"[..], &b"/media/a b\tc\nd"[..]),
            (b"/media/\xff\xfe", b"/media/\xff\xfe"),
            (b"/media/back\\134slash", b"/media/back\\slash"),
            (b"/-", b"/-"),
        ] {
            let line = [b"1 0 8:1 / ", field, b" rw - ext4 /dev/my\\040disk rw"].concat();
            let mount = parse(&line).unwrap();
            assert_eq!((mount.target.as_slice(), mount.source.as_str()), (target, "/dev/my disk"));
        }
    }

    #[test]
    fn what_is_no_mount_is_skipped() {
        for line in [
            "",
            "x 35 98:0 / / rw - ext3 a rw",
            "36 35 98:0 / / rw",
            "36 35 98:0 / / rw master:1 ext3 a rw",
            "36 35 98:0 / / rw - ext3",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn the_percentage_is_of_what_may_be_used() {
        let space = Space { total_bytes: 100, used_bytes: 60, available_bytes: 20, ..Space::default() };
        assert_eq!(space.percent(), Some(75.0));
        assert_eq!(Space::default().percent(), None);
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(mounts().unwrap().iter().any(|mount| mount.target == b"/"));
    }
}
