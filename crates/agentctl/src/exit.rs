//! Exit codes, the same for every command.

use std::{io, process::ExitCode};

use crate::{failure::Failure, output::Output};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Fine,
    /// 1: refused, or tried and failed.
    Failed,
    /// 2: the command line is wrong.
    Usage,
    /// 3: a daemon can't be reached, or does not answer.
    NotReachable,
    /// 4: the ledger is not as it was written.
    LedgerBroken,
}

impl Exit {
    /// The number that a shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotReachable => 3,
            Self::LedgerBroken => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Says what went wrong, where something did, and how the program ends.
pub(crate) fn conclude(result: Result<Exit, Failure>, output: &Output) -> Exit {
    match result {
        Ok(exit) => exit,
        // Whoever read our output has seen enough: `agentctl events | head`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_documented_number() {
        let table =
            [(Exit::Fine, 0), (Exit::Failed, 1), (Exit::Usage, 2), (Exit::NotReachable, 3), (Exit::LedgerBroken, 4)];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let output = Output::plain();
        assert_eq!(conclude(Err(Failure::Output(io::ErrorKind::BrokenPipe.into())), &output), Exit::Fine);
        assert_eq!(conclude(Err(Failure::Output(io::ErrorKind::StorageFull.into())), &output), Exit::Failed);
    }
}
