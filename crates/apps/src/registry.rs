//! The registry: which apps there are, and which of them are to run. It outlives every restart.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use osmoda_ipc::daemon::keep_private;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{AppError, AppName, Spec};

/// Apps at a time.
const MOST: usize = 200;

const MIGRATIONS: [&str; 1] = ["CREATE TABLE apps (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('running', 'stopped', 'removed')),
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT"];

/// What is to become of an app; written before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It runs, also after the machine starts.
    Running,
    /// It does not.
    Stopped,
    /// It is being removed; what is left of it is removed at the next start.
    Removed,
}

impl Wanted {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
        }
    }
}

/// An app of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: AppName,
    /// What it is started with.
    pub spec: Spec,
    /// What is to become of it.
    pub wanted: Wanted,
}

/// The registry's file.
#[derive(Debug)]
pub struct Registry(Mutex<Connection>);

impl Registry {
    /// Opens it, or makes it.
    pub fn open(path: &Path) -> Result<Self, AppError> {
        keep_private(path);
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for (from, migration) in (0_u32..).zip(MIGRATIONS).skip(version as usize) {
            let step = connection.transaction()?;
            step.execute_batch(migration)?;
            step.pragma_update(None, "user_version", from + 1)?;
            step.commit()?;
        }
        Ok(Self(Mutex::new(connection)))
    }

    /// A new app, which is to run.
    pub fn add(&self, name: &AppName, spec: &Spec, actor: &str) -> Result<(), AppError> {
        let mut file = self.file();
        let step = file.transaction()?;
        let count: i64 = step.query_row("SELECT count(*) FROM apps", [], |row| row.get(0))?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= MOST {
            return Err(AppError::TooMany(MOST));
        }
        let text =
            serde_json::to_string(spec).map_err(|source| AppError::Unreadable { name: name.to_string(), source })?;
        let added = step.execute(
            "INSERT INTO apps (name, spec, wanted, actor) VALUES (?1, ?2, 'running', ?3) ON CONFLICT DO NOTHING",
            params![name.as_str(), text, actor],
        )?;
        if added == 0 {
            return Err(AppError::Exists(name.to_string()));
        }
        step.commit()?;
        Ok(())
    }

    /// Writes down what is to become of an app; it is returned as it was.
    pub fn want(&self, name: &AppName, wanted: Wanted) -> Result<Registered, AppError> {
        let mut file = self.file();
        let step = file.transaction()?;
        let before = find(&step, name)?;
        step.execute("UPDATE apps SET wanted = ?2 WHERE name = ?1", params![name.as_str(), wanted.as_str()])?;
        step.commit()?;
        Ok(before)
    }

    /// Forgets an app.
    pub fn forget(&self, name: &AppName) -> Result<(), AppError> {
        self.file().execute("DELETE FROM apps WHERE name = ?1", [name.as_str()])?;
        Ok(())
    }

    /// The app of this name.
    pub fn get(&self, name: &AppName) -> Result<Registered, AppError> {
        find(&self.file(), name)
    }

    /// Every app, by name.
    pub fn all(&self) -> Result<Vec<Registered>, AppError> {
        let file = self.file();
        let mut rows = file.prepare("SELECT name, spec, wanted FROM apps ORDER BY name")?;
        let rows: Vec<(String, String, String)> = rows.query_map([], read)?.collect::<Result<_, _>>()?;
        rows.into_iter().map(registered).collect()
    }

    fn file(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(file: &Connection, name: &AppName) -> Result<Registered, AppError> {
    let row =
        file.query_row("SELECT name, spec, wanted FROM apps WHERE name = ?1", [name.as_str()], read).optional()?;
    registered(row.ok_or_else(|| AppError::Unknown(name.to_string()))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn registered((name, spec, wanted): (String, String, String)) -> Result<Registered, AppError> {
    let spec = serde_json::from_str(&spec).map_err(|source| AppError::Unreadable { name: name.clone(), source })?;
    let wanted = match wanted.as_str() {
        "running" => Wanted::Running,
        "removed" => Wanted::Removed,
        _ => Wanted::Stopped,
    };
    Ok(Registered { name: AppName::parse(&name)?, spec, wanted })
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::AppDeployRequest;

    use super::*;

    #[test]
    fn what_is_wanted_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("apps.db");
        let (name, other) = (AppName::parse("shop").unwrap(), AppName::parse("blog").unwrap());
        let spec = Spec::of(&AppDeployRequest { command: "/bin/sh".into(), ..Default::default() }).unwrap();
        let registry = Registry::open(&path).unwrap();
        registry.add(&name, &spec, "agent:a").unwrap();
        assert!(matches!(registry.add(&name, &spec, "agent:a"), Err(AppError::Exists(_))));
        assert!(matches!(registry.want(&other, Wanted::Stopped), Err(AppError::Unknown(_))));
        registry.add(&other, &spec, "agent:a").unwrap();
        assert_eq!(registry.want(&name, Wanted::Stopped).unwrap().wanted, Wanted::Running);
        drop(registry);
        let registry = Registry::open(&path).unwrap();
        let all: Vec<_> = registry.all().unwrap().into_iter().map(|app| (app.name, app.wanted)).collect();
        assert_eq!(all, [(other.clone(), Wanted::Running), (name.clone(), Wanted::Stopped)]);
        registry.forget(&name).unwrap();
        assert!(matches!(registry.get(&name), Err(AppError::Unknown(_))));
        assert_eq!(registry.get(&other).unwrap().spec, spec);
    }

    #[test]
    fn there_is_an_end_of_apps() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("apps.db")).unwrap();
        let spec = Spec::of(&AppDeployRequest { command: "/bin/sh".into(), ..Default::default() }).unwrap();
        for n in 0..MOST {
            registry
                .file()
                .execute(
                    "INSERT INTO apps (name, spec, wanted, actor) VALUES (?1, '{}', 'stopped', '')",
                    [format!("a{n}")],
                )
                .unwrap();
        }
        assert!(matches!(registry.add(&AppName::parse("b").unwrap(), &spec, ""), Err(AppError::TooMany(MOST))));
        assert!(matches!(registry.all(), Err(AppError::Unreadable { .. })));
    }
}
