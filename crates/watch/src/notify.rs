//! Tells people: the log, a webhook, the ledger.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use osmoda_api::watch::NotifyBy;
use osmoda_ipc::NewEvent;
use osmoda_steward::Steward;
use serde_json::{Value, json};
use tracing::{error, warn};

use crate::{checks::post, config::InForce};

/// How long the webhook may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where people are told.
#[derive(Debug)]
pub(crate) struct Notifier {
    config: Arc<InForce>,
    /// Nothing where there is no daemon: what is told then waits among the moves of its session.
    steward: Option<Arc<Steward>>,
}

impl Notifier {
    pub(crate) fn new(config: Arc<InForce>, steward: Option<Arc<Steward>>) -> Self {
        Self { config, steward }
    }

    /// A rollback failed: everywhere, at any hour.
    pub(crate) async fn trouble(&self, id: &str, plan: &str, why: &str) {
        let value = json!({
            "kind": "rollback_failed", "session": id, "plan": plan, "why": why, "at": Timestamp::now().to_string(),
        });
        let all = [NotifyBy::Log, NotifyBy::Webhook, NotifyBy::Ledger];
        if let Err(why) = self.tell("safe_switch.trouble", value, &all).await {
            error!(why, "nobody could be told of a failed rollback");
        }
    }

    /// Tells by these ways; the first one that fails is the answer, and the others are told all the same.
    pub(crate) async fn tell(&self, kind: &str, value: Value, by: &[NotifyBy]) -> Result<(), String> {
        let mut failed = None;
        for way in by {
            let told = match way {
                NotifyBy::Log => {
                    warn!(kind, %value, "attention");
                    Ok(())
                }
                NotifyBy::Webhook => self.hook(&value).await,
                NotifyBy::Ledger => self.append(kind, &value).await,
            };
            if let Err(why) = told {
                failed.get_or_insert(why);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn hook(&self, value: &Value) -> Result<(), String> {
        let config = self.config.now();
        let Some(url) = &config.webhook else { return Err("no webhook is configured".into()) };
        match tokio::time::timeout(PATIENCE, post(url, config.webhook_ca.clone(), value)).await {
            Ok(told) => told.map_err(|why| format!("the webhook failed: {why}")),
            Err(_) => Err(format!("the webhook did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn append(&self, kind: &str, value: &Value) -> Result<(), String> {
        let Some(steward) = &self.steward else { return Ok(()) };
        let event = NewEvent { kind: kind.to_owned(), actor: "daemon:watch".into(), payload: value.clone() };
        steward.append_soon(event).await.map(drop).map_err(|fault| fault.to_string())
    }
}
