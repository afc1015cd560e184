//! The account that commands and terminals run as: agentd's own.

use std::{path::PathBuf, sync::LazyLock};

use nix::unistd::{Uid, User};

/// agentd's account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    /// Its login shell.
    pub(crate) shell: PathBuf,
}

impl Account {
    /// Looked up once.
    pub(crate) fn own() -> &'static Self {
        static OWN: LazyLock<Account> = LazyLock::new(|| {
            let uid = Uid::effective();
            let user = User::from_uid(uid).ok().flatten();
            let shell = user.as_ref().map(|user| user.shell.clone()).filter(|shell| shell.is_file());
            let (name, home) =
                user.map_or_else(|| (format!("uid{uid}"), PathBuf::from("/")), |user| (user.name, user.dir));
            Account { uid: uid.as_raw(), name, home, shell: shell.unwrap_or_else(|| "/bin/sh".into()) }
        });
        &OWN
    }
}
