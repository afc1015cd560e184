//! The ledger as a transparency log, and its stream of events: what is no JSON document.

use std::sync::Arc;

use osmoda_api::agentd::{EVENTS_STREAM, TLOG_CHECKPOINT, TLOG_KEY, TLOG_TILE};
use osmoda_ipc::{Call, Fault, RawAnswer, RawRequest};
use osmoda_ledger::{LogError, tree::TilePath};

use super::blocking;
use crate::{
    agentd::Agentd,
    streams::{Kinds, subscribe},
};

/// What never changes may be kept for a year.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub(crate) async fn checkpoint(agentd: Arc<Agentd>, _call: Call, asked: RawRequest) -> Result<RawAnswer, Fault> {
    asked.only(&[])?;
    let note = agentd.log.checkpoint()?;
    Ok(RawAnswer::whole(TLOG_CHECKPOINT.content_type, note.to_string()))
}

pub(crate) async fn key(agentd: Arc<Agentd>, _call: Call, asked: RawRequest) -> Result<RawAnswer, Fault> {
    asked.only(&[])?;
    Ok(RawAnswer::whole(TLOG_KEY.content_type, format!("{}\n", agentd.log.key())))
}

pub(crate) async fn tile(agentd: Arc<Agentd>, _call: Call, asked: RawRequest) -> Result<RawAnswer, Fault> {
    asked.only(&[])?;
    let path = TilePath::parse(asked.path("tile")).ok_or(LogError::NoTile)?;
    let tile = blocking(move || agentd.log.tile(&path)).await?;
    Ok(RawAnswer::whole(TLOG_TILE.content_type, tile).cached(FOREVER))
}

/// The events after the cursor; from now on where there is none. What a browser remembers of the last one it had goes
/// before what stands in the address.
pub(crate) async fn stream(agentd: Arc<Agentd>, _call: Call, asked: RawRequest) -> Result<RawAnswer, Fault> {
    asked.only(&["type", "cursor"])?;
    let kinds = Kinds::parse(asked.query("type"))?;
    let remembered = asked.headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let bad =
        || Fault::bad_request("invalid_cursor", "a cursor is the id of an event of this ledger, or 0 for all of them");
    let cursor = remembered.or(asked.query("cursor")).map(|text| text.parse::<i64>().map_err(|_| bad())).transpose()?;
    // First the place, then the past: nothing falls between them.
    let place = agentd.hub.join()?;
    let reader = agentd.reader.clone();
    let newest = blocking(move || reader.newest()).await?;
    let last = cursor.unwrap_or(newest);
    if !(0..=newest).contains(&last) {
        return Err(bad());
    }
    let body = subscribe(place, agentd.reader.clone(), kinds, last, agentd.stop.clone());
    Ok(RawAnswer::stream(EVENTS_STREAM.content_type, body))
}
