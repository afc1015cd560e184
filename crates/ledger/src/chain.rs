//! What an event's hash is made of.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::tree::Node;

/// A SHA-256 hash as 64 lower-case hexadecimal digits, as it stands in the database and in the next event's hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 64]);

/// The previous hash of the first event.
pub const GENESIS: Hash = Hash([b'0'; 64]);

impl Hash {
    /// The digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The hash with these digits; `None` where they are not 64 lower-case hexadecimal ones.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: [u8; 64] = text.as_bytes().try_into().ok()?;
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    /// The digits as bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    fn from_digest(digest: &[u8]) -> Self {
        // Without a table and without branches, so that many digits are made at once.
        let digit = |nibble: u8| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'9' - 1);
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        Self(hex)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The hash of an event, from its columns as they are stored. `buffer` is scratch space; it holds the hashed bytes
/// afterwards.
pub fn event_hash(buffer: &mut Vec<u8>, id: i64, ts: &str, kind: &str, actor: &str, payload: &str, prev: &str) -> Hash {
    hash_of(buffer, id, [ts, kind, actor, payload, prev].map(str::as_bytes))
}

/// The same, of columns as SQLite gives them: time, type, actor, payload and previous hash.
pub(crate) fn hash_of(buffer: &mut Vec<u8>, id: i64, columns: [&[u8]; 5]) -> Hash {
    join_columns(buffer, id, columns);
    Hash::from_digest(&Sha256::digest(buffer))
}

/// The bytes that stand for an event in the Merkle tree: those its hash is made of. Where they are more than a bundle
/// of tlog-tiles can carry, `sha256:` and the hexadecimal hash of the payload stand for the payload; no payload begins
/// so, since none of JSON's values does.
pub(crate) fn tree_entry(buffer: &mut Vec<u8>, id: i64, columns: [&[u8]; 5]) {
    let [ts, kind, actor, payload, prev] = columns;
    let id_length = itoa::Buffer::new().format(id).len();
    if id_length + 5 + columns.iter().map(|column| column.len()).sum::<usize>() <= LARGEST_ENTRY {
        return join_columns(buffer, id, columns);
    }
    let digest = format!("{DIGEST_MARK}{}", Hash::from_digest(&Sha256::digest(payload)).as_str());
    join_columns(buffer, id, [ts, kind, actor, digest.as_bytes(), prev]);
}

/// The event's leaf in the Merkle tree; `buffer` holds the bytes that its hash was made of.
pub(crate) fn leaf(buffer: &[u8], id: i64, columns: [&[u8]; 5]) -> Node {
    if buffer.len() <= LARGEST_ENTRY {
        return Node::leaf(buffer);
    }
    let mut entry = Vec::with_capacity(512);
    tree_entry(&mut entry, id, columns);
    Node::leaf(&entry)
}

/// The event's leaf in the Merkle tree, from its columns alone; `buffer` is scratch space.
pub(crate) fn leaf_of(buffer: &mut Vec<u8>, id: i64, columns: [&[u8]; 5]) -> Node {
    tree_entry(buffer, id, columns);
    Node::leaf(buffer)
}

/// What a bundle's 16-bit length can say.
pub(crate) const LARGEST_ENTRY: usize = u16::MAX as usize;

/// How the tree's entry begins its word for a payload that it does not carry.
pub(crate) const DIGEST_MARK: &str = "sha256:";

fn join_columns(buffer: &mut Vec<u8>, id: i64, columns: [&[u8]; 5]) {
    let [ts, kind, actor, payload, prev] = columns;
    buffer.clear();
    buffer.reserve(LONGEST_ID + 5 + columns.iter().map(|column| column.len()).sum::<usize>());
    buffer.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    push_column::<24>(buffer, ts);
    push_column::<0>(buffer, kind);
    push_column::<0>(buffer, actor);
    push_column::<0>(buffer, payload);
    push_column::<64>(buffer, prev);
}

/// The most digits that an id has, with its sign.
const LONGEST_ID: usize = 20;

/// Adds a bar and the column. One that is as long as it mostly is, is copied without a call, which costs more than the copy.
fn push_column<const USUAL: usize>(buffer: &mut Vec<u8>, column: &[u8]) {
    buffer.push(b'|');
    match <&[u8; USUAL]>::try_from(column) {
        Ok(usual) => buffer.extend_from_slice(usual),
        Err(_) => buffer.extend_from_slice(column),
    }
}

// The next two look at every byte of every event that is verified: a fold without an early end is done many bytes at a
// time.

/// Whether a type or an actor may stand in an event: 1 to 128 printable ASCII characters without `|` and space.
pub(crate) fn is_name(text: &[u8]) -> bool {
    (1..=128).contains(&text.len())
        && text.iter().fold(true, |all, byte| all & byte.is_ascii_graphic() & (*byte != b'|'))
}

/// Whether a time has the ledger's form, `2026-01-02T03:04:05.678Z`.
pub(crate) fn is_time(text: &[u8]) -> bool {
    const FORM: &[u8; 24] = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |byte: u8, form: u8| if form == b'd' { byte.is_ascii_digit() } else { byte == form };
    // Of known length: looked at in one go.
    <&[u8; 24]>::try_from(text)
        .is_ok_and(|text| text.iter().zip(FORM).fold(true, |all, (byte, form)| all & fits(*byte, *form)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_columns_joined_by_bars() {
        // printf '1|2026-01-02T03:04:05.678Z|a.b|agent:x|{}|000…0' | sha256sum
        let hash = event_hash(&mut Vec::new(), 1, "2026-01-02T03:04:05.678Z", "a.b", "agent:x", "{}", GENESIS.as_str());
        assert_eq!(hash.as_str(), "a7db978fa1e91e851c0bb271a835c8111ac484d749d7cd41184f0efca4235c78");
    }

    #[test]
    fn a_leaf_is_made_of_the_hashed_bytes_unless_they_are_too_many() {
        let (mut hashed, mut entry) = (Vec::new(), Vec::new());
        for (length, whole) in [(2, true), (LARGEST_ENTRY - 104, true), (LARGEST_ENTRY - 103, false), (200_000, false)]
        {
            let payload = format!("\"{}\"", "x".repeat(length - 2));
            let columns = ["2026-01-02T03:04:05.678Z", "a.b", "agent:x", &payload, GENESIS.as_str()];
            let [ts, kind, actor, payload, prev] = columns;
            event_hash(&mut hashed, 1, ts, kind, actor, payload, prev);
            tree_entry(&mut entry, 1, columns.map(str::as_bytes));
            assert_eq!(entry == hashed, whole, "{length}");
            assert!(entry.len() <= LARGEST_ENTRY);
            assert_eq!(leaf(&hashed, 1, columns.map(str::as_bytes)), Node::leaf(&entry));
        }
    }

    #[test]
    fn names_and_times_have_one_form() {
        for name in ["shell_exec.intent", "agent:claude", "a"] {
            assert!(is_name(name.as_bytes()), "{name}");
        }
        for name in ["", "a|b", "a b", "ä", "a\n", &"x".repeat(129)] {
            assert!(!is_name(name.as_bytes()), "{name:?}");
        }
        assert!(is_time(b"2026-01-02T03:04:05.678Z"));
        for time in [
            "",
            "2026-01-02T03:04:05Z",
            "2026-01-02 03:04:05.678Z",
            "2026-01-02T03:04:05.67|Z",
            "+026-01-02T03:04:05.678Z",
            "dddd-dd-ddTdd:dd:dd.dddZ",
        ] {
            assert!(!is_time(time.as_bytes()), "{time}");
        }
    }

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_a_hash() {
        assert_eq!(Hash::from_hex(GENESIS.as_str()), Some(GENESIS));
        for text in ["", "0", &"G".repeat(64), &"A".repeat(64), &"0".repeat(65)] {
            assert!(Hash::from_hex(text).is_none(), "{text}");
        }
    }
}
