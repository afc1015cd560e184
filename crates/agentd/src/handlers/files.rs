//! Files and folders.

use std::{path::Path, sync::Arc};

use osmoda_api::agentd::{Directory, DirectoryRequest, FileContent, FileReadRequest, FileWriteRequest, Written};
use osmoda_ipc::{Call, Fault, Role};

use super::blocking;
use crate::{
    agentd::Agentd,
    files::{self, FileError},
    guard::Reason,
};

/// Says of the file that was really opened whether it is guarded. The gate judged the name; between then and now
/// somebody may have put a link in its place.
fn recheck(
    call: &Call,
    judge: impl Fn(&Path) -> Option<Reason> + Send + 'static,
) -> impl Fn(&Path) -> Result<(), FileError> + Send + 'static {
    let free = call.caller.role == Role::Operator || call.leave.approval_id.is_some();
    move |path| match judge(path) {
        Some(_) if !free => Err(FileError::Moved(path.to_owned())),
        _ => Ok(()),
    }
}

pub(crate) async fn read(agentd: Arc<Agentd>, call: Call, request: FileReadRequest) -> Result<FileContent, Fault> {
    let rules = agentd.rules();
    let check = recheck(&call, move |path| rules.paths.judge_read(path));
    blocking(move || files::read(&request, check)).await
}

pub(crate) async fn write(agentd: Arc<Agentd>, call: Call, request: FileWriteRequest) -> Result<Written, Fault> {
    let rules = agentd.rules();
    let check = recheck(&call, move |path| rules.paths.judge_write(path));
    blocking(move || files::write(&request, check)).await
}

pub(crate) async fn list(_agentd: Arc<Agentd>, _call: Call, request: DirectoryRequest) -> Result<Directory, Fault> {
    blocking(move || files::list(&request)).await
}
