//! watch: changes that undo themselves, and health checks that escalate.

mod apply;
mod checks;
mod health;
mod switch;
mod watchers;

use osmoda_ipc::EndpointInfo;

pub use self::{apply::*, checks::*, health::*, switch::*, watchers::*};

/// What watch serves, by subject.
pub fn endpoints() -> Vec<EndpointInfo> {
    vec![
        EndpointInfo::of::<WatchHealth>(),
        EndpointInfo::of::<SafeSwitchBegin>(),
        EndpointInfo::of::<SafeSwitchList>(),
        EndpointInfo::of::<SafeSwitchStatus>(),
        EndpointInfo::of::<SafeSwitchCommit>(),
        EndpointInfo::of::<SafeSwitchRollback>(),
        EndpointInfo::of::<SafeSwitchAbandon>(),
        EndpointInfo::of::<QuarantineList>(),
        EndpointInfo::of::<QuarantineRelease>(),
        EndpointInfo::of::<WatcherAdd>(),
        EndpointInfo::of::<WatcherList>(),
        EndpointInfo::of::<WatcherEdit>(),
        EndpointInfo::of::<WatcherPause>(),
        EndpointInfo::of::<WatcherRemove>(),
    ]
}
