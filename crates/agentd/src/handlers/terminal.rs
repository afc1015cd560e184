//! Terminals.

use std::{sync::Arc, time::Duration};

use osmoda_ipc::{Call, Fault, RawRequest, Role, Session};

use crate::{
    agentd::Agentd,
    terminal::{Ask, Limits, Prepared, serve},
};

pub(crate) async fn open(agentd: Arc<Agentd>, call: Call, asked: RawRequest) -> Result<Session, Fault> {
    let rules = agentd.rules();
    let settings = &rules.config.terminal;
    if call.caller.role != Role::Operator && !settings.daemons {
        return Err(Fault::forbidden(
            "forbidden",
            "a terminal is for operators; [agentd.terminal] daemons = true opens it to osmoda's own daemons as well",
        ));
    }
    let ask = Ask::of(&asked)?;
    let limits = Limits {
        idle: Duration::from_secs(settings.idle_secs.into()),
        longest: Duration::from_secs(settings.longest_secs.into()),
        stop: agentd.stop.clone(),
    };
    let mark = call.request_id.as_str();
    let prepared = Prepared::new(&ask, settings.shell.as_deref(), mark, &agentd.terminals, settings.most)?;
    Ok(Session::new(ask.record(), async move |socket| serve(prepared, socket, limits).await))
}
