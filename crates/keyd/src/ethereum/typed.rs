//! EIP-712 typed data: its digest, and what signing it gives away.

use alloy_dyn_abi::{DynSolValue, TypedData};
use alloy_primitives::{Address, B256, U256};
use serde_json::{Map, Value};

/// Typed data that can be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) digest: B256,
    pub(crate) chain_id: u64,
    /// The domain's `verifyingContract`.
    pub(crate) contract: Address,
    pub(crate) primary_type: String,
    pub(crate) meaning: TypedMeaning,
}

/// What a signature under typed data allows others to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TypedMeaning {
    /// EIP-3009: whoever has it moves the tokens.
    Authorization { from: Address, to: Address, amount: U256 },
    /// EIP-2612, DAI's own permit or Permit2: the spender may take so much of the token.
    Permit { owner: Option<Address>, token: Address, spender: Address, amount: U256 },
    /// Something else.
    Unknown,
}

/// Typed data can't be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTypedData {
    #[error("typed data has types, primaryType, domain and message, and nothing else")]
    Shape,
    #[error("the typed data is no EIP-712: {0}")]
    Invalid(String),
    #[error("the domain must have a chainId and a verifyingContract: without them the signature is good anywhere")]
    Unbound,
    #[error("the types' EIP712Domain is not what the domain has: {0} is asked for")]
    Domain(String),
    #[error("a number in typed data must be an integer; write large ones as text")]
    Number,
    #[error("a permit for several tokens at once can't be judged; sign one for each")]
    Batch,
}

const AUTHORIZATION: &str =
    "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";
const PERMIT: &str = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
const DAI_PERMIT: &str = "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)";
const DETAILS: &str = "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
const PERMIT_SINGLE: &str = "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)";
const PERMIT_BATCH: &str = "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)";
const PERMISSIONS: &str = "TokenPermissions(address token,uint256 amount)";
const PERMIT_TRANSFER: &str =
    "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)";
const PERMIT_BATCH_TRANSFER: &str =
    "PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)";

/// Reads and hashes typed data. The meaning is read from the values that were hashed, not from the JSON.
pub(crate) fn read_typed(typed: &Map<String, Value>) -> Result<Typed, BadTypedData> {
    let known = ["types", "primaryType", "domain", "message"];
    if typed.len() != known.len() || !known.iter().all(|name| typed.get(*name).is_some_and(|value| !value.is_null())) {
        return Err(BadTypedData::Shape);
    }
    if !only_integers(&typed["domain"]) || !only_integers(&typed["message"]) {
        return Err(BadTypedData::Number);
    }
    let invalid = |error: String| BadTypedData::Invalid(error.chars().take(200).collect());
    let data: TypedData =
        serde_json::from_value(Value::Object(typed.clone())).map_err(|error| invalid(error.to_string()))?;
    check_domain(&data, typed)?;
    let chain_id = data.domain.chain_id.and_then(|id| u64::try_from(id).ok()).ok_or(BadTypedData::Unbound)?;
    let contract = data.domain.verifying_contract.ok_or(BadTypedData::Unbound)?;
    let digest = data.eip712_signing_hash().map_err(|error| invalid(error.to_string()))?;
    let encoded = data.encode_type().map_err(|error| invalid(error.to_string()))?;
    let value = data.coerce().map_err(|error| invalid(error.to_string()))?;
    let meaning = meaning(&encoded, contract, &value)?;
    Ok(Typed { digest, chain_id, contract, primary_type: data.primary_type, meaning })
}

/// The domain is hashed by the fields it has. Where `types` says so too it must say the same, or other wallets would
/// have hashed something else.
fn check_domain(data: &TypedData, typed: &Map<String, Value>) -> Result<(), BadTypedData> {
    let fields = ["name", "version", "chainId", "verifyingContract", "salt"];
    let domain = typed["domain"].as_object().ok_or(BadTypedData::Shape)?;
    if domain.keys().any(|name| !fields.contains(&name.as_str())) {
        return Err(BadTypedData::Domain(data.domain.encode_type()));
    }
    if typed["types"].get("EIP712Domain").is_none() {
        return Ok(());
    }
    match data.resolver.encode_type("EIP712Domain") {
        Ok(said) if said == data.domain.encode_type() => Ok(()),
        Ok(said) => Err(BadTypedData::Domain(said)),
        Err(error) => Err(BadTypedData::Invalid(error.to_string())),
    }
}

/// A type is known by its whole encoding, which is what the contract's own hash of it binds.
fn meaning(encoded: &str, contract: Address, value: &DynSolValue) -> Result<TypedMeaning, BadTypedData> {
    let two = |first: &str, second: &str| encoded.strip_prefix(first).is_some_and(|rest| rest == second);
    let wrong = || BadTypedData::Invalid("a field has not the type it should have".into());
    let kind = encoded.strip_prefix("TransferWithAuthorization").or(encoded.strip_prefix("ReceiveWithAuthorization"));
    if kind == Some(AUTHORIZATION) {
        let (from, to, amount) = (address(value, "from"), address(value, "to"), number(value, "value"));
        let (Some(from), Some(to), Some(amount)) = (from, to, amount) else { return Err(wrong()) };
        return Ok(TypedMeaning::Authorization { from, to, amount });
    }
    let permit = if encoded == PERMIT {
        (address(value, "owner"), Some(contract), number(value, "value"))
    } else if encoded == DAI_PERMIT {
        let allowed = field(value, "allowed").and_then(DynSolValue::as_bool).ok_or_else(wrong)?;
        (address(value, "holder"), Some(contract), Some(if allowed { U256::MAX } else { U256::ZERO }))
    } else if two(PERMIT_SINGLE, DETAILS) {
        let details = field(value, "details").ok_or_else(wrong)?;
        (None, address(details, "token"), number(details, "amount"))
    } else if two(PERMIT_TRANSFER, PERMISSIONS) {
        let permitted = field(value, "permitted").ok_or_else(wrong)?;
        (None, address(permitted, "token"), number(permitted, "amount"))
    } else if two(PERMIT_BATCH, DETAILS) || two(PERMIT_BATCH_TRANSFER, PERMISSIONS) {
        let name = if encoded.starts_with(PERMIT_BATCH) { "details" } else { "permitted" };
        match field(value, name).and_then(DynSolValue::as_array) {
            Some([one]) => (None, address(one, "token"), number(one, "amount")),
            _ => return Err(BadTypedData::Batch),
        }
    } else {
        return Ok(TypedMeaning::Unknown);
    };
    let (owner, Some(token), Some(amount)) = permit else { return Err(wrong()) };
    let spender = address(value, "spender").ok_or_else(wrong)?;
    Ok(TypedMeaning::Permit { owner, token, spender, amount })
}

fn field<'a>(value: &'a DynSolValue, name: &str) -> Option<&'a DynSolValue> {
    let DynSolValue::CustomStruct { prop_names, tuple, .. } = value else { return None };
    tuple.get(prop_names.iter().position(|prop| prop == name)?)
}

fn address(value: &DynSolValue, name: &str) -> Option<Address> {
    field(value, name)?.as_address()
}

fn number(value: &DynSolValue, name: &str) -> Option<U256> {
    field(value, name)?.as_uint().map(|(number, _)| number)
}

/// Whether no number in it has a fraction or an exponent: those have lost digits already.
fn only_integers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() || number.is_i64(),
        Value::Array(items) => items.iter().all(only_integers),
        Value::Object(fields) => fields.values().all(only_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use serde_json::json;

    use super::*;
    use crate::vectors::mail;

    fn read(value: &Value) -> Result<Typed, BadTypedData> {
        read_typed(value.as_object().unwrap())
    }

    fn field(name: &str, kind: &str) -> Value {
        json!({ "name": name, "type": kind })
    }

    #[test]
    fn the_digest_is_the_eips_own() {
        let typed = read(&mail()).unwrap();
        assert_eq!(hex::encode(typed.digest), "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
        assert_eq!((typed.chain_id, typed.meaning), (1, TypedMeaning::Unknown));
    }

    fn permit2(primary: &str, types: &Value, message: &Value) -> Value {
        json!({
            "types": types, "primaryType": primary, "message": message,
            "domain": { "name": "Permit2", "chainId": 1, "verifyingContract": Address::repeat_byte(9) },
        })
    }

    #[test]
    fn permits_are_known_for_what_they_give_away() {
        let [token, spender, owner, contract] = [1, 2, 3, 9].map(Address::repeat_byte);
        let details = [
            field("token", "address"),
            field("amount", "uint160"),
            field("expiration", "uint48"),
            field("nonce", "uint48"),
        ];
        let one = json!({ "token": token, "amount": "77", "expiration": 1, "nonce": 0 });
        let single = permit2(
            "PermitSingle",
            &json!({
                "PermitSingle": [field("details", "PermitDetails"), field("spender", "address"), field("sigDeadline", "uint256")],
                "PermitDetails": details,
            }),
            &json!({ "details": one, "spender": spender, "sigDeadline": 1 }),
        );
        let batch = |count: usize| {
            permit2(
                "PermitBatch",
                &json!({
                    "PermitBatch": [field("details", "PermitDetails[]"), field("spender", "address"), field("sigDeadline", "uint256")],
                    "PermitDetails": details,
                }),
                &json!({ "details": vec![one.clone(); count], "spender": spender, "sigDeadline": 1 }),
            )
        };
        let amount = U256::from(77);
        let expected = TypedMeaning::Permit { owner: None, token, spender, amount };
        assert_eq!(read(&single).unwrap().meaning, expected);
        assert_eq!(read(&batch(1)).unwrap().meaning, expected);
        assert_eq!(read(&batch(2)), Err(BadTypedData::Batch));
        let dai = permit2(
            "Permit",
            &json!({ "Permit": [field("holder", "address"), field("spender", "address"), field("nonce", "uint256"), field("expiry", "uint256"), field("allowed", "bool")] }),
            &json!({ "holder": owner, "spender": spender, "nonce": 0, "expiry": 0, "allowed": true }),
        );
        let expected = TypedMeaning::Permit { owner: Some(owner), token: contract, spender, amount: U256::MAX };
        assert_eq!(read(&dai).unwrap().meaning, expected);
    }

    #[test]
    fn a_type_that_differs_in_one_letter_is_unknown_and_what_is_loose_is_refused() {
        let permit = permit2(
            "Permit",
            &json!({ "Permit": [field("owner", "address"), field("spender", "address"), field("value", "uint128")] }),
            &json!({ "owner": Address::ZERO, "spender": Address::ZERO, "value": 1 }),
        );
        assert_eq!(read(&permit).unwrap().meaning, TypedMeaning::Unknown);
        let mut loose = [mail(), mail(), mail(), mail(), mail(), mail()];
        loose[0]["domain"].as_object_mut().unwrap().remove("chainId");
        loose[1]["domain"].as_object_mut().unwrap().remove("name");
        loose[2]["more"] = json!(1);
        loose[3]["message"]["contents"] = json!(1.5);
        loose[4]["primaryType"] = json!("Nothing");
        loose[5]["message"].as_object_mut().unwrap().remove("to");
        for typed in loose {
            assert!(read(&typed).is_err(), "{typed}");
        }
    }
}
