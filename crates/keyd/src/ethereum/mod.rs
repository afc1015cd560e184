//! Ethereum: addresses, transactions, call data, typed data and their signatures.

mod calls;
mod transaction;
mod typed;
mod x402;

use alloy_primitives::{Address, B256, eip191_hash_message, keccak256};
use ecdsa::hazmat::sign_prehashed_rfc6979;
use k256::{NonZeroScalar, ProjectivePoint, elliptic_curve::sec1::ToSec1Point};
use sha2::Sha256;

use crate::keys::KeyBytes;

pub(crate) use self::{
    calls::{BadCall, Call, read_call, transfer_data},
    transaction::{Eip1559, in_json},
    typed::{BadTypedData, TypedMeaning, read_typed},
    x402::Authorization,
};

/// A text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    #[error("{0:?} is no Ethereum address: 0x and 40 hex digits")]
    Form(String),
    #[error("the letters' case of {0} is not its checksum's (EIP-55): a digit may be wrong")]
    Checksum(String),
}

/// An address in hex. Where its letters are of both cases, they must be the checksum's.
pub(crate) fn parse_address(text: &str) -> Result<Address, BadAddress> {
    let form = || BadAddress::Form(text.chars().take(64).collect());
    let digits = text.strip_prefix("0x").ok_or_else(form)?;
    if digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(form());
    }
    let address: Address = text.to_ascii_lowercase().parse().map_err(|_| form())?;
    let one_case = !(digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase()));
    if one_case || address.to_string() == text { Ok(address) } else { Err(BadAddress::Checksum(text.to_owned())) }
}

/// The address of a key; nothing where the bytes are no key of secp256k1.
pub(crate) fn address_of_key(key: &KeyBytes) -> Option<Address> {
    let scalar = scalar(key)?;
    let point = (ProjectivePoint::GENERATOR * **scalar).to_affine().to_sec1_point(false);
    Some(Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]))
}

/// r, s and the parity of y (0 or 1), by RFC 6979 and with the low s.
pub(crate) fn sign(key: &KeyBytes, digest: &B256) -> Option<([u8; 64], bool)> {
    let scalar = scalar(key)?;
    let (signature, recovery) = sign_prehashed_rfc6979::<k256::Secp256k1, Sha256>(&scalar, digest.as_slice(), b"");
    Some((signature.to_bytes().into(), recovery.is_y_odd()))
}

/// As [`sign`], as 65 bytes with v = 27 or 28: how messages and typed data carry their signature.
pub(crate) fn sign_with_v(key: &KeyBytes, digest: &B256) -> Option<[u8; 65]> {
    let (signature, is_odd) = sign(key, digest)?;
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature);
    bytes[64] = 27 + u8::from(is_odd);
    Some(bytes)
}

/// EIP-191: what of a message is signed.
pub(crate) fn message_digest(message: &[u8]) -> B256 {
    eip191_hash_message(message)
}

/// Why a message is none: it parses as a transaction, or it is a bare hash that could be one's.
pub(crate) fn is_no_message(message: &[u8]) -> Option<&'static str> {
    match message {
        [] => Some("it is empty"),
        // EIP-2718: a type and a list. No text begins with a byte that low, and the chains' types are all below it.
        [kind, rest @ ..] if *kind < 0x20 && items_of_list(rest).is_some() => Some("it parses as a typed transaction"),
        // Before that, a list alone: of six fields, or of nine with a chain id or a signature (EIP-155).
        all if matches!(items_of_list(all), Some(6 | 9)) => Some("it parses as a transaction"),
        [0x19, version, ..] if *version < 0x20 => Some("it is the input of another EIP-191 signature"),
        all if all.len() == 32 => Some("it is a bare 32-byte hash, and nobody can tell of what"),
        _ => None,
    }
}

/// How many items there are, where the bytes are exactly one RLP list.
fn items_of_list(mut bytes: &[u8]) -> Option<usize> {
    let header = alloy_rlp::Header::decode(&mut bytes).ok()?;
    if !header.list || header.payload_length != bytes.len() {
        return None;
    }
    let mut items = 0;
    while !bytes.is_empty() {
        let item = alloy_rlp::Header::decode(&mut bytes).ok()?;
        bytes = bytes.get(item.payload_length..)?;
        items += 1;
    }
    Some(items)
}

fn scalar(key: &KeyBytes) -> Option<Wiped> {
    Option::<NonZeroScalar>::from(NonZeroScalar::from_repr((**key).into())).map(Wiped)
}

/// A scalar that is wiped on drop.
struct Wiped(NonZeroScalar);

impl std::ops::Deref for Wiped {
    type Target = NonZeroScalar;

    fn deref(&self) -> &NonZeroScalar {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use zeroize::Zeroizing;

    use super::*;

    /// The addresses that EIP-55 itself gives.
    #[test]
    fn checksums_are_those_of_eip_55() {
        for text in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address = parse_address(text).unwrap();
            assert_eq!(address.to_string().to_lowercase(), text.to_lowercase());
            assert_eq!(parse_address(&address.to_string()), Ok(address));
        }
    }

    #[test]
    fn a_wrong_case_or_form_is_no_address() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
            "",
        ] {
            assert!(parse_address(text).is_err(), "{text:?}");
        }
    }

    /// The first account of the development chains, and the signature that ethers and eth-account give with it.
    #[test]
    fn an_address_and_a_message_signature_are_what_other_wallets_give() {
        let key = Zeroizing::new(hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"));
        let address = address_of_key(&key).unwrap();
        assert_eq!(address.to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        let digest = message_digest(b"hello world");
        assert_eq!(hex::encode(digest), "d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68");
        let signature = sign_with_v(&key, &digest).unwrap();
        let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(
            digest.as_slice(),
            &k256::ecdsa::Signature::from_slice(&signature[..64]).unwrap(),
            k256::ecdsa::RecoveryId::new(signature[64] == 28, false),
        );
        let point = recovered.unwrap().to_sec1_point(false);
        assert_eq!(Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]), address);
    }

    #[test]
    fn what_could_be_a_transaction_is_no_message() {
        let transaction = Eip1559 { chain_id: 1, ..Default::default() };
        let cases: [&[u8]; 7] = [
            &transaction.unsigned(),
            &transaction.signed(&[1; 64], false),
            &hex!("05c3010203"),
            &hex!("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"),
            &[0x19, 0x01, 5, 5],
            &[7; 32],
            &[],
        ];
        for message in cases {
            assert!(is_no_message(message).is_some(), "{message:?}");
        }
        for message in [
            &b"hello"[..],
            b"example.com wants you to sign in.",
            &[0xc1],
            &[0xc0, 0],
            &[2, 0x61],
            "öa ".as_bytes(),
            "aöbc".as_bytes(),
        ] {
            assert!(is_no_message(message).is_none(), "{message:?}");
        }
    }
}
