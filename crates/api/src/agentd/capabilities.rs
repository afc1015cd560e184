//! Capability tokens: what sandboxed code may do, signed by agentd.

use std::fmt;

use osmoda_ipc::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

endpoint! {
    /// Give a signed, expiring token that permits exactly what is listed; whoever holds it can only make narrower ones.
    CapabilityMint = Post "/capability/mint" as "capability_mint", Destructive, CapabilityMintRequest => CapabilityMinted, {
        fn receipt(answer: &CapabilityMinted) -> Value {
            minted(answer)
        }
    }
}

/// What is to be permitted, to whom and for how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityMintRequest {
    /// Whom it is for, such as the name of a task.
    #[schemars(length(min = 1, max = 128))]
    pub granted_to: String,
    /// fs.read:/path, fs.write:/path, exec:/path, net:host, net:host:port, net:*.host; without a port, 80 and 443.
    #[schemars(length(min = 1, max = 64))]
    pub permissions: Vec<String>,
    /// Seconds until it expires; 3600 by default, 30 days at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub ttl_secs: Option<u64>,
    /// How much may be done with it over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CapabilityLimits>,
    /// The approval, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// How much may be done with a token over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityLimits {
    /// Connections open at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Bytes in both directions over its whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub bytes: Option<u64>,
    /// Bytes a second in both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub bytes_per_sec: Option<u64>,
}

/// A token's text: never printed, never recorded.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TokenText(#[schemars(length(max = 8192))] pub String);

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// A new token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityMinted {
    /// The token itself. Whoever has it may do what it permits: for egress, as the password of the proxy's address.
    pub token: TokenText,
    /// Until when it holds (RFC 3339).
    pub expires_at: String,
    /// Its name, `cap_` and a ULID: no secret; for capability_revoke.
    pub id: String,
    /// What it permits, in the one form that permissions are compared in.
    pub permissions: Vec<String>,
}

fn minted(answer: &CapabilityMinted) -> Value {
    json!({ "id": answer.id, "expires_at": answer.expires_at, "permissions": answer.permissions })
}

endpoint! {
    /// Make a narrower token from one that is held: fewer permissions, tighter limits, a shorter life. Needs no approval.
    CapabilityNarrow = Post "/capability/narrow" as "capability_narrow", Write, CapabilityNarrowRequest => CapabilityMinted, {
        fn audit(request: &CapabilityNarrowRequest) -> Value {
            json!({
                "granted_to": request.granted_to, "permissions": request.permissions, "ttl_secs": request.ttl_secs,
                "limits": request.limits,
            })
        }

        fn receipt(answer: &CapabilityMinted) -> Value {
            minted(answer)
        }
    }
}

/// What is to be left of a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityNarrowRequest {
    /// The token that is held.
    pub token: TokenText,
    /// Whom the new one is for.
    #[schemars(length(min = 1, max = 128))]
    pub granted_to: String,
    /// What is left of the permissions; each within one of the token's.
    #[schemars(length(min = 1, max = 64))]
    pub permissions: Vec<String>,
    /// Seconds until it expires; as long as the token itself by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub ttl_secs: Option<u64>,
    /// Tighter limits; the token's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<CapabilityLimits>,
}

endpoint! {
    /// Whether a token is genuine and holds now, and what it says.
    CapabilityVerify = Post "/capability/verify" as "capability_verify", Read, CapabilityVerifyRequest => CapabilityVerdict
}

/// Which token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityVerifyRequest {
    /// The token.
    pub token: TokenText,
}

/// How a token stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityVerdict {
    /// Whether it permits anything now.
    pub valid: bool,
    /// Why not: `token_malformed`, `token_foreign`, `token_expired` or `token_revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it says, where this machine's agentd signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
}

/// What a token says, without the token itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    /// Its name.
    pub id: String,
    /// Whom it was given to.
    pub holder: String,
    /// What it permits.
    pub permissions: Vec<String>,
    /// How much of it.
    pub limits: CapabilityLimits,
    /// When it was signed (RFC 3339).
    pub issued_at: String,
    /// Until when it holds (RFC 3339).
    pub expires_at: String,
    /// The tokens it was narrowed from, the first one first; it falls with each of them.
    pub parents: Vec<String>,
    /// `active`, `expired` or `revoked`.
    pub status: String,
    /// Who had it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minted_by: Option<String>,
    /// When it was revoked (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Who revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
}

endpoint! {
    /// Take a token back, with every narrower one made from it: what they allow ends within a second, open tunnels too.
    CapabilityRevoke = Post "/capability/revoke" as "capability_revoke", Write, CapabilityRevokeRequest => CapabilityRevoked, {
        fn receipt(answer: &CapabilityRevoked) -> Value {
            json!({ "id": answer.id, "also": answer.also })
        }
    }
}

/// Which token. Agents may take back what they had made themselves; operators any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityRevokeRequest {
    /// The token's name.
    #[schemars(length(max = 64))]
    pub id: String,
}

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityRevoked {
    /// The token's name.
    pub id: String,
    /// Since when (RFC 3339).
    pub revoked_at: String,
    /// The names of the narrower ones that fell with it.
    pub also: Vec<String>,
}

endpoint! {
    /// The tokens that were given, newest first, without their texts.
    CapabilityList = Get "/capability/list" as "capability_list", Read, CapabilityListRequest => Capabilities
}

/// Which tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityListRequest {
    /// Those that have expired or were revoked as well; false by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// At most so many; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Tokens, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// The tokens.
    pub capabilities: Vec<Capability>,
}

endpoint! {
    /// The public key by which any program checks tokens offline, and where the list of revoked ones is.
    CapabilityKey = Get "/capability/key" as "capability_key", Read, Nothing => CapabilityKeyInfo
}

/// What is needed to check tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityKeyInfo {
    /// `Ed25519`.
    pub algorithm: String,
    /// 32 bytes in base64url.
    pub key: String,
    /// The file with the key and the revoked tokens, signed; it is replaced whole.
    pub feed: String,
    /// The feed's number; rises with each one.
    pub sequence: u64,
}
