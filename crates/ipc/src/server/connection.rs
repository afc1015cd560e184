//! One connection: who is at its other end, and how far it has narrowed itself.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use http::HeaderMap;

use super::upgrade::Upgrade;
use crate::{
    assemble::invalid,
    caller::{Caller, Peer, ROLE, Role},
    fault::Fault,
};

pub(super) struct Connection {
    /// The caller, or the name of an account without a role.
    caller: Result<Caller, Arc<str>>,
    peer_uid: u32,
    peer_pid: i32,
    narrowed: AtomicBool,
    /// What it becomes once its 101 is sent.
    upgrade: Mutex<Option<Upgrade>>,
}

impl Connection {
    pub(super) fn new(caller: Result<Caller, Arc<str>>, peer: &Peer) -> Self {
        Self {
            caller,
            peer_uid: peer.uid,
            peer_pid: peer.pid,
            narrowed: AtomicBool::new(false),
            upgrade: Mutex::default(),
        }
    }

    /// The caller of the next request. A role once narrowed stays so for the whole connection.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        let Ok(caller) = &self.caller else {
            return Err(Fault::forbidden(
                "forbidden",
                "your account is in none of the groups osmoda-operator, osmoda-agent and osmoda-daemon; ask the operator to add it",
            ));
        };
        let asked = match headers.get(&ROLE) {
            None => None,
            Some(value) => {
                let role = value.to_str().ok().and_then(|text| text.parse::<Role>().ok());
                Some(role.ok_or_else(|| invalid("X-Osmoda-Role must be operator, agent or daemon"))?)
            }
        };
        let current = if self.narrowed.load(Ordering::Relaxed) { Role::Agent } else { caller.role };
        let role = asked.unwrap_or(current);
        if !current.may_narrow_to(role) {
            return Err(Fault::forbidden(
                "forbidden",
                format!("a role can be narrowed, never widened: {} to {}", current.as_str(), role.as_str()),
            ));
        }
        if role == Role::Agent && caller.role != Role::Agent {
            self.narrowed.store(true, Ordering::Relaxed);
        }
        Ok(Caller { role, ..caller.clone() })
    }

    /// It is a WebSocket after the answer that is on its way.
    pub(super) fn becomes(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The stranger at the other end, where it has no role.
    pub(super) fn stranger(&self) -> Option<Caller> {
        let name = self.caller.as_ref().err()?;
        Some(Caller { uid: self.peer_uid, pid: self.peer_pid, name: name.clone(), role: Role::Agent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(role: Role) -> Connection {
        let caller = Caller { uid: 7, pid: 1, name: "x".into(), role };
        Connection::new(Ok(caller), &Peer { uid: 7, pid: 1, groups: vec![] })
    }

    fn asking(role: &str) -> HeaderMap {
        [(ROLE.clone(), role.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn narrowing_lasts_for_the_connection() {
        let connection = connection(Role::Operator);
        assert_eq!(connection.caller(&HeaderMap::new()).unwrap().role, Role::Operator);
        assert_eq!(connection.caller(&asking("agent")).unwrap().role, Role::Agent);
        assert_eq!(connection.caller(&HeaderMap::new()).unwrap().role, Role::Agent);
        assert_eq!(connection.caller(&asking("operator")).unwrap_err().code(), "forbidden");
    }

    #[test]
    fn an_agent_cannot_widen_and_nonsense_is_refused() {
        let connection = connection(Role::Agent);
        assert_eq!(connection.caller(&asking("operator")).unwrap_err().code(), "forbidden");
        assert_eq!(connection.caller(&asking("root")).unwrap_err().code(), "invalid_request");
    }
}
