//! The accounts of this machine, from /etc/passwd and /etc/group.

use std::collections::HashMap;

use super::{SystemError, text};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
/// The most accounts, and the most groups, that are read.
const MOST_ACCOUNTS: usize = 100_000;
/// The most of one field that is told, in bytes.
const LONGEST_FIELD: usize = 1024;

/// A line of /etc/passwd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Full name and the like.
    pub(super) gecos: String,
    pub(super) home: String,
    pub(super) shell: String,
}

/// A line of /etc/group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// Every account of /etc/passwd.
pub(super) fn accounts() -> Result<Vec<Account>, SystemError> {
    Ok(text::lines(&text::read(PASSWD)?).filter_map(parse_account).take(MOST_ACCOUNTS).collect())
}

/// Every group of /etc/group.
pub(super) fn groups() -> Result<Vec<Group>, SystemError> {
    Ok(text::lines(&text::read(GROUP)?).filter_map(parse_group).take(MOST_ACCOUNTS).collect())
}

/// The name of each user id; empty where /etc/passwd can't be read, since names only adorn.
pub(super) fn names() -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for account in accounts().unwrap_or_default() {
        // The first line of an id is the one that getpwuid(3) answers.
        names.entry(account.uid).or_insert(account.name);
    }
    names
}

/// `name:password:uid:gid:gecos:home:shell`, see passwd(5).
fn parse_account(line: &[u8]) -> Option<Account> {
    let mut fields = line.split(|byte| *byte == b':');
    let name = field(fields.next()?);
    let _password = fields.next()?;
    let (uid, gid) = (text::number(fields.next()?)?, text::number(fields.next()?)?);
    let [gecos, home, shell] = std::array::from_fn(|_| field(fields.next().unwrap_or_default()));
    (!name.is_empty()).then_some(Account { name, uid, gid, gecos, home, shell })
}

/// `name:password:gid:member,member`, see group(5).
fn parse_group(line: &[u8]) -> Option<Group> {
    let mut fields = line.split(|byte| *byte == b':');
    let name = field(fields.next()?);
    let _password = fields.next()?;
    let gid = text::number(fields.next()?)?;
    let members = fields.next().unwrap_or_default().split(|byte| *byte == b',');
    let members = members.filter(|member| !member.is_empty()).map(field).collect();
    (!name.is_empty()).then_some(Group { name, gid, members })
}

fn field(bytes: &[u8]) -> String {
    text::lossy(bytes.trim_ascii(), LONGEST_FIELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_comments_skipped() {
        let account = parse_account("ada:x:1000:100:Ada L,,,:/home/ada:/bin/bash".as_bytes()).unwrap();
        assert_eq!((account.name.as_str(), account.uid, account.gid), ("ada", 1000, 100));
        assert_eq!((account.gecos.as_str(), account.home.as_str()), ("Ada L,,,", "/home/ada"));
        assert_eq!(account.shell, "/bin/bash");
        assert_eq!(parse_account(b"bad\xff:x:1:1:::").unwrap().name, "bad\u{fffd}");
        assert_eq!(parse_account(b"short:x:1:2").unwrap().shell, "");
        for line in ["# comment", "", "+::::::", ":x:1:1:::", "x:x:-1:1:::", "x:x:4294967296:1:::", "x:x:1"] {
            assert_eq!(parse_account(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn groups_are_read_with_their_members() {
        for (line, group) in [
            ("sudo:x:27:ada,bob", Some(("sudo", 27, vec!["ada", "bob"]))),
            ("daemon:x:1:", Some(("daemon", 1, vec![]))),
            ("daemon:x:1", Some(("daemon", 1, vec![]))),
            ("a:x:1:,b,", Some(("a", 1, vec!["b"]))),
            ("a:x", None),
            ("+:::", None),
        ] {
            let told = parse_group(line.as_bytes());
            let told = told.as_ref().map(|group| {
                (group.name.as_str(), group.gid, group.members.iter().map(String::as_str).collect::<Vec<_>>())
            });
            assert_eq!(told, group, "{line:?}");
        }
    }

    #[test]
    fn root_has_its_name() {
        assert_eq!(names().get(&0).map(String::as_str), Some("root"));
    }
}
