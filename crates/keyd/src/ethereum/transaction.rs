//! EIP-1559 transactions: what is signed, and what is sent.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_rlp::{Encodable, Header};
use serde_json::{Value, json};

/// The transaction type of EIP-1559 (EIP-2718).
const TYPE: u8 = 2;

/// A transaction that moves value or calls a contract. It never makes a contract: `to` is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Eip1559 {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) max_priority_fee: u128,
    pub(crate) max_fee: u128,
    pub(crate) gas_limit: u64,
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) data: Vec<u8>,
}

impl Eip1559 {
    /// The most that its gas can cost, in wei.
    pub(crate) fn most_fee(&self) -> U256 {
        U256::from(self.gas_limit).saturating_mul(U256::from(self.max_fee))
    }

    /// What is hashed and signed.
    pub(crate) fn unsigned(&self) -> Vec<u8> {
        let mut fields = Vec::with_capacity(128 + self.data.len());
        self.encode_fields(&mut fields);
        enveloped(&fields)
    }

    /// The hash that is signed.
    pub(crate) fn digest(&self) -> B256 {
        keccak256(self.unsigned())
    }

    /// What is sent.
    pub(crate) fn signed(&self, signature: &[u8; 64], is_odd: bool) -> Vec<u8> {
        let mut fields = Vec::with_capacity(200 + self.data.len());
        self.encode_fields(&mut fields);
        is_odd.encode(&mut fields);
        let (r, s) = signature.split_at(32);
        U256::from_be_slice(r).encode(&mut fields);
        U256::from_be_slice(s).encode(&mut fields);
        enveloped(&fields)
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        self.chain_id.encode(out);
        self.nonce.encode(out);
        self.max_priority_fee.encode(out);
        self.max_fee.encode(out);
        self.gas_limit.encode(out);
        self.to.encode(out);
        self.value.encode(out);
        self.data.as_slice().encode(out);
        // An empty access list.
        Header { list: true, payload_length: 0 }.encode(out);
    }
}

/// A signed transaction as Ethereum's nodes write it in JSON; nothing where the bytes are none.
pub(crate) fn in_json(raw: &[u8]) -> Option<Value> {
    let [TYPE, list @ ..] = raw else { return None };
    let mut rest = list;
    let header = Header::decode(&mut rest).ok()?;
    if !header.list || header.payload_length != rest.len() {
        return None;
    }
    let mut fields = Vec::with_capacity(12);
    while !rest.is_empty() {
        let length = Header::decode(&mut rest).ok()?.payload_length;
        let (field, after) = rest.split_at_checked(length)?;
        fields.push(field);
        rest = after;
    }
    let [chain_id, nonce, tip, fee, gas, to, value, input, _access_list, parity, r, s] = fields[..] else {
        return None;
    };
    let number = |field: &[u8]| U256::try_from_be_slice(field).map(|number| format!("{number:#x}"));
    Some(json!({
        "type": "0x2", "chainId": number(chain_id)?, "nonce": number(nonce)?, "to": hex::encode_prefixed(to),
        "gas": number(gas)?, "gasPrice": null, "maxPriorityFeePerGas": number(tip)?, "maxFeePerGas": number(fee)?,
        "value": number(value)?, "input": hex::encode_prefixed(input), "accessList": [], "v": number(parity)?,
        "r": number(r)?, "s": number(s)?, "yParity": number(parity)?, "hash": keccak256(raw),
    }))
}

fn enveloped(fields: &[u8]) -> Vec<u8> {
    let header = Header { list: true, payload_length: fields.len() };
    let mut out = Vec::with_capacity(1 + header.length() + fields.len());
    out.push(TYPE);
    header.encode(&mut out);
    out.extend_from_slice(fields);
    out
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    /// By hand from the EIP: 0x02 || rlp([1, 0, 1, 2, 21000, to, 1, "", []]).
    #[test]
    fn the_fields_stand_in_the_order_of_the_eip() {
        let transaction = Eip1559 {
            chain_id: 1,
            nonce: 0,
            max_priority_fee: 1,
            max_fee: 2,
            gas_limit: 21000,
            to: Address::repeat_byte(0x35),
            value: U256::from(1),
            data: vec![],
        };
        let expected = "02df01800102825208943535353535353535353535353535353535353535".to_owned() + "01" + "80" + "c0";
        assert_eq!(hex::encode(transaction.unsigned()), expected);
        assert_eq!(transaction.most_fee(), U256::from(42000));
    }

    #[test]
    fn a_signed_transaction_is_written_as_nodes_write_it() {
        let transaction = Eip1559 {
            chain_id: 1,
            max_fee: 0x1234,
            gas_limit: 21000,
            value: U256::from(255),
            data: vec![0, 1],
            ..Default::default()
        };
        let mut signature = [0; 64];
        (signature[31], signature[32]) = (7, 9);
        let raw = transaction.signed(&signature, true);
        let written = in_json(&raw).unwrap();
        let large = format!("0x9{}", "0".repeat(62));
        let table = [
            ("type", "0x2"),
            ("chainId", "0x1"),
            ("nonce", "0x0"),
            ("to", "0x0000000000000000000000000000000000000000"),
            ("gas", "0x5208"),
            ("maxPriorityFeePerGas", "0x0"),
            ("maxFeePerGas", "0x1234"),
            ("value", "0xff"),
            ("input", "0x0001"),
            ("v", "0x1"),
            ("yParity", "0x1"),
            ("r", "0x7"),
            ("s", &large),
        ];
        for (name, expected) in table {
            assert_eq!(written[name], expected, "{name}");
        }
        assert_eq!(written["hash"], keccak256(&raw).to_string());
        assert_eq!((in_json(&transaction.unsigned()), in_json(&raw[1..]), in_json(&[])), (None, None, None));
    }
}
