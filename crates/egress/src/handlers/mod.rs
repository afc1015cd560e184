//! Between the contract and the subjects: about ten lines each.

use std::sync::{Arc, atomic::Ordering};

use osmoda_api::egress::{
    EgressCheckRequest, EgressConnection, EgressConnectionsRequest, EgressState, EgressVerdict, OpenConnections,
};
use osmoda_capability::{Authority, Host};
use osmoda_ipc::{Call, Fault, Nothing, Up};

use crate::{book::Entry, egress::Egress, proxy::now, refusal::Refusal};

pub(crate) async fn health(egress: Arc<Egress>, _call: Call, _request: Nothing) -> Result<EgressState, Fault> {
    let (up, proxy) = (Up::since("egress", egress.started), &egress.proxy);
    let (connections, sent_bytes, received_bytes) = proxy.book.totals();
    let (listening, feed) = (egress.listening.places(), proxy.tokens.feed());
    let everywhere = listening.len() > proxy.settings().config.listen.len();
    Ok(EgressState {
        status: if feed.is_some() && everywhere { "ok" } else { "degraded" }.to_owned(),
        daemon: up.daemon.into_owned(),
        version: up.version.into_owned(),
        daemon_uptime_secs: up.daemon_uptime_secs,
        listening,
        clients: proxy.clients().into(),
        open: proxy.book.len() as u64,
        connections,
        sent_bytes,
        received_bytes,
        refused: proxy.reporter.codes().values().sum(),
        key_known: feed.is_some(),
        feed_sequence: feed.map(|(sequence, _)| sequence),
        tokens_revoked: feed.map_or(0, |(_, revoked)| revoked as u64),
        events_waiting: egress.steward.waiting() + proxy.reporter.waiting() as u64,
    })
}

pub(crate) async fn connections(
    egress: Arc<Egress>,
    _call: Call,
    request: EgressConnectionsRequest,
) -> Result<OpenConnections, Fault> {
    let most = usize::try_from(request.limit.unwrap_or(100).clamp(1, 1000)).unwrap_or(1000);
    let oldest = egress.proxy.book.oldest(most);
    let connections = oldest.iter().map(|entry| told(entry)).collect();
    Ok(OpenConnections { open: egress.proxy.book.len() as u64, connections })
}

pub(crate) async fn check(
    egress: Arc<Egress>,
    _call: Call,
    request: EgressCheckRequest,
) -> Result<EgressVerdict, Fault> {
    let refused = |host: String, refusal: &Refusal| EgressVerdict {
        allowed: false,
        host,
        addresses: Vec::new(),
        why: Some(refusal.code().to_owned()),
        message: Some(refusal.to_string()),
    };
    let authority = match Authority::parse(&request.host) {
        Ok(authority) => authority,
        Err(bad) => return Ok(refused(request.host, &bad.into())),
    };
    let host = authority.host.to_string();
    let token = request.token.as_ref().map(|token| token.0.as_str());
    match judged(&egress, token, &authority.host, authority.port.unwrap_or(443)).await {
        Ok(addresses) => Ok(EgressVerdict { allowed: true, host, addresses, why: None, message: None }),
        Err(refusal) => Ok(refused(host, &refusal)),
    }
}

/// What the proxy would say, without connecting.
async fn judged(egress: &Egress, token: Option<&str>, host: &Host, port: u16) -> Result<Vec<String>, Refusal> {
    let settings = egress.proxy.settings();
    egress.proxy.may_go(&settings, token, host, port)?;
    let addresses = egress.proxy.addresses(&settings, host).await?;
    Ok(addresses.iter().map(ToString::to_string).collect())
}

fn told(entry: &Entry) -> EgressConnection {
    let claims = entry.claims.as_ref();
    EgressConnection {
        to: format!("{}:{}", entry.host, entry.port),
        address: entry.address.get().map(ToString::to_string),
        via: entry.via.as_str().to_owned(),
        token: claims.map(|claims| claims.id.to_string()),
        holder: claims.map(|claims| claims.holder.clone()),
        since: entry.since.to_string(),
        sent: entry.sent.load(Ordering::Relaxed),
        received: entry.received.load(Ordering::Relaxed),
        expires_in_secs: claims.map(|claims| claims.expires.saturating_sub(now())),
    }
}
