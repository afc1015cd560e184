//! One kept connection to systemd, made anew when the bus was restarted.

use std::sync::{Mutex, PoisonError};

use osmoda_systemd::{Bus, SystemdError};

/// systemd, where it is here.
#[derive(Debug, Default)]
pub(crate) struct Systemd(Mutex<Option<Bus>>);

impl Systemd {
    /// Asks systemd; once more over a new connection where the one at hand is broken.
    pub(crate) async fn ask<T, Answer>(&self, question: impl Fn(Bus) -> Answer) -> Result<T, SystemdError>
    where
        Answer: Future<Output = Result<T, SystemdError>>,
    {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(bus) = kept {
            match question(bus).await {
                Err(SystemdError::Unreachable(_) | SystemdError::Hangs) => {}
                answer => return answer,
            }
        }
        let bus = Bus::connect().await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bus.clone());
        question(bus).await
    }
}
