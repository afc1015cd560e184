//! The accounts of this machine.

use std::collections::HashMap;

use super::record::record;
use crate::system::{
    SystemError,
    accounts::{self, Account, Group},
};

record! {
    /// An account.
    Row {
        name: String,
        uid: u32,
        gid: u32,
        home: String,
        shell: String,
        gecos: String,
        /// Names of its groups, its own first.
        groups: Vec<String>,
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    Ok(join(accounts::accounts()?, &accounts::groups()?))
}

fn join(accounts: Vec<Account>, groups: &[Group]) -> Vec<Row> {
    let names: HashMap<u32, &str> = groups.iter().rev().map(|group| (group.gid, group.name.as_str())).collect();
    let mut joined: HashMap<&str, Vec<&Group>> = HashMap::new();
    for group in groups {
        for member in &group.members {
            joined.entry(member).or_default().push(group);
        }
    }
    let row = |account: Account| {
        let own = names.get(&account.gid).copied();
        let others = joined.get(account.name.as_str()).into_iter().flatten();
        let others = others.filter(|group| group.gid != account.gid).map(|group| group.name.as_str());
        let groups = own.into_iter().chain(others).map(Into::into).collect();
        let Account { name, uid, gid, gecos, home, shell } = account;
        Row { name, uid, gid, home, shell, gecos, groups }
    };
    accounts.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_in_its_own_group_and_in_those_that_name_it() {
        let account = |name: &str, gid| Account {
            name: name.into(),
            uid: 1,
            gid,
            gecos: String::new(),
            home: String::new(),
            shell: String::new(),
        };
        let group = |name: &str, gid, members: &[&str]| Group {
            name: name.into(),
            gid,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let groups = [group("users", 100, &["ada", "bob"]), group("sudo", 27, &["ada"]), group("adm", 4, &["ada"])];
        let rows = join(vec![account("ada", 100), account("bob", 5), account("eve", 100)], &groups);
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.groups.join(","))).collect();
        assert_eq!(
            told,
            [("ada", "users,sudo,adm".to_owned()), ("bob", "users".to_owned()), ("eve", "users".to_owned())]
        );
    }
}
