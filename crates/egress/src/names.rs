//! Names to addresses, as this machine resolves them (getaddrinfo(3)). Nobody behind the proxy asks a server of names.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// An answer is used again for so long. Whoever asks checks the addresses anew each time.
const FRESH: Duration = Duration::from_secs(10);
/// Answers that are kept.
const MOST_KEPT: usize = 1024;
/// Names that are asked about at a time; each takes a thread.
const AT_A_TIME: usize = 16;
/// How long an answer may take, waiting for a turn included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of one name that are looked at.
pub(crate) const MOST_ADDRESSES: usize = 64;

/// Where a name leads, and since when that is known.
type Found = (Instant, Arc<[IpAddr]>);

/// What names were found to lead to.
#[derive(Debug)]
pub(crate) struct Names {
    kept: Mutex<HashMap<Box<str>, Found>>,
    turns: Semaphore,
}

impl Default for Names {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Semaphore::new(AT_A_TIME) }
    }
}

impl Names {
    /// Every address of a name, in the order in which they should be tried; at least one.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Arc<[IpAddr]>, Refusal> {
        if let Some(addresses) = self.fresh(name) {
            return Ok(addresses);
        }
        let asked = tokio::time::timeout(PATIENCE, async {
            let turn = self.turns.acquire().await.map_err(io::Error::other)?;
            let addresses = lookup(name).await?;
            drop(turn);
            Ok::<_, io::Error>(addresses)
        });
        match asked.await {
            Err(_) => Err(Refusal::ResolveTimeout(name.to_owned())),
            Ok(Err(_)) => Err(Refusal::Unresolved(name.to_owned())),
            Ok(Ok(addresses)) if addresses.is_empty() => Err(Refusal::Unresolved(name.to_owned())),
            Ok(Ok(addresses)) => {
                self.keep(name, addresses.clone());
                Ok(addresses)
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn fresh(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, addresses) = kept.get(name)?;
        (found.elapsed() < FRESH).then(|| addresses.clone())
    }

    fn keep(&self, name: &str, addresses: Arc<[IpAddr]>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (found, _)| found.elapsed() < FRESH);
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
        }
        kept.insert(name.into(), (Instant::now(), addresses));
    }
}

/// Each address once.
async fn lookup(name: &str) -> io::Result<Arc<[IpAddr]>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in tokio::net::lookup_host((name, 0)).await? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    // What is left out is neither checked nor connected to.
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_found_and_kept_and_one_that_is_none_is_told() {
        let names = Names::default();
        let found = names.resolve("localhost").await.unwrap();
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
        assert!(Arc::ptr_eq(&found, &names.resolve("localhost").await.unwrap()));
        names.forget();
        assert!(!Arc::ptr_eq(&found, &names.resolve("localhost").await.unwrap()));
        let refused = names.resolve("nothing.invalid").await.unwrap_err();
        assert!(matches!(refused, Refusal::Unresolved(_) | Refusal::ResolveTimeout(_)), "{refused}");
    }
}
