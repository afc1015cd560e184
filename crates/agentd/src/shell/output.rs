//! A stream's first bytes, while all of it is read away so that the command never blocks on it.

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is kept of each stream: 1 MiB.
pub(super) const KEPT: usize = 1 << 20;

/// What a stream said.
#[derive(Debug, Default)]
pub(super) struct Said {
    bytes: Vec<u8>,
    more: bool,
}

impl Said {
    /// Reads until the stream ends. What was read stays when the future is dropped before.
    pub(super) async fn listen(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            let room = KEPT - self.bytes.len();
            self.bytes.extend(chunk.get(..n.min(room)).unwrap_or_default());
            self.more |= n > room;
        }
    }

    /// As text, and whether there was more.
    pub(super) fn into_text(self) -> (String, bool) {
        // A character cut in two by the limit is not shown as a wrong one.
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if self.more && error.error_len().is_none() => error.valid_up_to(),
            _ => self.bytes.len(),
        };
        (String::from_utf8_lossy(self.bytes.get(..whole).unwrap_or_default()).into_owned(), self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_is_cut_at_the_limit_and_never_inside_a_character() {
        let text = "ä".repeat(KEPT);
        let mut said = Said::default();
        said.listen(format!("x{text}").as_bytes()).await;
        let (kept, more) = said.into_text();
        assert!(more);
        assert_eq!(kept.len(), KEPT - 1);
        assert!(!kept.contains('\u{fffd}'));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_replaced() {
        let mut said = Said::default();
        said.listen(&b"a\xffb"[..]).await;
        assert_eq!(said.into_text(), ("a\u{fffd}b".to_owned(), false));
    }
}
