//! The agent card.

use std::sync::Arc;

use osmoda_api::agentd::AgentCard;
use osmoda_ipc::{Call, Fault, Nothing};

use crate::{agentd::Agentd, card};

pub(crate) async fn card(agentd: Arc<Agentd>, _call: Call, _request: Nothing) -> Result<AgentCard, Fault> {
    card::card(&agentd.rules().config.card, &agentd.socket, &agentd.card_key)
}
