//! Tables of commands, and what must hold for any.

use std::path::Path;

use super::{Dialect, Scene, judge_as};
use crate::guard::{GuardConfig, GuardedPaths, OwnPaths, Verdict};

mod acts;
mod asks;
mod copies;
mod disguises;
mod machine;
mod passes;
mod readers;
mod robust;
mod runners;
mod texts;
mod work;

/// A machine to judge on: the suite where it is installed, a caller in a folder of its own.
struct Machine {
    paths: GuardedPaths,
    config: GuardConfig,
}

impl Machine {
    fn new() -> Self {
        let config = GuardConfig::default();
        let own = OwnPaths {
            run: "/run/osmoda".into(),
            state: "/var/lib/osmoda".into(),
            config: None,
            binaries: vec!["/opt/osmoda".into()],
        };
        Self { paths: GuardedPaths::new(&config, &own), config }
    }

    fn judge_in(&self, command: &str, cwd: &str) -> Verdict {
        self.judge_as(command, cwd, &[Dialect::Sh, Dialect::Bash])
    }

    fn judge_as(&self, command: &str, cwd: &str, dialects: &[Dialect]) -> Verdict {
        let scene = Scene {
            cwd: Path::new(cwd),
            home: Path::new("/home/ada"),
            uid: 1000,
            paths: &self.paths,
            config: &self.config,
        };
        judge_as(command, &scene, dialects)
    }

    fn judge(&self, command: &str) -> Verdict {
        self.judge_in(command, "/home/ada/project")
    }
}

fn shown(verdict: &Verdict) -> Vec<String> {
    verdict.reasons().iter().map(|reason| format!("{}: {}", reason.code, reason.text)).collect()
}
