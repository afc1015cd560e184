//! Health checks: one file a kind. Each look has a deadline and ends in good, bad, or not yet.

mod command;
mod http;
mod http_get;
mod journal;
mod metric;
mod process;
mod systemd_unit;
mod tcp_port;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use osmoda_api::watch::{Check, CheckKind, CheckResult, CheckState};
use osmoda_ipc::Fault;
use serde::Deserialize;

pub(crate) use self::{http::post, process::Exits, systemd_unit::Units};
use crate::{
    config::{Config, InForce},
    switch::Looked,
    systemd::Systemd,
};

/// How long a look may take where its check does not say.
const DEFAULT_TIMEOUT: u32 = 5;
const LONGEST_TIMEOUT: u32 = 60;
/// The longest text that a look answers with, in characters.
const LONGEST_MESSAGE: usize = 300;

/// A check can't be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("check of type {}: {why}", .kind.as_str())]
    Invalid { kind: CheckKind, why: String },
    #[error("{0} is no program that checks may run; the configuration's `commands` says which")]
    NotAllowed(String),
}

impl From<CheckError> for Fault {
    fn from(error: CheckError) -> Self {
        let message = error.to_string();
        match error {
            CheckError::Invalid { .. } => Self::bad_request("invalid_check", message),
            CheckError::NotAllowed(_) => Self::forbidden("command_not_allowed", message),
        }
    }
}

/// What checks look with.
#[derive(Debug)]
pub(crate) struct Eyes {
    pub(crate) config: Arc<InForce>,
    pub(crate) systemd: Arc<Systemd>,
    /// What systemd said of its units last.
    pub(crate) units: Arc<Units>,
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saw {
    pub(crate) state: CheckState,
    pub(crate) message: String,
    /// Nothing will come of waiting.
    pub(crate) is_final: bool,
}

impl Saw {
    fn ok(message: impl Into<String>) -> Self {
        Self { state: CheckState::Ok, message: message.into(), is_final: false }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self { state: CheckState::Failing, message: message.into(), is_final: false }
    }

    fn pending(message: impl Into<String>) -> Self {
        Self { state: CheckState::Pending, message: message.into(), is_final: false }
    }

    /// By the word of the system itself.
    fn dead(message: impl Into<String>) -> Self {
        Self { state: CheckState::Failing, message: message.into(), is_final: true }
    }
}

/// What is looked at.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    SystemdUnit(systemd_unit::SystemdUnit),
    TcpPort(tcp_port::TcpPort),
    HttpGet(http_get::HttpGet),
    Command(command::CommandCheck),
    Journal(journal::JournalCheck),
    Metric(metric::Metric),
    Process(process::Process),
}

/// A check that can be looked through.
#[derive(Debug)]
pub(crate) struct Probe {
    name: String,
    kind: CheckKind,
    timeout: Duration,
    what: Kind,
}

impl Probe {
    /// The check, where it has every field that its kind needs and no other.
    pub(crate) fn new(check: &Check, config: &Config) -> Result<Self, CheckError> {
        let kind = check.kind;
        let invalid = |why: String| CheckError::Invalid { kind, why };
        let timeout = check.timeout_secs.unwrap_or(DEFAULT_TIMEOUT);
        if !(1..=LONGEST_TIMEOUT).contains(&timeout) {
            return Err(invalid(format!("timeout_secs is 1 to {LONGEST_TIMEOUT}")));
        }
        let mut own = check.clone();
        (own.name, own.timeout_secs) = (None, None);
        let value = serde_json::to_value(own).map_err(|error| invalid(error.to_string()))?;
        let what: Kind = serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
        let told = match &what {
            Kind::SystemdUnit(one) => one.checked().map_err(invalid)?,
            Kind::TcpPort(one) => one.checked().map_err(invalid)?,
            Kind::HttpGet(one) => one.checked().map_err(invalid)?,
            Kind::Command(one) => one.checked(config)?,
            Kind::Journal(one) => one.checked().map_err(invalid)?,
            Kind::Metric(one) => one.checked().map_err(invalid)?,
            Kind::Process(one) => one.checked().map_err(invalid)?,
        };
        let name = check.name.clone().unwrap_or_else(|| told.chars().take(64).collect());
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(invalid("a name has 1 to 64 characters on one line".into()));
        }
        Ok(Self { name, kind, timeout: Duration::from_secs(timeout.into()), what })
    }

    /// The unit whose state decides, where one does.
    pub(crate) fn unit(&self) -> Option<String> {
        match &self.what {
            Kind::SystemdUnit(one) => one.checked().ok(),
            _ => None,
        }
    }

    /// The unit that a restart would help, where one is named.
    pub(crate) fn unit_to_restart(&self) -> Option<String> {
        match &self.what {
            Kind::Journal(one) => one.checked_unit(),
            _ => self.unit(),
        }
    }

    /// The pid file whose process decides, where one does.
    pub(crate) fn pid_file(&self) -> Option<&std::path::Path> {
        match &self.what {
            Kind::Process(one) => Some(one.pid_file()),
            _ => None,
        }
    }

    /// Nothing seen yet.
    pub(crate) fn unseen(&self) -> CheckResult {
        CheckResult { name: self.name.clone(), kind: self.kind, ..CheckResult::default() }
    }

    /// One look, within its time.
    pub(crate) async fn look(&self, eyes: &Eyes) -> Looked {
        let began = Instant::now();
        let seen = tokio::time::timeout(self.timeout, self.see(eyes)).await;
        let saw = seen.unwrap_or_else(|_| Saw::bad(format!("no answer within {} s", self.timeout.as_secs())));
        self.looked(&saw, began.elapsed())
    }

    /// What was seen, as a result.
    pub(crate) fn looked(&self, saw: &Saw, took: Duration) -> Looked {
        let result = CheckResult {
            name: self.name.clone(),
            kind: self.kind,
            state: saw.state,
            message: saw.message.chars().take(LONGEST_MESSAGE).collect(),
            at: Timestamp::now().to_string(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            failures: 0,
        };
        Looked { result, is_final: saw.is_final }
    }

    async fn see(&self, eyes: &Eyes) -> Saw {
        match &self.what {
            Kind::SystemdUnit(one) => one.look(eyes).await,
            Kind::TcpPort(one) => one.look().await,
            Kind::HttpGet(one) => one.look().await,
            Kind::Command(one) => one.look(eyes, self.timeout).await,
            Kind::Journal(one) => one.look(self.timeout).await,
            Kind::Metric(one) => one.look().await,
            Kind::Process(one) => one.look(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn probe(check: serde_json::Value) -> Result<Probe, CheckError> {
        let check: Check = serde_json::from_value(check).unwrap();
        Probe::new(&check, &Config { commands: vec!["/bin".into()], ..Config::default() })
    }

    #[test]
    fn a_check_has_the_fields_of_its_kind_and_no_others() {
        for (good, name) in [
            (json!({"type": "systemd_unit", "unit": "nginx"}), "nginx.service"),
            (json!({"type": "tcp_port", "port": 80}), "127.0.0.1:80"),
            (json!({"type": "http_get", "url": "https://a.example:8443/x"}), "https://a.example:8443/x"),
            (json!({"type": "command", "argv": ["/bin/true", "-x"]}), "/bin/true"),
            (json!({"type": "journal", "unit": "nginx", "priority": "crit"}), "nginx.service"),
            (json!({"type": "metric", "metric": "disk_percent", "below": 90.0, "path": "/"}), "disk_percent"),
            (json!({"type": "process", "pid_file": "/run/x.pid"}), "/run/x.pid"),
            (json!({"type": "tcp_port", "port": 80, "name": "web"}), "web"),
        ] {
            assert_eq!(probe(good).unwrap().name, name);
        }
        for bad in [
            json!({"type": "systemd_unit"}),
            json!({"type": "systemd_unit", "unit": "*"}),
            json!({"type": "systemd_unit", "unit": "nginx", "port": 80}),
            json!({"type": "tcp_port", "port": 0}),
            json!({"type": "tcp_port", "port": 80, "host": "a b"}),
            json!({"type": "http_get", "url": "ftp://x"}),
            json!({"type": "http_get", "url": "http://"}),
            json!({"type": "http_get", "url": "http://u:p@x/"}),
            json!({"type": "command", "argv": []}),
            json!({"type": "command", "argv": ["true"]}),
            json!({"type": "command", "argv": ["/bin/../usr/bin/env"]}),
            json!({"type": "command", "argv": ["/usr/sbin/reboot"]}),
            json!({"type": "journal", "unit": "nginx", "priority": "loud"}),
            json!({"type": "metric", "metric": "cpu_percent"}),
            json!({"type": "metric", "metric": "cpu_percent", "below": 0.0}),
            json!({"type": "metric", "metric": "cpu_percent", "below": 5.0, "path": "/"}),
            json!({"type": "process", "pid_file": "x.pid"}),
            json!({"type": "tcp_port", "port": 80, "timeout_secs": 61}),
            json!({"type": "tcp_port", "port": 80, "name": ""}),
        ] {
            assert!(probe(bad.clone()).is_err(), "{bad}");
        }
    }
}
