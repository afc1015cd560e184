//! The stream of events and the transparency log over agentd's socket.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::{Agentd, fault, soon};
use osmoda_api::agentd::{
    ConsistencyRequest, LedgerAppend, LedgerConsistency, LedgerProve, LedgerVerify, ProveRequest, ShellExec,
    ShellRequest, VerifyRequest,
};
use osmoda_ipc::{CallError, Chunks, Client, NewEvent};
use osmoda_ledger::{Checkpoint, ProofFile, SigningKey, VerifyingKey, tree::Node};
use serde_json::{Value, json};

/// One server-sent event: id, type and data.
type Heard = (Option<i64>, String, Value);

struct Listener {
    chunks: Chunks,
    text: String,
}

impl Listener {
    async fn open(client: &Client, target: &str, headers: &[(&str, &str)]) -> Self {
        Self { chunks: soon(client.stream(target, headers)).await.unwrap(), text: String::new() }
    }

    /// The next event, with a deadline; `None` at the end.
    async fn next(&mut self) -> Option<Heard> {
        soon(async {
            loop {
                if let Some((frame, rest)) = self.text.split_once("\n\n") {
                    let (frame, rest) = (frame.to_owned(), rest.to_owned());
                    self.text = rest;
                    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                    if let Some(data) = field("data: ") {
                        let id = field("id: ").map(|id| id.parse().unwrap());
                        return Some((id, field("event: ").unwrap(), serde_json::from_str(&data).unwrap()));
                    }
                    continue;
                }
                self.text.push_str(std::str::from_utf8(&self.chunks.next().await?.ok()?).unwrap());
            }
        })
        .await
    }

    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.next().await.unwrap().1);
        }
        kinds
    }
}

async fn append(client: &Client, kind: &str, n: usize) -> i64 {
    let event = NewEvent { kind: kind.into(), actor: "daemon:test".into(), payload: json!({ "n": n }) };
    soon(client.call::<LedgerAppend>(&event)).await.unwrap().id
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_resumes_where_it_was_cut() {
    let agentd = Agentd::start().await;
    let client = agentd.operator();
    let mut listener = Listener::open(&client, "/events/stream?type=test.", &[]).await;
    let first = append(&client, "test.a", 1).await;
    append(&client, "other.b", 2).await;
    append(&client, "test.c", 3).await;
    let (id, kind, data) = listener.next().await.unwrap();
    assert_eq!(
        (id, kind.as_str(), data["payload"]["n"].as_i64(), data["id"].as_i64()),
        (Some(first), "test.a", Some(1), Some(first))
    );
    assert_eq!(listener.next().await.unwrap().0, Some(first + 2));
    drop(listener);
    for n in 0..700 {
        append(&client, "test.more", n).await;
    }
    // What was missed comes from the file, then what happens; each once and in order.
    let remembered = first.to_string();
    let mut again =
        Listener::open(&client, "/events/stream?type=test.&cursor=0", &[("last-event-id", &remembered)]).await;
    let last = append(&client, "test.last", 0).await;
    let mut ids = Vec::new();
    loop {
        let (id, kind, _) = again.next().await.unwrap();
        ids.push(id.unwrap());
        if kind == "test.last" {
            break;
        }
    }
    let expected: Vec<i64> = (first + 2..=last).collect();
    assert_eq!(ids, expected);
    for target in ["cursor=-1", "cursor=x", "cursor=999999", "type=", "kind=a", "cursor=1&cursor=2"] {
        let refused = soon(client.stream(&format!("/events/stream?{target}"), &[])).await;
        assert!(matches!(refused, Err(CallError::Fault(fault)) if fault.status() == 400), "{target}");
    }
}

#[tokio::test]
async fn acts_are_told_as_requests_and_changes() {
    let agentd = Agentd::start().await;
    let client = agentd.operator();
    let mut listener = Listener::open(&client, "/events/stream", &[]).await;
    let shell = |command: &str| ShellRequest { command: command.into(), ..Default::default() };
    soon(client.call::<ShellExec>(&shell("true"))).await.unwrap();
    assert_eq!(
        listener.kinds(5).await,
        ["request.accepted", "shell_exec.intent", "request.completed", "state.changed", "shell_exec.outcome"]
    );
}

#[tokio::test]
async fn a_daemon_that_ends_ends_its_streams_in_time() {
    let mut agentd = Agentd::start().await;
    let mut listener = Listener::open(&agentd.operator(), "/events/stream", &[]).await;
    let pid = nix::unistd::Pid::from_raw(agentd.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(listener.next().await, None);
    soon(tokio::task::spawn_blocking(move || agentd.process.wait().unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_hundred_subscribers_all_hear_everything() {
    let agentd = Agentd::start().await;
    let client = agentd.operator();
    let mut listeners = Vec::new();
    for _ in 0..100 {
        listeners.push(Listener::open(&client, "/events/stream?type=test.", &[]).await);
    }
    for n in 0..50 {
        append(&client, "test.event", n).await;
    }
    for mut listener in listeners {
        for n in 0..50 {
            assert_eq!(listener.next().await.unwrap().2["payload"]["n"], json!(n));
        }
    }
}

#[tokio::test]
async fn the_log_is_served_to_auditors_as_tlog_tiles() {
    let agentd = Agentd::start().await;
    let client = agentd.agent();
    for n in 0..300 {
        append(&agentd.operator(), "test.event", n).await;
    }
    let get = async |target: &str| soon(client.get(target)).await;
    let key = VerifyingKey::parse(std::str::from_utf8(&get("/tlog/key").await.unwrap()).unwrap()).unwrap();
    let proof = soon(client.call::<LedgerProve>(&ProveRequest { event_id: 300 })).await.unwrap();
    let checkpoint = ProofFile::parse(&proof.proof).unwrap().check(&key).unwrap();
    let note = String::from_utf8(get("/tlog/checkpoint").await.unwrap().to_vec()).unwrap();
    assert_eq!(Checkpoint::open(&note, &key).unwrap(), checkpoint);
    let leaves = get("/tlog/tile/0/000").await.unwrap();
    let entries = get("/tlog/tile/entries/000").await.unwrap();
    assert_eq!(leaves.len(), 8192);
    let length = usize::from(u16::from_be_bytes([entries[0], entries[1]]));
    assert_eq!(leaves[..32], *Node::leaf(&entries[2..2 + length]).as_bytes());
    let width = checkpoint.size - 256;
    assert_eq!(get(&format!("/tlog/tile/0/001.p/{width}")).await.unwrap().len() as u64, width * 32);
    for nothing in ["0/001", "0/0", "9/000", "entries/001", "x"] {
        let refused = get(&format!("/tlog/tile/{nothing}")).await;
        assert!(matches!(refused, Err(CallError::Fault(fault)) if fault.code() == "tile_not_found"), "{nothing}");
    }
    let asked = ConsistencyRequest { first: 10, second: checkpoint.size };
    assert!(soon(client.call::<LedgerConsistency>(&asked)).await.unwrap().hashes.len() <= 10);
    assert_eq!(fault::<LedgerProve>(&client, &ProveRequest { event_id: 9999 }).await.code(), "event_not_found");

    let verify =
        async |checkpoint: Option<String>| soon(client.call::<LedgerVerify>(&VerifyRequest { checkpoint })).await;
    assert!(verify(None).await.unwrap().checkpoint.unwrap().ok);
    assert!(verify(Some(note)).await.unwrap().ok);
    let stranger = SigningKey::generate().unwrap();
    let forged = Checkpoint { origin: stranger.verifying().name().into(), ..checkpoint }.sign(&stranger);
    let found = verify(Some(forged)).await.unwrap();
    assert_eq!((found.ok, found.checkpoint.unwrap().code.as_deref()), (false, Some("checkpoint_untrusted")));
    assert!(
        matches!(verify(Some("x".into())).await, Err(CallError::Fault(fault)) if fault.code() == "invalid_checkpoint")
    );
}
