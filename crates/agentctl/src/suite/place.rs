//! Where a suite lives.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use osmoda_ipc::daemon::Dirs;

use super::SuiteError;

/// The longest address of a Unix socket in bytes (unix(7): 108 with the closing zero).
const LONGEST_ADDRESS: usize = 107;

/// Which suite was named on the command line or in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `--dir DIR`.
    Dir(PathBuf),
    /// `OSMODA_RUN_DIR` and `OSMODA_STATE_DIR`.
    Folders {
        /// Where the sockets are.
        run: Option<PathBuf>,
        /// Where the state is.
        state: Option<PathBuf>,
    },
    /// Nothing was named.
    Installed,
}

impl Choice {
    /// The flag goes over the variables. Paths become absolute: daemons get them, and error texts show them.
    pub(crate) fn new(dir: Option<&Path>, run: Option<PathBuf>, state: Option<PathBuf>) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match (dir, run, state) {
            (Some(dir), ..) => Self::Dir(absolute(dir)),
            (None, None, None) => Self::Installed,
            (None, run, state) => {
                Self::Folders { run: run.as_deref().map(absolute), state: state.as_deref().map(absolute) }
            }
        }
    }

    /// The folders to speak to.
    pub(crate) fn dirs(&self) -> Dirs {
        match self {
            Self::Dir(dir) => Dirs::under(dir),
            Self::Folders { run, state } => Dirs::new(run.clone(), state.clone()),
            Self::Installed => Dirs::default(),
        }
    }

    /// The suite that `up` starts and `down` stops: where nothing was named, the user's own, for the installed one is
    /// systemd's.
    pub(crate) fn suite(&self) -> Result<Suite, SuiteError> {
        match self {
            Self::Dir(dir) => Ok(Suite::under(dir)),
            Self::Folders { .. } => Ok(Suite::of(self.dirs())),
            Self::Installed => own_folder(env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
                .map(|dir| Suite::under(&dir))
                .ok_or(SuiteError::NoHome),
        }
    }
}

/// A suite's folders and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// What people call it by.
    pub(crate) place: PathBuf,
    /// Sockets and state.
    pub(crate) dirs: Dirs,
    /// Logs of the daemons and of the supervisor.
    pub(crate) log: PathBuf,
    /// The configuration, where it has one of its own.
    pub(crate) config: Option<PathBuf>,
    /// How this program is told to speak to it, for people: `agentctl --dir DIR`.
    pub(crate) command: String,
}

impl Suite {
    fn under(dir: &Path) -> Self {
        let config = Some(dir.join("osmoda.toml")).filter(|file| file.exists());
        let command = format!("agentctl --dir {}", argument(dir));
        Self { place: dir.to_owned(), dirs: Dirs::under(dir), log: dir.join("log"), config, command }
    }

    fn of(dirs: Dirs) -> Self {
        Self {
            place: dirs.run().to_owned(),
            log: dirs.state().join("log"),
            dirs,
            config: None,
            command: "agentctl".to_owned(),
        }
    }

    /// The log of a daemon, or of the supervisor (`suite`).
    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.log.join(format!("{name}.log"))
    }
}

/// `$XDG_STATE_HOME/osmoda`, or `~/.local/state/osmoda` (XDG Base Directory Specification: a relative path counts as
/// none).
fn own_folder(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute(state_home).or_else(|| absolute(home).map(|home| home.join(".local/state")))?;
    Some(state.join("osmoda"))
}

/// The folder as an argument that a shell takes back.
fn argument(place: &Path) -> String {
    let text = place.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Refuses an address that the system can't bind or connect to.
pub(crate) fn check_length(socket: &Path) -> Result<(), SuiteError> {
    if socket.as_os_str().len() > LONGEST_ADDRESS { Err(SuiteError::SocketTooLong(socket.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_over_the_variables_and_both_over_the_installed_suite() {
        let path = |text: &str| Some(PathBuf::from(text));
        let table = [
            (Choice::new(Some(Path::new("/d")), path("/r"), path("/s")), "/d/run", "/d/state"),
            (Choice::new(None, path("/r"), path("/s")), "/r", "/s"),
            (Choice::new(None, path("/r"), None), "/r", "/var/lib/osmoda"),
            (Choice::new(None, None, None), "/run/osmoda", "/var/lib/osmoda"),
        ];
        for (choice, run, state) in table {
            let dirs = choice.dirs();
            assert_eq!((dirs.run(), dirs.state()), (Path::new(run), Path::new(state)), "{choice:?}");
        }
    }

    #[test]
    fn a_relative_folder_is_made_absolute() {
        let Choice::Dir(dir) = Choice::new(Some(Path::new("here")), None, None) else { panic!("no folder") };
        assert!(dir.is_absolute() && dir.ends_with("here"));
    }

    #[test]
    fn a_users_own_suite_lies_in_the_state_folder() {
        let table = [
            (Some("/x"), Some("/home/a"), Some("/x/osmoda")),
            (None, Some("/home/a"), Some("/home/a/.local/state/osmoda")),
            (Some("relative"), Some("/home/a"), Some("/home/a/.local/state/osmoda")),
            (Some(""), None, None),
            (None, None, None),
        ];
        for (state, home, expected) in table {
            assert_eq!(own_folder(state.map(Into::into), home.map(Into::into)), expected.map(PathBuf::from));
        }
    }

    #[test]
    fn a_folder_is_shown_as_a_shell_takes_it_back() {
        let table = [("/srv/osmoda", "/srv/osmoda"), ("/my suite", "'/my suite'"), ("/it's", r"'/it'\''s'")];
        for (place, shown) in table {
            assert_eq!(argument(place.as_ref()), shown);
        }
    }

    #[test]
    fn an_address_of_107_bytes_is_the_longest() {
        let path = |length: usize| PathBuf::from(format!("/{}", "x".repeat(length - 1)));
        assert!(check_length(&path(107)).is_ok());
        assert!(check_length(&path(108)).unwrap_err().is_usage());
    }
}
