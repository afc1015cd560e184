//! One permission, and whether another is narrower.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::host::{BadHost, Host, parse_port, split};

/// The longest path of a permission, in bytes.
const LONGEST_PATH: usize = 1024;

/// The ports of a network permission that names none.
const WEB_PORTS: [u16; 2] = [80, 443];

/// What a token permits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Permission {
    /// `fs.read:/path`: to read this file, or everything below this folder.
    FsRead(Box<str>),
    /// `fs.write:/path`: to change this file, or everything below this folder. Reading is a permission of its own.
    FsWrite(Box<str>),
    /// `exec:/path`: to run this program, or any below this folder.
    Exec(Box<str>),
    /// `net:example.org:443`, `net:*.example.org`: to connect to these hosts. Without a port: to 80 and 443.
    Net {
        /// Which hosts.
        host: HostPattern,
        /// Which port.
        port: Option<u16>,
    },
}

/// The hosts of a network permission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(Host),
    /// `*.example.org`: every name below it, itself not.
    Below(Box<str>),
}

/// The text is no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPermission {
    /// What it begins with.
    #[error(
        "{0:?} is no permission; there are fs.read:/path, fs.write:/path, exec:/path, net:host:port and net:*.host"
    )]
    Kind(String),
    /// A path that is not absolute, or not in its plain form.
    #[error(
        "{0:?} is no path of a permission: it must be absolute, without empty parts, . or .., and at most {LONGEST_PATH} bytes"
    )]
    Path(String),
    /// A host that is none.
    #[error("{text:?} names no host: {why}")]
    Host {
        /// The text.
        text: String,
        /// Why.
        why: BadHost,
    },
    /// `net:*`, `net:*.org`, `net:a.*.org`.
    #[error(
        "{0:?} is too wide: a wildcard stands alone in front of a name of two parts at least, such as *.example.org"
    )]
    Wildcard(String),
}

impl Permission {
    /// Whether everything that `other` permits, this permits too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::FsRead(ours), Self::FsRead(theirs))
            | (Self::FsWrite(ours), Self::FsWrite(theirs))
            | (Self::Exec(ours), Self::Exec(theirs)) => is_below(ours, theirs),
            (Self::Net { host: ours, port: our }, Self::Net { host: theirs, port: their }) => {
                ours.covers(theirs) && covers_port(*our, *their)
            }
            (Self::FsRead(_) | Self::FsWrite(_) | Self::Exec(_) | Self::Net { .. }, _) => false,
        }
    }

    /// Whether it permits a connection there.
    pub fn allows_net(&self, host: &Host, port: u16) -> bool {
        match self {
            Self::Net { host: pattern, port: only } => pattern.matches(host) && covers_port(*only, Some(port)),
            Self::FsRead(_) | Self::FsWrite(_) | Self::Exec(_) => false,
        }
    }
}

/// Whether `path` is `folder` or lies below it. Both are in plain form.
fn is_below(folder: &str, path: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn covers_port(ours: Option<u16>, theirs: Option<u16>) -> bool {
    match (ours, theirs) {
        (None, None) => true,
        (None, Some(port)) => WEB_PORTS.contains(&port),
        (Some(_), None) => false,
        (Some(ours), Some(theirs)) => ours == theirs,
    }
}

impl HostPattern {
    /// Reads `example.org`, `*.example.org`, `192.0.2.1` or `[2001:db8::1]`.
    pub fn parse(text: &str) -> Result<Self, BadPermission> {
        let bad = |why| BadPermission::Host { text: text.to_owned(), why };
        let too_wide = || BadPermission::Wildcard(text.to_owned());
        let Some(suffix) = text.strip_prefix("*.") else {
            return if text.contains('*') { Err(too_wide()) } else { Host::parse(text).map(Self::Exact).map_err(bad) };
        };
        if suffix.contains('*') {
            return Err(too_wide());
        }
        match Host::parse(suffix).map_err(bad)? {
            Host::Name(name) if name.contains('.') => Ok(Self::Below(name)),
            Host::Name(_) | Host::Address(_) => Err(too_wide()),
        }
    }

    /// Whether it is one of these hosts.
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(ours), host) => ours == host,
            (Self::Below(suffix), Host::Name(name)) => is_under(suffix, name),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }

    /// Whether all of those hosts are among these.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (ours, Self::Exact(host)) => ours.matches(host),
            (Self::Below(ours), Self::Below(theirs)) => ours == theirs || is_under(ours, theirs),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

/// Whether a name has at least one more label in front of the suffix.
fn is_under(suffix: &str, name: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

impl FromStr for Permission {
    type Err = BadPermission;

    fn from_str(text: &str) -> Result<Self, BadPermission> {
        let (kind, rest) = text.split_once(':').ok_or_else(|| BadPermission::Kind(shown(text)))?;
        match kind {
            "fs.read" => path(rest).map(Self::FsRead),
            "fs.write" => path(rest).map(Self::FsWrite),
            "exec" => path(rest).map(Self::Exec),
            "net" => net(rest),
            _ => Err(BadPermission::Kind(shown(text))),
        }
    }
}

/// As much of a wrong text as a message should repeat.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

fn path(text: &str) -> Result<Box<str>, BadPermission> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    let fits = text == "/" || text.strip_prefix('/').is_some_and(|parts| parts.split('/').all(plain));
    if fits && text.len() <= LONGEST_PATH { Ok(text.into()) } else { Err(BadPermission::Path(shown(text))) }
}

fn net(text: &str) -> Result<Permission, BadPermission> {
    let bad = |why| BadPermission::Host { text: shown(text), why };
    let (host, port) = split(text).map_err(bad)?;
    let port = port.map(parse_port).transpose().map_err(bad)?;
    Ok(Permission::Net { host: HostPattern::parse(host)?, port })
}

impl TryFrom<String> for Permission {
    type Error = BadPermission;

    fn try_from(text: String) -> Result<Self, BadPermission> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FsRead(path) => write!(f, "fs.read:{path}"),
            Self::FsWrite(path) => write!(f, "fs.write:{path}"),
            Self::Exec(path) => write!(f, "exec:{path}"),
            Self::Net { host, port: None } => write!(f, "net:{host}"),
            Self::Net { host, port: Some(port) } => write!(f, "net:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Permission {
        text.parse().unwrap()
    }

    #[test]
    fn permissions_are_written_in_one_form() {
        for (text, one) in [
            ("fs.read:/srv/data", "fs.read:/srv/data"),
            ("fs.write:/", "fs.write:/"),
            ("fs.read:/with space/ü", "fs.read:/with space/ü"),
            ("exec:/usr/bin/git", "exec:/usr/bin/git"),
            ("net:Example.ORG:443", "net:example.org:443"),
            ("net:*.bücher.example", "net:*.xn--bcher-kva.example"),
            ("net:*.example.org.:8443", "net:*.example.org:8443"),
            ("net:192.0.2.7", "net:192.0.2.7"),
            ("net:[2001:DB8::1]:443", "net:[2001:db8::1]:443"),
        ] {
            assert_eq!(of(text).to_string(), one, "{text}");
            assert_eq!(of(one), of(text));
        }
    }

    #[test]
    fn what_is_not_plain_is_refused_and_not_cleaned() {
        for text in [
            "",
            "net",
            "net:",
            "fs.read",
            "fs:/x",
            "FS.READ:/x",
            "fs.read:",
            "fs.read:x",
            "fs.read:/x/",
            "fs.read://x",
            "fs.read:/x/../y",
            "fs.read:/./x",
            "fs.read:/x\n",
            "fs.read:/x\0",
            "exec:git",
            "net:*",
            "net:*:443",
            "net:*.org",
            "net:*.*.example.org",
            "net:a.*.example.org",
            "net:*example.org",
            "net:*.192.0.2.1",
            "net:example.org:0",
            "net:example.org:99999",
            "net:example.org:443:1",
            "net:0x7f.1",
            "net:user@example.org",
            "net:::1",
            "net:[::1",
            "net:https://example.org",
            " net:example.org",
            "net: example.org",
        ] {
            assert!(text.parse::<Permission>().is_err(), "{text:?}");
        }
        assert!(format!("fs.read:/{}", "x".repeat(LONGEST_PATH)).parse::<Permission>().is_err());
    }

    #[test]
    fn a_permission_covers_what_is_narrower_and_nothing_else() {
        for (ours, theirs, covers) in [
            ("fs.read:/srv", "fs.read:/srv", true),
            ("fs.read:/srv", "fs.read:/srv/data/x", true),
            ("fs.read:/", "fs.read:/etc", true),
            ("fs.read:/srv/data", "fs.read:/srv", false),
            ("fs.read:/srv", "fs.read:/srv2", false),
            ("fs.read:/srv", "fs.write:/srv", false),
            ("fs.write:/srv", "fs.read:/srv", false),
            ("fs.read:/usr/bin/git", "exec:/usr/bin/git", false),
            ("exec:/usr/bin", "exec:/usr/bin/git", true),
            ("net:example.org:443", "net:example.org:443", true),
            ("net:example.org:443", "net:example.org:80", false),
            ("net:example.org:443", "net:example.org", false),
            ("net:example.org", "net:example.org:443", true),
            ("net:example.org", "net:example.org:80", true),
            ("net:example.org", "net:example.org:22", false),
            ("net:example.org", "net:www.example.org", false),
            ("net:*.example.org", "net:www.example.org", true),
            ("net:*.example.org", "net:a.b.example.org:443", true),
            ("net:*.example.org", "net:*.b.example.org", true),
            ("net:*.example.org", "net:*.example.org:80", true),
            ("net:*.example.org:443", "net:*.example.org", false),
            ("net:*.example.org", "net:example.org", false),
            ("net:*.example.org", "net:evilexample.org", false),
            ("net:*.b.example.org", "net:*.example.org", false),
            ("net:example.org", "net:*.example.org", false),
            ("net:*.example.org", "net:192.0.2.1", false),
            ("net:192.0.2.1", "net:[::ffff:192.0.2.1]", true),
        ] {
            assert_eq!(of(ours).covers(&of(theirs)), covers, "{ours} {theirs}");
        }
    }

    #[test]
    fn a_connection_is_allowed_by_host_and_port() {
        let host = |text| Host::parse(text).unwrap();
        for (permission, to, port, allowed) in [
            ("net:*.example.org", "WWW.Example.org.", 443, true),
            ("net:*.example.org", "www.example.org", 22, false),
            ("net:*.example.org", "example.org", 443, false),
            ("net:example.org:22", "example.org", 22, true),
            ("net:example.org", "example.org.evil.net", 443, false),
            ("fs.read:/", "example.org", 443, false),
        ] {
            assert_eq!(of(permission).allows_net(&host(to), port), allowed, "{permission} {to}:{port}");
        }
    }
}
