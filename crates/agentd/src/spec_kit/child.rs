//! A program of the agents' account, run to its end: what it says is passed on line by line, and its last words are kept.

use std::{
    ffi::{CString, OsString},
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::unistd::{Gid, Uid, User, getgrouplist, setgroups, setresgid, setresuid};
use osmoda_api::agentd::Stopped;
use osmoda_ipc::{COMMAND_MARK, Call, Progress};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::mpsc,
};

use super::SpecKitError;
use crate::shell::{Awaited, Ends, kill_whole, path};

/// What is kept of its last words: 256 KiB.
const KEPT: usize = 256 << 10;
/// The longest line that is passed on.
const LONGEST_LINE: usize = 400;
/// How long the streams may stay open after it ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
const DYING: Duration = Duration::from_secs(5);

/// Who programs are run as. An agentd that is not root can only be itself.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    home: PathBuf,
    switch: Option<(Uid, Gid, Vec<Gid>)>,
}

impl Account {
    pub(super) fn of(name: &str) -> Result<Self, SpecKitError> {
        let own = Uid::effective();
        let missing = || SpecKitError::NoAccount(name.to_owned());
        if !own.is_root() {
            let user = User::from_uid(own).ok().flatten().ok_or_else(missing)?;
            return Ok(Self { name: user.name, home: user.dir, switch: None });
        }
        let user = User::from_name(name).ok().flatten().filter(|user| !user.uid.is_root()).ok_or_else(missing)?;
        let in_c = CString::new(name).map_err(|_| missing())?;
        let groups = getgrouplist(&in_c, user.gid).map_err(|_| missing())?;
        Ok(Self { name: user.name, home: user.dir, switch: Some((user.uid, user.gid, groups)) })
    }

    /// Whose the workspace is to be.
    pub(super) fn ids(&self) -> Option<(u32, u32)> {
        self.switch.as_ref().map(|(uid, gid, _)| (uid.as_raw(), gid.as_raw()))
    }

    /// Where it looks for programs: its own first.
    fn path(&self) -> OsString {
        let mut all = OsString::from(self.home.join(".local/bin"));
        all.push(":");
        all.push(path());
        all
    }

    /// A program's path: looked for as the account would, so that a missing one is told before anything is made or
    /// started.
    pub(super) fn find(&self, program: &str) -> Result<PathBuf, SpecKitError> {
        let found = if program.contains('/') {
            Some(PathBuf::from(program))
        } else {
            std::env::split_paths(&self.path()).map(|folder| folder.join(program)).find(|path| path.is_file())
        };
        found.filter(|path| path.is_file()).ok_or_else(|| SpecKitError::Missing {
            program: program.to_owned(),
            account: self.name.clone(),
            how: how_to_install(program),
        })
    }
}

/// A program to be run.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) argv: Vec<String>,
    pub(super) account: &'a Account,
    pub(super) cwd: &'a Path,
    pub(super) timeout: Duration,
    pub(super) input: Option<String>,
}

/// How it went.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    /// Both streams as they came, the last [`KEPT`] bytes.
    pub(super) said: String,
    pub(super) took: Duration,
    pub(super) stopped: Option<Stopped>,
}

impl Ran {
    /// The end of what it said, for a message.
    pub(super) fn end(&self, most: usize) -> String {
        let from = self.said.len().saturating_sub(most);
        let from = (from..=self.said.len()).find(|at| self.said.is_char_boundary(*at)).unwrap_or_default();
        self.said.get(from..).unwrap_or_default().trim().to_owned()
    }
}

impl Program<'_> {
    fn command(&self, mark: &str) -> Result<Command, SpecKitError> {
        let (program, words) = self.argv.split_first().ok_or(SpecKitError::NoAgent("claude"))?;
        let program = self.account.find(program)?;
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.cwd)
            .env_clear()
            .env("PATH", self.account.path())
            .env("HOME", &self.account.home)
            .env("USER", &self.account.name)
            .env("LOGNAME", &self.account.name)
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("NO_COLOR", "1")
            .env(COMMAND_MARK, mark)
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some((uid, gid, groups)) = self.account.switch.clone() {
            become_account(&mut command, uid, gid, groups);
        }
        Ok(command)
    }

    /// Runs it; its lines become the call's progress.
    pub(super) async fn run(self, call: &Call, ends: Ends) -> Result<Ran, SpecKitError> {
        let name = self.argv.first().cloned().unwrap_or_default();
        let failed = |source| SpecKitError::Run { program: name.clone(), source };
        let started = Instant::now();
        let mark = call.request_id.as_str();
        let mut command = self.command(mark)?;
        let (mut child, awaited) = Awaited::start(|| command.spawn(), Child::id).map_err(failed)?;
        let (lines, mut heard) = mpsc::channel(64);
        let streams = (child.stdout.take(), child.stderr.take());
        if let Some(out) = streams.0 {
            tokio::spawn(pass_on(out, lines.clone()));
        }
        if let Some(err) = streams.1 {
            tokio::spawn(pass_on(err, lines));
        }
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            // Who does not read it ends, and says so.
            tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
        }
        let mut told = Told::new(call);
        let late = tokio::time::sleep_until((started + self.timeout).into());
        tokio::pin!(late);
        let (status, stopped) = loop {
            tokio::select! {
                Some(chunk) = heard.recv() => told.hear(&chunk),
                status = child.wait() => break (status.map_err(failed)?, None),
                () = &mut late => break (end(&mut child, awaited.pid(), mark).await.map_err(failed)?, Some(Stopped::Timeout)),
                () = ends.hung_up.cancelled() => break (end(&mut child, awaited.pid(), mark).await.map_err(failed)?, Some(Stopped::Cancelled)),
                () = ends.shutdown.cancelled() => break (end(&mut child, awaited.pid(), mark).await.map_err(failed)?, Some(Stopped::Shutdown)),
            }
        };
        let rest = async {
            while let Some(chunk) = heard.recv().await {
                told.hear(&chunk);
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        Ok(Ran { code: code(status), said: told.into_text(), took: started.elapsed(), stopped })
    }
}

/// Between fork and exec.
#[expect(unsafe_code)]
fn become_account(command: &mut Command, uid: Uid, gid: Gid, groups: Vec<Gid>) {
    let switch = move || {
        setgroups(&groups)?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec only these three system calls are made, on what was allocated before.
    unsafe { command.pre_exec(switch) };
}

fn how_to_install(program: &str) -> &'static str {
    match program.rsplit('/').next().unwrap_or(program) {
        "specify" => {
            "install it as that account: pipx install specify-cli (or uv tool install specify-cli), or set [agentd.spec_kit] specify"
        }
        "claude" => "install it: npm install -g @anthropic-ai/claude-code, and log in once as that account",
        "codex" => "install it: npm install -g @openai/codex, and log in once as that account",
        "gemini" => "install it: npm install -g @google/gemini-cli, and log in once as that account",
        "copilot" => "install it: npm install -g @github/copilot, and log in once as that account",
        _ => "install it, or set its path in [agentd.spec_kit]",
    }
}

async fn pass_on(mut stream: impl AsyncRead + Unpin, to: mpsc::Sender<Vec<u8>>) {
    let mut chunk = vec![0; 8 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        if to.send(chunk.get(..n).unwrap_or_default().to_vec()).await.is_err() {
            return;
        }
    }
}

/// What was said: the end of it, and each line to whoever follows the call.
struct Told<'a> {
    call: &'a Call,
    kept: Vec<u8>,
    line: Vec<u8>,
    lines: u64,
}

impl<'a> Told<'a> {
    fn new(call: &'a Call) -> Self {
        Self { call, kept: Vec::new(), line: Vec::new(), lines: 0 }
    }

    fn hear(&mut self, chunk: &[u8]) {
        self.kept.extend(chunk);
        // Twice as much is let grow, so that not every chunk moves all of it.
        if self.kept.len() > 2 * KEPT {
            self.kept.drain(..self.kept.len() - KEPT);
        }
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(part.iter().take(LONGEST_LINE.saturating_sub(self.line.len())));
            if part.ends_with(b"\n") {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        self.lines += 1;
        let message = String::from_utf8_lossy(&self.line).trim().to_owned();
        self.line.clear();
        if !message.is_empty() {
            self.call.progress(Progress { done: self.lines, total: None, message: Some(message) });
        }
    }

    fn into_text(mut self) -> String {
        let cut = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..cut);
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

async fn end(child: &mut Child, leader: i32, mark: &str) -> io::Result<ExitStatus> {
    let mark = mark.to_owned();
    tokio::task::spawn_blocking(move || kill_whole(leader, &mark)).await.map_err(io::Error::other)?;
    match tokio::time::timeout(DYING, child.wait()).await {
        Ok(status) => status,
        Err(late) => Err(io::Error::new(io::ErrorKind::TimedOut, late)),
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
