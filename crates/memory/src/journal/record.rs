//! A record: what a file was given, or that it was removed.

use sha2::{Digest, Sha256};

/// Bytes before the path: the hash, the turn, the boot, what it is, and how long path and content are.
pub(super) const HEAD: usize = 16 + 8 + 16 + 4 + 4 + 4;
const WRITTEN: u32 = 1;
const REMOVED: u32 = 2;

/// The system's start that a record is from; `None` where that is not known.
pub(super) type Boot = Option<[u8; 16]>;

/// One change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Grows with every turn of a half.
    pub(super) turn: i64,
    pub(super) boot: Boot,
    /// Below the folder.
    pub(super) file: String,
    /// `None` where the file was removed.
    pub(super) content: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn print(&self) -> Vec<u8> {
        let content = self.content.as_deref().unwrap_or_default();
        let mut bytes = vec![0; 16];
        bytes.extend(self.turn.to_le_bytes());
        bytes.extend(self.boot.unwrap_or_default());
        bytes.extend(if self.content.is_some() { WRITTEN } else { REMOVED }.to_le_bytes());
        for part in [self.file.as_bytes(), content] {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend(self.file.as_bytes());
        bytes.extend(content);
        let hash = Sha256::digest(&bytes[16..]);
        bytes[..16].copy_from_slice(&hash[..16]);
        bytes
    }

    /// The records of a half, as far as they are whole and of one turn.
    pub(super) fn read_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut records: Vec<Self> = Vec::new();
        while let Some((record, rest)) = Self::read(bytes) {
            if records.first().is_some_and(|first| first.turn != record.turn) {
                break;
            }
            records.push(record);
            bytes = rest;
        }
        records
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let (kind, path, content) = (number(40)?, number(44)? as usize, number(48)? as usize);
        let (path, rest) = rest.split_at_checked(path)?;
        let (content, rest) = rest.split_at_checked(content)?;
        let hash = Sha256::new().chain_update(&head[16..]).chain_update(path).chain_update(content).finalize();
        if hash[..16] != head[..16] {
            return None;
        }
        let boot: [u8; 16] = head[24..40].try_into().ok()?;
        let record = Self {
            turn: i64::from_le_bytes(head[16..24].try_into().ok()?),
            boot: Some(boot).filter(|boot| *boot != [0; 16]),
            file: String::from_utf8(path.to_vec()).ok()?,
            content: (kind == WRITTEN).then(|| content.to_vec()),
        };
        Some((record, rest))
    }
}

/// The start of the system that is running.
pub(super) fn this_boot() -> Boot {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(turn: i64, file: &str, content: Option<&str>) -> Record {
        Record { turn, boot: Some([7; 16]), file: file.into(), content: content.map(Into::into) }
    }

    #[test]
    fn records_are_read_as_far_as_they_are_whole_and_of_one_turn() {
        let all =
            [record(5, "notes/a.md", Some("one")), record(5, "notes/b.md", None), record(5, "notes/a.md", Some(""))];
        let bytes: Vec<u8> = all.iter().flat_map(Record::print).collect();
        assert_eq!(Record::read_all(&bytes), all);
        let mut longer = bytes.clone();
        longer.extend(record(4, "notes/old.md", Some("of the turn before")).print());
        assert_eq!(Record::read_all(&longer), all);
        for end in 0..bytes.len() {
            let whole = Record::read_all(&bytes[..end]);
            assert!(whole.len() < all.len() && all.starts_with(&whole), "{end}");
        }
        for at in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            let whole = Record::read_all(&torn);
            assert!(whole.len() < all.len() && all.starts_with(&whole), "{at}");
        }
        assert!(Record::read_all(&[0; 1000]).is_empty());
    }
}
