//! An egress and an agentd of the test's own: the real programs in a temporary folder, and hosts on loopback.

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
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use osmoda_api::{
    agentd::{
        CapabilityLimits, CapabilityMint, CapabilityMintRequest, CapabilityMinted, Event, EventLog, EventLogRequest,
    },
    egress::{EgressHealth, EgressState},
};
use osmoda_ipc::{Client, Nothing, daemon::Dirs};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

/// Loopback may be reached, and nothing listens on a port that other tests could want.
pub const CONFIG: &str = "[egress]\nlisten = []\nallow_addresses = [\"127.0.0.0/8\", \"::1\"]\n";

pub struct Suite {
    pub folder: TempDir,
    pub dirs: Dirs,
    agentd: Option<Child>,
    pub egress: Child,
}

impl Suite {
    pub async fn start() -> Self {
        Self::start_with(CONFIG).await
    }

    pub async fn start_with(config: &str) -> Self {
        // A short path: a socket's address has 107 bytes.
        let folder = tempfile::Builder::new().prefix("osm").tempdir_in("/tmp").unwrap();
        std::fs::write(folder.path().join("osmoda.toml"), config).unwrap();
        let dirs = Dirs::under(folder.path());
        let agentd = command("osmoda-agentd", folder.path(), &dirs).spawn().unwrap();
        let egress = command("osmoda-egress", folder.path(), &dirs).spawn().unwrap();
        let suite = Self { folder, dirs, agentd: Some(agentd), egress };
        suite.wait_for("agentd").await;
        suite.wait_for("egress").await;
        while !suite.state().await.key_known {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        suite
    }

    pub async fn wait_for(&self, daemon: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let client = Client::new(self.dirs.socket(daemon));
        while client.get("/openapi.json").await.is_err() {
            assert!(Instant::now() < deadline, "{daemon} did not get ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn agentd(&self) -> Client {
        Client::new(self.dirs.socket("agentd"))
    }

    pub fn client(&self) -> Client {
        Client::new(self.dirs.socket("egress"))
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

    pub async fn restart_egress(&mut self) {
        let _ = self.egress.kill();
        self.egress.wait().unwrap();
        self.egress = command("osmoda-egress", self.folder.path(), &self.dirs).spawn().unwrap();
        self.wait_for("egress").await;
    }

    pub async fn state(&self) -> EgressState {
        self.client().call::<EgressHealth>(&Nothing {}).await.unwrap()
    }

    pub async fn mint(&self, permissions: &[&str]) -> CapabilityMinted {
        self.mint_with(permissions, None, None).await
    }

    pub async fn mint_with(
        &self,
        permissions: &[&str],
        ttl_secs: Option<u64>,
        limits: Option<CapabilityLimits>,
    ) -> CapabilityMinted {
        let request = CapabilityMintRequest {
            granted_to: "test".into(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            ttl_secs,
            limits,
            approval_id: None,
        };
        self.agentd().call::<CapabilityMint>(&request).await.unwrap()
    }

    /// A new connection to the proxy.
    pub async fn dial(&self) -> UnixStream {
        UnixStream::connect(self.dirs.run().join("egress/proxy.sock")).await.unwrap()
    }

    /// A CONNECT request and its answer's head.
    pub async fn connect(&self, to: &str, token: Option<&str>) -> (UnixStream, String) {
        let mut stream = self.dial().await;
        let field = token.map(|token| format!("Proxy-Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{field}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        (stream, head)
    }

    /// A tunnel that stands.
    pub async fn tunnel(&self, to: &str, token: &str) -> UnixStream {
        let (stream, head) = self.connect(to, Some(token)).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    /// Everything that the ledger knows of ended connections, oldest first, once there are so many.
    pub async fn ended(&self, count: usize) -> Vec<Value> {
        soon(async {
            loop {
                let ended = self.told("connections").await;
                if ended.len() >= count {
                    return ended;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
    }

    /// One list of every event of egress's.
    pub async fn told(&self, list: &str) -> Vec<Value> {
        let request = EventLogRequest {
            kind: Some("egress.connections".into()),
            limit: Some(1000),
            ..EventLogRequest::default()
        };
        let mut events: Vec<Event> = self.agentd().call::<EventLog>(&request).await.unwrap().events;
        events.reverse();
        events.iter().flat_map(|event| event.payload[list].as_array().cloned().unwrap_or_default()).collect()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.stop_agentd();
        let _ = self.egress.kill();
        let _ = self.egress.wait();
    }
}

/// The program beside egress's own; the workspace's programs are built together.
fn command(program: &str, folder: &Path, dirs: &Dirs) -> Command {
    let path: PathBuf = Path::new(env!("CARGO_BIN_EXE_osmoda-egress")).with_file_name(program);
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    let mut command = Command::new(path);
    command.arg("--config").arg(folder.join("osmoda.toml"));
    command.arg("--run-dir").arg(dirs.run()).arg("--state-dir").arg(dirs.state());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What a test waits for, with a deadline.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.unwrap()
}

/// An answer up to its empty line.
pub async fn head(stream: &mut UnixStream) -> String {
    soon(async {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    })
    .await
}

/// Everything until the other end hangs up.
pub async fn rest(stream: &mut UnixStream) -> Vec<u8> {
    soon(async {
        let mut bytes = Vec::new();
        // A reset says as much as an end.
        let _ = stream.read_to_end(&mut bytes).await;
        bytes
    })
    .await
}

/// The code of a refusal.
pub fn code(head: &str) -> &str {
    head.lines()
        .find_map(|line| line.strip_prefix("X-Osmoda-Code: ").or(line.strip_prefix("x-osmoda-code: ")))
        .unwrap_or("")
}

/// A host that says everything back.
pub async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    to
}

/// A host that keeps all it is told, answers each request's end with the same text, and says nothing else.
pub async fn listening(answer: &'static str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("localhost:{}", listener.local_addr().unwrap().port());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let all = all.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(count) = stream.read(&mut buffer).await {
                    if count == 0 {
                        return;
                    }
                    let ends = {
                        let mut all = all.lock().unwrap();
                        all.extend_from_slice(&buffer[..count]);
                        all.ends_with(b"\r\n\r\n") || all.ends_with(b"!")
                    };
                    if ends {
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    (to, heard)
}
