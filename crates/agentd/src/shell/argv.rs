//! A program run by its arguments, without a shell: for what agentd itself needs.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::process::{Child, Command};

use super::{output::Said, tree::Awaited};

/// How long the streams may stay open after the program ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs it to its end, 1 MiB at most of what it says kept; it is killed where it takes longer than `patience`.
pub(crate) async fn run_program(mut command: Command, patience: Duration) -> io::Result<(ExitStatus, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let (mut child, _awaited) = Awaited::start(|| command.spawn(), Child::id)?;
    let (mut out, mut err) = (Said::default(), Said::default());
    let streams = (child.stdout.take(), child.stderr.take());
    let ended = {
        let listen = async {
            if let (Some(stdout), Some(stderr)) = streams {
                tokio::join!(out.listen(stdout), err.listen(stderr));
            }
        };
        let mut listen = std::pin::pin!(listen);
        let end = async {
            tokio::select! {
                () = &mut listen => (true, child.wait().await),
                status = child.wait() => (false, status),
            }
        };
        let ended = tokio::time::timeout(patience, end).await;
        if matches!(ended, Ok((false, _))) {
            let _ = tokio::time::timeout(LAST_WORDS, listen).await;
        }
        ended
    };
    let status = match ended {
        Ok((_, status)) => status?,
        Err(late) => {
            child.start_kill()?;
            let _ = tokio::time::timeout(LAST_WORDS, child.wait()).await;
            return Err(io::Error::new(io::ErrorKind::TimedOut, late));
        }
    };
    Ok((status, out.into_text().0 + &err.into_text().0))
}
