//! Reads a file: text by lines, or base64 where it is not UTF-8.

use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use osmoda_api::agentd::{Encoding, FileContent, FileReadRequest, LARGEST_FILE};

use super::{
    FileError,
    place::{absolute, real_path},
};

/// The lines asked for. `check` is asked about the file that was really opened.
pub(crate) fn read(
    request: &FileReadRequest,
    check: impl Fn(&Path) -> Result<(), FileError>,
) -> Result<FileContent, FileError> {
    let (path, bytes) = read_whole(absolute(&request.path)?, check)?;
    let size = bytes.len() as u64;
    let shown = path.to_string_lossy().into_owned();
    Ok(match String::from_utf8(bytes) {
        Ok(text) => {
            let (content, lines, truncated) =
                lines_of(&text, request.offset.unwrap_or(0), request.max_lines.unwrap_or(500));
            FileContent { path: shown, content, lines, truncated, size, encoding: Encoding::Utf8 }
        }
        Err(binary) => FileContent {
            path: shown,
            content: BASE64_STANDARD.encode(binary.as_bytes()),
            lines: 0,
            truncated: false,
            size,
            encoding: Encoding::Base64,
        },
    })
}

/// The file's real path and all of its bytes. `check` is asked about the file that was really opened.
pub(super) fn read_whole(
    asked: &Path,
    check: impl Fn(&Path) -> Result<(), FileError>,
) -> Result<(PathBuf, Vec<u8>), FileError> {
    // Without O_NONBLOCK a named pipe would hold the open until somebody writes.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(asked)
        .map_err(FileError::of(asked))?;
    let path = real_path(&file, asked)?;
    check(&path)?;
    let metadata = file.metadata().map_err(FileError::of(asked))?;
    if !metadata.is_file() {
        return Err(FileError::WrongKind { path, wanted: "a regular file" });
    }
    let too_large = |size| FileError::TooLarge { path: path.clone(), size };
    if metadata.len() > LARGEST_FILE {
        return Err(too_large(metadata.len()));
    }
    // Files of /proc say 0 bytes and have more; a log may grow while it is read.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(FileError::of(asked))?;
    let size = bytes.len() as u64;
    if size > LARGEST_FILE {
        return Err(too_large(size));
    }
    Ok((path, bytes))
}

/// The lines from `offset`, `most` of them, with their line ends; how many; whether there are more.
fn lines_of(text: &str, offset: u64, most: u64) -> (String, u64, bool) {
    let mut lines = text.split_inclusive('\n').skip(usize::try_from(offset).unwrap_or(usize::MAX));
    let mut content = String::new();
    let mut count = 0;
    while count < most {
        let Some(line) = lines.next() else { return (content, count, false) };
        content.push_str(line);
        count += 1;
    }
    (content, count, lines.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_with_their_ends() {
        let cases = [
            ("", 0, 5, ("", 0, false)),
            ("a", 0, 5, ("a", 1, false)),
            ("a\nb\nc\n", 0, 2, ("a\nb\n", 2, true)),
            ("a\nb\nc\n", 1, 2, ("b\nc\n", 2, false)),
            ("a\nb\nc", 2, 1, ("c", 1, false)),
            ("a\r\nb", 0, 1, ("a\r\n", 1, true)),
            ("a\n", 9, 1, ("", 0, false)),
        ];
        for (text, offset, most, (content, lines, truncated)) in cases {
            assert_eq!(
                lines_of(text, offset, most),
                (content.to_owned(), lines, truncated),
                "{text:?} {offset} {most}"
            );
        }
    }
}
