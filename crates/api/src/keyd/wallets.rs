//! Wallets: made inside keyd, shown by their addresses alone.

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

/// A kind of chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chain {
    /// Ethereum and every chain that speaks its transactions.
    #[default]
    Ethereum,
    /// Solana.
    Solana,
}

impl Chain {
    /// The chain's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethereum => "ethereum",
            Self::Solana => "solana",
        }
    }
}

endpoint! {
    /// Make a new key inside keyd. It never leaves; the answer is its address.
    WalletCreate = Post "/wallet/create" as "wallet_create", Destructive, WalletCreateRequest => Wallet, {
        fn receipt(answer: &Wallet) -> Value {
            json!({ "id": answer.id, "address": answer.address })
        }
    }
}

/// A new wallet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletCreateRequest {
    /// The kind of chain.
    pub chain: Chain,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub label: Option<String>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// A wallet, without its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wallet {
    /// `wal_` and a ULID.
    pub id: String,
    /// The kind of chain.
    pub chain: Chain,
    /// EIP-55 or base58.
    pub address: String,
    /// A name for people; empty where none was given.
    pub label: String,
    /// When (RFC 3339).
    pub created_at: String,
}

endpoint! {
    /// Every wallet: ids and addresses, never keys.
    WalletList = Get "/wallet/list" as "wallet_list", Read, Nothing => Wallets
}

/// Every wallet, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wallets {
    /// The wallets.
    pub wallets: Vec<Wallet>,
}

endpoint! {
    /// Overwrite and remove a key for good. Always needs an approval.
    WalletDelete = Post "/wallet/delete" as "wallet_delete", Destructive, WalletDeleteRequest => WalletDeleted
}

/// Which wallet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletDeleteRequest {
    /// The wallet's id.
    #[schemars(length(max = 64))]
    pub wallet_id: String,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// A wallet that is no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WalletDeleted {
    /// Its id.
    pub deleted: String,
}

endpoint! {
    /// What keyd signed or refused, and by which rule, newest first.
    WalletReceipt = Get "/wallet/receipt" as "wallet_receipt", Read, WalletReceiptRequest => WalletReceipts
}

/// Which receipts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletReceiptRequest {
    /// Only of this wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub wallet_id: Option<String>,
    /// At most so many; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Decisions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WalletReceipts {
    /// The decisions.
    pub receipts: Vec<Decision>,
}

/// One decision over one act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// When (RFC 3339).
    pub ts: String,
    /// Whose key.
    pub wallet_id: String,
    /// What it really is, decoded: transfer, erc20_transfer, contract_call, typed_data, x402_authorization,
    /// spl_transfer or message.
    pub action: String,
    /// The hash that was, or would have been, signed; empty where it came not so far.
    pub tx_hash: String,
    /// The amount in the smallest unit.
    pub amount: String,
    /// Who would receive, or may spend.
    pub to: String,
    /// `signed` or `refused`; `unsigned` where keyd ended between the count and the signature.
    pub decision: String,
    /// The rule that decided; empty where none matched.
    pub rule: String,
    /// What is spent: `native`, or the token's contract or mint.
    pub asset: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The act.
    pub request_id: String,
}
