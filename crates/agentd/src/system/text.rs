//! Bytes that come from outside (names, paths, command lines) as bounded text, and files read with a bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::SystemError;

/// The most of a command line that is told, in bytes.
pub(crate) const LONGEST_COMMAND_LINE: usize = 4096;
/// The most of a path that is told, in bytes: the kernel's own bound.
pub(crate) const LONGEST_PATH: usize = 4096;
/// The most of one file in /proc, /sys or /etc that is read, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// As text, with U+FFFD for what isn't UTF-8, from at most `max` bytes; a character is never cut in two.
pub(crate) fn lossy(bytes: &[u8], max: usize) -> String {
    if bytes.len() <= max {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let begins_a_character = |at: &usize| bytes[*at] & 0b1100_0000 != 0b1000_0000;
    let end = (max.saturating_sub(3)..=max).rev().find(begins_a_character).unwrap_or(max);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// With `\040` and the like, as the kernel writes them in mountinfo, turned back into bytes.
pub(crate) fn without_octal_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'\\', &[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                plain.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                rest = &after[3..];
            }
            _ => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

/// The number that these ASCII digits write.
pub(crate) fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The fields between blanks.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// The lines, without their line ends and without empty ones.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// What the file holds; at most 64 MiB of it.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, SystemError> {
    let path = path.as_ref();
    read_io(path).map_err(|source| SystemError::unreadable(path.to_string_lossy(), source))
}

/// As [`read`], for whoever expects the file to be away.
pub(crate) fn read_io(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    File::open(path)?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_become_bounded_text() {
        for (bytes, max, text) in [
            (&b"plain"[..], 64, "plain"),
            (b"plain", 3, "pla"),
            (b"\xffx", 64, "\u{fffd}x"),
            ("añb".as_bytes(), 2, "a"),
            ("añb".as_bytes(), 3, "añ"),
            ("日本".as_bytes(), 5, "日"),
            (b"", 0, ""),
            (b"a\nb\x1b", 64, "a\nb\x1b"),
            (b"\x80\x80\x80\x80\x80", 4, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(lossy(bytes, max), text, "{bytes:?} at {max}");
        }
    }

    #[test]
    fn octal_escapes_are_undone_once() {
        for (escaped, plain) in [
            (&b"/mnt/a\\040b"[..], &b"/mnt/a b"[..]),
            (b"\\134040", b"\\040"),
            (b"\\012\\011\\043", b"\n\t#"),
            (b"\\377", b"\xff"),
            (b"\\400", b"\\400"),
            (b"\\04", b"\\04"),
            (b"end\\", b"end\\"),
            (b"\\x2d", b"\\x2d"),
        ] {
            assert_eq!(without_octal_escapes(escaped), plain, "{escaped:?}");
        }
    }
}
