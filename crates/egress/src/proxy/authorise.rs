//! Whether this token may go there.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use osmoda_capability::{Claims, Host};

use super::{Proxy, Settings};
use crate::{
    refusal::Refusal,
    tokens::{Meter, Slots},
};

/// Leave for one connection.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) claims: Option<Arc<Claims>>,
    pub(super) meter: Meter,
    /// Held for as long as the connection lasts.
    pub(super) slots: Slots,
}

impl Proxy {
    /// Whether a host may be gone to, with a token or by the default list; the token's claims. A token that does not
    /// hold is refused also where the default list would do: whoever shows one wants to know.
    pub(crate) fn may_go(
        &self,
        settings: &Settings,
        token: Option<&str>,
        host: &Host,
        port: u16,
    ) -> Result<Option<Arc<Claims>>, Refusal> {
        let claims = token.map(|token| self.tokens.check(token, now())).transpose()?;
        let by_token = claims.as_ref().is_some_and(|claims| claims.permissions.allows_net(host, port));
        if !by_token && !settings.allow.allows_net(host, port) {
            return Err(match claims {
                None => Refusal::NoToken,
                Some(_) => Refusal::HostNotAllowed { host: host.to_string(), port },
            });
        }
        Ok(claims)
    }

    /// Leave for one connection.
    pub(super) fn authorise(
        &self,
        settings: &Settings,
        token: Option<&str>,
        host: &Host,
        port: u16,
    ) -> Result<Pass, Refusal> {
        let claims = self.may_go(settings, token, host, port)?;
        if self.reporter.is_full() {
            return Err(Refusal::Unrecorded);
        }
        let meter = self.usage.meter(claims.as_deref(), settings.config.limits);
        let slots = meter.enter()?;
        Ok(Pass { claims, meter, slots })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
