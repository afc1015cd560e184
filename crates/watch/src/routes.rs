//! What watch serves.

use std::sync::Arc;

use osmoda_api::watch::{
    QuarantineList, QuarantineRelease, SafeSwitchAbandon, SafeSwitchBegin, SafeSwitchCommit, SafeSwitchList,
    SafeSwitchRollback, SafeSwitchStatus, WatchHealth, WatcherAdd, WatcherEdit, WatcherList, WatcherPause,
    WatcherRemove,
};
use osmoda_ipc::Routes;

use crate::{
    gate::WatchGate,
    handlers::{health, switch, watchers},
    watch::Watch,
};

pub(crate) fn routes(watch: Arc<Watch>) -> Routes<Watch> {
    let (recorder, gate) = (watch.steward.clone(), Arc::new(WatchGate(watch.steward.clone())));
    Routes::new("watch", watch)
        .recorded_by(recorder)
        .gated_by(gate)
        .on::<WatchHealth>(health::health)
        .on::<SafeSwitchBegin>(switch::begin)
        .on::<SafeSwitchList>(switch::list)
        .on::<SafeSwitchStatus>(switch::status)
        .on::<SafeSwitchCommit>(switch::commit)
        .on::<SafeSwitchRollback>(switch::rollback)
        .on::<SafeSwitchAbandon>(switch::abandon)
        .on::<QuarantineList>(switch::quarantine)
        .on::<QuarantineRelease>(switch::release)
        .on::<WatcherAdd>(watchers::add)
        .on::<WatcherList>(watchers::list)
        .on::<WatcherEdit>(watchers::edit)
        .on::<WatcherPause>(watchers::pause)
        .on::<WatcherRemove>(watchers::remove)
}
