//! watch's tools.

use osmoda_api::watch as api;

use super::{ToolInfo, row as tool};
use crate::Toolset::{SafeSwitch, Watchers};

pub(super) fn rows() -> Vec<ToolInfo> {
    vec![
        tool::<api::SafeSwitchBegin>("Change something under guard", SafeSwitch),
        tool::<api::SafeSwitchList>("List guarded changes", SafeSwitch),
        tool::<api::SafeSwitchStatus>("Look at a guarded change", SafeSwitch),
        tool::<api::SafeSwitchCommit>("Keep a guarded change", SafeSwitch),
        tool::<api::SafeSwitchRollback>("Undo a guarded change", SafeSwitch),
        tool::<api::WatcherAdd>("Watch something", Watchers),
        tool::<api::WatcherList>("List watchers", Watchers),
    ]
}
