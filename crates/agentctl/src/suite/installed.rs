//! Which daemons are part of an installation: `suite.json` in the state folder.

use std::{fs, io::ErrorKind, path::PathBuf};

use osmoda_ipc::daemon::{Dirs, SUITE};
use serde::{Deserialize, Serialize};

use super::SuiteError;

/// What `suite.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct Installed {
    daemons: Vec<String>,
}

fn file(dirs: &Dirs) -> PathBuf {
    dirs.state().join("suite.json")
}

/// The daemons of this installation, in the order in which they start. Where nothing is recorded, or the record can't
/// be read (the state folder is the daemons' own), all that this version has.
pub(crate) fn installed(dirs: &Dirs) -> Vec<&'static str> {
    let recorded = fs::read(file(dirs)).ok().and_then(|text| serde_json::from_slice::<Installed>(&text).ok());
    let known = osmoda_api::daemons();
    SUITE
        .into_iter()
        .filter(|name| match &recorded {
            Some(recorded) => recorded.daemons.iter().any(|daemon| daemon == name),
            None => known.iter().any(|contract| contract.name == *name),
        })
        .collect()
}

/// Records the daemons of this installation.
pub(super) fn record(dirs: &Dirs, daemons: &[&str]) -> Result<(), SuiteError> {
    let file = file(dirs);
    let wrong = |source| SuiteError::File { path: file.clone(), source };
    let recorded = Installed { daemons: daemons.iter().map(|name| (*name).to_owned()).collect() };
    let text = serde_json::to_vec(&recorded).map_err(|error| wrong(error.into()))?;
    if fs::read(&file).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let unready = file.with_extension("new");
    match fs::remove_file(&unready) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    fs::write(&unready, text).and_then(|()| fs::rename(&unready, &file)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_what_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        let known: Vec<&str> = osmoda_api::daemons().iter().map(|contract| contract.name).collect();
        assert_eq!(installed(&dirs), known);
        dirs.prepare().unwrap();
        for daemons in [&["agentd", "keyd"][..], &["agentd"]] {
            record(&dirs, daemons).unwrap();
            assert_eq!(installed(&dirs), daemons);
        }
    }

    #[test]
    fn names_that_belong_to_no_daemon_are_left_out_and_nonsense_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        dirs.prepare().unwrap();
        fs::write(file(&dirs), r#"{"daemons":["keyd","../x","agentd"]}"#).unwrap();
        assert_eq!(installed(&dirs), ["agentd", "keyd"]);
        fs::write(file(&dirs), "{").unwrap();
        assert!(installed(&dirs).contains(&"agentd"));
    }
}
