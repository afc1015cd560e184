//! Writes an archive: tar, Zstandard, and age where there is a recipient.

use std::{
    fs::File,
    io::{self, BufWriter, PipeReader, PipeWriter, Read, Write},
    path::Path,
};

use age::{Encryptor, x25519};
use ruzstd::encoding::{CompressionLevel, compress};

use crate::{
    BackupError,
    manifest::{self, Kind, Manifest},
};

/// Writes the archive of what was collected in `from`, and has it on disk.
pub(crate) fn write(
    manifest: &Manifest,
    from: &Path,
    to: &Path,
    recipients: &[&x25519::Recipient],
) -> Result<(), BackupError> {
    let wrong = || BackupError::io(to);
    let file = File::create(to).map_err(wrong())?;
    let out = BufWriter::new(file);
    let out = if recipients.is_empty() {
        compressed(manifest, from, out).map_err(wrong())?
    } else {
        let recipients = recipients.iter().map(|recipient| *recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(|error| wrong()(io::Error::other(error)))?;
        let sealed = encryptor.wrap_output(out).map_err(wrong())?;
        compressed(manifest, from, sealed).and_then(age::stream::StreamWriter::finish).map_err(wrong())?
    };
    let file = out.into_inner().map_err(|error| wrong()(error.into_error()))?;
    file.sync_all().map_err(wrong())
}

/// The tar stream is made on a thread of its own, and compressed here as it comes.
fn compressed<W: Write>(manifest: &Manifest, from: &Path, to: W) -> io::Result<W> {
    let (reader, writer) = io::pipe()?;
    let mut source = Source { reader, failed: None };
    let mut drain = Drain { to, failed: None };
    let packed = std::thread::scope(|scope| {
        let packing = scope.spawn(|| pack(manifest, from, writer));
        compress(&mut source, &mut drain, CompressionLevel::Fastest);
        packing.join().map_err(|_| io::Error::other("the packing thread panicked"))
    });
    packed??;
    match source.failed.or(drain.failed) {
        Some(error) => Err(error),
        None => Ok(drain.to),
    }
}

fn pack(manifest: &Manifest, from: &Path, to: PipeWriter) -> io::Result<()> {
    let mut tar = tar::Builder::new(BufWriter::with_capacity(256 << 10, to));
    tar.mode(tar::HeaderMode::Deterministic);
    let list = serde_json::to_vec(manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(list.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, manifest::NAME, list.as_slice())?;
    for entry in manifest.entries.iter().filter(|entry| entry.kind != Kind::Folder) {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.bytes);
        header.set_mode(entry.mode);
        tar.append_data(&mut header, Path::new("state").join(&entry.path), File::open(from.join(&entry.path))?)?;
    }
    tar.into_inner()?.into_inner()?.flush()
}

/// The compressor panics where reading fails: it is told that the stream ends, and the failure is kept.
struct Source {
    reader: PipeReader,
    failed: Option<io::Error>,
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

/// Likewise for writing: what comes after a failure goes nowhere.
struct Drain<W> {
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> Write for Drain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.to.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
