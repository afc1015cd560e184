//! Nix profiles: `NAME` leads to `NAME-N-link`, which leads into the store. The links are made here as Nix makes them and
//! under its lock, each by one rename: a program that does it could outlive a crash and work against who goes on.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{ApplyError, Tools, link};
use crate::{
    run::{Job, output},
    switch::Facts,
};

/// The system's own.
pub(super) const SYSTEM: &str = "/nix/var/nix/profiles/system";
/// How long Nix may hold a profile's lock.
const LOCKED: Duration = Duration::from_secs(10);
/// How long Nix may take to say whether a path is whole.
const VALID: Duration = Duration::from_secs(30);

/// A generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) target: PathBuf,
}

impl Generation {
    pub(super) fn told(&self) -> String {
        format!("{} ({})", self.number, self.target.display())
    }
}

/// The way there and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) profile: PathBuf,
    pub(super) previous: Generation,
    pub(super) next: PathBuf,
}

/// A profile that may be switched: within the configuration's folders, by a plain name.
pub(super) fn checked(tools: &Tools, profile: Option<&str>) -> Result<PathBuf, ApplyError> {
    let path = PathBuf::from(profile.unwrap_or(SYSTEM));
    let plain =
        path.is_absolute() && path.components().all(|part| !matches!(part, Component::ParentDir | Component::CurDir));
    if !plain || !tools.config.now().profiles.iter().any(|folder| path.starts_with(folder) && path != *folder) {
        return Err(ApplyError::Outside { path: path.display().to_string(), what: "a profile", key: "profiles" });
    }
    Ok(path)
}

/// A path of the store that is there, whole.
pub(super) async fn valid(tools: &Tools, path: &str) -> Result<PathBuf, ApplyError> {
    let config = tools.config.now();
    let (store, asked) = (&config.store, Path::new(path));
    let name = asked.strip_prefix(store).ok().filter(|rest| rest.components().count() == 1);
    if name.is_none_or(|name| matches!(name.components().next(), Some(Component::ParentDir | Component::CurDir))) {
        return Err(ApplyError::Invalid(format!("{path} is no path of {}", store.display())));
    }
    if !asked.exists() {
        return Err(ApplyError::Invalid(format!("{path} is not in the store; build or copy it first")));
    }
    if store == Path::new("/nix/store") {
        // What is there and was never finished is not valid, and would be collected.
        output(&["nix-store", "--check-validity", path], VALID).await?;
    }
    Ok(asked.to_owned())
}

fn generation_link(profile: &Path, number: u64) -> PathBuf {
    let name = profile.file_name().unwrap_or_default().to_string_lossy();
    profile.with_file_name(format!("{name}-{number}-link"))
}

fn number_of(profile: &Path, link: &Path) -> Option<u64> {
    let name = profile.file_name()?.to_str()?;
    link.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?.strip_suffix("-link")?.parse().ok()
}

/// The generation in force.
pub(super) fn current(profile: &Path) -> Result<Generation, ApplyError> {
    let none = || ApplyError::NoWayBack(format!("{} has no generations", profile.display()));
    let link = fs::read_link(profile).map_err(|_| none())?;
    let number = number_of(profile, &link).ok_or_else(none)?;
    let target = fs::read_link(generation_link(profile, number)).map_err(|_| none())?;
    Ok(Generation { number, target })
}

/// The generation before that one that is still there.
pub(super) fn before(profile: &Path, current: &Generation) -> Result<Generation, ApplyError> {
    let mut all = numbers(profile);
    all.retain(|number| *number < current.number);
    let found = all
        .into_iter()
        .max()
        .and_then(|number| Some(Generation { number, target: fs::read_link(generation_link(profile, number)).ok()? }));
    found.ok_or_else(|| {
        ApplyError::NoWayBack(format!("{} has no generation before {}", profile.display(), current.number))
    })
}

fn numbers(profile: &Path) -> Vec<u64> {
    let folder = profile.parent().unwrap_or(Path::new("/"));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| number_of(profile, Path::new(&entry.file_name()))).collect()
}

/// Nix's own lock of a profile, so that `nix-env` waits, and is waited for.
async fn locked(profile: &Path) -> Result<Flock<fs::File>, ApplyError> {
    let path = PathBuf::from(format!("{}.lock", profile.display()));
    let deadline = Instant::now() + LOCKED;
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(ApplyError::io(format!("{} can't be opened", path.display())))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, errno)) if Instant::now() >= deadline => {
                return Err(ApplyError::io(format!("{} stays locked", profile.display()))(errno.into()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn next_number(way: &Way) -> u64 {
    numbers(&way.profile).into_iter().max().unwrap_or(0).max(way.previous.number) + 1
}

/// Has the profile lead to a new generation.
pub(super) async fn set(way: &Way) -> Result<(), ApplyError> {
    let _lock = locked(&way.profile).await?;
    let number = next_number(way);
    let new = generation_link(&way.profile, number);
    let wrong = || format!("generation {number} of {} can't be made", way.profile.display());
    link::lead(&new, &way.next).map_err(ApplyError::io(wrong()))?;
    if !way.next.exists() {
        return Err(ApplyError::Invalid(format!("{} was collected as garbage meanwhile", way.next.display())));
    }
    let name = new.file_name().unwrap_or_default();
    link::lead(&way.profile, Path::new(name)).map_err(ApplyError::io(wrong()))
}

/// Has the profile lead back; a generation whose link is gone is linked anew.
pub(super) async fn set_back(way: &Way) -> Result<(), ApplyError> {
    let _lock = locked(&way.profile).await?;
    // Of a generation whose making was cut off.
    link::tidy(&generation_link(&way.profile, next_number(way)));
    let old = generation_link(&way.profile, way.previous.number);
    let wrong = || format!("{} can't be led back to {}", way.profile.display(), way.previous.number);
    if fs::read_link(&old).ok().as_ref() != Some(&way.previous.target) {
        link::lead(&old, &way.previous.target).map_err(ApplyError::io(wrong()))?;
    }
    let name = old.file_name().unwrap_or_default();
    link::lead(&way.profile, Path::new(name)).map_err(ApplyError::io(wrong()))
}

/// Puts a generation in force, where it has a program for that.
pub(super) async fn activate(tools: &Tools, id: &str, step: &str, target: &Path) -> Result<(), ApplyError> {
    let program = target.join("bin/switch-to-configuration");
    if !program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0) {
        return Ok(());
    }
    let argv = vec![program.display().to_string(), "switch".to_owned()];
    let job = Job { session: id, step, argv, patience: tools.apply_patience() };
    Ok(tools.runner.run(&tools.systemd, &job).await?)
}

pub(super) fn way(facts: &Facts) -> Result<Way, ApplyError> {
    Ok(serde_json::from_value(facts.way.clone())?)
}

pub(super) fn facts(way: &Way, next: String) -> Result<Facts, ApplyError> {
    Ok(Facts {
        previous: way.previous.told(),
        next,
        key: Some(way.next.display().to_string()),
        way: serde_json::to_value(way)?,
    })
}

/// The way to a store path.
pub(super) fn way_to(profile: PathBuf, next: PathBuf) -> Result<Way, ApplyError> {
    let previous = current(&profile)?;
    if previous.target == next {
        return Err(ApplyError::Invalid(format!("{} leads to {} already", profile.display(), next.display())));
    }
    if !previous.target.exists() {
        return Err(ApplyError::NoWayBack(format!("{} is not in the store any more", previous.target.display())));
    }
    Ok(Way { profile, previous, next })
}

pub(super) async fn apply(tools: &Tools, id: &str, facts: &Facts) -> Result<(), ApplyError> {
    let way = way(facts)?;
    set(&way).await?;
    activate(tools, id, "apply", &way.next).await
}

pub(super) async fn rollback(tools: &Tools, id: &str, facts: &Facts) -> Result<(), ApplyError> {
    let way = way(facts)?;
    set_back(&way).await?;
    activate(tools, id, "back", &way.previous.target).await
}

pub(super) fn verify(facts: &Facts) -> Result<(), ApplyError> {
    let way = way(facts)?;
    let found = current(&way.profile)?;
    if found == way.previous {
        Ok(())
    } else {
        Err(ApplyError::NotUndone(format!("{} leads to generation {}", way.profile.display(), found.told())))
    }
}

/// Whether its own program, in a unit of its own, brought a switch to a good end while nobody watched.
pub(super) async fn was_applied(tools: &Tools, id: &str, facts: &Facts) -> bool {
    let adopted = tools.runner.adopt(&tools.systemd, id, "apply", tools.apply_patience()).await;
    let Ok(way) = way(facts) else { return false };
    let leads_there = current(&way.profile).is_ok_and(|found| found.target == way.next);
    matches!(adopted, Ok(Some(osmoda_systemd::Ended::Well))) && leads_there
}
