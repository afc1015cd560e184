//! Signatures: messages, transfers and every other transaction that keyd understands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Sign a message (EIP-191, or Solana's off-chain format). What could be a transaction is refused.
    WalletSign = Post "/wallet/sign" as "wallet_sign", Destructive, WalletSignRequest => Signature, {
        const BODY_LIMIT: usize = 256 << 10;
    }
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletSignRequest {
    /// The wallet's id.
    #[schemars(length(max = 64))]
    pub wallet_id: String,
    /// The message in hex.
    #[schemars(length(min = 2, max = 131_072))]
    pub payload: String,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// A signed message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// 65 bytes in 0x hex (Ethereum), or 64 bytes in base58 (Solana).
    pub signature: String,
    /// `eip191` or `solana_offchain_v0`.
    pub scheme: String,
    /// The rule that allowed it.
    pub policy: String,
}

endpoint! {
    /// A signed transfer of the chain's own coin, within the policy. You broadcast it.
    WalletSend = Post "/wallet/send" as "wallet_send", Destructive, WalletSendRequest => Sent, {
        fn receipt(answer: &Sent) -> Value {
            json!({ "tx_hash": answer.tx_hash, "to": answer.to, "amount": answer.amount, "policy": answer.policy })
        }
    }
}

/// A transfer of the chain's own coin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletSendRequest {
    /// The wallet's id.
    #[schemars(length(max = 64))]
    pub wallet_id: String,
    /// The receiver's address.
    #[schemars(length(max = 128))]
    pub to: String,
    /// Integer of the smallest unit (wei, lamports); with a point (1.5), whole coins.
    #[schemars(length(min = 1, max = 96))]
    pub amount: String,
    /// ethereum: chain_id, nonce, max_fee_per_gas, max_priority_fee_per_gas, gas_limit?; solana: recent_blockhash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_params: Option<Map<String, Value>>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// A signed transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// The whole signed transaction: 0x hex (Ethereum) or base64 (Solana).
    pub signed_tx: String,
    /// The transaction's hash, or its first signature (Solana).
    pub tx_hash: String,
    /// The wallet's address.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// The amount in the smallest unit.
    pub amount: String,
    /// The rule that allowed it.
    pub policy: String,
}

endpoint! {
    /// Build, judge by the policy and sign any supported transaction. You broadcast it.
    WalletBuildTx = Post "/wallet/build_tx" as "wallet_build_tx", Destructive, BuildTxRequest => BuiltTx, {
        fn receipt(answer: &BuiltTx) -> Value {
            json!({ "tx_hash": answer.tx_hash, "policy": answer.policy, "decoded": answer.decoded })
        }
    }
}

/// What is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TxType {
    /// The chain's own coin.
    #[default]
    Transfer,
    /// An ERC-20 token.
    Erc20Transfer,
    /// Any call of a contract.
    ContractCall,
    /// EIP-712.
    TypedData,
    /// An x402 payment of scheme `exact`: an EIP-3009 authorisation.
    X402Authorization,
    /// An SPL token.
    SplTransfer,
}

impl TxType {
    /// The type's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Erc20Transfer => "erc20_transfer",
            Self::ContractCall => "contract_call",
            Self::TypedData => "typed_data",
            Self::X402Authorization => "x402_authorization",
            Self::SplTransfer => "spl_transfer",
        }
    }
}

/// A transaction to build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuildTxRequest {
    /// The wallet's id.
    #[schemars(length(max = 64))]
    pub wallet_id: String,
    /// `ethereum` or `solana`; must be the wallet's.
    #[schemars(length(max = 16))]
    pub chain: String,
    /// What is built; transfer by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_type: Option<TxType>,
    /// The receiver; the contract of a contract_call; may be empty for typed_data.
    #[schemars(length(max = 128))]
    pub to: String,
    /// Integer of the smallest unit; with a point, whole coins or tokens. typed_data: empty, or what it spends.
    #[schemars(length(max = 96))]
    pub amount: String,
    /// What the chain needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_params: Option<ChainParams>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// What a transaction needs to know of its chain. keyd has no network: the caller looks it up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainParams {
    /// Ethereum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// Ethereum: the account's next nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Ethereum; 21000 for transfer and 100000 for erc20_transfer by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_limit: Option<u64>,
    /// Wei, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub max_fee_per_gas: Option<String>,
    /// Wei, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub max_priority_fee_per_gas: Option<String>,
    /// Call data in hex, for contract_call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 131_072))]
    pub data: Option<String>,
    /// The token's contract or mint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub token: Option<String>,
    /// EIP-712: types, primaryType, domain, message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed_data: Option<Map<String, Value>>,
    /// x402: the network's name, such as base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub network: Option<String>,
    /// x402: the name in the token's domain, such as USD Coin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub token_name: Option<String>,
    /// x402: the version in the token's domain; 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub token_version: Option<String>,
    /// x402: seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_after: Option<u64>,
    /// x402: seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_before: Option<u64>,
    /// x402: 32 bytes in hex; random by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 66))]
    pub authorization_nonce: Option<String>,
    /// Solana, base58.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub recent_blockhash: Option<String>,
    /// The token's decimals, for spl_transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 30))]
    pub decimals: Option<u8>,
    /// spl_transfer: token (by default) or token-2022.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub token_program: Option<String>,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BuiltTx {
    /// 0x hex (Ethereum), base64 (Solana), the 65-byte signature (typed_data), or the X-PAYMENT header
    /// (x402_authorization).
    pub signed_tx: String,
    /// The transaction's hash, its first signature (Solana), or the EIP-712 digest.
    pub tx_hash: String,
    /// At most so much, in the smallest unit of the chain's coin; 0 where a signature costs none.
    pub estimated_fee: String,
    /// What it means, as the policy judged it.
    pub decoded: Map<String, Value>,
    /// The rule that allowed it.
    pub policy: String,
}
