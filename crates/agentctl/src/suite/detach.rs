//! The supervisor in the background: this program again, in a session of its own, which says over a pipe how its start
//! went and then lets go of it.

use std::{
    env,
    fs::File,
    io::{self, Write},
    process::Stdio,
    time::Duration,
};

use osmoda_ipc::{Envelope, Fault, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

use super::{Choice, Program, Suite, SuiteError, check_length, logs, supervisor::SuiteUp};
use crate::failure::Failure;

/// Set for the supervisor in the background alone. No flag, for it is nothing that a person says.
pub(super) const IN_BACKGROUND: &str = "OSMODA_UP_IN_BACKGROUND";
/// The largest word a supervisor says.
const LONGEST_WORD: u64 = 1 << 20;

/// How long a supervisor may take to end after its last word.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// What the supervisor says when its start is over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Up(SuiteUp),
    Fault(Envelope),
}

/// Starts a supervisor in the background and waits until its suite is up, or not.
pub(crate) async fn launch(choice: &Choice, suite: &Suite, programs: &[Program]) -> Result<SuiteUp, Failure> {
    for program in programs {
        check_length(&suite.dirs.socket(program.daemon))?;
    }
    let log = suite.log_of("suite");
    let file = |source| SuiteError::File { path: log.clone(), source };
    logs::prepare(&suite.log).map_err(file)?;
    let errors = logs::bound(&log).and_then(|()| logs::open(&log)).map_err(file)?;
    let from = logs::length(&log);
    let exe = env::current_exe().map_err(|source| Failure::System { what: "the path of this program", source })?;
    let mut command = Command::new(exe);
    if let Choice::Dir(dir) = choice {
        command.arg("--dir").arg(dir);
    }
    command.arg("up").env(IN_BACKGROUND, "1");
    let names: Vec<&str> = programs.iter().map(|program| program.daemon).collect();
    command.arg("--only").arg(names.join(","));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
    let mut child =
        command.spawn().map_err(|source| Failure::System { what: "the supervisor can't be started", source })?;
    let Some(stdout) = child.stdout.take() else {
        return Err(Failure::System { what: "the supervisor's pipe", source: io::ErrorKind::BrokenPipe.into() });
    };
    // Each daemon has 10 s to be ready, and as long to be stopped again when another one fails.
    let patience = Duration::from_secs(20) * u32::try_from(programs.len()).unwrap_or(u32::MAX) + Duration::from_secs(5);
    let mut line = String::new();
    let mut reader = BufReader::new(stdout.take(LONGEST_WORD));
    match tokio::time::timeout(patience, reader.read_line(&mut line)).await {
        Err(_) => {
            Err(SuiteError::SupervisorSilent { after: patience.as_secs(), tail: logs::tail(&log, from), log }.into())
        }
        Ok(Ok(length)) if length > 0 => match serde_json::from_str(&line) {
            Ok(Word::Up(up)) => Ok(up),
            Ok(Word::Fault(envelope)) => {
                // Its last word: who tries again at once must not meet it.
                let _ = tokio::time::timeout(LAST_STEPS, child.wait()).await;
                Err(Failure::Fault(Fault::from_envelope(StatusCode::INTERNAL_SERVER_ERROR, envelope)))
            }
            Err(error) => Err(Failure::System { what: "the supervisor's word", source: error.into() }),
        },
        Ok(_) => {
            let how = child.wait().await.map_err(|source| Failure::System { what: "the supervisor's end", source })?;
            Err(SuiteError::SupervisorEnded { how, tail: logs::tail(&log, from), log }.into())
        }
    }
}

/// Whether this is the supervisor that [`launch`] started.
pub(crate) fn is_in_background() -> bool {
    env::var_os(IN_BACKGROUND).is_some()
}

/// Leaves the caller's session, so that the end of its terminal is not ours.
pub(crate) fn leave_session() {
    // It fails only for a process that leads a group already, and that one has a session's life of its own.
    let _ = nix::unistd::setsid();
}

/// Says how the start went, and lets go of standard output.
pub(crate) fn report(result: Result<&SuiteUp, &Failure>) -> Result<(), Failure> {
    let word = match result {
        Ok(up) => Word::Up(up.clone()),
        Err(failure) => Word::Fault(failure.fault().envelope()),
    };
    let line = serde_json::to_string(&word).map_err(|error| Failure::Output(error.into()))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)?;
    let null = File::options().write(true).open("/dev/null").map_err(Failure::Output)?;
    nix::unistd::dup2_stdout(null).map_err(|error| Failure::Output(error.into()))
}
