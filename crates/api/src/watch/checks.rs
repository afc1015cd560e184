//! Health checks. One flat object whose fields follow from `type`.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A kind of check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A unit is active.
    #[default]
    SystemdUnit,
    /// A port takes connections.
    TcpPort,
    /// A URL answers.
    HttpGet,
    /// A program ends with 0.
    Command,
    /// A unit's journal has no new errors.
    Journal,
    /// CPU, memory or disk is below a bound.
    Metric,
    /// The process of a pid file lives.
    Process,
}

impl CheckKind {
    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemdUnit => "systemd_unit",
            Self::TcpPort => "tcp_port",
            Self::HttpGet => "http_get",
            Self::Command => "command",
            Self::Journal => "journal",
            Self::Metric => "metric",
            Self::Process => "process",
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// Busy share of all CPUs since the look before, in percent.
    CpuPercent,
    /// Memory that is not available, in percent.
    MemoryPercent,
    /// Used share of the file system of `path`, in percent.
    DiskPercent,
}

/// A check. Which fields it has follows from `type`; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is checked.
    #[serde(rename = "type")]
    pub kind: CheckKind,
    /// A name for people; made from the other fields where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Seconds that one look may take; 5 by default, 60 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_secs: Option<u32>,
    /// systemd_unit, journal: the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// tcp_port: the host; 127.0.0.1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// tcp_port: the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// http_get: http:// or https://.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// http_get: the status that is good; any of 200 to 299 where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// http_get: headers that the answer must have, with what their values must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// http_get: text that the first 64 KiB of the body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// http_get: a file of certificates to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// command: the program, absolute and allowed by the configuration, and its arguments. No shell reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// journal: the gravest priority that is still good is the one below this; `err` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// metric: what is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// metric: the bound in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// metric: a path on the file system; `/` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// process: the file that holds its process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_file: Option<String>,
}

// Written by hand: a property a field would be several thousand bytes in each tool that takes one.
impl JsonSchema for Check {
    fn schema_name() -> Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "type": {
                    "type": "string",
                    "description": "Other fields: systemd_unit: unit. tcp_port: port, host (127.0.0.1). http_get: url, status, headers, body_contains, ca_file. command: argv. journal (no new errors): unit, priority (err). metric: metric (cpu_percent, memory_percent, disk_percent), below, path (/). process: pid_file. Any: name, timeout_secs (5).",
                    "enum": ["systemd_unit", "tcp_port", "http_get", "command", "journal", "metric", "process"],
                },
            },
            "required": ["type"],
        })
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It has not looked yet, or what it looks at is still starting.
    #[default]
    Pending,
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failing,
}

impl CheckState {
    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Failing => "failing",
        }
    }
}

/// A check's last result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check's name.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: CheckKind,
    /// What it found.
    pub state: CheckState,
    /// What it saw, for people.
    pub message: String,
    /// When (RFC 3339); empty before the first look.
    pub at: String,
    /// How long the look took, in milliseconds.
    pub took_ms: u64,
    /// How often it failed in a row.
    pub failures: u32,
}
