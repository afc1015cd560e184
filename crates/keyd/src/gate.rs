//! No danger without leave: the policy speaks first, then the operator is asked where agentd or a rule says so.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use osmoda_ipc::{Act, Call, Fault, Gate, Leave, Role};
use serde_json::Value;

use crate::{build::Prepared, keyd::Keyd};

/// In front of every destructive act.
pub(crate) struct KeydGate(pub(crate) Arc<Keyd>);

impl Gate for KeydGate {
    fn pass<'a>(&'a self, call: &'a Call, act: Act<'a>) -> BoxFuture<'a, Result<Leave, Fault>> {
        Box::pin(async move {
            let why = match self.prepared(act.endpoint.name, act.request)? {
                // What the policy refuses anyway is nothing to ask a person about.
                Some(prepared) => match self.0.judge(&prepared) {
                    Ok(verdict) => verdict.approval,
                    Err(refusal) => return Err(self.0.refuse(call, &prepared, refusal).await),
                },
                None if act.endpoint.name == "wallet_delete" => Some("a key that is deleted is gone for good".into()),
                None => None,
            };
            if call.caller.role == Role::Operator {
                return Ok(Leave::default());
            }
            self.0.steward.claim(call, act.endpoint.name, act.request, why).await
        })
    }
}

impl KeydGate {
    /// What would be signed; nothing where nothing is.
    fn prepared(&self, endpoint: &str, request: &Value) -> Result<Option<Prepared>, Fault> {
        fn read<T: serde::de::DeserializeOwned>(request: &Value) -> Result<T, Fault> {
            serde_json::from_value(request.clone()).map_err(Fault::internal)
        }
        match endpoint {
            "wallet_sign" => self.0.prepare_message(&read(request)?).map(Some),
            "wallet_send" => self.0.prepare_send(&read(request)?).map(Some),
            "wallet_build_tx" => self.0.prepare(&read(request)?).map(Some),
            _ => Ok(None),
        }
    }
}
