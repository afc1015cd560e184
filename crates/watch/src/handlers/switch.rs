//! Sessions.

use std::sync::Arc;

use osmoda_api::watch::{
    OneSwitch, Quarantine, QuarantineKey, SafeSwitchBeginRequest, SafeSwitchListRequest, Switch, SwitchBegun, SwitchId,
    Switches,
};
use osmoda_ipc::{Call, Fault, Nothing};

use super::asked;
use crate::{switch::Session, watch::Watch};

pub(crate) async fn begin(
    watch: Arc<Watch>,
    call: Call,
    request: SafeSwitchBeginRequest,
) -> Result<SwitchBegun, Fault> {
    watch.switches.begin(request, &call.caller.actor(), call.request_id.as_str()).await
}

pub(crate) async fn list(watch: Arc<Watch>, _call: Call, request: SafeSwitchListRequest) -> Result<Switches, Fault> {
    let sessions = watch.switches.store.newest(request.limit.unwrap_or(50).clamp(1, 1000)).await?;
    Ok(Switches { sessions: sessions.iter().map(Session::summary).collect() })
}

pub(crate) async fn status(watch: Arc<Watch>, _call: Call, request: SwitchId) -> Result<Switch, Fault> {
    Ok(watch.switches.told(&request.id).await?)
}

pub(crate) async fn commit(watch: Arc<Watch>, call: Call, request: SwitchId) -> Result<OneSwitch, Fault> {
    let session = watch.switches.commit(&request.id, asked(&call, "committed before its deadline")).await?;
    Ok(OneSwitch { session })
}

pub(crate) async fn rollback(watch: Arc<Watch>, call: Call, request: SwitchId) -> Result<OneSwitch, Fault> {
    let session = watch.switches.roll_back_by(&request.id, asked(&call, "asked to go back")).await?;
    Ok(OneSwitch { session })
}

pub(crate) async fn abandon(watch: Arc<Watch>, call: Call, request: SwitchId) -> Result<OneSwitch, Fault> {
    let session = watch.switches.abandon(&request.id, asked(&call, "given up: left as it is")).await?;
    Ok(OneSwitch { session })
}

pub(crate) async fn quarantine(watch: Arc<Watch>, _call: Call, _request: Nothing) -> Result<Quarantine, Fault> {
    Ok(Quarantine { quarantined: watch.switches.store.quarantine().await? })
}

pub(crate) async fn release(watch: Arc<Watch>, _call: Call, request: QuarantineKey) -> Result<Quarantine, Fault> {
    watch.switches.store.release(&request.key).await?;
    Ok(Quarantine { quarantined: watch.switches.store.quarantine().await? })
}
