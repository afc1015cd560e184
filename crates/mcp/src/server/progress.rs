//! A sign of life from calls that take long, for clients that asked for one.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// How long a notification may take. Once the client has closed its end nothing takes it any more.
const NOTIFY: Duration = Duration::from_millis(100);

/// Runs `work`, and says every `every` that `name` still runs where the request brought a progress token.
pub(super) async fn reporting<T>(
    context: &RequestContext<RoleServer>,
    every: Duration,
    name: &str,
    work: impl Future<Output = T>,
) -> T {
    let work = pin!(work);
    let Some(token) = context.meta.get_progress_token() else { return work.await };
    Box::pin(ticking(context, token, every, name, work)).await
}

async fn ticking<T>(
    context: &RequestContext<RoleServer>,
    token: ProgressToken,
    every: Duration,
    name: &str,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> T {
    let started = Instant::now();
    let mut ticks = interval_at(started + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            output = &mut work => return output,
            _ = ticks.tick() => {
                let elapsed = started.elapsed();
                let progress = ProgressNotificationParam::new(token.clone(), elapsed.as_secs_f64());
                let progress = progress.with_message(format!("{name}: {} s so far", elapsed.as_secs()));
                let _ = timeout(NOTIFY, context.peer.notify_progress(progress)).await;
            }
        }
    }
}
