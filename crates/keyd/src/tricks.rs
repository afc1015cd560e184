//! Ways to spend more than the rules allow, each tried against decoding and judging together.

use alloy_primitives::{Address, U256, hex, keccak256};
use osmoda_api::keyd::{BuildTxRequest, Chain, ChainParams, TxType, Wallet};
use serde_json::{Value, json};

use crate::{
    build::{Prepared, Unsigned, message, transaction},
    policy::{Policy, Verdict},
};

const OWN: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FRIEND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const THIEF: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const TOKEN: &str = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
const SYSTEM: &str = "11111111111111111111111111111111";
/// Where every trick is listed with what stops it.
const PAGE: &str = include_str!("../../../docs/keyd-tricks.md");
const APP: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

/// Ten of the coin and ten USDC to a friend on chain 8453, one function of one contract, and nothing else.
const POLICY: &str = r#"
[[tokens]]
symbol = "USDC"
chain = "ethereum"
chain_id = 8453
address = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
decimals = 6

[[rules]]
name = "coin"
chain = "ethereum"
chain_ids = [8453]
actions = ["transfer"]
to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
max_per_act = "10.0"
max_per_day = "20.0"

[[rules]]
name = "token"
chain = "ethereum"
chain_ids = [8453]
actions = ["erc20_transfer", "x402_authorization", "typed_data"]
to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
tokens = ["USDC"]
max_per_act = "10.0"
max_per_day = "20.0"

[[rules]]
name = "app"
chain = "ethereum"
chain_ids = [8453]
actions = ["contract_call"]
calls = [{ contract = "0x000000000022D473030F116dDEE9F6B43aC78BA3", selector = "0x12345678" }]
max_per_act = 0
max_per_day = 0
"#;

fn wallet() -> Wallet {
    Wallet {
        id: "wal_1".into(),
        chain: Chain::Ethereum,
        address: OWN.into(),
        label: String::new(),
        created_at: String::new(),
    }
}

/// The rule that lets it through, or why none does.
fn try_it(request: &BuildTxRequest) -> Result<Verdict, String> {
    let policy = Policy::parse(POLICY).unwrap();
    let prepared: Prepared = transaction(&wallet(), request, Some(&policy), 0).map_err(|error| error.to_string())?;
    policy.judge(&prepared.meaning).map_err(|refusal| refusal.to_string())
}

fn params() -> ChainParams {
    ChainParams {
        chain_id: Some(8453),
        nonce: Some(0),
        gas_limit: Some(100_000),
        max_fee_per_gas: Some("100".into()),
        max_priority_fee_per_gas: Some("1".into()),
        ..Default::default()
    }
}

fn request(tx_type: TxType, to: &str, amount: &str, chain_params: ChainParams) -> BuildTxRequest {
    BuildTxRequest {
        wallet_id: "wal_1".into(),
        chain: "ethereum".into(),
        tx_type: Some(tx_type),
        to: to.into(),
        amount: amount.into(),
        chain_params: Some(chain_params),
        approval_id: None,
    }
}

fn coin(to: &str, amount: &str) -> BuildTxRequest {
    request(TxType::Transfer, to, amount, params())
}

fn token(to: &str, amount: &str) -> BuildTxRequest {
    request(TxType::Erc20Transfer, to, amount, ChainParams { token: Some(TOKEN.into()), ..params() })
}

fn call(contract: &str, amount: &str, data: &[u8]) -> BuildTxRequest {
    request(TxType::ContractCall, contract, amount, ChainParams { data: Some(hex::encode(data)), ..params() })
}

/// Call data of a function with static arguments.
fn data(signature: &str, words: &[[u8; 32]]) -> Vec<u8> {
    keccak256(signature)[..4].iter().copied().chain(words.iter().flatten().copied()).collect()
}

fn who(address: &str) -> [u8; 32] {
    address.parse::<Address>().unwrap().into_word().0
}

fn number(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

fn typed(primary: &str, fields: &[(&str, &str, Value)], contract: &str, chain_id: u64) -> BuildTxRequest {
    let types: Vec<Value> = fields.iter().map(|(name, kind, _)| json!({ "name": name, "type": kind })).collect();
    let message: serde_json::Map<_, _> =
        fields.iter().map(|(name, _, value)| ((*name).to_owned(), value.clone())).collect();
    let typed = json!({
        "types": { primary: types }, "primaryType": primary, "message": message,
        "domain": { "chainId": chain_id, "verifyingContract": contract },
    });
    let chain_params = ChainParams { typed_data: typed.as_object().cloned(), ..Default::default() };
    request(TxType::TypedData, "", "", chain_params)
}

fn authorization(from: &str, to: &str, value: &str, contract: &str, chain_id: u64) -> BuildTxRequest {
    let zero = format!("0x{}", "0".repeat(64));
    let fields = [
        ("from", "address", json!(from)),
        ("to", "address", json!(to)),
        ("value", "uint256", json!(value)),
        ("validAfter", "uint256", json!(0)),
        ("validBefore", "uint256", json!(1)),
        ("nonce", "bytes32", json!(zero)),
    ];
    typed("TransferWithAuthorization", &fields, contract, chain_id)
}

fn permit(owner: &str, spender: &str, value: &str) -> BuildTxRequest {
    let fields = [
        ("owner", "address", json!(owner)),
        ("spender", "address", json!(spender)),
        ("value", "uint256", json!(value)),
        ("nonce", "uint256", json!(0)),
        ("deadline", "uint256", json!(1)),
    ];
    typed("Permit", &fields, TOKEN, 8453)
}

#[test]
fn what_the_rules_allow_passes_by_the_rule_that_is_meant() {
    let cases = [
        (coin(FRIEND, "10.0"), "coin"),
        (coin(&FRIEND.to_lowercase(), "10000000000000000000"), "coin"),
        (request(TxType::ContractCall, FRIEND, "1", params()), "coin"),
        (token(FRIEND, "10.0"), "token"),
        (call(TOKEN, "0", &data("transfer(address,uint256)", &[who(FRIEND), number(10_000_000)])), "token"),
        (authorization(OWN, FRIEND, "10000000", TOKEN, 8453), "token"),
        (permit(OWN, FRIEND, "10000000"), "token"),
        (call(APP, "0", &[0x12, 0x34, 0x56, 0x78, 1, 2, 3]), "app"),
    ];
    for (request, rule) in cases {
        let verdict = try_it(&request).unwrap_or_else(|why| panic!("{request:?}: {why}"));
        assert_eq!(verdict.rule, rule, "{request:?}");
    }
}

#[test]
fn no_trick_gets_through() {
    let max = U256::MAX.to_string();
    let to_friend = data("transfer(address,uint256)", &[who(FRIEND), number(1)]);
    let to_thief = data("transfer(address,uint256)", &[who(THIEF), number(1)]);
    let mut dirty = to_friend.clone();
    dirty[5] = 1;
    let with = |chain_params: ChainParams| BuildTxRequest { chain_params: Some(chain_params), ..coin(FRIEND, "1") };
    let mut nested = authorization(OWN, FRIEND, "1", TOKEN, 8453);
    if let Some(typed) = nested.chain_params.as_mut().and_then(|params| params.typed_data.as_mut()) {
        typed.insert("primaryType".into(), json!("Wrapper"));
        typed["types"]["Wrapper"] = json!([{ "name": "inner", "type": "TransferWithAuthorization" }]);
        typed["message"] = json!({ "inner": typed["message"].clone() });
    }
    let tricks: Vec<(&str, BuildTxRequest)> = vec![
        ("one unit more", coin(FRIEND, "10000000000000000001")),
        ("whole units for the smallest", token(FRIEND, "10000000.0")),
        ("a unit with fewer digits than the amount", token(FRIEND, "0.0000001")),
        ("another unit's amount", token(FRIEND, "10000000000000000000")),
        (
            "an amount that wraps around",
            coin(FRIEND, "115792089237316195423570985008687907853269984665640564039457584007913129639937"),
        ),
        ("a negative amount", coin(FRIEND, "-1")),
        ("an exponent", coin(FRIEND, "1e30")),
        ("an amount in hex", coin(FRIEND, "0xffffffffffffffffffff")),
        ("another receiver", coin(THIEF, "1")),
        ("a receiver in wrong case", coin(&FRIEND.replace("C5", "c5"), "1")),
        ("a receiver without 0x", coin(&FRIEND[2..], "1")),
        ("a receiver with a blank", coin(&format!("{FRIEND} "), "1")),
        ("another chain", with(ChainParams { chain_id: Some(1), ..params() })),
        ("no chain", with(ChainParams { chain_id: None, ..params() })),
        ("chain 0, good anywhere", with(ChainParams { chain_id: Some(0), ..params() })),
        ("data beside a transfer", with(ChainParams { data: Some("12345678".into()), ..params() })),
        ("a fee that is the loot", with(ChainParams { max_fee_per_gas: Some("1000000000000000".into()), ..params() })),
        ("gas without end", with(ChainParams { gas_limit: Some(u64::MAX), ..params() })),
        (
            "a fee that wraps around",
            with(ChainParams { gas_limit: Some(u64::MAX), max_fee_per_gas: Some(u128::MAX.to_string()), ..params() }),
        ),
        ("a tip over the fee", with(ChainParams { max_priority_fee_per_gas: Some("101".into()), ..params() })),
        (
            "the same token on another chain",
            request(
                TxType::Erc20Transfer,
                FRIEND,
                "1",
                ChainParams { token: Some(TOKEN.into()), chain_id: Some(1), ..params() },
            ),
        ),
        (
            "another token",
            request(TxType::Erc20Transfer, FRIEND, "1", ChainParams { token: Some(APP.into()), ..params() }),
        ),
        ("a transfer to the token itself", token(TOKEN, "1")),
        ("a token's transfer as a call", call(TOKEN, "0", &to_thief)),
        ("a token's transfer that carries coin", call(TOKEN, "1", &to_friend)),
        ("bytes before the address", call(TOKEN, "0", &dirty)),
        ("bytes after the arguments", call(TOKEN, "0", &[to_friend.clone(), vec![0]].concat())),
        ("arguments cut short", call(TOKEN, "0", &to_friend[..67])),
        ("less than a selector", call(APP, "0", &[0x12, 0x34, 0x56])),
        (
            "transferFrom to another",
            call(TOKEN, "0", &data("transferFrom(address,address,uint256)", &[who(OWN), who(THIEF), number(1)])),
        ),
        ("an allowance", call(TOKEN, "0", &data("approve(address,uint256)", &[who(FRIEND), number(1)]))),
        (
            "an allowance without end",
            call(TOKEN, "0", &data("approve(address,uint256)", &[who(FRIEND), U256::MAX.to_be_bytes()])),
        ),
        ("a larger allowance", call(TOKEN, "0", &data("increaseAllowance(address,uint256)", &[who(THIEF), number(1)]))),
        ("all of a collection", call(TOKEN, "0", &data("setApprovalForAll(address,bool)", &[who(THIEF), number(1)]))),
        ("a multicall", call(TOKEN, "0", &data("multicall(bytes[])", &[number(32), number(0)]))),
        (
            "a delegate call of a safe",
            call(
                APP,
                "0",
                &data("execTransaction(address,uint256,bytes,uint8)", &[who(THIEF), number(1), number(128), number(1)]),
            ),
        ),
        ("a named call that carries coin", call(APP, "1", &[0x12, 0x34, 0x56, 0x78])),
        ("the named call's selector elsewhere", call(TOKEN, "0", &[0x12, 0x34, 0x56, 0x78])),
        ("an authorisation for another", authorization(OWN, THIEF, "1", TOKEN, 8453)),
        ("an authorisation over the limit", authorization(OWN, FRIEND, "10000001", TOKEN, 8453)),
        ("an authorisation on another chain", authorization(OWN, FRIEND, "1", TOKEN, 1)),
        ("an authorisation of another token", authorization(OWN, FRIEND, "1", APP, 8453)),
        ("an authorisation over another's tokens", authorization(FRIEND, FRIEND, "1", TOKEN, 8453)),
        ("an authorisation in a wrapper", nested),
        ("a permit for another", permit(OWN, THIEF, "1")),
        ("a permit over the limit", permit(OWN, FRIEND, "10000001")),
        ("a permit without end", permit(OWN, FRIEND, &max)),
        ("a permit over another's tokens", permit(THIEF, FRIEND, "1")),
        (
            "a permit of one's own making",
            typed("Permit", &[("spender", "address", json!(FRIEND)), ("value", "uint256", json!("1"))], TOKEN, 8453),
        ),
        (
            "an order of an exchange",
            typed("Order", &[("maker", "address", json!(OWN)), ("price", "uint256", json!("0"))], APP, 8453),
        ),
        (
            "typed data that says one amount and means another",
            BuildTxRequest { amount: "1".into(), ..permit(OWN, FRIEND, "10000000") },
        ),
        (
            "typed data that says one receiver and means another",
            BuildTxRequest { to: THIEF.into(), ..permit(OWN, FRIEND, "1") },
        ),
        ("a chain that is not the wallet's", BuildTxRequest { chain: "solana".into(), ..coin(FRIEND, "1") }),
        ("a chain in other letters", BuildTxRequest { chain: "Ethereum".into(), ..coin(FRIEND, "1") }),
    ];
    assert!(tricks.len() >= 30);
    for (name, request) in tricks {
        assert!(PAGE.contains(&format!("| {name} |")), "docs/keyd-tricks.md does not list: {name}");
        if let Ok(verdict) = try_it(&request) {
            panic!("{name} got through by rule {:?}: {request:?}", verdict.rule);
        }
    }
}

/// Messages that are something else. A rule that allows messages lets none of them through.
#[test]
fn no_message_is_a_transaction() {
    let ethereum = wallet();
    let solana = Wallet { chain: Chain::Solana, address: "11111111111111111111111111111112".into(), ..wallet() };
    let transfer = transaction(&ethereum, &coin(FRIEND, "1"), None, 0).unwrap().unsigned;
    let Unsigned::Transaction(transfer) = transfer else { panic!("{transfer:?}") };
    let blockhash = ChainParams { recent_blockhash: Some(SYSTEM.into()), ..Default::default() };
    let sol = BuildTxRequest { chain: "solana".into(), ..request(TxType::Transfer, SYSTEM, "1", blockhash) };
    let sol = transaction(&solana, &sol, None, 0).unwrap().unsigned;
    let Unsigned::Solana(_, sol) = sol else { panic!("{sol:?}") };
    let legacy = hex!("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080");
    let tricks: Vec<(&str, &Wallet, Vec<u8>)> = vec![
        ("a transaction to be signed as a message", &ethereum, transfer.unsigned()),
        ("a signed transaction as a message", &ethereum, transfer.signed(&[1; 64], false)),
        ("a transaction of the old form as a message", &ethereum, legacy.to_vec()),
        ("an access list's transaction as a message", &ethereum, hex!("01c3010203").to_vec()),
        ("a right to replace the account's code as a message", &ethereum, hex!("05c3010203").to_vec()),
        ("typed data's digest input as a message", &ethereum, [&[0x19, 1][..], &[7; 64]].concat()),
        ("a bare hash as a message", &ethereum, vec![7; 32]),
        ("a transaction of Solana as a message", &solana, sol.bytes().to_vec()),
        ("a signed transaction of Solana as a message", &solana, sol.signed(&[1; 64])),
        ("bytes that are no text as a message on Solana", &solana, vec![0xff, 0xfe]),
    ];
    for (name, wallet, payload) in &tricks {
        assert!(message(wallet, payload).is_err(), "{name}");
        assert!(PAGE.contains(&format!("| {name} |")), "docs/keyd-tricks.md does not list: {name}");
    }
}

#[test]
fn a_message_needs_a_rule_of_its_own() {
    let policy = Policy::parse(POLICY).unwrap();
    let prepared = message(&wallet(), b"hello").unwrap();
    assert!(policy.judge(&prepared.meaning).is_err());
}

#[test]
fn the_first_rule_that_matches_decides() {
    let no = "[[rules]]\nname = \"no\"\ndecision = \"refuse\"\nchain = \"ethereum\"\nchain_ids = [8453]\nactions = [\"transfer\", \"contract_call\", \"typed_data\"]\n";
    let policy = Policy::parse(&format!("{no}{POLICY}")).unwrap();
    let judged = |request: &BuildTxRequest| {
        let prepared = transaction(&wallet(), request, Some(&policy), 0).unwrap();
        policy.judge(&prepared.meaning).map(|verdict| verdict.rule).map_err(|refusal| refusal.rule().to_owned())
    };
    assert_eq!(judged(&coin(FRIEND, "1")), Err("no".into()));
    assert_eq!(judged(&call(APP, "0", &[0x12, 0x34, 0x56, 0x78])), Err("no".into()));
    assert_eq!(judged(&permit(OWN, FRIEND, "1")), Err("no".into()), "in every asset");
    assert_eq!(judged(&token(FRIEND, "1")), Ok("token".into()));
}
