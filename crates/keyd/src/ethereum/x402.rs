//! x402 payments of scheme `exact`: an EIP-3009 authorisation, and the header that carries it.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;

const DOMAIN: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const TRANSFER: &str = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";

/// What a token's `transferWithAuthorization` is called with, and the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) chain_id: u64,
    pub(crate) token: Address,
    /// The name and the version in the token's EIP-712 domain.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) valid_after: u64,
    pub(crate) valid_before: u64,
    pub(crate) nonce: B256,
    /// What x402 calls the chain.
    pub(crate) network: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payment<'a> {
    x402_version: u32,
    scheme: &'static str,
    network: &'a str,
    payload: Payload,
}

#[derive(Serialize)]
struct Payload {
    signature: String,
    authorization: Signed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    from: String,
    to: String,
    value: String,
    valid_after: String,
    valid_before: String,
    nonce: String,
}

impl Authorization {
    /// The EIP-712 digest.
    pub(crate) fn digest(&self) -> B256 {
        let domain = hash_words(&[
            keccak256(DOMAIN),
            keccak256(&self.name),
            keccak256(&self.version),
            B256::from(U256::from(self.chain_id)),
            self.token.into_word(),
        ]);
        let message = hash_words(&[
            keccak256(TRANSFER),
            self.from.into_word(),
            self.to.into_word(),
            B256::from(self.value),
            B256::from(U256::from(self.valid_after)),
            B256::from(U256::from(self.valid_before)),
            self.nonce,
        ]);
        keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat())
    }

    /// The X-PAYMENT header: base64 of the JSON that x402 clients send (version 1 of the protocol).
    pub(crate) fn header(&self, signature: &[u8; 65]) -> serde_json::Result<String> {
        let payment = Payment {
            x402_version: 1,
            scheme: "exact",
            network: &self.network,
            payload: Payload {
                signature: hex::encode_prefixed(signature),
                authorization: Signed {
                    from: self.from.to_string(),
                    to: self.to.to_string(),
                    value: self.value.to_string(),
                    valid_after: self.valid_after.to_string(),
                    valid_before: self.valid_before.to_string(),
                    nonce: self.nonce.to_string(),
                },
            },
        };
        serde_json::to_vec(&payment).map(|json| BASE64.encode(json))
    }
}

fn hash_words(words: &[B256]) -> B256 {
    keccak256(words.iter().flat_map(|word| word.0).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ethereum::{TypedMeaning, read_typed};

    #[test]
    fn the_digest_is_the_typed_datas() {
        let authorization = Authorization {
            chain_id: 8453,
            token: Address::repeat_byte(3),
            name: "USD Coin".into(),
            version: "2".into(),
            from: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            value: U256::from(10_000),
            valid_after: 5,
            valid_before: 6,
            nonce: B256::repeat_byte(7),
            network: "base".into(),
        };
        let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
        let typed = json!({
            "types": { "TransferWithAuthorization": [
                field("from", "address"), field("to", "address"), field("value", "uint256"),
                field("validAfter", "uint256"), field("validBefore", "uint256"), field("nonce", "bytes32"),
            ]},
            "primaryType": "TransferWithAuthorization",
            "domain": { "name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": authorization.token },
            "message": {
                "from": authorization.from, "to": authorization.to, "value": "10000", "validAfter": 5,
                "validBefore": 6, "nonce": authorization.nonce,
            },
        });
        let typed = read_typed(typed.as_object().unwrap()).unwrap();
        assert_eq!(typed.digest, authorization.digest());
        let (from, to, amount) = (authorization.from, authorization.to, authorization.value);
        assert_eq!(typed.meaning, TypedMeaning::Authorization { from, to, amount });
    }
}
