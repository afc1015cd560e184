//! Capability tokens.

use std::sync::Arc;

use jiff::Timestamp;
use osmoda_api::agentd::{
    Capabilities, Capability, CapabilityKeyInfo, CapabilityLimits, CapabilityListRequest, CapabilityMintRequest,
    CapabilityMinted, CapabilityNarrowRequest, CapabilityRevokeRequest, CapabilityRevoked, CapabilityVerdict,
    CapabilityVerifyRequest, TokenText,
};
use osmoda_capability::{Claims, Limits, TokenId};
use osmoda_ipc::{Call, Fault, Nothing, Role};

use super::blocking;
use crate::{
    agentd::Agentd,
    capabilities::{CapabilityError, Given, Grant, Minted, Revoker, code, now},
};

pub(crate) async fn mint(
    agentd: Arc<Agentd>,
    call: Call,
    request: CapabilityMintRequest,
) -> Result<CapabilityMinted, Fault> {
    let grant = grant(request.granted_to, request.permissions, request.ttl_secs, request.limits);
    let by = call.caller;
    let given = blocking(move || agentd.capabilities.mint(&grant, &by.actor(), by.uid)).await?;
    Ok(minted(&given))
}

pub(crate) async fn narrow(
    agentd: Arc<Agentd>,
    call: Call,
    request: CapabilityNarrowRequest,
) -> Result<CapabilityMinted, Fault> {
    let token = request.token.0;
    let grant = grant(request.granted_to, request.permissions, request.ttl_secs, request.limits);
    let by = call.caller;
    let given = blocking(move || agentd.capabilities.narrow(&token, &grant, &by.actor(), by.uid)).await?;
    Ok(minted(&given))
}

pub(crate) async fn verify(
    agentd: Arc<Agentd>,
    _call: Call,
    request: CapabilityVerifyRequest,
) -> Result<CapabilityVerdict, Fault> {
    let verifier = agentd.capabilities.verifier();
    let claims = match verifier.read(&request.token.0) {
        Ok(claims) => claims,
        Err(why) => return Ok(CapabilityVerdict { valid: false, why: Some(code(&why).into()), capability: None }),
    };
    let why = verifier.stands(&claims, now()).err().map(|why| code(&why));
    let status = why.and_then(|code| code.strip_prefix("token_")).unwrap_or("active");
    let capability = Some(told(&claims, status));
    Ok(CapabilityVerdict { valid: why.is_none(), why: why.map(str::to_owned), capability })
}

pub(crate) async fn revoke(
    agentd: Arc<Agentd>,
    call: Call,
    request: CapabilityRevokeRequest,
) -> Result<CapabilityRevoked, Fault> {
    let id: TokenId = request.id.parse().map_err(|_| CapabilityError::Unknown(request.id))?;
    let only_of_uid = (call.caller.role != Role::Operator).then_some(call.caller.uid);
    let by = Revoker { actor: call.caller.actor(), only_of_uid };
    let taken = blocking(move || agentd.capabilities.revoke(&id, &by)).await?;
    let also = taken.also.iter().map(ToString::to_string).collect();
    Ok(CapabilityRevoked { id: taken.id.to_string(), revoked_at: time(taken.at), also })
}

pub(crate) async fn list(
    agentd: Arc<Agentd>,
    _call: Call,
    request: CapabilityListRequest,
) -> Result<Capabilities, Fault> {
    let (all, limit) = (request.all.unwrap_or(false), request.limit.unwrap_or(100).clamp(1, 1000));
    let given = blocking(move || agentd.capabilities.list(all, limit)).await?;
    Ok(Capabilities { capabilities: given.into_iter().map(listed).collect() })
}

pub(crate) async fn key(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<CapabilityKeyInfo, Fault> {
    let (key, feed, sequence) = agentd.capabilities.key()?;
    let feed = feed.display().to_string();
    Ok(CapabilityKeyInfo { algorithm: "Ed25519".into(), key: key.to_string(), feed, sequence })
}

fn grant(holder: String, permissions: Vec<String>, ttl_secs: Option<u64>, limits: Option<CapabilityLimits>) -> Grant {
    let CapabilityLimits { connections, bytes, bytes_per_sec } = limits.unwrap_or_default();
    Grant { holder, permissions, ttl_secs, limits: Limits { connections, bytes, bytes_per_sec } }
}

fn minted(minted: &Minted) -> CapabilityMinted {
    CapabilityMinted {
        token: TokenText(minted.token.to_string()),
        expires_at: seconds(minted.claims.expires),
        id: minted.claims.id.to_string(),
        permissions: minted.claims.permissions.texts(),
    }
}

fn listed(given: Given) -> Capability {
    let status = match &given.revoked {
        Some(_) => "revoked",
        None if given.claims.expires <= now() => "expired",
        None => "active",
    };
    let told = told(&given.claims, status);
    let (revoked_at, revoked_by) = given.revoked.map(|(at, by)| (time(at), by)).unzip();
    Capability { minted_by: Some(given.minted_by), revoked_at, revoked_by, ..told }
}

fn told(claims: &Claims, status: &str) -> Capability {
    let Limits { connections, bytes, bytes_per_sec } = claims.limits;
    Capability {
        id: claims.id.to_string(),
        holder: claims.holder.clone(),
        permissions: claims.permissions.texts(),
        limits: CapabilityLimits { connections, bytes, bytes_per_sec },
        issued_at: seconds(claims.issued),
        expires_at: seconds(claims.expires),
        parents: claims.parents.iter().map(|parent| parent.id.to_string()).collect(),
        status: status.into(),
        minted_by: None,
        revoked_at: None,
        revoked_by: None,
    }
}

fn seconds(since_1970: u64) -> String {
    time(i64::try_from(since_1970).unwrap_or(i64::MAX))
}

fn time(since_1970: i64) -> String {
    Timestamp::from_second(since_1970).unwrap_or(Timestamp::MAX).to_string()
}
