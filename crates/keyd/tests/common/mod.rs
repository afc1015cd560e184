//! A keyd and an agentd of the test's own: the real programs in a temporary folder, spoken to over their sockets.

#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part, and stops at what it did not expect"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use osmoda_api::{
    agentd::{ApprovalApprove, ApprovalDecision, Event, EventLog, EventLogRequest},
    keyd::{
        Chain, Secret, Wallet, WalletImport, WalletImportRequest, WalletReceipt, WalletReceiptRequest, WalletReceipts,
    },
};
use osmoda_ipc::{CallError, Client, Endpoint, Fault, Role, daemon::Dirs};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first account of every development chain.
pub const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// Small transfers on chain 1 to one address, and messages.
pub const POLICY: &str = r#"
[[rules]]
name = "small"
chain = "ethereum"
chain_ids = [1]
actions = ["transfer"]
to = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
max_per_act = 100
max_per_day = 1000
approval_from = 90
max_fees_per_day = "10.0"

[[rules]]
name = "messages"
chain = "ethereum"
actions = ["message"]
"#;

pub struct Suite {
    pub folder: TempDir,
    pub dirs: Dirs,
    agentd: Option<Child>,
    pub keyd: Child,
}

impl Suite {
    pub async fn start(policy: &str) -> Self {
        Self::start_with(policy, "[agentd.approvals]\nask_for = [\"wallet_create\"]\n").await
    }

    pub async fn start_with(policy: &str, config: &str) -> Self {
        // A short path: a socket's address has 107 bytes.
        let folder = tempfile::Builder::new().prefix("osm").tempdir_in("/tmp").unwrap();
        std::fs::write(folder.path().join("osmoda.toml"), config).unwrap();
        let dirs = Dirs::under(folder.path());
        std::fs::create_dir_all(dirs.state().join("keyd")).unwrap();
        write_policy(&dirs, policy);
        let agentd = command("osmoda-agentd", folder.path(), &dirs).spawn().unwrap();
        let keyd = command("osmoda-keyd", folder.path(), &dirs).spawn().unwrap();
        let suite = Self { folder, dirs, agentd: Some(agentd), keyd };
        suite.wait_for("agentd").await;
        suite.wait_for("keyd").await;
        suite
    }

    async fn wait_for(&self, daemon: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let client = Client::new(self.dirs.socket(daemon));
        while client.get("/openapi.json").await.is_err() {
            assert!(Instant::now() < deadline, "{daemon} did not get ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn operator(&self) -> Client {
        Client::new(self.dirs.socket("keyd"))
    }

    pub fn agent(&self) -> Client {
        Client::new(self.dirs.socket("keyd")).narrowed_to(Role::Agent)
    }

    pub fn agentd(&self) -> Client {
        Client::new(self.dirs.socket("agentd"))
    }

    pub fn stop_agentd(&mut self) {
        if let Some(mut agentd) = self.agentd.take() {
            let _ = agentd.kill();
            agentd.wait().unwrap();
        }
    }

    pub async fn start_agentd(&mut self) {
        self.agentd = Some(command("osmoda-agentd", self.folder.path(), &self.dirs).spawn().unwrap());
        self.wait_for("agentd").await;
    }

    /// Asks keyd to read its configuration and rules anew.
    pub fn reload(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.keyd.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    /// Puts somebody between keyd and agentd who lets everything through but the first request that names `word`: what
    /// comes from it is ready once that request has come. keyd must be started anew to meet him.
    pub fn hold_up(&self, word: &'static str) -> tokio::sync::oneshot::Receiver<()> {
        let (path, behind) = (self.dirs.socket("agentd"), self.dirs.socket("behind"));
        std::fs::rename(&path, &behind).unwrap();
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (came, coming) = tokio::sync::oneshot::channel();
        let came = std::sync::Arc::new(std::sync::Mutex::new(Some(came)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behind, came) = (behind.clone(), came.clone());
                tokio::spawn(async move {
                    let onward = tokio::net::UnixStream::connect(&behind).await.unwrap();
                    let ((mut from, mut back), (mut answers, mut to)) = (stream.into_split(), onward.into_split());
                    tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
                    let mut bytes = Vec::new();
                    while from.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
                        if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
                            if let Some(came) = came.lock().unwrap().take() {
                                let _ = came.send(());
                            }
                            // It is never handed on, and never answered.
                            std::future::pending::<()>().await;
                        }
                        if to.write_all(&bytes).await.is_err() {
                            return;
                        }
                        bytes.clear();
                    }
                });
            }
        });
        coming
    }

    /// Ends keyd as a power cut would, and starts it again on the same state.
    pub async fn crash_keyd(&mut self) {
        let _ = self.keyd.kill();
        self.keyd.wait().unwrap();
        self.keyd = command("osmoda-keyd", self.folder.path(), &self.dirs).spawn().unwrap();
        self.wait_for("keyd").await;
    }

    /// The wallet of [`KEY`].
    pub async fn wallet(&self) -> Wallet {
        let request = WalletImportRequest { chain: Chain::Ethereum, secret: Secret(KEY.into()), ..Default::default() };
        self.operator().call::<WalletImport>(&request).await.unwrap()
    }

    pub async fn approve(&self, id: &str) {
        self.agentd().call::<ApprovalApprove>(&ApprovalDecision { id: id.into(), nonce: None }).await.unwrap();
    }

    pub async fn events(&self, kind: &str) -> Vec<Event> {
        let request = EventLogRequest { kind: Some(kind.into()), limit: Some(1000), ..Default::default() };
        let mut events = self.agentd().call::<EventLog>(&request).await.unwrap().events;
        events.reverse();
        events
    }

    pub async fn receipts(&self) -> WalletReceipts {
        let request = WalletReceiptRequest { limit: Some(1000), ..Default::default() };
        self.operator().call::<WalletReceipt>(&request).await.unwrap()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.stop_agentd();
        let _ = self.keyd.kill();
        let _ = self.keyd.wait();
    }
}

/// The program beside keyd's own; the workspace's programs are built together.
fn command(program: &str, folder: &Path, dirs: &Dirs) -> Command {
    let path: PathBuf = Path::new(env!("CARGO_BIN_EXE_osmoda-keyd")).with_file_name(program);
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    let mut command = Command::new(path);
    command.arg("--config").arg(folder.join("osmoda.toml"));
    command.arg("--run-dir").arg(dirs.run()).arg("--state-dir").arg(dirs.state());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub fn write_policy(dirs: &Dirs, policy: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = dirs.state().join("keyd/policy.toml");
    std::fs::write(&path, policy).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

/// What a transfer on chain 1 needs.
pub fn chain_params(nonce: u64) -> Map<String, Value> {
    let params = json!({ "chain_id": 1, "nonce": nonce, "max_fee_per_gas": "2", "max_priority_fee_per_gas": "1" });
    params.as_object().unwrap().clone()
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
