//! Kernel settings, from /proc/sys.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::record::record;
use crate::system::{SystemError, text};

const ROOT: &str = "/proc/sys";
const MOST_SETTINGS: usize = 100_000;
const DEEPEST: usize = 16;
/// The most of a value that is told, in bytes.
const LONGEST_VALUE: usize = 4096;
/// Keys rather than settings: whoever knows them can foretell what they are to keep unforetold.
const SECRETS: [&[u8]; 2] = [b"stable_secret", b"tcp_fastopen_key"];

record! {
    /// A setting.
    Row {
        /// Parted by dots, as sysctl(8) writes it: a dot of the file's own name is a slash.
        name: String,
        value: String,
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    walk(Path::new(ROOT))
}

/// Every setting below `root` that can be read, by name. Other file systems mounted there are no settings, and looking
/// into one may make systemd mount it.
fn walk(root: &Path) -> Result<Vec<Row>, SystemError> {
    let unreadable = |error| SystemError::unreadable(root.to_string_lossy(), error);
    let device = fs::metadata(root).map_err(unreadable)?.dev();
    fs::read_dir(root).map_err(unreadable)?;
    let mut rows = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if rows.len() >= MOST_SETTINGS {
                return Ok(rows);
            }
            let file_name = entry.file_name();
            let name = format!("{prefix}{}", name_of(file_name.as_bytes()));
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && metadata.dev() == device && depth < DEEPEST {
                folders.push((entry.path(), name + ".", depth + 1));
            } else if metadata.is_file() && !SECRETS.contains(&file_name.as_bytes()) {
                rows.extend(value(&entry.path()).map(|value| Row { name, value }));
            }
        }
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rows)
}

fn name_of(file_name: &[u8]) -> String {
    text::lossy(file_name, 255).replace('.', "/")
}

/// None where the setting can only be written, or not by this daemon.
fn value(path: &PathBuf) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST_VALUE as u64).read_to_end(&mut bytes).ok()?;
    Some(text::lossy(bytes.trim_ascii_end(), LONGEST_VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_with_dots_and_secrets_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, value: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value).unwrap();
        };
        put("net/ipv4/ip_forward", b"1\n");
        put("net/ipv4/conf/eth0.100/rp_filter", b"2\n");
        put("net/ipv4/ip_local_port_range", b"32768\t60999\n");
        put("net/ipv6/conf/lo/stable_secret", b"key");
        put("kernel/big", &[b'x'; 10_000]);
        put("kernel/odd", b"a\xff\nb\n\n");
        std::os::unix::fs::symlink("/", folder.path().join("loop")).unwrap();
        let rows = walk(folder.path()).unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.value.as_str())).collect();
        let big = "x".repeat(LONGEST_VALUE);
        assert_eq!(
            told,
            [
                ("kernel.big", big.as_str()),
                ("kernel.odd", "a\u{fffd}\nb"),
                ("net.ipv4.conf.eth0/100.rp_filter", "2"),
                ("net.ipv4.ip_forward", "1"),
                ("net.ipv4.ip_local_port_range", "32768\t60999"),
            ]
        );
        assert!(walk(&folder.path().join("absent")).is_err());
    }
}
