//! `GET /health` of every daemon that has no richer one of its own.

use std::{borrow::Cow, sync::Arc, time::Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    endpoint::{Effect, Endpoint, Method},
    fault::Fault,
};

/// `GET /health`: is this daemon up.
#[derive(Debug)]
pub struct Health;

/// Nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// That a daemon is up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Up {
    /// `ok`.
    pub status: Cow<'static, str>,
    /// The daemon's name.
    pub daemon: Cow<'static, str>,
    /// The suite's version.
    pub version: Cow<'static, str>,
    /// Seconds since the daemon started.
    pub daemon_uptime_secs: u64,
}

impl Up {
    /// A daemon of this name, up since `started`.
    pub fn since(daemon: &'static str, started: Instant) -> Self {
        Self {
            status: "ok".into(),
            daemon: daemon.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            daemon_uptime_secs: started.elapsed().as_secs(),
        }
    }
}

impl Endpoint for Health {
    const NAME: &'static str = "health";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/health";
    const EFFECT: Effect = Effect::Read;
    const ABOUT: &'static str = "whether this daemon is up, since when, and its version";
    type Request = Nothing;
    type Response = Up;
}

/// The handler that answers for `daemon`.
pub(crate) fn handler<S: Send + Sync + 'static>(
    daemon: &'static str,
) -> impl Fn(Arc<S>, Call, Nothing) -> std::future::Ready<Result<Up, Fault>> + Send + Sync + 'static {
    let started = Instant::now();
    move |_, _, _| std::future::ready(Ok(Up::since(daemon, started)))
}
