//! BIP-39 phrases, and the keys that wallets everywhere derive from them: BIP-32 for Ethereum, SLIP-10 for Solana.

use bip0039::{English, Mnemonic};
use hmac::{Hmac, KeyInit, Mac};
use k256::{
    NonZeroScalar, ProjectivePoint, Scalar,
    elliptic_curve::{PrimeField, sec1::ToSec1Point},
};
use osmoda_api::keyd::Chain;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::{KeyBytes, KeyError, random};

const HARDENED: u32 = 1 << 31;
/// m/44'/60'/0'/0/0, as MetaMask, Ledger and ethers have it.
const ETHEREUM: [u32; 5] = [44 | HARDENED, 60 | HARDENED, HARDENED, 0, 0];
/// m/44'/501'/0'/0', as Phantom and the Solana command line have it.
const SOLANA: [u32; 4] = [44 | HARDENED, 501 | HARDENED, HARDENED, HARDENED];

/// A key and the chain code for the next step.
#[derive(Clone)]
pub(crate) struct Derived {
    pub(crate) key: KeyBytes,
    chain_code: Zeroizing<[u8; 32]>,
}

/// 24 fresh words.
pub(crate) fn new_phrase() -> Result<Zeroizing<String>, KeyError> {
    let entropy = Zeroizing::new(random::<32>()?);
    let mnemonic = Mnemonic::<English>::from_entropy(entropy.to_vec()).map_err(|_| KeyError::NoRandomness)?;
    Ok(Zeroizing::new(mnemonic.into_phrase()))
}

/// The first account's key of a phrase. English words, with their checksum.
pub(crate) fn derive(chain: Chain, phrase: &str) -> Result<KeyBytes, KeyError> {
    let words = phrase.split_whitespace().collect::<Vec<_>>().join(" ");
    let mnemonic = Mnemonic::<English>::from_phrase(words)
        .map_err(|_| KeyError::BadSecret("this is no BIP-39 phrase: a word is wrong, or the checksum"))?;
    let seed = Zeroizing::new(mnemonic.to_seed(""));
    let path: &[u32] = match chain {
        Chain::Ethereum => &ETHEREUM,
        Chain::Solana => &SOLANA,
    };
    let mut derived = Derived::root(chain, seed.as_ref())?;
    for step in path {
        derived = derived.child(chain, *step)?;
    }
    Ok(derived.key)
}

impl Derived {
    fn root(chain: Chain, seed: &[u8]) -> Result<Self, KeyError> {
        let curve: &[u8] = match chain {
            Chain::Ethereum => b"Bitcoin seed",
            Chain::Solana => b"ed25519 seed",
        };
        let derived = Self::split(&*hmac(curve, &[seed])?);
        if chain == Chain::Ethereum {
            scalar(&derived.key)?;
        }
        Ok(derived)
    }

    fn split(both: &[u8; 64]) -> Self {
        let mut derived = Self { key: KeyBytes::default(), chain_code: Zeroizing::default() };
        derived.key.copy_from_slice(&both[..32]);
        derived.chain_code.copy_from_slice(&both[32..]);
        derived
    }

    fn child(&self, chain: Chain, number: u32) -> Result<Self, KeyError> {
        let number_bytes = number.to_be_bytes();
        let code = self.chain_code.as_ref();
        match chain {
            Chain::Solana => Ok(Self::split(&*hmac(code, &[&[0], self.key.as_ref(), &number_bytes])?)),
            Chain::Ethereum => {
                let parent = scalar(&self.key)?;
                let both = if number & HARDENED != 0 {
                    hmac(code, &[&[0], self.key.as_ref(), &number_bytes])?
                } else {
                    let public = (ProjectivePoint::GENERATOR * *parent).to_affine().to_sec1_point(true);
                    hmac(code, &[public.as_bytes(), &number_bytes])?
                };
                let mut child = Self::split(&both);
                let sum = *scalar(&child.key)? + *parent;
                child.key.copy_from_slice(&Zeroizing::new(sum.to_repr())[..]);
                scalar(&child.key)?;
                Ok(child)
            }
        }
    }
}

/// The number, where it is one of the curve's and not zero. That a derivation misses has a chance of 2^-127.
fn scalar(key: &KeyBytes) -> Result<Zeroizing<Scalar>, KeyError> {
    let scalar = Option::<NonZeroScalar>::from(NonZeroScalar::from_repr((**key).into()));
    scalar.map(|scalar| Zeroizing::new(*scalar)).ok_or(KeyError::BadSecret("this is no key of secp256k1"))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Result<Zeroizing<[u8; 64]>, KeyError> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).map_err(|_| KeyError::BadSecret("no key of HMAC"))?;
    for part in parts {
        mac.update(part);
    }
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    /// BIP-32, test vector 1: m/0'/1/2'/2/1000000000 of seed 000102030405060708090a0b0c0d0e0f.
    #[test]
    fn bip32_as_in_its_first_vector() {
        let seed = hex!("000102030405060708090a0b0c0d0e0f");
        let mut derived = Derived::root(Chain::Ethereum, &seed).unwrap();
        assert_eq!(hex::encode(*derived.key), "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35");
        let steps = [
            (HARDENED, "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"),
            (1, "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"),
            (2 | HARDENED, "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca"),
            (2, "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4"),
            (1_000_000_000, "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8"),
        ];
        for (step, expected) in steps {
            derived = derived.child(Chain::Ethereum, step).unwrap();
            assert_eq!(hex::encode(*derived.key), expected, "{step}");
        }
    }

    /// SLIP-10, test vector 1 for ed25519: m/0'/1'/2'/2'/1000000000'.
    #[test]
    fn slip10_as_in_its_first_vector() {
        let seed = hex!("000102030405060708090a0b0c0d0e0f");
        let mut derived = Derived::root(Chain::Solana, &seed).unwrap();
        assert_eq!(hex::encode(*derived.key), "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7");
        let steps = [
            (0, "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"),
            (1, "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"),
            (2, "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9"),
            (2, "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662"),
            (1_000_000_000, "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793"),
        ];
        for (step, expected) in steps {
            derived = derived.child(Chain::Solana, step | HARDENED).unwrap();
            assert_eq!(hex::encode(*derived.key), expected, "{step}");
        }
    }

    /// The phrase that every development chain of Ethereum starts with, and its first account.
    #[test]
    fn a_phrase_gives_the_key_that_other_wallets_give() {
        let phrase = "test test test test test test test test test test test junk";
        let key = derive(Chain::Ethereum, phrase).unwrap();
        assert_eq!(hex::encode(*key), "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        assert!(derive(Chain::Ethereum, "test test test").is_err());
        assert!(derive(Chain::Ethereum, &phrase.replace("junk", "test")).is_err(), "the checksum is wrong");
        let fresh = new_phrase().unwrap();
        assert_eq!(fresh.split(' ').count(), 24);
        assert_ne!(*derive(Chain::Solana, &fresh).unwrap(), *derive(Chain::Ethereum, &fresh).unwrap());
    }

    /// BIP-39's own vector for all-zero entropy, with the passphrase of its test suite.
    #[test]
    fn bip39_as_in_its_first_vector() {
        let mnemonic = Mnemonic::<English>::from_entropy([0; 16]).unwrap();
        assert_eq!(
            mnemonic.phrase(),
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
        );
        let expected = "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04";
        assert_eq!(hex::encode(mnemonic.to_seed("TREZOR")), expected);
    }
}
