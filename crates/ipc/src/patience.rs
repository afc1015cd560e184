//! Deadlines that are nearly always kept: of a connection's next head, and of a call's answer.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

/// One timer of the runtime's for all deadlines of a connection. A request that comes in time, which is nearly every one,
/// neither sets nor removes a timer: the one that is set goes off early, once, and is set anew for what is left.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>);

impl Patience {
    /// For deadlines that are `usual` away.
    pub(crate) fn new(usual: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(tokio::time::sleep(usual)))))
    }

    /// What the work gives, or `None` after so long.
    pub(crate) async fn limit<T>(&self, after: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut wait = Wait { patience: self.clone(), deadline: tokio::time::Instant::now() + after };
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => Pin::new(&mut wait).poll(cx).map(|()| None),
        })
        .await
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { patience: self.clone(), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct Wait {
    patience: Patience,
    deadline: tokio::time::Instant,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.patience.0.lock().unwrap_or_else(PoisonError::into_inner);
        if timer.deadline() > self.deadline {
            timer.as_mut().reset(self.deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_deadline_is_kept_whichever_was_there_before() {
        let secs = Duration::from_secs;
        let start = tokio::time::Instant::now();
        let patience = Patience::new(secs(10));
        // Polled and dropped, as for a request that came in time.
        tokio::select! {
            () = patience.sleep(secs(10)) => panic!("too early"),
            () = tokio::time::sleep(secs(4)) => {}
        }
        patience.sleep(secs(10)).await;
        assert_eq!(start.elapsed().as_secs(), 14);
        patience.sleep(secs(1)).await;
        assert_eq!(start.elapsed().as_secs(), 15);
        patience.sleep(secs(30)).await;
        assert_eq!(start.elapsed().as_secs(), 45);
        drop(patience.sleep(secs(60)));
        patience.sleep(secs(2)).await;
        assert_eq!(start.elapsed().as_secs(), 47);
    }
}
