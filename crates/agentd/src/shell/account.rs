//! The account that commands run as: agentd's own.

use std::{path::PathBuf, sync::LazyLock};

use nix::unistd::{Uid, User};

/// agentd's account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) name: String,
    pub(crate) home: PathBuf,
}

impl Account {
    /// Looked up once.
    pub(crate) fn own() -> &'static Self {
        static OWN: LazyLock<Account> = LazyLock::new(|| {
            let uid = Uid::effective();
            let user = User::from_uid(uid).ok().flatten();
            let (name, home) =
                user.map_or_else(|| (format!("uid{uid}"), PathBuf::from("/")), |user| (user.name, user.dir));
            Account { uid: uid.as_raw(), name, home }
        });
        &OWN
    }
}
