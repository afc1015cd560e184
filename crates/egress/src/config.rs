//! The table `[egress]` of osmoda.toml.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use osmoda_capability::{HostPattern, Permission, Permissions};
use serde::{Deserialize, Serialize};

use crate::addresses::Network;

/// egress's settings. Every one has a safe default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the proxy listens beside its Unix socket; on this machine alone. Takes effect at the next start.
    pub listen: Vec<SocketAddr>,
    /// The proxy's Unix socket; `egress/proxy.sock` in the runtime folder by default. Takes effect at the next start.
    pub socket: Option<PathBuf>,
    /// Hosts that everybody may reach, also without a token: `example.org`, `example.org:443`, `*.example.org`.
    pub allow: Vec<String>,
    /// Networks that may be reached although they are private, loopback or otherwise special.
    pub allow_addresses: Vec<Network>,
    /// Ports on which a tunnel must speak TLS.
    pub tls_ports: Vec<u16>,
    /// Whether a ClientHello may hide its server's name. Nothing then says where a tunnel leads.
    pub allow_ech: bool,
    /// Whether plain HTTP may be spoken in a tunnel. Its requests may then name any host.
    pub allow_plain_http: bool,
    /// Seconds after which a tunnel in which nothing moves is closed.
    pub idle_secs: u32,
    /// Connections to the proxy at a time.
    pub most_connections: u32,
    /// `[egress.limits]`: of each token that has none of its own, and of all that come without one together.
    pub limits: Limits,
}

/// How much may be done with one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: u32,
    /// Bytes in both directions over its whole life; 0 for no limit.
    pub bytes: u64,
    /// Bytes a second in both directions; 0 for no limit.
    pub bytes_per_sec: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 19999).into()],
            socket: None,
            allow: Vec::new(),
            allow_addresses: Vec::new(),
            tls_ports: vec![443],
            allow_ech: false,
            allow_plain_http: false,
            idle_secs: 600,
            most_connections: 16_384,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, bytes: 0, bytes_per_sec: 0 }
    }
}

/// The settings make no sense together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// A host of the default list.
    #[error("egress.allow: {0:?} is no host; write example.org, example.org:443 or *.example.org ({1})")]
    Host(String, String),
    /// An address that others could reach.
    #[error("egress.listen: {0} can be reached from elsewhere; the proxy listens on loopback addresses alone")]
    Listen(SocketAddr),
    /// A limit of nothing.
    #[error("egress.{0} must be at least 1")]
    Zero(&'static str),
}

impl Config {
    /// The default list as permissions, where everything makes sense.
    pub(crate) fn check(&self) -> Result<Permissions, BadConfig> {
        if let Some(outside) = self.listen.iter().find(|address| !address.ip().is_loopback()) {
            return Err(BadConfig::Listen(*outside));
        }
        for (name, number) in [
            ("idle_secs", self.idle_secs),
            ("most_connections", self.most_connections),
            ("limits.connections", self.limits.connections),
        ] {
            if number == 0 {
                return Err(BadConfig::Zero(name));
            }
        }
        let permission = |host: &String| {
            let bad = |why: String| BadConfig::Host(host.clone(), why);
            match format!("net:{host}").parse() {
                Ok(permission @ Permission::Net { host: HostPattern::Exact(_) | HostPattern::Below(_), .. }) => {
                    Ok(permission)
                }
                Ok(_) => Err(bad(String::new())),
                Err(why) => Err(bad(why.to_string())),
            }
        };
        self.allow.iter().map(permission).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        let good = Config { allow: vec!["*.Example.org".into(), "[2001:db8::1]:443".into()], ..Config::default() };
        assert_eq!(good.check().unwrap().texts(), ["net:*.example.org", "net:[2001:db8::1]:443"]);
        for (config, named) in [
            (Config { allow: vec!["*".into()], ..Config::default() }, "\"*\""),
            (Config { allow: vec!["https://a.org".into()], ..Config::default() }, "https"),
            (Config { listen: vec!["0.0.0.0:1".parse().unwrap()], ..Config::default() }, "0.0.0.0:1"),
            (Config { idle_secs: 0, ..Config::default() }, "idle_secs"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
