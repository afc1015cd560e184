//! Which paths are guarded: the built-in rules, the suite's own folders and what the configuration adds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    GuardConfig, Reason,
    pattern::{Name, Pattern},
    resolve,
    rules::{DEVICE_FOLDERS, DEVICES, KEPT, READABLE_DEVICES, READING, SCRATCH, SSH_OPEN, WRITING},
};

/// Where the suite's own things are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnPaths {
    /// The folder of the sockets.
    pub run: PathBuf,
    /// The folder of the state.
    pub state: PathBuf,
    /// The configuration file, where it is not in /etc/osmoda.
    pub config: Option<PathBuf>,
    /// The suite's programs, or the folders that hold nothing else.
    pub binaries: Vec<PathBuf>,
}

/// The guarded paths of this machine and of this suite.
#[derive(Clone, Debug)]
pub struct GuardedPaths {
    writing: Vec<Rule>,
    reading: Vec<Rule>,
    kept: Vec<Rule>,
    writable: Vec<Rule>,
    run: Vec<Rule>,
    run_folder: PathBuf,
}

#[derive(Clone, Debug)]
struct Rule {
    names: Vec<Name>,
    /// Whether it may begin in any folder.
    anywhere: bool,
    code: &'static str,
    what: &'static str,
}

impl Rule {
    fn new(path: &str, code: &'static str, what: &'static str) -> Self {
        let (anywhere, path) = path.strip_prefix("**/").map_or((false, path), |rest| (true, rest));
        let names = path.split('/').filter(|name| !name.is_empty()).map(Name::rule).collect();
        Self { names, anywhere, code, what }
    }

    fn literal(path: &Path, code: &'static str, what: &'static str) -> Vec<Self> {
        let of = |path: &Path| {
            let names = Pattern::of(path).and_then(|it| it.plain()).map(|it| it.names);
            names.map(|names| Self { names, anywhere: false, code, what })
        };
        let mut rules: Vec<Self> = of(path).into_iter().collect();
        if let Some(real) = resolve::follow(path).filter(|real| path.is_absolute() && real != path) {
            rules.extend(of(&real));
        }
        rules
    }

    /// Whether the path can be this one or one below it.
    fn holds(&self, names: &[Name]) -> bool {
        let fits = |from: usize| {
            names.len() >= from + self.names.len()
                && self.names.iter().zip(&names[from..]).all(|(rule, name)| rule.meets(name))
        };
        if self.anywhere { (0..names.len()).any(fits) } else { fits(0) }
    }

    /// Whether the path can be a folder above this one.
    fn is_below(&self, names: &[Name]) -> bool {
        let begins = |names: &[Name]| self.names.iter().zip(names).all(|(rule, name)| rule.meets(name));
        if self.anywhere {
            // What may be below any folder is only looked for where its first name stands.
            return (1..self.names.len().min(names.len() + 1)).any(|count| begins(&names[names.len() - count..]));
        }
        names.len() < self.names.len() && begins(names)
    }
}

impl GuardedPaths {
    /// The built-in rules, what the configuration adds, and the suite's own paths.
    pub fn new(config: &GuardConfig, own: &OwnPaths) -> Self {
        let homes = homes();
        let expand = |path: &'static str, code, what| match path.strip_prefix('~') {
            None => vec![Rule::new(path, code, what)],
            Some(rest) => homes.iter().map(|home| Rule::new(&format!("{home}{rest}"), code, what)).collect(),
        };
        let groups = |groups: &'static [super::rules::Group]| -> Vec<Rule> {
            groups
                .iter()
                .flat_map(|group| {
                    group.paths.split_ascii_whitespace().flat_map(|path| expand(path, group.code, group.what))
                })
                .collect()
        };
        let literal = |paths: &[PathBuf], code, what| -> Vec<Rule> {
            paths.iter().flat_map(|path| Rule::literal(path, code, what)).collect()
        };

        let run = Rule::literal(&own.run, "osmoda_itself", "osmoda's sockets");
        let state = Rule::literal(&own.state, "osmoda_itself", "osmoda's state");
        let mut programs: Vec<PathBuf> = vec!["/etc/osmoda".into()];
        programs.extend(own.config.iter().chain(&own.binaries).cloned());
        let own_files = literal(&programs, "osmoda_itself", "osmoda's configuration or programs");
        let secrets = literal(&config.secret_paths, "secret_read", "a secret named in the configuration");

        let mut reading: Vec<Rule> = groups(READING);
        reading.extend(secrets.iter().chain(&state).cloned());
        let mut writing = groups(WRITING);
        writing.extend(literal(&config.guarded_paths, "guarded_path", "named in the configuration"));
        writing.extend(literal(&program_folders(), "guarded_path", "the machine's programs"));
        writing.extend(secrets.into_iter().chain(state).chain(own_files).chain(run.iter().cloned()));
        writing.extend(reading.iter().filter(|rule| rule.code == "secret_read").cloned());
        let kept = KEPT.iter().map(|path| Rule::new(path, "system_folder", "a folder of the system")).collect();
        let writable = literal(&config.writable_paths, "", "");
        Self { writing, reading, kept, writable, run, run_folder: own.run.clone() }
    }

    /// Why writing, creating or removing this file needs leave. A path that is not absolute always does.
    pub fn judge_write(&self, path: &Path) -> Option<Reason> {
        self.judged(path, |pattern| self.write(pattern))
    }

    /// Why reading this file needs leave. A path that is not absolute always does.
    pub fn judge_read(&self, path: &Path) -> Option<Reason> {
        self.judged(path, |pattern| self.read(pattern))
    }

    /// Why removing this file or folder with all that is in it, or changing all of it, needs leave.
    pub fn judge_remove(&self, path: &Path) -> Option<Reason> {
        self.judged(path, |pattern| self.remove(pattern))
    }

    fn judged(&self, path: &Path, judge: impl Fn(&Pattern) -> Option<Reason>) -> Option<Reason> {
        match Pattern::of(path) {
            Some(pattern) => judge(&pattern),
            None => Some(Reason::new("unknown_target", format!("{} is no absolute path", path.display()))),
        }
    }

    /// Where the sockets are.
    pub(crate) fn run_folder(&self) -> &Path {
        &self.run_folder
    }

    /// Whether the path can be one of the suite's sockets.
    pub(crate) fn is_own_socket(&self, pattern: &Pattern) -> bool {
        views(pattern).is_none_or(|views| views.iter().any(|view| self.run.iter().any(|rule| rule.holds(&view.names))))
    }

    /// Why writing there needs leave.
    pub(crate) fn write(&self, pattern: &Pattern) -> Option<Reason> {
        self.changed(pattern, true)
    }

    /// Why changing what is there needs leave: nothing comes to be there that was not.
    pub(crate) fn alter(&self, pattern: &Pattern) -> Option<Reason> {
        self.changed(pattern, false)
    }

    /// Why changing it needs leave. `brings` where something may come to be there that was not.
    fn changed(&self, pattern: &Pattern, brings: bool) -> Option<Reason> {
        // Anybody may write to them, but not remove or replace them.
        if brings && is_device(pattern, DEVICES) {
            return None;
        }
        if pattern.names.iter().any(falls_apart) {
            let text = format!("{:?} would be another path where a listing of it is cut at its blanks", pattern.show());
            return Some(Reason::new("odd_name", text));
        }
        self.over_views(pattern, |view| {
            let excepted = self.writable.iter().any(|writable| writable.holds(&view.names));
            let rules = self
                .writing
                .iter()
                .filter(|rule| !(is_shared_memory(rule, view) || excepted && rule.code == "guarded_path"));
            let rule = rules.into_iter().find(|rule| {
                rule.holds(&view.names) || (view.deep && (brings || !rule.anywhere) && rule.is_below(&view.names))
            });
            rule.map(|rule| refused(rule, pattern))
        })
    }

    /// Why reading there needs leave.
    pub(crate) fn read(&self, pattern: &Pattern) -> Option<Reason> {
        if is_device(pattern, DEVICES) || is_device(pattern, READABLE_DEVICES) {
            return None;
        }
        self.over_views(pattern, |view| {
            let open = is_open(&view.names);
            let hit = |rule: &&Rule| {
                (rule.holds(&view.names) && !open && !is_shared_memory(rule, view))
                    || (view.deep && rule.is_below(&view.names))
            };
            self.reading.iter().find(hit).map(|rule| refused(rule, pattern))
        })
    }

    /// Why removing or changing it with all that is in it needs leave.
    pub(crate) fn remove(&self, pattern: &Pattern) -> Option<Reason> {
        if let Some(reason) = self.changed(&pattern.clone().and_below(), false) {
            return Some(reason);
        }
        let whole = |names: &[Name]| {
            let kept = self.kept.iter().any(|rule| rule.names.len() == names.len() && rule.holds(names));
            let top = names.len() < 2 && pattern.path().is_none_or(|path| fs::symlink_metadata(path).is_ok());
            kept || top
        };
        self.over_views(pattern, |view| {
            let emptied = view.names.split_last().filter(|(last, above)| is_all(last) && !is_scratch(above));
            let hit = whole(&view.names) && !is_scratch_content(&view.names)
                || emptied.is_some_and(|(_, above)| whole(above));
            hit.then(|| Reason::new("system_folder", format!("{} is a folder of the system", pattern.show())))
        })
    }

    fn over_views(&self, pattern: &Pattern, judge: impl Fn(&Pattern) -> Option<Reason>) -> Option<Reason> {
        match views(pattern) {
            Some(views) => views.iter().find_map(judge),
            None => Some(Reason::new("unknown_target", format!("where {} leads can't be said", pattern.show()))),
        }
    }
}

/// Whether a folder of this name would make the paths below it look like others: `a /etc/shadow`, `a etc/shadow`.
fn falls_apart(name: &Name) -> bool {
    let Name::Known(name) = name else { return false };
    let last = name.rsplit(char::is_whitespace).next().unwrap_or_default();
    let blank = last.len() < name.len();
    let begins_a_secret = ["etc", "root", "home", "proc", "var", "run", "dev", "sys"].contains(&last);
    name.contains(char::is_control) || (blank && (last.is_empty() || begins_a_secret))
}

fn refused(rule: &Rule, pattern: &Pattern) -> Reason {
    Reason::new(rule.code, format!("{} is guarded: {}", pattern.show(), rule.what))
}

/// The path by the letter, and the path with its links followed; nothing where one of them can't be told.
fn views(pattern: &Pattern) -> Option<Vec<Pattern>> {
    let plain = pattern.plain()?;
    let (known, count) = pattern.known();
    let mut real = Pattern::of(&resolve::follow(&known)?)?;
    real.names.extend_from_slice(&pattern.names[count..]);
    real.deep = pattern.deep;
    let real = real.plain()?;
    Some(if real == plain { vec![plain] } else { vec![plain, real] })
}

fn is_device(pattern: &Pattern, devices: &[&str]) -> bool {
    let Some(plain) = pattern.plain() else { return false };
    match plain.names.as_slice() {
        [Name::Known(dev), Name::Known(name)] => dev == "dev" && devices.contains(&name.as_str()),
        [Name::Known(dev), Name::Known(folder), Name::Known(number)] => {
            dev == "dev"
                && folder != "shm"
                && DEVICE_FOLDERS.contains(&folder.as_str())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [Name::Known(proc), Name::Known(own), Name::Known(fd), Name::Known(number)] => {
            proc == "proc" && own == "self" && fd == "fd" && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn is_shared_memory(rule: &Rule, view: &Pattern) -> bool {
    rule.code == "block_device"
        && matches!(view.names.as_slice(), [Name::Known(dev), Name::Known(shm), _, ..] if dev == "dev" && shm == "shm")
}

fn is_open(names: &[Name]) -> bool {
    let [.., Name::Known(folder), last] = names else { return false };
    let public = match last {
        Name::Known(name) => SSH_OPEN.contains(&name.as_str()) || name.ends_with(".pub"),
        last => last.ends_with(".pub"),
    };
    matches!(folder.as_str(), ".ssh" | "ssh") && public
}

/// Whether the name is every name of its folder.
fn is_all(name: &Name) -> bool {
    matches!(name, Name::Like { letters, .. } if letters.iter().all(|letter| !matches!(letter, super::pattern::Letter::Known(_))))
}

fn is_scratch(names: &[Name]) -> bool {
    SCRATCH.iter().any(|scratch| Rule::new(scratch, "", "").names == names)
}

/// Whether it is what can be below a scratch folder, though it would fit a rule of another folder too.
fn is_scratch_content(names: &[Name]) -> bool {
    names.split_last().is_some_and(|(_, above)| is_scratch(above))
}

/// Where programs are looked for: what is written there may run by the name of another.
fn program_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// The homes of this machine, as rules write them.
fn homes() -> BTreeSet<String> {
    let mut homes: BTreeSet<String> = ["/root".to_owned(), "/home/*".to_owned()].into();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    for account in accounts.lines() {
        let mut fields = account.split(':').skip(5);
        let (home, shell) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if is_home(home) && !["nologin", "false", "sync"].iter().any(|none| shell.ends_with(none)) {
            homes.insert(home.to_owned());
        }
    }
    homes
}

/// Some accounts have homes that are a whole part of the system, or nothing.
fn is_home(home: &str) -> bool {
    let deep_enough = home.split('/').filter(|name| !name.is_empty()).count() >= 2;
    let system = ["/usr", "/bin", "/sbin", "/dev", "/proc", "/run", "/home/"];
    deep_enough && home.starts_with('/') && !home.contains('*') && !system.iter().any(|prefix| home.starts_with(prefix))
}
