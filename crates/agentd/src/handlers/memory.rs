//! Memories and documents.

use std::{path::PathBuf, sync::Arc};

use osmoda_api::agentd::{
    MemoryDocument, MemoryDocumentAdded, MemoryDocumentContent, MemoryDocumentId, MemoryDocumentNew, MemoryDocuments,
    MemoryForgotten, MemoryHealthReport, MemoryId, MemoryIngestRequest, MemoryIngested, MemoryItem, MemoryJunkList,
    MemoryJunkRequest, MemoryListRequest, MemoryModel, MemoryModelRequest, MemoryNew, MemoryPage, MemoryPruneRequest,
    MemoryQuery, MemoryReindexRequest, MemoryReindexed, MemoryResults, MemorySource, MemoryStored,
};
use osmoda_ipc::{Answered, Call, Fault, Nothing};
use tokio::sync::oneshot;

use super::blocking;
use crate::{agentd::Agentd, memory};

/// The event that records it brings the memory to the disk; its file follows. The index is brought to it meanwhile.
pub(crate) async fn store(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryNew,
) -> Result<Answered<MemoryStored>, Fault> {
    let (tell, told) = oneshot::channel();
    let written = |stored: &MemoryStored, redo| drop(tell.send((stored.clone(), redo)));
    let storing = tokio::spawn(blocking(move || agentd.memories.store_for_redo(request, written)));
    let stored = async { storing.await.map_err(Fault::internal)? };
    match told.await {
        Ok((response, redo)) => {
            let meanwhile = async { stored.await.map(drop) };
            Ok(Answered { response, redo, meanwhile: Some(Box::pin(meanwhile)) })
        }
        // Known already, or not to be stored.
        Err(_) => stored.await.map(Answered::from),
    }
}

pub(crate) async fn recall(agentd: Arc<Agentd>, _call: Call, request: MemoryQuery) -> Result<MemoryResults, Fault> {
    let recency = agentd.rules().config.memory.recency;
    blocking(move || agentd.memories.recall(&request, recency)).await
}

pub(crate) async fn list(agentd: Arc<Agentd>, _call: Call, request: MemoryListRequest) -> Result<MemoryPage, Fault> {
    blocking(move || agentd.memories.list(&request)).await
}

pub(crate) async fn get(agentd: Arc<Agentd>, _call: Call, request: MemoryId) -> Result<MemoryItem, Fault> {
    blocking(move || agentd.memories.get(&request.id)).await
}

pub(crate) async fn forget(agentd: Arc<Agentd>, _call: Call, request: MemoryId) -> Result<MemoryForgotten, Fault> {
    blocking(move || agentd.memories.forget(&request.id)).await.map(|forgotten| MemoryForgotten { forgotten })
}

pub(crate) async fn ingest(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryIngestRequest,
) -> Result<MemoryIngested, Fault> {
    blocking(move || match request.from {
        MemorySource::Ledger => memory::from_ledger(&agentd.memories, &agentd.reader, &request),
        MemorySource::Incidents => memory::from_incidents(&agentd.memories, &agentd.incidents, &request),
        MemorySource::Knowledge => Ok(agentd.memories.ingest_knowledge()?),
    })
    .await
}

pub(crate) async fn health(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<MemoryHealthReport, Fault> {
    blocking(move || agentd.memories.health()).await
}

pub(crate) async fn reindex(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryReindexRequest,
) -> Result<MemoryReindexed, Fault> {
    blocking(move || agentd.memories.reindex(request.vectors.unwrap_or(false))).await
}

pub(crate) async fn junk(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryJunkRequest,
) -> Result<MemoryJunkList, Fault> {
    blocking(move || agentd.memories.junk(&request)).await
}

pub(crate) async fn prune(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryPruneRequest,
) -> Result<MemoryForgotten, Fault> {
    blocking(move || agentd.memories.prune(&request.ids)).await.map(|forgotten| MemoryForgotten { forgotten })
}

pub(crate) async fn install_model(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryModelRequest,
) -> Result<MemoryModel, Fault> {
    blocking(move || agentd.memories.install_model(&PathBuf::from(request.path))).await
}

pub(crate) async fn add_document(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryDocumentNew,
) -> Result<MemoryDocumentAdded, Fault> {
    blocking(move || agentd.memories.add_document(request)).await
}

pub(crate) async fn documents(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<MemoryDocuments, Fault> {
    blocking(move || agentd.memories.documents()).await
}

pub(crate) async fn export_document(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryDocumentId,
) -> Result<MemoryDocumentContent, Fault> {
    blocking(move || agentd.memories.export_document(&request.id)).await
}

pub(crate) async fn reindex_document(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryDocumentId,
) -> Result<MemoryDocument, Fault> {
    blocking(move || agentd.memories.reindex_document(&request.id)).await
}

pub(crate) async fn remove_document(
    agentd: Arc<Agentd>,
    _call: Call,
    request: MemoryDocumentId,
) -> Result<MemoryForgotten, Fault> {
    blocking(move || agentd.memories.remove_document(&request.id)).await.map(|()| MemoryForgotten { forgotten: 1 })
}
