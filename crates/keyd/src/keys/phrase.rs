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

    /// The keys along a path, from the root on.
    fn along(chain: Chain, seed: &[u8], steps: &[u32]) -> Vec<String> {
        let mut derived = Derived::root(chain, seed).unwrap();
        let mut keys = vec![hex::encode(*derived.key)];
        for step in steps {
            derived = derived.child(chain, *step).unwrap();
            keys.push(hex::encode(*derived.key));
        }
        keys
    }

    const SHORT: [u8; 16] = hex!("000102030405060708090a0b0c0d0e0f");
    const LONG: [u8; 64] = hex!(
        "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
    );

    /// BIP-32's test vectors 1 and 2, which are SLIP-10's for secp256k1 as well.
    #[test]
    fn bip32_as_in_its_vectors() {
        assert_eq!(
            along(Chain::Ethereum, &SHORT, &[HARDENED, 1, 2 | HARDENED, 2, 1_000_000_000]),
            [
                "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
                "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea",
                "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368",
                "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
                "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4",
                "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8",
            ]
        );
        assert_eq!(
            along(Chain::Ethereum, &LONG, &[0, 2_147_483_647 | HARDENED, 1, 2_147_483_646 | HARDENED, 2]),
            [
                "4b03d6fc340455b363f51020ad3ecca4f0850280cf436c70c727923f6db46c3e",
                "abe74a98f6c7eabee0428f53798f0ab8aa1bd37873999041703c742f15ac7e1e",
                "877c779ad9687164e9c2f4f0f4ff0340814392330693ce95a58fe18fd52e6e93",
                "704addf544a06e5ee4bea37098463c23613da32020d604506da8c0518e1da4b7",
                "f1c7c871a54a804afe328b4c83a1c33b8e5ff48f5087273f04efa83b247d6a2d",
                "bb7d39bdb83ecf58f2fd82b6d918341cbef428661ef01ab97c28a4842125ac23",
            ]
        );
    }

    /// SLIP-10's test vectors 1 and 2 for ed25519.
    #[test]
    fn slip10_as_in_its_vectors() {
        let hardened = |steps: [u32; 5]| steps.map(|step| step | HARDENED);
        assert_eq!(
            along(Chain::Solana, &SHORT, &hardened([0, 1, 2, 2, 1_000_000_000])),
            [
                "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
                "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
                "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
                "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9",
                "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662",
                "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
            ]
        );
        assert_eq!(
            along(Chain::Solana, &LONG, &hardened([0, 2_147_483_647, 1, 2_147_483_646, 2])),
            [
                "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
                "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635",
                "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4",
                "3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c",
                "5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72",
                "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d",
            ]
        );
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

    /// All of BIP-39's English vectors: a wrong word would give another seed.
    #[test]
    fn bip39_as_in_its_vectors() {
        let mut tried = 0;
        for line in include_str!("../../vectors/bip39.txt").lines().filter(|line| !line.starts_with('#')) {
            let [entropy, seed, root] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let mnemonic = Mnemonic::<English>::from_entropy(hex::decode(entropy).unwrap()).unwrap();
            let made = mnemonic.to_seed("TREZOR");
            assert_eq!(hex::encode(made), seed);
            assert_eq!(along(Chain::Ethereum, &made, &[]), [root]);
            assert!(derive(Chain::Ethereum, mnemonic.phrase()).is_ok());
            tried += 1;
        }
        assert_eq!(tried, 24);
    }
}
