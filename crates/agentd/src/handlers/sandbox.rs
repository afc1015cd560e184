//! Untrusted code.

use std::{sync::Arc, time::Duration};

use osmoda_api::agentd::{SandboxAnswer, SandboxLimit, SandboxRequest, SandboxStopped};
use osmoda_capability::Claims;
use osmoda_ipc::{Call, Fault};
use osmoda_sandbox::{Limit, Network};

use super::blocking;
use crate::{
    agentd::Agentd,
    capabilities::{Grant, now},
    sandbox::{Sandboxed, plan},
};

/// The proxy's socket in the runtime folder.
const PROXY: &str = "egress/proxy.sock";

pub(crate) async fn exec(agentd: Arc<Agentd>, call: Call, request: SandboxRequest) -> Result<SandboxAnswer, Fault> {
    let config = agentd.rules().config.sandbox.clone();
    let verifier = agentd.capabilities.verifier();
    let mut given = plan(request, &config, &verifier, now(), call.request_id.as_str())?;
    given.plan.network = way_out(&agentd, &call, &mut given).await?;
    let stop = stopped(&agentd, &call, &given.claims);
    let (outcome, stopped) = agentd.runner.run(&given.plan, stop).await?;
    Ok(SandboxAnswer {
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        exit_code: outcome.ended.code(),
        duration_ms: outcome.duration_ms,
        cpu_ms: outcome.cpu_ms,
        limits_hit: outcome.limits_hit.into_iter().map(limit).collect(),
        ring: given.ring,
        capability_ids: given.claims.iter().map(|claims| claims.id.to_string()).collect(),
        stopped,
    })
}

/// The sandbox is shown a token of its own, for this run alone: what it is told of leaves with it is soon worth nothing,
/// and the proxy's records name this act.
async fn way_out(agentd: &Arc<Agentd>, call: &Call, given: &mut Sandboxed) -> Result<Option<Network>, Fault> {
    let Some((token, hosts)) = given.way_out.take() else { return Ok(None) };
    let left = given.claims.iter().map(|claims| claims.expires).min().unwrap_or_default().saturating_sub(now());
    let grant = Grant {
        holder: format!("sandbox {}", call.request_id),
        permissions: hosts.texts(),
        ttl_secs: Some(left.min(given.plan.limits.wall_ms / 1000 + 1).max(1)),
        ..Grant::default()
    };
    let (capabilities, actor, uid) = (agentd.clone(), call.caller.actor(), call.caller.uid);
    let own = blocking(move || capabilities.capabilities.narrow(&token, &grant, &actor, uid)).await?;
    let socket = agentd.socket.with_file_name(PROXY);
    Ok(Some(Network { socket, credentials: format!("sandbox:{}", own.token.as_str()) }))
}

/// Why the sandbox is to end, once it is.
async fn stopped(agentd: &Agentd, call: &Call, claims: &[Claims]) -> SandboxStopped {
    tokio::select! {
        () = call.hung_up.cancelled() => SandboxStopped::Cancelled,
        () = agentd.stop.cancelled() => SandboxStopped::Shutdown,
        () = fallen(agentd, claims) => SandboxStopped::CapabilityLost,
    }
}

/// Until one of the tokens is revoked, or expires.
async fn fallen(agentd: &Agentd, claims: &[Claims]) {
    if claims.is_empty() {
        return std::future::pending().await;
    }
    let mut verifier = agentd.capabilities.watch();
    loop {
        let (current, at) = (verifier.borrow_and_update().clone(), now());
        if claims.iter().any(|claims| current.stands(claims, at).is_err()) {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_millis(250), verifier.changed()).await;
    }
}

fn limit(limit: Limit) -> SandboxLimit {
    match limit {
        Limit::WallTime => SandboxLimit::WallTime,
        Limit::CpuTime => SandboxLimit::CpuTime,
        Limit::Memory => SandboxLimit::Memory,
        Limit::Processes => SandboxLimit::Processes,
        Limit::FileSize => SandboxLimit::FileSize,
        Limit::Disk => SandboxLimit::Disk,
        Limit::Output => SandboxLimit::Output,
    }
}
