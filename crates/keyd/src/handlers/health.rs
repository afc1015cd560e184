//! Whether keyd is up, and shut in.

use std::sync::Arc;

use osmoda_api::keyd::KeydState;
use osmoda_ipc::{Call, Fault, Nothing, Up};

use crate::{
    keyd::Keyd,
    shut_in::{LockedMemory, core_dumps_off, try_everything},
};

pub(crate) async fn health(keyd: Arc<Keyd>, _call: Call, _request: Nothing) -> Result<KeydState, Fault> {
    let tried = try_everything();
    let up = Up::since("keyd", keyd.started);
    let locked = match (keyd.memory, keyd.keys.is_locked()) {
        (LockedMemory::All, _) => "all",
        (LockedMemory::Keys, true) => "keys",
        (LockedMemory::Keys, false) => "none",
    };
    Ok(KeydState {
        status: if tried.no_network && tried.no_exec { "ok" } else { "exposed" }.to_owned(),
        daemon: up.daemon.into_owned(),
        version: up.version.into_owned(),
        daemon_uptime_secs: up.daemon_uptime_secs,
        network_isolated: tried.no_network,
        exec_blocked: tried.no_exec,
        core_dumps_off: core_dumps_off(),
        memory_locked: locked.to_owned(),
        wallets: keyd.keys.list().len() as u64,
        policy_rules: keyd.policy().as_ref().as_ref().map(|policy| policy.len() as u64),
        events_waiting: keyd.steward.waiting(),
    })
}
