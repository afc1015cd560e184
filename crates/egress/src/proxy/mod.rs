//! The proxy: what comes in, whether it may go out, and the way between.

mod authorise;
mod carrier;
mod connect;
mod connection;
mod dial;
mod forward;
mod head;
mod kernel;
mod listen;
mod pipe;
mod relay;
mod socket;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use osmoda_capability::Permissions;

pub(crate) use self::{
    authorise::now,
    listen::{Listening, listen},
};
use crate::{
    addresses::OwnAddresses,
    book::Book,
    config::{BadConfig, Config},
    names::Names,
    report::Reporter,
    tokens::{ShownTokens, UsageBook},
};

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct Proxy {
    settings: RwLock<Arc<Settings>>,
    pub(crate) tokens: ShownTokens,
    pub(crate) usage: UsageBook,
    pub(crate) names: Names,
    own: OwnAddresses,
    pub(crate) book: Arc<Book>,
    pub(crate) reporter: Arc<Reporter>,
    /// Connections to the proxy.
    clients: AtomicU32,
    /// Those of them whose first request has not arrived yet.
    silent: AtomicU32,
}

/// What the configuration decides; replaced whole on SIGHUP.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// The default list.
    pub(crate) allow: Permissions,
}

impl Settings {
    pub(crate) fn new(config: Config) -> Result<Self, BadConfig> {
        Ok(Self { allow: config.check()?, config })
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.config.idle_secs.into())
    }
}

impl Proxy {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            tokens: ShownTokens::default(),
            usage: UsageBook::default(),
            names: Names::default(),
            own: OwnAddresses::default(),
            book: Arc::default(),
            reporter: Arc::default(),
            clients: AtomicU32::new(0),
            silent: AtomicU32::new(0),
        }
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// New settings for what begins from now on.
    pub(crate) fn configure(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.names.forget();
    }

    /// How many clients are connected.
    pub(crate) fn clients(&self) -> u32 {
        self.clients.load(Ordering::Relaxed)
    }
}

/// One more in a count, until it is dropped.
#[derive(Debug)]
struct Counted<'a>(&'a AtomicU32, u32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        Self(count, count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many there were, this one included.
    fn many(&self) -> u32 {
        self.1
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
