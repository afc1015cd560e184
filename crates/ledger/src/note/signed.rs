//! Signed notes: a text, an empty line, and one line a signature (c2sp.org/signed-note).

use base64::{Engine, engine::general_purpose::STANDARD};

use super::key::{SigningKey, VerifyingKey};

/// The largest note that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// Signatures that are looked at.
const MOST_SIGNATURES: usize = 100;

/// A note can't be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has not the form of one.
    #[error("this is no signed note: {0}")]
    Malformed(&'static str),
    /// None of its signatures is by the key that is trusted.
    #[error("it is not signed by {wanted}; it is signed by {found}")]
    ForeignKey {
        /// The trusted key.
        wanted: String,
        /// The names that signed it.
        found: String,
    },
    /// The trusted key's signature does not fit the text.
    #[error("the signature of {0} does not fit its text: something in it was changed")]
    BadSignature(String),
}

/// The note of this text, which must end in a line feed, with one signature.
pub fn sign(text: &str, key: &SigningKey) -> String {
    let verifying = key.verifying();
    let mut signature = verifying.id().to_be_bytes().to_vec();
    signature.extend_from_slice(&key.signature(text.as_bytes()));
    format!("{text}\n\u{2014} {} {}\n", verifying.name(), STANDARD.encode(signature))
}

/// The text of a note that `key` signed. Signatures of others, such as witnesses, are not looked at.
pub fn open<'a>(note: &'a str, key: &VerifyingKey) -> Result<&'a str, NoteError> {
    let (text, signatures) = split(note)?;
    let mut names = Vec::new();
    let mut signed = false;
    for line in signatures.lines() {
        let (name, id, signature) = signature_line(line)?;
        if name == key.name() && id == key.id() {
            if !key.verifies(text.as_bytes(), &signature) {
                return Err(NoteError::BadSignature(name.to_owned()));
            }
            signed = true;
        } else {
            names.push(format!("{name}+{id:08x}"));
        }
    }
    if signed {
        return Ok(text);
    }
    Err(NoteError::ForeignKey { wanted: format!("{}+{:08x}", key.name(), key.id()), found: names.join(", ") })
}

/// Text and signature lines, both with their line feeds.
pub(super) fn split(note: &str) -> Result<(&str, &str), NoteError> {
    let bad = NoteError::Malformed;
    if note.len() > LARGEST {
        return Err(bad("it is too large"));
    }
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(bad("it holds control characters"));
    }
    let at = note.rfind("\n\n").ok_or(bad("no empty line stands before signatures"))?;
    let (text, signatures) = (&note[..=at], &note[at + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(bad("it ends without a whole signature line"));
    }
    if signatures.lines().count() > MOST_SIGNATURES {
        return Err(bad("it has too many signatures"));
    }
    Ok((text, signatures))
}

fn signature_line(line: &str) -> Result<(&str, u32, Vec<u8>), NoteError> {
    let bad = NoteError::Malformed("a signature line has not the form: dash, name, Base64");
    let (name, encoded) =
        line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or_else(|| bad.clone())?;
    let bytes = STANDARD.decode(encoded).map_err(|_| bad.clone())?;
    let (Some((id, signature)), true) = (bytes.split_first_chunk::<4>(), super::key::is_key_name(name)) else {
        return Err(bad);
    };
    Ok((name, u32::from_be_bytes(*id), signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The note of Go's `sumdb/note` documentation.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_that_go_signed_opens() {
        let key = VerifyingKey::parse(PETER).unwrap();
        assert!(open(NOTE, &key).unwrap().ends_with("your problem is.\n"));
        let changed = NOTE.replace("answer", "Answer");
        assert_eq!(open(&changed, &key), Err(NoteError::BadSignature("PeterNeumann".into())));
        let with_a_witness = format!("{NOTE}\u{2014} witness.example AAAAAAAA\n");
        assert!(open(&with_a_witness, &key).is_ok());
        let stranger = SigningKey::generate().unwrap().verifying();
        assert!(
            matches!(open(NOTE, &stranger), Err(NoteError::ForeignKey { found, .. }) if found == "PeterNeumann+c74f20a3")
        );
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let key = SigningKey::generate().unwrap();
        let note = sign("text\n", &key);
        assert_eq!(open(&note, &key.verifying()), Ok("text\n"));
        for text in [
            "",
            "text\n",
            "text\n\n",
            note.trim_end(),
            &note.replace('\u{2014}', "-"),
            &note.replace("text", "te\txt"),
            &format!("{note}garbage\n"),
        ] {
            assert!(matches!(open(text, &key.verifying()), Err(NoteError::Malformed(_))), "{text:?}");
        }
    }
}
