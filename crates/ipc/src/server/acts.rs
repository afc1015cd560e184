//! Runs what a call asks for: at once, once for a key, or behind a receipt.

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use futures_util::poll;
use http::{HeaderMap, StatusCode};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::answer::Answer;
use crate::{
    call::Call,
    caller::Caller,
    desk::{Asked, Desk, IdempotencyKey, KeptAnswer, Opened, Ticket, Track, respond_async},
    endpoint::{EndpointInfo, Method, Record},
    fault::Fault,
    record::Leave,
    request_id::RequestId,
    routes::{Inputs, Keeper, Route, caught},
};

/// Whoever hangs up does not cancel a half-done write: acts run apart from their connections.
pub(super) struct Acts {
    pub(super) keeper: Arc<Keeper>,
    pub(super) running: TaskTracker,
}

/// What a caller wants beside the answer.
pub(super) struct Wishes {
    key: Option<IdempotencyKey>,
    /// A receipt in place of an answer that takes longer than this.
    receipt_after: Option<Duration>,
}

impl Wishes {
    /// GET changes nothing and has no need of keys and receipts.
    pub(super) fn of(info: &EndpointInfo, headers: &HeaderMap) -> Result<Self, Fault> {
        if info.method == Method::Get {
            return Ok(Self { key: None, receipt_after: None });
        }
        Ok(Self { key: IdempotencyKey::of(headers)?, receipt_after: respond_async(headers) })
    }

    fn any(&self) -> bool {
        self.key.is_some() || self.receipt_after.is_some()
    }
}

impl Acts {
    pub(super) fn new(keeper: Keeper) -> Self {
        Self { keeper: Arc::new(keeper), running: TaskTracker::new() }
    }

    pub(super) async fn run(
        &self,
        route: &Route,
        caller: Caller,
        id: &RequestId,
        inputs: Inputs,
        wishes: Wishes,
        target: &str,
    ) -> Result<Answer, Fault> {
        let hung_up = CancellationToken::new();
        // Dropped with this future, which hyper drops when the caller hangs up.
        let presence = hung_up.clone().drop_guard();
        let call = Call { caller, request_id: id.clone(), hung_up, leave: Leave::default(), track: Track::default() };
        let result = match (&self.keeper.desk, wishes.any()) {
            (Some(desk), true) => self.received(desk, route, call, inputs, &wishes, target).await,
            (None, true) if wishes.key.is_some() => Err(Fault::new(
                StatusCode::NOT_IMPLEMENTED,
                "idempotency_unsupported",
                "this daemon keeps no receipts and can't promise to do a call once; leave the Idempotency-Key out",
            )),
            _ => self.at_once(route, call, inputs).await.map(Answer::json),
        };
        presence.disarm();
        result
    }

    async fn at_once(&self, route: &Route, call: Call, inputs: Inputs) -> Result<Bytes, Fault> {
        let id = call.request_id.clone();
        let work = caught((route.handler)(self.keeper.clone(), call, inputs));
        let deadline = route.info.deadline;
        if route.info.record == Record::Nothing {
            let mut work = pin!(work);
            // Most reads have their answer at hand and need no timer.
            if let Poll::Ready(done) = poll!(work.as_mut()) {
                return done;
            }
            return tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| Err(late(&route.info, &id)));
        }
        match tokio::time::timeout(deadline, self.running.spawn(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(lost)) => Err(Fault::internal(lost)),
            Err(_) => Err(late(&route.info, &id)),
        }
    }

    /// The same with a ticket: whoever waits or does not, what became of it is kept.
    async fn received(
        &self,
        desk: &Arc<dyn Desk>,
        route: &Route,
        mut call: Call,
        inputs: Inputs,
        wishes: &Wishes,
        target: &str,
    ) -> Result<Answer, Fault> {
        let asked = Asked { endpoint: &route.info, key: wishes.key.as_ref(), target, body: &inputs.body };
        let ticket = match desk.open(&call, asked).await? {
            Opened::New(ticket) => ticket,
            Opened::Done(kept) => return Ok(Answer::again(kept)),
            Opened::Running(ticket) if wishes.receipt_after.is_some() => {
                return Ok(receipt(desk, ticket).await?.with(crate::desk::REPLAYED_HEADER, "true"));
            }
            Opened::Running(ticket) => return Err(still_running(desk, ticket).await),
        };
        call.track.ticket = Some((desk.clone(), ticket));
        let (began, id) = (CancellationToken::new(), call.request_id.clone());
        call.track.began = Some(began.clone());
        let work = caught((route.handler)(self.keeper.clone(), call, inputs));
        let ending = {
            let (desk, began, id) = (desk.clone(), began.clone(), id.clone());
            async move {
                let result = work.await.map_err(|fault| fault.with_request_id(&id));
                let kept = (result.is_ok() || began.is_cancelled()).then(|| kept(&result));
                desk.close(ticket, kept).await;
                result
            }
        };
        let running = self.running.spawn(ending);
        let whole = async { running.await.unwrap_or_else(|lost| Err(Fault::internal(lost))) };
        let Some(wait) = wishes.receipt_after else {
            let in_time = tokio::time::timeout(route.info.deadline, whole).await;
            return in_time.unwrap_or_else(|_| Err(late(&route.info, &id))).map(Answer::json);
        };
        // What is refused before it began is refused now, not in a receipt.
        tokio::pin!(whole);
        let patience = async {
            began.cancelled().await;
            tokio::time::sleep(wait).await;
        };
        tokio::select! {
            biased;
            result = &mut whole => result.map(Answer::json),
            () = patience => receipt(desk, ticket).await,
        }
    }
}

fn kept(result: &Result<Bytes, Fault>) -> KeptAnswer {
    match result {
        Ok(body) => KeptAnswer { status: StatusCode::OK, body: body.clone() },
        Err(fault) => KeptAnswer {
            status: fault.status(),
            body: serde_json::to_vec(&fault.envelope()).unwrap_or_default().into(),
        },
    }
}

async fn receipt(desk: &Arc<dyn Desk>, ticket: Ticket) -> Result<Answer, Fault> {
    let (id, receipt) = desk.receipt(ticket).await?;
    Ok(Answer::accepted(&id, serde_json::to_vec(&receipt).map_err(Fault::internal)?.into()))
}

async fn still_running(desk: &Arc<dyn Desk>, ticket: Ticket) -> Fault {
    let id = desk.receipt(ticket).await.map(|(id, _)| id).unwrap_or_default();
    Fault::conflict(
        "idempotency_in_progress",
        format!("the first call with this Idempotency-Key still runs; ask again later, or see GET /requests/{id}"),
    )
    .with_detail(serde_json::json!({ "request_id": id }))
    .with_retryable(true)
}

fn late(info: &EndpointInfo, id: &RequestId) -> Fault {
    Fault::timeout(
        "deadline_exceeded",
        format!(
            "{} did not end within {} s; look at its outcome with agentctl trace {id}",
            info.name,
            info.deadline.as_secs()
        ),
    )
}
