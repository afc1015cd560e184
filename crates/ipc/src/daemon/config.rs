//! `osmoda.toml`: one table a daemon, unknown keys refused; `OSMODA_<DAEMON>_<KEY>` variables and `--set` flags over it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Where the configuration is looked for when nobody says otherwise. It need not exist there.
pub const DEFAULT_CONFIG: &str = "/etc/osmoda/osmoda.toml";

/// The daemons of the suite, in the order in which they start. Each has a table; `[suite]` is everybody's.
pub const SUITE: [&str; 9] = ["agentd", "keyd", "watch", "egress", "mesh", "routines", "voice", "mcpd", "teachd"];

/// Where a daemon's settings come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose table.
    pub daemon: &'static str,
    /// The file, where it was named; it must exist then.
    pub file: Option<PathBuf>,
    /// `key.path=value` lines.
    pub overrides: Vec<String>,
}

/// The configuration is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {} can't be read", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML, or a table does not fit.
    #[error("the configuration {} is wrong", .file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The file has a table that belongs to nobody.
    #[error("the configuration {} has a table [{table}] that belongs to no daemon; there are: suite, {}", .file.display(), SUITE.join(", "))]
    UnknownTable {
        /// Which file.
        file: PathBuf,
        /// Which table.
        table: String,
    },
    /// A `--set` flag or a variable has no `=`, or names something inside a value that is no table.
    #[error("the setting {0:?} is not of the form key=value with a key that can be set")]
    BadOverride(String),
    /// What the settings add up to does not fit.
    #[error("the settings of {daemon} are wrong")]
    Misfit {
        /// Whose.
        daemon: &'static str,
        /// Why.
        source: Box<toml::de::Error>,
    },
}

impl Settings {
    /// Where the file is, or would be.
    pub fn file(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }

    /// Reads the file, lays variables and flags over it, and checks the whole.
    pub fn load<C: DeserializeOwned>(&self) -> Result<C, ConfigError> {
        let prefix = format!("OSMODA_{}_", self.daemon.to_uppercase());
        let variables = env::vars()
            .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_lowercase().replace("__", "."), value)));
        self.load_with(variables.collect())
    }

    fn load_with<C: DeserializeOwned>(&self, mut variables: Vec<(String, String)>) -> Result<C, ConfigError> {
        let mut table = match &self.file {
            Some(file) => read(file, self.daemon)?,
            None if Path::new(DEFAULT_CONFIG).exists() => read(Path::new(DEFAULT_CONFIG), self.daemon)?,
            None => Table::new(),
        };
        variables.sort();
        for (key, value) in &variables {
            lay_over(&mut table, key, value)?;
        }
        for line in &self.overrides {
            let (key, value) = line.split_once('=').ok_or_else(|| ConfigError::BadOverride(line.clone()))?;
            lay_over(&mut table, key.trim(), value.trim())?;
        }
        Value::Table(table)
            .try_into()
            .map_err(|source| ConfigError::Misfit { daemon: self.daemon, source: Box::new(source) })
    }
}

fn read(file: &Path, daemon: &str) -> Result<Table, ConfigError> {
    let text = fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    let wrong = |source| ConfigError::Wrong { file: file.to_owned(), source: Box::new(source) };
    let mut whole: Table = toml::from_str(&text).map_err(wrong)?;
    if let Some(table) = whole.keys().find(|name| *name != "suite" && !SUITE.contains(&name.as_str())) {
        return Err(ConfigError::UnknownTable { file: file.to_owned(), table: table.clone() });
    }
    match whole.remove(daemon) {
        None => Ok(Table::new()),
        Some(table) => table.try_into().map_err(wrong),
    }
}

/// Values are TOML where they parse as such, else text: `per_minute=10`, `mode=strict`, `roots=["/srv"]`.
fn lay_over(table: &mut Table, key: &str, value: &str) -> Result<(), ConfigError> {
    let bad = || ConfigError::BadOverride(format!("{key}={value}"));
    let parsed = toml::from_str::<Table>(&format!("v = {value}")).ok().and_then(|mut one| one.remove("v"));
    let (folders, last) = key.rsplit_once('.').map_or((None, key), |(folders, last)| (Some(folders), last));
    let mut place = table;
    for folder in folders.into_iter().flat_map(|folders| folders.split('.')) {
        place = place.entry(folder).or_insert_with(|| Value::Table(Table::new())).as_table_mut().ok_or_else(bad)?;
    }
    if last.is_empty() {
        return Err(bad());
    }
    place.insert(last.to_owned(), parsed.unwrap_or_else(|| Value::from(value)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        mode: String,
        shell: Shell,
    }

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Shell {
        per_minute: u32,
    }

    fn load(text: &str, variables: &[(&str, &str)], overrides: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("osmoda.toml");
        fs::write(&file, text).unwrap();
        let settings = Settings {
            daemon: "agentd",
            file: Some(file),
            overrides: overrides.iter().map(ToString::to_string).collect(),
        };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings.load_with(variables).map_err(|error| crate::fault::chain(&error))
    }

    #[test]
    fn flags_lie_over_variables_and_variables_over_the_file() {
        let file = "[agentd]\nmode = \"file\"\n[agentd.shell]\nper_minute = 1\n[keyd]\nanything = true\n";
        let expected = |mode: &str, per_minute| Config { mode: mode.into(), shell: Shell { per_minute } };
        assert_eq!(load(file, &[], &[]).unwrap(), expected("file", 1));
        assert_eq!(load(file, &[("shell.per_minute", "2")], &[]).unwrap(), expected("file", 2));
        assert_eq!(
            load(file, &[("shell.per_minute", "2")], &["shell.per_minute=3", "mode=flag"]).unwrap(),
            expected("flag", 3)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases: [(&str, &[&str], &str); 6] = [
            ("[agentd]\nmoode = 1", &[], "moode"),
            ("[agentd", &[], "line"),
            ("[agentx]", &[], "agentx"),
            ("", &["mode"], "mode"),
            ("[agentd]\nmode = \"x\"", &["mode.deep=1"], "mode.deep"),
            ("", &["shell.per_minute=often"], "often"),
        ];
        for (text, overrides, named) in cases {
            let error = load(text, &[], overrides).unwrap_err();
            assert!(error.contains(named), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_named_file_must_exist() {
        let settings = Settings { daemon: "agentd", file: Some("/nonexistent/osmoda.toml".into()), overrides: vec![] };
        assert!(matches!(settings.load_with::<Config>(vec![]), Err(ConfigError::Unreadable { .. })));
    }
}
