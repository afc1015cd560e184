//! A watch and an agentd of the test's own: the real programs in a temporary folder, spoken to over their sockets. A Nix
//! store and a profile are folders and links; what switches is a script.

#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part, and stops at what it did not expect"
)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use osmoda_api::{
    agentd::{ApprovalApprove, ApprovalDecision, Event, EventLog, EventLogRequest},
    watch::{
        Apply, ApplyKind, Check, CheckKind, SafeSwitchBegin, SafeSwitchBeginRequest, SafeSwitchStatus, Switch,
        SwitchBegun, SwitchId, SwitchState,
    },
};
use osmoda_ipc::{CallError, Client, Endpoint, Fault, Role, daemon::Dirs};
use tempfile::TempDir;

pub struct Suite {
    pub folder: TempDir,
    pub dirs: Dirs,
    agentd: Option<Child>,
    watch: Option<Child>,
}

impl Suite {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more of the table `[watch]`.
    pub async fn start_with(more: &str) -> Self {
        // A short path: a socket's address has 107 bytes.
        let folder = tempfile::Builder::new().prefix("osm").tempdir_in("/tmp").unwrap();
        // Checks run as an account without powers.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = folder.path().display();
        let config = format!(
            "[watch]\ncheck_interval_secs = 1\napply_timeout_secs = 20\nstore = \"{at}/store\"\nprofiles = [\"{at}/profiles\"]\n\
             files = [\"{at}/etc\"]\ncommands = [\"{at}/checks\"]\n{}",
            more.replace("{at}", &at.to_string())
        );
        fs::write(folder.path().join("osmoda.toml"), config).unwrap();
        for one in ["store", "profiles", "etc", "checks"] {
            fs::create_dir(folder.path().join(one)).unwrap();
        }
        let dirs = Dirs::under(folder.path());
        let mut suite = Self { folder, dirs, agentd: None, watch: None };
        suite.start_agentd().await;
        suite.start_watch().await;
        suite
    }

    pub async fn start_agentd(&mut self) {
        self.agentd = Some(self.command("osmoda-agentd").spawn().unwrap());
        self.wait_for("agentd").await;
    }

    pub async fn start_watch(&mut self) {
        self.watch = Some(self.command("osmoda-watch").spawn().unwrap());
        self.wait_for("watch").await;
    }

    /// The program beside watch's own; the workspace's programs are built together.
    fn command(&self, program: &str) -> Command {
        let path: PathBuf = Path::new(env!("CARGO_BIN_EXE_osmoda-watch")).with_file_name(program);
        assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
        let mut command = Command::new(path);
        // As their supervisor does, by variables: a command that a daemon starts finds them too.
        command.env("OSMODA_CONFIG", self.path("osmoda.toml"));
        command.env("OSMODA_RUN_DIR", self.dirs.run()).env("OSMODA_STATE_DIR", self.dirs.state());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// watch's own program with these words, to its end.
    pub fn run_watch(&self, words: &[&str]) -> bool {
        self.command("osmoda-watch").args(words).status().unwrap().success()
    }

    async fn wait_for(&self, daemon: &str) {
        let client = Client::new(self.dirs.socket(daemon));
        until(&format!("{daemon} is ready"), async || client.get("/openapi.json").await.is_ok()).await;
    }

    pub fn kill_watch(&mut self) {
        end(&mut self.watch);
    }

    pub fn kill_agentd(&mut self) {
        end(&mut self.agentd);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn operator(&self) -> Client {
        Client::new(self.dirs.socket("watch"))
    }

    pub fn agent(&self) -> Client {
        Client::new(self.dirs.socket("watch")).narrowed_to(Role::Agent)
    }

    pub fn agentd(&self) -> Client {
        Client::new(self.dirs.socket("agentd"))
    }

    /// A path of the store, with what switches to it where there is a script.
    pub fn store_path(&self, name: &str, script: Option<&str>) -> String {
        let path = self.path("store").join(name);
        fs::create_dir_all(path.join("bin")).unwrap();
        if let Some(script) = script {
            program(&path.join("bin/switch-to-configuration"), script);
        }
        path.display().to_string()
    }

    /// A profile of the generations 1, 2 ... the last of which is in force. Each switch writes its name to `active`.
    pub fn profile(&self, name: &str, generations: &[&str]) -> String {
        let profile = self.path("profiles").join(name);
        for (number, generation) in (1..).zip(generations) {
            let script = format!("echo {generation} > {}", self.path("active").display());
            let path = self.store_path(generation, Some(&script));
            symlink(path, self.path("profiles").join(format!("{name}-{number}-link"))).unwrap();
        }
        symlink(format!("{name}-{}-link", generations.len()), &profile).unwrap();
        profile.display().to_string()
    }

    /// The name of what a profile leads to.
    pub fn leads_to(&self, profile: &str) -> String {
        let real = fs::canonicalize(profile).unwrap();
        real.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Which generation switched last.
    pub fn active(&self) -> String {
        fs::read_to_string(self.path("active")).unwrap_or_default().trim().to_owned()
    }

    pub async fn begin(&self, request: SafeSwitchBeginRequest) -> SwitchBegun {
        self.operator().call::<SafeSwitchBegin>(&request).await.unwrap()
    }

    pub async fn session(&self, id: &str) -> Switch {
        self.operator().call::<SafeSwitchStatus>(&SwitchId { id: id.into() }).await.unwrap()
    }

    /// Waits until a session stands so.
    pub async fn until_state(&self, id: &str, state: SwitchState) -> Switch {
        until(&format!("{id} is {}", state.as_str()), async || self.session(id).await.state == state).await;
        self.session(id).await
    }

    pub async fn approve(&self, id: &str) {
        self.agentd().call::<ApprovalApprove>(&ApprovalDecision { id: id.into(), nonce: None }).await.unwrap();
    }

    /// The ledger's events of these kinds, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<Event> {
        let request = EventLogRequest { kind: Some(kind.into()), limit: Some(1000), ..Default::default() };
        let mut events = self.agentd().call::<EventLog>(&request).await.unwrap().events;
        events.reverse();
        events
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        end(&mut self.watch);
        end(&mut self.agentd);
        // A guard whose session goes away ends by itself.
        if let Ok(locks) = fs::read_dir(self.dirs.state().join("watch/locks")) {
            for one in locks.flatten() {
                let _ = fs::remove_file(one.path());
            }
        }
    }
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        child.wait().unwrap();
    }
}

/// A script that can be run.
pub fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits until it is so; a minute and a half at most, for a machine with company.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came true that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A store path for a profile.
pub fn switch_to(profile: &str, store_path: &str) -> SafeSwitchBeginRequest {
    SafeSwitchBeginRequest {
        plan: "the next version".into(),
        apply: Some(Apply {
            kind: ApplyKind::NixProfile,
            profile: Some(profile.into()),
            store_path: Some(store_path.into()),
            ..Apply::default()
        }),
        ttl_secs: Some(60),
        grace_secs: Some(0),
        failures: Some(1),
        ..SafeSwitchBeginRequest::default()
    }
}

/// A program that says whether all is well.
pub fn command_check(program: &Path) -> Check {
    Check { kind: CheckKind::Command, argv: Some(vec![program.display().to_string()]), ..Check::default() }
}

/// The fault of a call that must fail.
pub async fn fault<E: Endpoint>(client: &Client, request: &E::Request) -> Fault
where
    E::Response: std::fmt::Debug,
{
    match client.call::<E>(request).await {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("{} was to be refused: {other:?}", E::NAME),
    }
}
