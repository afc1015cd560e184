//! The off-chain message format: it begins with a byte that no transaction can begin with.

use super::Address;

/// Up to this many bytes in all, hardware wallets show the message.
const LEDGER: usize = 1232;
const DOMAIN: &[u8; 16] = b"\xffsolana offchain";
/// Signing domain, version, application domain, format, count of signers, one signer, length.
const HEADER: usize = 16 + 1 + 32 + 1 + 1 + 32 + 2;

/// The bytes to sign for a message (version 0, no application's domain); nothing where it is no text or too long.
pub(crate) fn offchain(signer: &Address, message: &[u8]) -> Option<Vec<u8>> {
    if message.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(message).ok()?;
    let short = message.len() + HEADER <= LEDGER;
    let format = match short {
        true if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => 0,
        true => 1,
        false => 2,
    };
    let length = u16::try_from(message.len()).ok()?;
    let mut out = Vec::with_capacity(HEADER + message.len());
    out.extend_from_slice(DOMAIN);
    out.push(0);
    out.extend_from_slice(&[0; 32]);
    out.push(format);
    out.push(1);
    out.extend_from_slice(&signer.0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(message);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_format_signer_and_length() {
        let signer = Address([7; 32]);
        let format = |message: &[u8]| offchain(&signer, message).map(|bytes| bytes[49]);
        let bytes = offchain(&signer, b"hi").unwrap();
        assert_eq!(&bytes[..17], b"\xffsolana offchain\0");
        assert_eq!((&bytes[50..51], &bytes[51..83], &bytes[83..]), (&[1][..], &[7; 32][..], &b"\x02\0hi"[..]));
        assert_eq!(format(b"hi"), Some(0));
        assert_eq!(format("hi\n".as_bytes()), Some(1));
        assert_eq!(format("ü".as_bytes()), Some(1));
        assert_eq!(format(&[b'a'; LEDGER - HEADER]), Some(0));
        assert_eq!(format(&[b'a'; LEDGER - HEADER + 1]), Some(2));
        assert_eq!(format(&[b'a'; 65_535]), Some(2));
        assert_eq!(format(&[b'a'; 65_536]), None);
        assert_eq!(format(&[0xff, 0xfe]), None);
        assert_eq!(format(b""), None);
    }
}
