//! Whether watch is up, and what it has in hand.

use std::sync::Arc;

use osmoda_api::watch::WatchState;
use osmoda_ipc::{Call, Fault, Nothing, Up};

use crate::watch::Watch;

pub(crate) async fn health(watch: Arc<Watch>, _call: Call, _request: Nothing) -> Result<WatchState, Fault> {
    let up = Up::since("watch", watch.started);
    let failed_rollbacks = watch.switches.count_troubled();
    let (watchers, failing) = watch.watchers.count();
    Ok(WatchState {
        status: if failed_rollbacks == 0 { "ok" } else { "trouble" }.to_owned(),
        daemon: up.daemon.into_owned(),
        version: up.version.into_owned(),
        daemon_uptime_secs: up.daemon_uptime_secs,
        open_sessions: watch.switches.count_open() as u64,
        failed_rollbacks: failed_rollbacks as u64,
        watchers: watchers as u64,
        watchers_failing: failing as u64,
        rescue: watch.switches.rescued_by().to_owned(),
        events_waiting: watch.steward.waiting(),
    })
}
