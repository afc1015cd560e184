//! An agentd of the test's own: the real program in a temporary folder, spoken to over its socket.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test uses a part, and stops at what it did not expect"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use osmoda_api::agentd::{EventLog, EventLogRequest, Events};
use osmoda_ipc::{CallError, Client, Endpoint, Fault, Role, daemon::Dirs};
use tempfile::TempDir;

pub struct Agentd {
    pub folder: TempDir,
    pub dirs: Dirs,
    pub process: Child,
}

impl Agentd {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With this configuration file.
    pub async fn start_with(config: &str) -> Self {
        // A short path: a socket's address has 107 bytes.
        let folder = tempfile::Builder::new().prefix("osm").tempdir_in("/tmp").unwrap();
        std::fs::write(folder.path().join("osmoda.toml"), config).unwrap();
        let dirs = Dirs::under(folder.path());
        let process = Self::command(folder.path(), &dirs).spawn().unwrap();
        let agentd = Self { folder, dirs, process };
        agentd.wait_until_ready().await;
        agentd
    }

    pub fn command(folder: &Path, dirs: &Dirs) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osmoda-agentd"));
        command
            .arg("--config")
            .arg(folder.join("osmoda.toml"))
            .arg("--run-dir")
            .arg(dirs.run())
            .arg("--state-dir")
            .arg(dirs.state());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub async fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.operator().get("/openapi.json").await.is_err() {
            assert!(Instant::now() < deadline, "agentd did not get ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it as a power cut would, and starts it again on the same state.
    pub async fn crash_and_restart(&mut self) {
        self.kill();
        self.process = Self::command(self.folder.path(), &self.dirs).spawn().unwrap();
        self.wait_until_ready().await;
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    pub fn socket(&self) -> PathBuf {
        self.dirs.socket("agentd")
    }

    pub fn ledger(&self) -> PathBuf {
        self.dirs.state().join("agentd/ledger.db")
    }

    pub fn operator(&self) -> Client {
        Client::new(self.socket())
    }

    pub fn agent(&self) -> Client {
        Client::new(self.socket()).narrowed_to(Role::Agent)
    }

    pub async fn events(&self, request: EventLogRequest) -> Events {
        self.operator().call::<EventLog>(&request).await.unwrap()
    }

    /// The types of all events, oldest first.
    pub async fn kinds(&self) -> Vec<String> {
        let mut events = self.events(EventLogRequest { limit: Some(1000), ..Default::default() }).await.events;
        events.reverse();
        events.into_iter().map(|event| event.kind).collect()
    }

    /// A folder of the test's own that is none of osmoda's.
    pub fn scratch(&self) -> PathBuf {
        let scratch = self.folder.path().join("work");
        std::fs::create_dir_all(&scratch).unwrap();
        scratch
    }
}

impl Drop for Agentd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a test waits for, with a deadline.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.unwrap()
}

/// Until a file is there.
pub async fn exists(path: &Path) {
    soon(async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
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
