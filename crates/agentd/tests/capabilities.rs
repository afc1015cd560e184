//! Capability tokens over the socket: given with leave, narrowed without, checked offline, taken back, recorded.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{Agentd, fault};
use osmoda_api::agentd::{
    ApprovalApprove, ApprovalDecision, CapabilityKey, CapabilityLimits, CapabilityList, CapabilityListRequest,
    CapabilityMint, CapabilityMintRequest, CapabilityNarrow, CapabilityNarrowRequest, CapabilityRevoke,
    CapabilityRevokeRequest, CapabilityVerify, CapabilityVerifyRequest, EventLogRequest, TokenText,
};
use osmoda_capability::{Feed, Refused};
use osmoda_ipc::Nothing;

fn mint(permissions: &[&str]) -> CapabilityMintRequest {
    CapabilityMintRequest {
        granted_to: "build".into(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        ..CapabilityMintRequest::default()
    }
}

fn narrow(token: &TokenText, permissions: &[&str]) -> CapabilityNarrowRequest {
    CapabilityNarrowRequest {
        token: token.clone(),
        granted_to: "step".into(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        ..CapabilityNarrowRequest::default()
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn feed(agentd: &Agentd) -> Feed {
    Feed::parse(&std::fs::read_to_string(agentd.dirs.run().join("capabilities")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_needs_leave_a_narrower_one_does_not_and_taking_back_reaches_whoever_reads_the_feed() {
    let mut agentd = Agentd::start().await;
    let (agent, operator) = (agentd.agent(), agentd.operator());
    let mut request = mint(&["net:*.Example.org", "fs.read:/srv"]);
    request.limits = Some(CapabilityLimits { connections: Some(4), ..CapabilityLimits::default() });
    let asked = fault::<CapabilityMint>(&agent, &request).await;
    assert_eq!(asked.code(), "approval_required", "{asked}");
    let id = asked.detail().unwrap()["approval_id"].as_str().unwrap().to_owned();
    operator.call::<ApprovalApprove>(&ApprovalDecision { id: id.clone(), ..Default::default() }).await.unwrap();
    request.approval_id = Some(id);
    let root = agent.call::<CapabilityMint>(&request).await.unwrap();
    assert_eq!(root.permissions, ["net:*.example.org", "fs.read:/srv"]);
    let child = agent.call::<CapabilityNarrow>(&narrow(&root.token, &["net:a.example.org:443"])).await.unwrap();
    assert_eq!(child.expires_at, root.expires_at);
    let claims = feed(&agentd).verifier().verify(&child.token.0, now()).unwrap();
    assert_eq!((claims.holder.as_str(), claims.limits.connections), ("step", Some(4)));
    assert_eq!(feed(&agentd).key.to_string(), operator.call::<CapabilityKey>(&Nothing {}).await.unwrap().key);
    for (request, code) in [
        (narrow(&root.token, &["net:example.org"]), "capability_wider"),
        (narrow(&child.token, &["net:*.example.org"]), "capability_wider"),
        (narrow(&TokenText("cap1.e30.AAAA".into()), &["fs.read:/srv"]), "token_foreign"),
        (narrow(&TokenText("nonsense".into()), &["fs.read:/srv"]), "token_malformed"),
        (narrow(&root.token, &["net:*"]), "invalid_permission"),
        (narrow(&root.token, &[]), "invalid_request"),
        (
            CapabilityNarrowRequest { ttl_secs: Some(86_400), ..narrow(&root.token, &["fs.read:/srv"]) },
            "capability_wider",
        ),
    ] {
        assert_eq!(fault::<CapabilityNarrow>(&agent, &request).await.code(), code, "{request:?}");
    }
    let taken = agent.call::<CapabilityRevoke>(&CapabilityRevokeRequest { id: root.id.clone() }).await.unwrap();
    assert_eq!(taken.also, std::slice::from_ref(&child.id));
    assert!(matches!(feed(&agentd).verifier().verify(&child.token.0, now()), Err(Refused::Revoked(_))));
    // What was taken back stays so, whatever happens to agentd.
    agentd.crash_and_restart().await;
    let verify = CapabilityVerifyRequest { token: child.token.clone() };
    let verdict = agentd.agent().call::<CapabilityVerify>(&verify).await.unwrap();
    assert_eq!((verdict.valid, verdict.why.as_deref()), (false, Some("token_revoked")));
    assert_eq!(verdict.capability.unwrap().parents, std::slice::from_ref(&root.id));
    let all = CapabilityListRequest { all: Some(true), limit: None };
    let listed = agentd.agent().call::<CapabilityList>(&all).await.unwrap().capabilities;
    let listed: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.status.as_str())).collect();
    assert_eq!(listed, [(child.id.as_str(), "revoked"), (root.id.as_str(), "revoked")]);
    assert_eq!(agentd.agent().call::<CapabilityList>(&Default::default()).await.unwrap().capabilities, []);
    let events = agentd.events(EventLogRequest { limit: Some(1000), ..Default::default() }).await;
    let text = serde_json::to_string(&events).unwrap();
    assert!(text.contains(&root.id) && text.contains(&child.id), "{text}");
    for token in [&root.token.0, &child.token.0] {
        let (_, secret) = token.split_once('.').unwrap();
        assert!(!text.contains(&secret[..40]), "the ledger holds a token's text");
    }
    let kinds = agentd.kinds().await;
    for kind in
        ["capability_mint.intent", "capability_mint.outcome", "capability_narrow.outcome", "capability_revoke.outcome"]
    {
        assert!(kinds.iter().any(|known| known == kind), "{kind} is missing in {kinds:?}");
    }
}

#[tokio::test]
async fn what_no_token_may_say_is_refused_before_anything_is_signed() {
    let agentd = Agentd::start().await;
    let operator = agentd.operator();
    for (request, code) in [
        (mint(&[]), "invalid_request"),
        (mint(&["net:*.org"]), "invalid_permission"),
        (mint(&["fs.read:/srv/../etc"]), "invalid_permission"),
        (mint(&["root"]), "invalid_permission"),
        (CapabilityMintRequest { ttl_secs: Some(0), ..mint(&["fs.read:/srv"]) }, "invalid_request"),
        (CapabilityMintRequest { ttl_secs: Some(31 * 86_400), ..mint(&["fs.read:/srv"]) }, "invalid_request"),
        (CapabilityMintRequest { ttl_secs: Some(u64::MAX), ..mint(&["fs.read:/srv"]) }, "invalid_request"),
        (CapabilityMintRequest { granted_to: "a|b".into(), ..mint(&["fs.read:/srv"]) }, "invalid_request"),
    ] {
        assert_eq!(fault::<CapabilityMint>(&operator, &request).await.code(), code, "{request:?}");
    }
    let unknown = CapabilityRevokeRequest { id: "cap_01KXYZ01KXYZ01KXYZ01KXYZ01".into() };
    assert_eq!(fault::<CapabilityRevoke>(&operator, &unknown).await.code(), "capability_unknown");
    assert_eq!(operator.call::<CapabilityList>(&Default::default()).await.unwrap().capabilities, []);
}
