//! Watchers.

use std::sync::Arc;

use osmoda_api::watch::{
    OneWatcher, WatcherAddRequest, WatcherEditRequest, WatcherId, WatcherPauseRequest, WatcherRemoved, Watchers,
};
use osmoda_ipc::{Call, Fault, Nothing};

use crate::watch::Watch;

/// How long a pause is where nobody says: an hour.
const PAUSE: u32 = 3600;

pub(crate) async fn add(watch: Arc<Watch>, call: Call, request: WatcherAddRequest) -> Result<OneWatcher, Fault> {
    Ok(OneWatcher { watcher: watch.watchers.add(request, &call.caller.actor()).await? })
}

pub(crate) async fn list(watch: Arc<Watch>, _call: Call, _request: Nothing) -> Result<Watchers, Fault> {
    Ok(Watchers { watchers: watch.watchers.list() })
}

pub(crate) async fn edit(watch: Arc<Watch>, call: Call, request: WatcherEditRequest) -> Result<OneWatcher, Fault> {
    let watcher = watch.watchers.edit(&request.id, request.watcher, &call.caller.actor()).await?;
    Ok(OneWatcher { watcher })
}

pub(crate) async fn pause(watch: Arc<Watch>, _call: Call, request: WatcherPauseRequest) -> Result<OneWatcher, Fault> {
    let watcher = watch.watchers.pause(&request.id, request.secs.unwrap_or(PAUSE)).await?;
    Ok(OneWatcher { watcher })
}

pub(crate) async fn remove(watch: Arc<Watch>, _call: Call, request: WatcherId) -> Result<WatcherRemoved, Fault> {
    Ok(WatcherRemoved { removed: watch.watchers.remove(&request.id).await? })
}
