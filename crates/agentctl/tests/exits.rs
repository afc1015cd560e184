//! Every exit code, and what is said with it.

mod common;

use std::fs;

use common::{Suite, agentctl, run};
use serde_json::Value;

#[tokio::test]
async fn where_nothing_is_up_every_command_says_so_in_one_line_with_what_to_do() {
    let suite = Suite::folder();
    let id = "apr_01KXYZ01KXYZ01KXYZ01KXYZ01";
    let act = "req_01KXYZ01KXYZ01KXYZ01KXYZ01";
    let table: [&[&str]; 8] = [
        &["health"],
        &["events"],
        &["events", "--follow"],
        &["receipts"],
        &["trace", act],
        &["approvals"],
        &["approve", id],
        &["deny", id],
    ];
    for args in table {
        let ran = suite.run(args).await.with_code(3);
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{args:?}: {}", ran.err);
        for part in ["agentd is not up", "agentctl --dir", " up", "req_"] {
            assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
        }
        let json = suite.run(&[args, &["--json"]].concat()).await.with_code(3);
        let envelope: Value = serde_json::from_str(&json.err).unwrap();
        assert_eq!((&envelope["code"], &envelope["retryable"]), (&"unavailable".into(), &true.into()), "{args:?}");
    }
    let call = suite.run(&["call", "system_health"]).await.with_code(3).json();
    assert_eq!(call["code"], "unavailable");
    assert!(call["request_id"].as_str().unwrap().starts_with("req_"));
    suite.run(&["status"]).await.with_code(3);
    suite.run(&["verify-ledger"]).await.with_code(3);
    suite.run(&["down"]).await.with_code(1);
}

#[tokio::test]
async fn a_wrong_command_line_is_2_before_anybody_is_asked() {
    let suite = Suite::folder();
    let table: [(&[&str], &str); 10] = [
        (&[], "Usage"),
        (&["dance"], "unrecognized"),
        (&["call", "shel_exec"], "did you mean shell_exec?"),
        (&["call", "xyzzy"], "agentctl tools"),
        (&["call", "shell_exec", "--json", "{"], "not JSON"),
        (&["call", "shell_exec", "--json", "[]"], "JSON object"),
        (&["call", "shell_exec", "--as", "operator"], "agent"),
        (&["trace", "req_1"], "26 characters"),
        (&["approve", "apr_01KXYZ"], "26 characters"),
        (&["up", "--only", "agentd,nobody"], "there are agentd"),
    ];
    for (args, part) in table {
        let ran = suite.run(args).await.with_code(2);
        assert!(ran.out.is_empty() && ran.err.contains(part), "{args:?}: {ran:?}");
    }
}

#[tokio::test]
async fn a_folder_too_long_for_a_socket_is_2_for_every_command() {
    let suite = Suite::folder();
    let deep = suite.path().join("x".repeat(100));
    for args in [&["up"][..], &["up", "--detach"], &["status"], &["health"], &["call", "system_health"]] {
        let mut command = agentctl();
        command.arg("--dir").arg(&deep).args(args);
        let ran = run(command, "").await.with_code(2);
        assert!(ran.err.contains("107 bytes"), "{args:?}: {}", ran.err);
    }
    assert!(!deep.exists(), "something was made before the length was looked at");
}

#[tokio::test]
async fn what_is_refused_is_1() {
    let suite = Suite::up().await;
    let refused = suite.run(&["approve", "apr_01KXYZ01KXYZ01KXYZ01KXYZ01"]).await.with_code(1);
    assert!(refused.err.starts_with("error: ") && refused.err.contains("req_"), "{}", refused.err);
    let nothing = suite.run(&["trace", "req_01KXYZ01KXYZ01KXYZ01KXYZ01"]).await.with_code(1);
    assert!(nothing.err.contains("no event of req_01KXYZ"), "{}", nothing.err);
    suite.run(&["events", "--type", "x|y", "--since", "2026-99-99"]).await.with_code(1);
    suite.run(&["verify-ledger", "--db", "/no/such/ledger.db"]).await.with_code(1);
}

#[tokio::test]
async fn a_ledger_that_was_changed_is_4_with_the_first_bad_event() {
    let suite = Suite::up().await;
    for word in ["first", "second", "third"] {
        let args = format!(r#"{{"command":"echo {word}-mark"}}"#);
        suite.run(&["call", "shell_exec", "--json", &args]).await.with_code(0);
    }
    suite.run(&["verify-ledger"]).await.with_code(0);
    suite.run(&["down"]).await.with_code(0);
    let ledger = suite.path().join("state/agentd/ledger.db");
    let copy = suite.path().join("copy.db");
    fs::copy(&ledger, &copy).unwrap();
    let whole = suite.run(&["verify-ledger", "--db", copy.to_str().unwrap()]).await.with_code(0);
    assert!(whole.out.starts_with("the ledger is whole: 6 events"), "{}", whole.out);

    for file in [&copy, &ledger] {
        let mut bytes = fs::read(file).unwrap();
        let mark = b"second-mark";
        let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
        bytes[at] = b'S';
        fs::write(file, bytes).unwrap();
    }
    let broken = suite.run(&["verify-ledger", "--json", "--db", copy.to_str().unwrap()]).await.with_code(4).json();
    assert_eq!((&broken["ok"], &broken["first_bad"]["id"]), (&false.into(), &3.into()), "{broken}");
    let text = suite.run(&["verify-ledger"]).await.with_code(4);
    assert!(text.out.starts_with("the ledger is broken: event 3: "), "{}", text.out);
}

#[tokio::test]
async fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let mut command = agentctl();
        command.args(["completions", shell]);
        let script = run(command, "").await.with_code(0).out;
        for word in ["agentctl", "verify-ledger", "--detach"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell} lacks {word}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut command = tokio::process::Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(r#"{ "$0" completions zsh; echo "rc $?" >&2; } | head -c 1"#)
        .arg(env!("CARGO_BIN_EXE_agentctl"));
    let ran = run(command, "").await.with_code(0);
    assert_eq!(ran.err, "rc 0\n");
}
