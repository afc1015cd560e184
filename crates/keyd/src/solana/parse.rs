//! Whether bytes are a transaction of Solana: legacy or versioned, with its signatures or the message alone.

/// Whether the bytes, to the last one, are a transaction or the message that one signs.
pub(crate) fn parses_as_transaction(bytes: &[u8]) -> bool {
    is_message(bytes) || is_signed(bytes)
}

fn is_signed(bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    let signatures = rest.count();
    signatures.is_some_and(|count| count > 0 && rest.take(count * 64).is_some()) && is_message(rest.0)
}

fn is_message(bytes: &[u8]) -> bool {
    message(bytes) == Some(())
}

/// Nothing where it is none.
fn message(bytes: &[u8]) -> Option<()> {
    let mut rest = Rest(bytes);
    let is_versioned = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    if is_versioned {
        rest.take(1)?;
    }
    let [signers, ..] = *rest.take(3)? else { return None };
    let accounts = rest.count()?;
    if signers == 0 || usize::from(signers) > accounts {
        return None;
    }
    // The accounts' addresses and the recent blockhash.
    rest.take(accounts.checked_add(1)? * 32)?;
    for _ in 0..rest.count()? {
        // A program's place, the accounts' places, the data.
        rest.take(1)?;
        for _ in 0..2 {
            let length = rest.count()?;
            rest.take(length)?;
        }
    }
    if is_versioned {
        for _ in 0..rest.count()? {
            // A table's address, and places in it.
            rest.take(32)?;
            for _ in 0..2 {
                let length = rest.count()?;
                rest.take(length)?;
            }
        }
    }
    rest.0.is_empty().then_some(())
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A short vector's length: seven bits a byte, the lowest first, three bytes at most.
    fn count(&mut self) -> Option<usize> {
        let mut count = 0;
        for place in 0..3 {
            let [byte] = *self.take(1)? else { return None };
            count |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(count);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Address, Message, spl_transfer, system_transfer},
        *,
    };

    #[test]
    fn keyds_own_transactions_parse_with_and_without_signatures() {
        let [from, to, hash] = [1, 2, 3].map(|byte| Address([byte; 32]));
        let transfers = [system_transfer(from, to, 5), spl_transfer(from, to, hash, Address::TOKEN, 5, 6).unwrap()];
        for transfer in transfers {
            let message = Message::new(from, &transfer, hash);
            let mut versioned = [&[0x80], message.bytes(), &[0]].concat();
            for bytes in [message.bytes(), &message.signed(&[7; 64]), &versioned] {
                assert!(parses_as_transaction(bytes), "{bytes:?}");
                assert!(!parses_as_transaction(&bytes[..bytes.len() - 1]));
                assert!(!parses_as_transaction(&[bytes, &[0]].concat()));
            }
            // A table of addresses with one place to read.
            versioned.pop();
            versioned.extend([&[1][..], &[9; 32], &[0, 1, 4]].concat());
            assert!(parses_as_transaction(&versioned));
        }
    }

    #[test]
    fn text_is_no_transaction() {
        let long = "a".repeat(4000);
        for text in ["", "hello", "\u{1}\u{0}\u{1}", "example.com wants you to sign in with your Solana account", &long]
        {
            assert!(!parses_as_transaction(text.as_bytes()), "{text:?}");
        }
    }
}
