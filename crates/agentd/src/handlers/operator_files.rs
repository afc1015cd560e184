//! Operators' files.

use std::sync::Arc;

use osmoda_api::agentd::{
    Directory, DirectoryRequest, FileChanged, FileContent, FileDelete, FileDownload, FilePath, FileReadRequest,
    FileRename, FileUpload, FileWriteRequest, Written,
};
use osmoda_ipc::{Call, Fault};

use super::blocking;
use crate::{
    agentd::Agentd,
    files::{FileError, Roots},
};

/// Does something below the roots that are configured now.
async fn below<T: Send + 'static>(
    agentd: Arc<Agentd>,
    work: impl FnOnce(&Roots) -> Result<T, FileError> + Send + 'static,
) -> Result<T, Fault> {
    let rules = agentd.rules();
    blocking(move || work(&Roots::new(&rules.config.files.roots))).await
}

pub(crate) async fn list(agentd: Arc<Agentd>, _call: Call, request: DirectoryRequest) -> Result<Directory, Fault> {
    below(agentd, move |roots| roots.list(&request)).await
}

pub(crate) async fn read(agentd: Arc<Agentd>, _call: Call, request: FileReadRequest) -> Result<FileContent, Fault> {
    below(agentd, move |roots| roots.read(&request)).await
}

pub(crate) async fn write(agentd: Arc<Agentd>, _call: Call, request: FileWriteRequest) -> Result<Written, Fault> {
    below(agentd, move |roots| roots.write(&request)).await
}

pub(crate) async fn upload(agentd: Arc<Agentd>, _call: Call, request: FileUpload) -> Result<Written, Fault> {
    below(agentd, move |roots| roots.upload(request)).await
}

pub(crate) async fn download(agentd: Arc<Agentd>, _call: Call, request: FilePath) -> Result<FileDownload, Fault> {
    below(agentd, move |roots| roots.download(&request.path)).await
}

pub(crate) async fn mkdir(agentd: Arc<Agentd>, _call: Call, request: FilePath) -> Result<FileChanged, Fault> {
    below(agentd, move |roots| roots.mkdir(&request.path)).await
}

pub(crate) async fn rename(agentd: Arc<Agentd>, _call: Call, request: FileRename) -> Result<FileChanged, Fault> {
    below(agentd, move |roots| roots.rename(&request)).await
}

pub(crate) async fn delete(agentd: Arc<Agentd>, _call: Call, request: FileDelete) -> Result<FileChanged, Fault> {
    below(agentd, move |roots| roots.delete(&request)).await
}
