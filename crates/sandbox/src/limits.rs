//! What a sandbox may use up, and what its limits are called in answers.

use serde::{Deserialize, Serialize};

/// The limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// From start to end, in milliseconds.
    pub wall_ms: u64,
    /// Processor time of all processes together, in milliseconds.
    pub cpu_ms: u64,
    /// Memory of all processes together, in bytes.
    pub memory: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// The largest file, in bytes.
    pub file: u64,
    /// What the working folder, the home and /tmp may each hold, in bytes. They are memory.
    pub space: u64,
    /// What is kept of each of the two streams, in bytes.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: 30_000,
            cpu_ms: 30_000,
            memory: 512 << 20,
            processes: 64,
            file: 64 << 20,
            space: 128 << 20,
            output: 1 << 20,
        }
    }
}

/// A limit that a run came up against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// It ran too long.
    WallTime,
    /// It computed too long.
    CpuTime,
    /// It wanted too much memory.
    Memory,
    /// It wanted too many processes.
    Processes,
    /// A file would have become too large.
    FileSize,
    /// Its folders were full.
    Disk,
    /// It said too much.
    Output,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 7] =
        [Self::WallTime, Self::CpuTime, Self::Memory, Self::Processes, Self::FileSize, Self::Disk, Self::Output];

    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WallTime => "wall_time",
            Self::CpuTime => "cpu_time",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::FileSize => "file_size",
            Self::Disk => "disk",
            Self::Output => "output",
        }
    }

    /// The limit of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_one_name_on_every_wire() {
        for limit in Limit::ALL {
            assert_eq!(serde_json::to_value(limit).unwrap(), limit.as_str());
            assert_eq!(Limit::from_name(limit.as_str()), Some(limit));
        }
        assert_eq!(Limit::from_name("nothing"), None);
    }
}
