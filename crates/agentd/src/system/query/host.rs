//! What there is one of: the host's names, its uptime, its kernel.

use std::path::Path;

use super::{
    processes::{booted_at, rfc3339},
    record::record,
};
use crate::system::{SystemError, health, text};

record! {
    /// The names of this host and of its system.
    Hostname {
        hostname: String,
        /// The NIS domain, where one is set.
        domainname: Option<String>,
        machine_id: Option<String>,
        /// The system's name with its version.
        os: Option<String>,
        os_id: Option<String>,
        os_version: Option<String>,
    }
}

record! {
    /// Time since boot.
    Uptime {
        uptime_secs: u64,
        booted_at: Option<String>,
    }
}

record! {
    /// The kernel that runs.
    Kernel {
        name: String,
        release: String,
        version: String,
        machine: String,
        command_line: Option<String>,
    }
}

pub(super) fn hostname() -> Result<Vec<Hostname>, SystemError> {
    let release = ["/etc/os-release", "/usr/lib/os-release"].into_iter().find_map(|path| text::read(path).ok());
    let release = |key: &str| release.as_deref().and_then(|release| os_release(release, key));
    Ok(vec![Hostname {
        hostname: health::hostname()?,
        domainname: line("/proc/sys/kernel/domainname").filter(|name| name != "(none)"),
        machine_id: line("/etc/machine-id"),
        os: release("PRETTY_NAME"),
        os_id: release("ID"),
        os_version: release("VERSION_ID"),
    }])
}

pub(super) fn uptime() -> Result<Vec<Uptime>, SystemError> {
    Ok(vec![Uptime { uptime_secs: health::uptime()? as u64, booted_at: rfc3339(booted_at()?) }])
}

pub(super) fn kernel() -> Result<Vec<Kernel>, SystemError> {
    let told = nix::sys::utsname::uname().map_err(|errno| SystemError::unreadable("uname", errno.into()))?;
    let plain = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    Ok(vec![Kernel {
        name: plain(told.sysname()),
        release: plain(told.release()),
        version: plain(told.version()),
        machine: plain(told.machine()),
        command_line: line("/proc/cmdline"),
    }])
}

/// The one line of a file; None where it can't be read or is empty.
fn line(path: &str) -> Option<String> {
    let bytes = text::read_io(Path::new(path)).ok()?;
    let line = text::lossy(bytes.trim_ascii(), text::LONGEST_COMMAND_LINE);
    (!line.is_empty()).then_some(line)
}

/// The value of `key` in an os-release file, see os-release(5): quoted as a shell would.
fn os_release(release: &[u8], key: &str) -> Option<String> {
    let value = text::lines(release).find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"="))?;
    let value = text::lossy(value.trim_ascii(), 256);
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let mut plain = String::new();
    let mut characters = quoted.unwrap_or(&value).chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_unquoted() {
        let release = b"NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID='12'\nPRETTY_NAME=\"A \\\"b\\\" \\$c\"\n\
                        EMPTY=\nID_LIKE=x\nBROKEN=\"a\n";
        for (key, value) in [
            ("NAME", Some("Debian GNU/Linux")),
            ("ID", Some("debian")),
            ("VERSION_ID", Some("12")),
            ("PRETTY_NAME", Some("A \"b\" $c")),
            ("BROKEN", Some("\"a")),
            ("EMPTY", None),
            ("ABSENT", None),
        ] {
            assert_eq!(os_release(release, key).as_deref(), value, "{key}");
        }
    }
}
