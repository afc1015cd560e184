//! EIP-1559 transactions: what is signed, and what is sent.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Encodable, Header};

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
}
