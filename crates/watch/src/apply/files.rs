//! Files are replaced, and units reloaded or restarted. What they held before is kept until the session is over.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use futures_util::future::BoxFuture;
use osmoda_systemd::unit_name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Apply, ApplyError, Tools, hex, link};
use crate::switch::Facts;

/// The most files of one session.
const MOST_FILES: usize = 64;
/// The most bytes that they hold together, before and after each.
const MOST_BYTES: u64 = 1 << 20;
/// How long a unit may take to be well again.
const UNIT: Duration = Duration::from_secs(60);
/// What is never replaced so: the suite's own settings have their own keeper.
const OWN: &str = "/etc/osmoda";

/// Which files, and which units afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    files: Vec<FileSpec>,
    #[serde(default)]
    reload: Vec<String>,
    #[serde(default)]
    restart: Vec<String>,
    /// What each shall hold, nothing where it is removed. Never written with the session: it may be a secret.
    #[serde(skip)]
    pub(super) contents: Vec<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    path: PathBuf,
    #[serde(default)]
    mode: Option<String>,
}

/// What was where a file goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Was {
    Nothing,
    Link(PathBuf),
    File { hash: String, mode: u32, uid: u32, gid: u32 },
}

/// One file there and back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    path: PathBuf,
    was: Was,
    /// Whether there is a file afterwards, and its permissions and owner.
    becomes: Option<(u32, u32, u32)>,
}

/// Of a caller's files, what each shall hold.
pub(super) fn contents(files: &Value) -> Vec<Option<String>> {
    let all = files.as_array().into_iter().flatten();
    all.map(|file| file.get("content").and_then(Value::as_str).map(str::to_owned)).collect()
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn io_of(path: &Path) -> impl FnOnce(io::Error) -> ApplyError {
    ApplyError::io(path.display().to_string())
}

fn steps(facts: &Facts) -> Result<Vec<Step>, ApplyError> {
    Ok(serde_json::from_value(facts.way.clone())?)
}

/// Where what a file held, or shall hold, is kept.
fn kept(tools: &Tools, id: &str, which: &str, index: usize) -> PathBuf {
    tools.kept.join(id).join(format!("{which}-{index}"))
}

impl FileSpec {
    /// A place within the configuration's folders that no link leads out of.
    fn checked(&self, tools: &Tools) -> Result<(), ApplyError> {
        let path = &self.path;
        let outside = || ApplyError::Outside { path: path.display().to_string(), what: "a file", key: "files" };
        let plain = path.is_absolute() && !path.components().any(|part| matches!(part, Component::ParentDir));
        let parent = path.parent().filter(|_| plain && path.file_name().is_some()).ok_or_else(outside)?;
        let real = parent.canonicalize().map_err(io_of(parent))?;
        let within = tools.config.now().files.iter().any(|folder| real.starts_with(folder));
        if !within || real != parent || path.starts_with(OWN) { Err(outside()) } else { Ok(()) }
    }

    fn mode(&self) -> Result<Option<u32>, ApplyError> {
        let Some(text) = &self.mode else { return Ok(None) };
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
        mode.map(Some).ok_or_else(|| ApplyError::Invalid(format!("{text:?} is no mode such as 0644")))
    }

    fn was(&self) -> Result<(Was, Option<Vec<u8>>), ApplyError> {
        let path = &self.path;
        let meta = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Was::Nothing, None)),
            meta => meta.map_err(io_of(path))?,
        };
        if meta.is_symlink() {
            return Ok((Was::Link(fs::read_link(path).map_err(io_of(path))?), None));
        }
        if !meta.is_file() || meta.len() > MOST_BYTES {
            return Err(ApplyError::Invalid(format!("{} is no file of {MOST_BYTES} bytes at most", path.display())));
        }
        let bytes = fs::read(path).map_err(io_of(path))?;
        let was = Was::File { hash: hash(&bytes), mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid() };
        Ok((was, Some(bytes)))
    }
}

impl Files {
    fn look(&self, tools: &Tools, id: &str) -> Result<Facts, ApplyError> {
        if self.files.is_empty() || self.files.len() > MOST_FILES || self.files.len() != self.contents.len() {
            return Err(ApplyError::Invalid(format!("apply of kind files needs 1 to {MOST_FILES} files")));
        }
        let total: u64 = self.contents.iter().flatten().map(|content| content.len() as u64).sum();
        if total > MOST_BYTES {
            return Err(ApplyError::Invalid(format!("the files hold {total} bytes; {MOST_BYTES} may be")));
        }
        for unit in self.reload.iter().chain(&self.restart) {
            unit_name(unit)?;
        }
        let folder = tools.kept.join(id);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(io_of(&folder))?;
        let mut sum = Sha256::new();
        let mut steps = Vec::new();
        for (index, (file, content)) in self.files.iter().zip(&self.contents).enumerate() {
            file.checked(tools)?;
            if self.files[..index].iter().any(|other| other.path == file.path) {
                return Err(ApplyError::Invalid(format!("{} stands there twice", file.path.display())));
            }
            let (was, old) = file.was()?;
            if let Some(old) = old {
                let path = kept(tools, id, "old", index);
                link::write(&path, &old, |_| Ok(())).map_err(io_of(&path))?;
            }
            let (mode, uid, gid) = match &was {
                Was::File { mode, uid, gid, .. } => (*mode, *uid, *gid),
                Was::Nothing | Was::Link(_) => {
                    (0o644, nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
                }
            };
            let becomes = match content {
                Some(content) => {
                    let path = kept(tools, id, "new", index);
                    link::write(&path, content.as_bytes(), |_| Ok(())).map_err(io_of(&path))?;
                    Some((file.mode()?.unwrap_or(mode), uid, gid))
                }
                None => None,
            };
            sum.update(file.path.as_os_str().as_encoded_bytes());
            sum.update([0, u8::from(content.is_some())]);
            sum.update(Sha256::digest(content.as_deref().unwrap_or_default()));
            steps.push(Step { path: file.path.clone(), was, becomes });
        }
        let hash = format!("files:{}", hex(&sum.finalize()));
        let told = |what: &str| format!("{} {}", steps.len(), what);
        Ok(Facts {
            previous: told("files as they were"),
            next: told(&format!("files ({})", &hash[..18])),
            key: Some(hash.clone()),
            way: serde_json::to_value(&steps)?,
        })
    }

    fn write(tools: &Tools, id: &str, facts: &Facts) -> Result<(), ApplyError> {
        for (index, step) in steps(facts)?.iter().enumerate() {
            let Some((mode, uid, gid)) = step.becomes else {
                link::delete(&step.path).map_err(io_of(&step.path))?;
                continue;
            };
            let path = kept(tools, id, "new", index);
            let content = fs::read(&path).map_err(io_of(&path))?;
            put(&step.path, &content, mode, uid, gid)?;
        }
        Ok(())
    }

    fn write_back(tools: &Tools, id: &str, facts: &Facts) -> Result<(), ApplyError> {
        for (index, step) in steps(facts)?.iter().enumerate() {
            link::tidy(&step.path);
            match &step.was {
                Was::Nothing => link::delete(&step.path).map_err(io_of(&step.path))?,
                Was::Link(to) => link::lead(&step.path, to).map_err(io_of(&step.path))?,
                Was::File { mode, uid, gid, .. } => {
                    let path = kept(tools, id, "old", index);
                    let content = fs::read(&path).map_err(io_of(&path))?;
                    put(&step.path, &content, *mode, *uid, *gid)?;
                }
            }
        }
        Ok(())
    }

    async fn units(&self, tools: &Tools) -> Result<(), ApplyError> {
        for unit in &self.reload {
            let unit = &unit_name(unit)?;
            tools.systemd.ask(|bus| async move { bus.reload(unit, UNIT).await }).await?;
        }
        for unit in &self.restart {
            let unit = &unit_name(unit)?;
            tools.systemd.ask(|bus| async move { bus.restart_now(unit, UNIT).await }).await?;
        }
        Ok(())
    }
}

fn put(path: &Path, content: &[u8], mode: u32, uid: u32, gid: u32) -> Result<(), ApplyError> {
    let finish = |file: &fs::File| {
        fchown(file, Some(uid), Some(gid))?;
        file.set_permissions(Permissions::from_mode(mode))
    };
    link::write(path, content, finish).map_err(io_of(path))
}

impl Apply for Files {
    fn things(&self, _tools: &Tools) -> Vec<String> {
        self.files.iter().map(|file| format!("file:{}", file.path.display())).collect()
    }

    fn prepare<'a>(&'a self, tools: &'a Tools, id: &'a str) -> BoxFuture<'a, Result<Facts, ApplyError>> {
        Box::pin(async move { self.look(tools, id) })
    }

    fn apply<'a>(&'a self, tools: &'a Tools, id: &'a str, facts: &'a Facts) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            Self::write(tools, id, facts)?;
            self.units(tools).await
        })
    }

    fn rollback<'a>(
        &'a self,
        tools: &'a Tools,
        id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            Self::write_back(tools, id, facts)?;
            self.units(tools).await
        })
    }

    fn verify<'a>(
        &'a self,
        _tools: &'a Tools,
        _id: &'a str,
        facts: &'a Facts,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            for step in steps(facts)? {
                let spec = FileSpec { path: step.path, mode: None };
                if spec.was()?.0 != step.was {
                    return Err(ApplyError::NotUndone(format!("{} is not as it was", spec.path.display())));
                }
            }
            Ok(())
        })
    }

    fn clean(&self, tools: &Tools, id: &str) {
        let _ = fs::remove_dir_all(tools.kept.join(id));
    }
}
