//! One command, from its start to its last process.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use osmoda_api::agentd::{LONGEST_COMMAND_MS, ShellAnswer, ShellRequest, Stopped};
use osmoda_ipc::{COMMAND_MARK, Fault};
use tokio::process::{Child, Command as Process};
use tokio_util::sync::CancellationToken;

use super::{
    Account,
    output::Said,
    tree::{Awaited, kill_whole},
};

/// Where a command starts when its caller does not say.
pub(crate) const DEFAULT_CWD: &str = "/";
/// How long a command may run when its caller does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the streams may stay open after the command ended: a background process may hold them for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a killed command may take to be gone.
const DYING: Duration = Duration::from_secs(5);
/// Where programs are looked for when agentd has no PATH of its own.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command that may be started.
#[derive(Debug)]
pub(crate) struct Command {
    text: String,
    cwd: PathBuf,
    timeout: Duration,
    mark: String,
}

/// What ends a command before its time.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) hung_up: CancellationToken,
    pub(crate) shutdown: CancellationToken,
}

/// A command could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShellError {
    #[error("a command is 1 to 65536 bytes without NUL")]
    BadCommand,
    #[error("a timeout is 1 to {LONGEST_COMMAND_MS} milliseconds")]
    BadTimeout,
    #[error("{0:?} is no folder to start in; use an absolute path of one that exists")]
    BadCwd(String),
    #[error("the shell could not be started")]
    Spawn(#[source] io::Error),
    #[error("the command could not be waited for")]
    Wait(#[source] io::Error),
}

impl From<ShellError> for Fault {
    fn from(error: ShellError) -> Self {
        match &error {
            ShellError::BadCommand | ShellError::BadTimeout => Self::bad_request("invalid_request", error.to_string()),
            ShellError::BadCwd(_) => Self::bad_request("invalid_path", error.to_string()),
            ShellError::Spawn(source) | ShellError::Wait(source) => {
                Self::failed("shell_failed", format!("{error}; see agentd's log")).with_private(source.to_string())
            }
        }
    }
}

impl Command {
    /// What is asked for, within its bounds. `mark` is the act it belongs to.
    pub(crate) fn new(request: ShellRequest, mark: &str) -> Result<Self, ShellError> {
        if request.command.is_empty() || request.command.len() > 65536 || request.command.contains('\0') {
            return Err(ShellError::BadCommand);
        }
        let timeout = match request.timeout {
            None => DEFAULT_TIMEOUT,
            Some(milliseconds @ 1..=LONGEST_COMMAND_MS) => Duration::from_millis(milliseconds),
            Some(_) => return Err(ShellError::BadTimeout),
        };
        let cwd = request.cwd.unwrap_or_else(|| DEFAULT_CWD.into());
        if !cwd.starts_with('/') || !Path::new(&cwd).is_dir() {
            return Err(ShellError::BadCwd(cwd.chars().take(256).collect()));
        }
        Ok(Self { text: request.command, cwd: cwd.into(), timeout, mark: mark.to_owned() })
    }

    fn start(&self) -> io::Result<(Child, Awaited)> {
        let account = Account::own();
        let mut process = Process::new("/bin/sh");
        process
            .arg("-c")
            .arg(&self.text)
            .current_dir(&self.cwd)
            // agentd's own variables may hold what is nobody's business, such as where its credentials are.
            .env_clear()
            .env("PATH", path())
            .env("HOME", &account.home)
            .env("USER", &account.name)
            .env("LOGNAME", &account.name)
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env(COMMAND_MARK, &self.mark)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Awaited::start(|| process.spawn(), Child::id)
    }
}

/// Where programs are looked for.
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| PATH.into())
}

/// Runs it to its end, or to the first thing that ends it; then every process of it is gone.
pub(crate) async fn run(command: Command, ends: Ends) -> Result<ShellAnswer, ShellError> {
    let started = Instant::now();
    let (mut child, awaited) = command.start().map_err(ShellError::Spawn)?;
    let (mut stdout, mut stderr) = (Said::default(), Said::default());
    let streams = (child.stdout.take(), child.stderr.take());
    let (status, stopped) = {
        let listen = async {
            let (out, err) = streams;
            tokio::join!(
                async {
                    if let Some(out) = out {
                        stdout.listen(out).await;
                    }
                },
                async {
                    if let Some(err) = err {
                        stderr.listen(err).await;
                    }
                }
            );
        };
        let mut listen = std::pin::pin!(listen);
        let mut all_said = false;
        let (status, stopped) = loop {
            tokio::select! {
                () = &mut listen, if !all_said => all_said = true,
                status = child.wait() => break (status.map_err(ShellError::Wait)?, None),
                () = tokio::time::sleep_until((started + command.timeout).into()) => break end(&mut child, &awaited, &command.mark, Stopped::Timeout).await?,
                () = ends.hung_up.cancelled() => break end(&mut child, &awaited, &command.mark, Stopped::Cancelled).await?,
                () = ends.shutdown.cancelled() => break end(&mut child, &awaited, &command.mark, Stopped::Shutdown).await?,
            }
        };
        if !all_said {
            let _ = tokio::time::timeout(LAST_WORDS, listen).await;
        }
        (status, stopped)
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let ((stdout, more_out), (stderr, more_err)) = (stdout.into_text(), stderr.into_text());
    Ok(ShellAnswer {
        stdout,
        stderr,
        exit_code: exit_code(status),
        duration_ms,
        truncated: more_out || more_err,
        stopped,
    })
}

async fn end(
    child: &mut Child,
    awaited: &Awaited,
    mark: &str,
    why: Stopped,
) -> Result<(ExitStatus, Option<Stopped>), ShellError> {
    let (leader, mark) = (awaited.pid(), mark.to_owned());
    let killed = tokio::task::spawn_blocking(move || kill_whole(leader, &mark)).await;
    killed.map_err(|lost| ShellError::Wait(io::Error::other(lost)))?;
    match tokio::time::timeout(DYING, child.wait()).await {
        Ok(status) => Ok((status.map_err(ShellError::Wait)?, Some(why))),
        // Stuck in the kernel, as on a dead network disk.
        Err(late) => Err(ShellError::Wait(io::Error::new(io::ErrorKind::TimedOut, late))),
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(text: &str, timeout: u64) -> ShellAnswer {
        let request = ShellRequest { command: text.into(), timeout: Some(timeout), ..Default::default() };
        let ends = Ends { hung_up: CancellationToken::new(), shutdown: CancellationToken::new() };
        run(Command::new(request, "req_test").unwrap(), ends).await.unwrap()
    }

    #[tokio::test]
    async fn output_and_exit_codes_come_back() {
        let answer = sh("echo out; echo err >&2; exit 3", 10_000).await;
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str(), answer.exit_code), ("out\n", "err\n", 3));
        assert_eq!(sh("kill -9 $$", 10_000).await.exit_code, 137);
        assert_eq!(sh("no-such-program", 10_000).await.exit_code, 127);
    }

    #[tokio::test]
    async fn a_flood_is_read_away_and_cut() {
        let answer = sh("head -c 3000000 /dev/zero | tr '\\0' x", 30_000).await;
        assert_eq!((answer.stdout.len(), answer.truncated, answer.exit_code), (1 << 20, true, 0));
    }

    #[tokio::test]
    async fn a_timeout_kills_the_whole_group() {
        let answer = sh("sleep 300 & echo $!; sleep 300", 500).await;
        assert_eq!((answer.stopped, answer.exit_code), (Some(Stopped::Timeout), 137));
        let sleeper = answer.stdout.trim().to_owned();
        let state = std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z"), "{state}");
    }

    #[tokio::test]
    async fn a_background_process_that_holds_the_output_does_not_hold_the_answer() {
        let started = Instant::now();
        let answer = sh("sleep 20 & echo $!", 15_000).await;
        assert_eq!(answer.stopped, None);
        assert!(started.elapsed() < Duration::from_secs(15));
        let sleeper: i32 = answer.stdout.trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    #[tokio::test]
    async fn hanging_up_and_shutdown_end_it() {
        for (cancel_shutdown, why) in [(false, Stopped::Cancelled), (true, Stopped::Shutdown)] {
            let request = ShellRequest { command: "sleep 300".into(), ..Default::default() };
            let ends = Ends { hung_up: CancellationToken::new(), shutdown: CancellationToken::new() };
            let token = if cancel_shutdown { ends.shutdown.clone() } else { ends.hung_up.clone() };
            let running = tokio::spawn(run(Command::new(request, "req_ends").unwrap(), ends));
            tokio::time::sleep(Duration::from_millis(100)).await;
            token.cancel();
            assert_eq!(running.await.unwrap().unwrap().stopped, Some(why));
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let request = |command: &str, timeout, cwd: Option<&str>| ShellRequest {
            command: command.into(),
            timeout,
            cwd: cwd.map(Into::into),
            approval_id: None,
        };
        for bad in [
            request("", None, None),
            request("a\0b", None, None),
            request(&"x".repeat(65537), None, None),
            request("x", Some(0), None),
            request("x", Some(LONGEST_COMMAND_MS + 1), None),
            request("x", None, Some("relative")),
            request("x", None, Some("/nonexistent")),
            request("x", None, Some("/etc/passwd")),
        ] {
            assert!(Command::new(bad.clone(), "m").is_err(), "{bad:?}");
        }
    }
}
