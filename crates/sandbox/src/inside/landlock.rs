//! Landlock on top of the mounts: also what is mounted can only be used as its capability says.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat},
};

use super::Orders;
use crate::view::{HOME, WORK};

/// The newest version of Landlock whose rules were tried here. Version 1 must be there; of what came later, what is.
const NEWEST: ABI = ABI::V6;

/// Programs and libraries, wherever the distribution keeps them. A link among them leads into another one.
const PROGRAMS: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
const READABLE: [&str; 2] = ["/etc", "/proc"];
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
const OWN: [&str; 5] = [WORK, HOME, "/tmp", "/dev/shm", "/dev/pts"];

/// Restricts this process and all that it starts.
pub(super) fn restrict(orders: &Orders) -> Result<(), String> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    let all = AccessFs::from_all(NEWEST);
    let write = all & !BitFlags::from(AccessFs::Execute);
    let put_on = || -> Result<RulesetStatus, RulesetError> {
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(rules(PROGRAMS.map(Path::new).into_iter().filter(|path| !path.is_symlink()), run))?
            .add_rules(rules(READABLE.map(Path::new), read))?
            .add_rules(rules(DEVICES.map(Path::new), read | AccessFs::WriteFile))?
            .add_rules(rules(OWN.map(Path::new), all))?
            .add_rules(rules(paths(&orders.read), read))?
            .add_rules(rules(paths(&orders.exec), run))?
            .add_rules(rules(paths(&orders.write), write))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match put_on() {
        Ok(RulesetStatus::NotEnforced) => Err("the kernel does not enforce it".to_owned()),
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// A rule for each of these that is there. They are named by O_PATH, so that nothing is opened: by `path_beneath_rules` a pipe
/// would be waited for, and the standard library's `open` on musl knows no O_PATH.
fn rules<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    access: BitFlags<AccessFs>,
) -> impl Iterator<Item = Result<PathBeneath<OwnedFd>, RulesetError>> {
    paths.into_iter().filter_map(move |path| {
        let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mode = SFlag::from_bits_truncate(fstat(&place).ok()?.st_mode);
        let is_folder = mode & SFlag::S_IFMT == SFlag::S_IFDIR;
        let access = if is_folder { access } else { access & AccessFs::from_file(NEWEST) };
        Some(Ok(PathBeneath::new(place, access)))
    })
}

fn paths(all: &[PathBuf]) -> impl Iterator<Item = &Path> {
    all.iter().map(PathBuf::as_path)
}
