//! Landlock on top of the mounts: also what is mounted can only be used as its capability says.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
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
    let put_on = || -> Result<RulesetStatus, landlock::RulesetError> {
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(PROGRAMS.into_iter().filter(|path| !Path::new(path).is_symlink()), run))?
            .add_rules(path_beneath_rules(READABLE, read))?
            .add_rules(path_beneath_rules(DEVICES, read | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(OWN, all))?
            .add_rules(path_beneath_rules(paths(&orders.read), read))?
            .add_rules(path_beneath_rules(paths(&orders.exec), run))?
            .add_rules(path_beneath_rules(paths(&orders.write), write))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match put_on() {
        Ok(RulesetStatus::NotEnforced) => Err("the kernel does not enforce it".to_owned()),
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn paths(all: &[PathBuf]) -> impl Iterator<Item = &Path> {
    all.iter().map(PathBuf::as_path)
}
