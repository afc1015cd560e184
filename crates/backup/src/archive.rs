//! Writes an archive: tar, Zstandard, and age where there is a recipient.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read},
    path::Path,
};

use age::{Encryptor, x25519};
use sha2::{Digest, Sha256};

use crate::{
    BackupError,
    frames::{Chunks, compressed},
    manifest::{self, Entry, Kind, Manifest, hex},
};

/// Bytes read at once from a file.
const READ: usize = 256 << 10;

/// Writes the archive of what was collected in `from`, and has it on disk. Files are summed as they are packed: the
/// manifest, which has the sums, is the archive's end.
pub(crate) fn write(
    manifest: Manifest,
    from: &Path,
    to: &Path,
    recipients: &[&x25519::Recipient],
) -> Result<Manifest, BackupError> {
    let wrong = || BackupError::io(to);
    let file = File::create(to).map_err(wrong())?;
    let mut out = BufWriter::new(file);
    let packed = if recipients.is_empty() {
        compressed(&mut out, |to| pack(manifest, from, to)).map_err(wrong())?
    } else {
        let recipients = recipients.iter().map(|recipient| *recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(|error| wrong()(io::Error::other(error)))?;
        let mut sealed = encryptor.wrap_output(&mut out).map_err(wrong())?;
        let packed = compressed(&mut sealed, |to| pack(manifest, from, to)).map_err(wrong())?;
        sealed.finish().map_err(wrong())?;
        packed
    };
    let file = out.into_inner().map_err(|error| wrong()(error.into_error()))?;
    file.sync_all().map_err(wrong())?;
    Ok(packed)
}

fn pack(mut manifest: Manifest, from: &Path, to: &mut Chunks) -> io::Result<Manifest> {
    let mut tar = tar::Builder::new(to);
    tar.mode(tar::HeaderMode::Deterministic);
    for entry in manifest.entries.iter_mut().filter(|entry| entry.kind != Kind::Folder) {
        append(&mut tar, entry, from)?;
    }
    let list = serde_json::to_vec(&manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(list.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, manifest::NAME, list.as_slice())?;
    tar.finish()?;
    Ok(manifest)
}

fn append(tar: &mut tar::Builder<&mut Chunks>, entry: &mut Entry, from: &Path) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(entry.bytes);
    header.set_mode(entry.mode);
    let mut summed = Summed { file: File::open(from.join(&entry.path))?, digest: Sha256::new() };
    let buffered = BufReader::with_capacity(READ, &mut summed);
    tar.append_data(&mut header, Path::new(manifest::FOLDER).join(&entry.path), buffered)?;
    entry.sha256 = hex(summed.digest);
    Ok(())
}

/// Sums what is read.
struct Summed {
    file: File,
    digest: Sha256,
}

impl Read for Summed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.digest.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}
