//! Checkpoints: how large the ledger is and which root its tree has, signed (c2sp.org/tlog-checkpoint).

use super::{
    key::{SigningKey, VerifyingKey},
    signed::{self, NoteError},
};
use crate::tree::Node;

/// Size and root of a ledger at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: the name of the key that signs it.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// The root over them.
    pub root: Node,
}

/// A checkpoint can't be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Its note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text.
    #[error("this is no checkpoint: its text must be an origin, a size and a root")]
    Malformed,
    /// Its origin is not the name of the key.
    #[error("it is a checkpoint of {0}, another ledger")]
    ForeignOrigin(String),
}

impl Checkpoint {
    /// The checkpoint as a signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        signed::sign(&self.text(), key)
    }

    /// Reads a checkpoint that `key` signed.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(signed::open(note, key)?)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::ForeignOrigin(checkpoint.origin))
        }
    }

    /// What a checkpoint says, before anybody has looked at its signatures.
    pub fn unverified(note: &str) -> Result<Self, CheckpointError> {
        Self::parse(signed::split(note)?.0)
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Malformed);
        };
        let number: u64 = size.parse().map_err(|_| CheckpointError::Malformed)?;
        let root = Node::from_base64(root).ok_or(CheckpointError::Malformed)?;
        if origin.is_empty() || number.to_string() != size || lines.any(str::is_empty) {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_changed_or_foreign_one_does_not() {
        let key = SigningKey::generate().unwrap();
        let origin = key.verifying().name().to_owned();
        let checkpoint = Checkpoint { origin: origin.clone(), size: 20_852_163, root: Node::empty() };
        let note = checkpoint.sign(&key);
        assert_eq!(Checkpoint::open(&note, &key.verifying()), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::unverified(&note), Ok(checkpoint.clone()));
        let changed = note.replace("20852163", "20852164");
        assert!(matches!(
            Checkpoint::open(&changed, &key.verifying()),
            Err(CheckpointError::Note(NoteError::BadSignature(_)))
        ));
        let other = SigningKey::generate().unwrap();
        assert!(matches!(
            Checkpoint::open(&checkpoint.sign(&other), &key.verifying()),
            Err(CheckpointError::Note(NoteError::ForeignKey { .. }))
        ));
        // Signed by the right key, yet of another ledger.
        let foreign = Checkpoint { origin: "example.com/log".into(), ..checkpoint }.sign(&key);
        assert_eq!(
            Checkpoint::open(&foreign, &key.verifying()),
            Err(CheckpointError::ForeignOrigin("example.com/log".into()))
        );
    }

    #[test]
    fn only_the_one_form_of_the_text_is_a_checkpoint() {
        let root = Node::empty().to_base64();
        assert!(Checkpoint::parse(&format!("o\n0\n{root}\n")).is_ok());
        assert!(Checkpoint::parse(&format!("o\n10\n{root}\nextension\n")).is_ok());
        for text in [
            String::new(),
            "o\n1\n".into(),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("\n1\n{root}\n"),
            "o\n1\nAAAA\n".into(),
            format!("o\n1\n{root}\n\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(CheckpointError::Malformed), "{text:?}");
        }
    }
}
