//! A proof that leaves the machine: an event, its way to the root, and the signed checkpoint, in one text file
//! (c2sp.org/tlog-proof). Its extra line carries the entry itself.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    key::VerifyingKey,
};
use crate::tree::{Node, ProofError, verify_inclusion};

const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// No tree of at most 2^64 entries needs more.
const MOST_HASHES: usize = 64;

/// That an entry is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its place, from 0: the event's id less one.
    pub index: u64,
    /// The hashes from the entry to the root.
    pub hashes: Vec<Node>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// A proof file does not prove anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// It has not the form of one.
    #[error("this is no proof file: {0}")]
    Malformed(&'static str),
    /// Its checkpoint.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its hashes.
    #[error("{0}")]
    Proof(#[from] ProofError),
}

impl ProofFile {
    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\nextra {}\nindex {}\n", STANDARD.encode(&self.entry), self.index);
        for hash in &self.hashes {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the file's text; says nothing yet of whether it proves anything.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let bad = ProofFileError::Malformed;
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(bad("it has no checkpoint"))?;
        let mut lines = proof.lines();
        if lines.next() != Some(HEAD) {
            return Err(bad("its first line is another one"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).ok_or(bad("it carries no entry"))?;
        let entry = STANDARD.decode(extra).map_err(|_| bad("its entry is no Base64"))?;
        let digits = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(bad("it has no index"))?;
        let index: u64 = digits.parse().map_err(|_| bad("its index is no number"))?;
        if index.to_string() != digits {
            return Err(bad("its index is not in plain digits"));
        }
        let hashes: Option<Vec<Node>> = lines.by_ref().take(MOST_HASHES).map(Node::from_base64).collect();
        let hashes = hashes.ok_or(bad("a line of it is no hash"))?;
        if lines.next().is_some() {
            return Err(bad("it has too many hashes"));
        }
        Ok(Self { entry, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// The checkpoint under which the entry is proven to be in the ledger of `key`.
    pub fn check(&self, key: &VerifyingKey) -> Result<Checkpoint, ProofFileError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        verify_inclusion(Node::leaf(&self.entry), self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SigningKey, tree::Frontier};

    #[test]
    fn a_proof_reads_back_and_holds_for_its_entry_place_and_key_alone() {
        let key = SigningKey::generate().unwrap();
        let (left, right) = (Node::leaf(b"a"), Node::leaf(b"b"));
        let mut tree = Frontier::default();
        tree.push(left);
        tree.push(right);
        let checkpoint = Checkpoint { origin: key.verifying().name().into(), size: 2, root: tree.root() };
        let file = ProofFile { entry: b"b".to_vec(), index: 1, hashes: vec![left], checkpoint: checkpoint.sign(&key) };
        assert_eq!(ProofFile::parse(&file.to_text()), Ok(file.clone()));
        assert_eq!(file.check(&key.verifying()), Ok(checkpoint));
        let broken = [
            ProofFile { entry: b"c".to_vec(), ..file.clone() },
            ProofFile { index: 0, ..file.clone() },
            ProofFile { index: 2, ..file.clone() },
            ProofFile { hashes: vec![right], ..file.clone() },
            ProofFile { hashes: vec![], ..file.clone() },
            ProofFile { checkpoint: file.checkpoint.replace("\n2\n", "\n3\n"), ..file.clone() },
        ];
        for broken in broken {
            assert!(broken.check(&key.verifying()).is_err(), "{broken:?}");
        }
        assert!(file.check(&SigningKey::generate().unwrap().verifying()).is_err());
    }

    #[test]
    fn what_is_no_proof_file_is_refused() {
        let text = format!("{HEAD}\nextra YQ==\nindex 0\n\ncheckpoint");
        assert!(ProofFile::parse(&text).is_ok());
        let hash = Node::empty().to_base64();
        for broken in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replace("extra YQ==\n", ""),
            text.replace("YQ==", "Y"),
            text.replace("index 0", "index 00"),
            text.replace("index 0", "index -1"),
            text.replace("index 0\n", "index 0\nhash\n"),
            text.replace("index 0\n", &format!("index 0\n{}", format!("{hash}\n").repeat(65))),
            text.replace("\n\n", "\n"),
        ] {
            assert!(matches!(ProofFile::parse(&broken), Err(ProofFileError::Malformed(_))), "{broken:?}");
        }
    }
}
