//! The account that sandboxes run as: never root, and nobody who owns anything.

use nix::{
    errno::Errno,
    unistd::{Uid, User, setgroups, setresgid, setresuid},
};

/// The account made for it, and the one that every system has.
const ACCOUNTS: [&str; 2] = ["osmoda-sandbox", "nobody"];

/// The runner can't run as who it should.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is nobody to become.
    #[error("this runs as root, and there is no account osmoda-sandbox or nobody to run as instead")]
    Nobody,
    /// The kernel refused.
    #[error("the account can't be changed: {0}")]
    Refused(#[from] Errno),
}

/// Gives root up for good, where this is root.
pub fn become_account() -> Result<(), AccountError> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let found = ACCOUNTS.into_iter().find_map(|name| User::from_name(name).ok().flatten());
    let user = found.filter(|user| !user.uid.is_root()).ok_or(AccountError::Nobody)?;
    setgroups(&[])?;
    setresgid(user.gid, user.gid, user.gid)?;
    setresuid(user.uid, user.uid, user.uid)?;
    Ok(())
}
