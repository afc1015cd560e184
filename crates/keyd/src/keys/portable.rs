//! A key outside keyd: what an operator may bring in, and the encrypted file that one may take out.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use osmoda_api::keyd::Chain;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyBytes, KeyError, derive,
    master::stretch,
    random,
    seal::{Sealed, open, seal},
};
use crate::{ethereum, solana};

const FORMAT: &str = "osmoda-wallet-1";

/// The shortest passphrase of an exported file, in characters.
pub(crate) const LEAST_PASSPHRASE: usize = 12;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Portable {
    format: String,
    /// `argon2id m=65536 t=3 p=1`, for whoever opens the file with something else.
    kdf: String,
    chain: Chain,
    address: String,
    salt: String,
    nonce: String,
    ciphertext: String,
}

fn binding(chain: Chain, address: &str) -> Vec<u8> {
    format!("{FORMAT}|{}|{address}", chain.as_str()).into_bytes()
}

/// The text of a file that only the passphrase opens.
pub(crate) fn seal_portable(key: &KeyBytes, chain: Chain, address: &str, passphrase: &str) -> Result<String, KeyError> {
    if passphrase.chars().count() < LEAST_PASSPHRASE {
        return Err(KeyError::BadSecret("a passphrase of an exported key has 12 characters at least"));
    }
    let salt = random::<16>()?;
    let sealed = seal(&*stretch(passphrase.as_bytes(), &salt)?, &binding(chain, address), key.as_ref())?;
    let file = Portable {
        format: FORMAT.into(),
        kdf: "argon2id m=65536 t=3 p=1".into(),
        chain,
        address: address.into(),
        salt: BASE64.encode(salt),
        nonce: BASE64.encode(sealed.nonce),
        ciphertext: BASE64.encode(sealed.ciphertext),
    };
    serde_json::to_string_pretty(&file).map_err(|_| KeyError::BadSecret("the file can't be written as JSON"))
}

/// The key in whatever an operator brings: an exported file, a phrase, or the bare key.
pub(crate) fn open_portable(chain: Chain, secret: &str, passphrase: Option<&str>) -> Result<KeyBytes, KeyError> {
    let secret = secret.trim();
    let key = if secret.starts_with('{') {
        of_file(chain, secret, passphrase)?
    } else if secret.contains(char::is_whitespace) {
        derive(chain, secret)?
    } else {
        bare(chain, secret)?
    };
    // An address can be had from every key that can sign.
    address_of(chain, &key)?;
    Ok(key)
}

/// The address of a key.
pub(super) fn address_of(chain: Chain, key: &KeyBytes) -> Result<String, KeyError> {
    match chain {
        Chain::Ethereum => ethereum::address_of_key(key).map(|address| address.to_string()),
        Chain::Solana => Some(solana::address_of_key(key).to_string()),
    }
    .ok_or(KeyError::BadSecret("this is no key of secp256k1"))
}

fn of_file(chain: Chain, text: &str, passphrase: Option<&str>) -> Result<KeyBytes, KeyError> {
    let bad = || KeyError::BadSecret("this is no file that wallet_export gave");
    let file: Portable = serde_json::from_str(text).map_err(|_| bad())?;
    if file.format != FORMAT || file.chain != chain {
        return Err(bad());
    }
    let passphrase = passphrase.ok_or(KeyError::BadSecret("an exported file needs its passphrase"))?;
    let field = |text: &str| BASE64.decode(text).map_err(|_| bad());
    let salt = <[u8; 16]>::try_from(field(&file.salt)?).map_err(|_| bad())?;
    let nonce = <[u8; 12]>::try_from(field(&file.nonce)?).map_err(|_| bad())?;
    let sealed = Sealed { nonce, ciphertext: field(&file.ciphertext)? };
    let opened = open(&*stretch(passphrase.as_bytes(), &salt)?, &binding(chain, &file.address), &sealed)
        .ok_or(KeyError::BadSecret("the passphrase is wrong, or the file was changed"))?;
    let key = Zeroizing::new(<[u8; 32]>::try_from(opened.as_slice()).map_err(|_| bad())?);
    if address_of(chain, &key)? != file.address {
        return Err(bad());
    }
    Ok(key)
}

fn bare(chain: Chain, text: &str) -> Result<KeyBytes, KeyError> {
    let mut key = KeyBytes::default();
    match chain {
        Chain::Ethereum => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            if digits.len() != 64 || alloy_primitives::hex::decode_to_slice(digits, key.as_mut()).is_err() {
                return Err(KeyError::BadSecret("a bare key of Ethereum is 64 hex digits"));
            }
        }
        Chain::Solana => {
            let bad = KeyError::BadSecret("a bare key of Solana is 32 or 64 bytes in base58");
            let mut pair = Zeroizing::new([0; 64]);
            if five8::decode_64(text, &mut pair).is_ok() {
                key.copy_from_slice(&pair[..32]);
                // Seed and public key, as Solana's own tools write it: both must belong together.
                if solana::address_of_key(&key).0 != pair[32..] {
                    return Err(bad);
                }
            } else if five8::decode_32(text, &mut key).is_err() {
                return Err(bad);
            }
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_file_opens_with_its_passphrase_alone() {
        let key = Zeroizing::new([3; 32]);
        let address = address_of(Chain::Solana, &key).unwrap();
        assert!(seal_portable(&key, Chain::Solana, &address, "short").is_err());
        let file = seal_portable(&key, Chain::Solana, &address, "a long passphrase").unwrap();
        let open = |chain, text: &str, passphrase| open_portable(chain, text, passphrase);
        assert_eq!(*open(Chain::Solana, &file, Some("a long passphrase")).unwrap(), *key);
        assert!(open(Chain::Solana, &file, Some("another passphrase")).is_err());
        assert!(open(Chain::Solana, &file, None).is_err());
        assert!(open(Chain::Ethereum, &file, Some("a long passphrase")).is_err());
    }

    #[test]
    fn bare_keys_are_taken_in_their_chains_own_way_and_nothing_else_is() {
        let hex = "0x".to_owned() + &"11".repeat(32);
        assert_eq!(*open_portable(Chain::Ethereum, &hex, None).unwrap(), [0x11; 32]);
        let seed = solana::Address([0x11; 32]).to_string();
        assert_eq!(*open_portable(Chain::Solana, &seed, None).unwrap(), [0x11; 32]);
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for (chain, text) in [
            (Chain::Ethereum, order),
            (Chain::Ethereum, &"0".repeat(64)),
            (Chain::Ethereum, &hex[..64]),
            (Chain::Solana, &solana::signature_text(&[0x11; 64])),
            (Chain::Solana, "0OIl"),
            (Chain::Ethereum, ""),
        ] {
            assert!(open_portable(chain, text, None).is_err(), "{text}");
        }
    }
}
