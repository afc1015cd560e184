//! What operators alone may do with keys: make one from a phrase, bring one in, and take one out encrypted.

use std::fmt;

use osmoda_ipc::Access;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Chain, Wallet};
use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Make a wallet with a BIP-39 phrase, which is shown in this answer and never again. For operators.
    WalletNew = Post "/wallet/new" as "wallet_new", Destructive, WalletNewRequest => WalletWithPhrase, {
        const ACCESS: Access = Access::Operator;

        fn receipt(answer: &WalletWithPhrase) -> Value {
            json!({ "id": answer.wallet.id, "address": answer.wallet.address })
        }
    }
}

/// A wallet with a phrase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletNewRequest {
    /// The kind of chain.
    pub chain: Chain,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub label: Option<String>,
}

/// A new wallet and the phrase that it can be made again from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WalletWithPhrase {
    /// The wallet.
    pub wallet: Wallet,
    /// 24 words (BIP-39), at m/44'/60'/0'/0/0 (Ethereum) or m/44'/501'/0'/0' (Solana).
    pub phrase: Secret,
}

endpoint! {
    /// Bring in a key: a BIP-39 phrase, a bare key, or what wallet_export gave. For operators.
    WalletImport = Post "/wallet/import" as "wallet_import", Destructive, WalletImportRequest => Wallet, {
        const ACCESS: Access = Access::Operator;

        fn audit(request: &WalletImportRequest) -> Value {
            json!({ "chain": request.chain, "label": request.label })
        }
    }
}

/// A key from outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletImportRequest {
    /// The kind of chain.
    pub chain: Chain,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub label: Option<String>,
    /// A phrase; or 32 bytes in hex (Ethereum); or 32 or 64 bytes in base58 (Solana); or an exported file's text.
    pub secret: Secret,
    /// The passphrase of an exported file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
}

endpoint! {
    /// Take a key out, encrypted under a passphrase (Argon2id, AES-256-GCM). For operators.
    WalletExport = Post "/wallet/export" as "wallet_export", Destructive, WalletExportRequest => WalletExported, {
        const ACCESS: Access = Access::Operator;

        fn audit(request: &WalletExportRequest) -> Value {
            json!({ "wallet_id": request.wallet_id })
        }
    }
}

/// Which wallet, under which passphrase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletExportRequest {
    /// The wallet's id.
    #[schemars(length(max = 64))]
    pub wallet_id: String,
    /// 12 characters at least.
    pub passphrase: Secret,
}

/// An encrypted key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WalletExported {
    /// JSON text, for a file; wallet_import takes it.
    pub file: String,
}

/// Text that is never printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(#[schemars(length(max = 8192))] pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
