//! `up` and `down`: what is started stays up, what fails says why, what is stopped is gone.

mod common;

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use common::{PATIENCE, Suite, agentctl, end_of, lives, run, signal, soon};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn a_daemon_that_is_killed_is_started_again() {
    let suite = Suite::up().await;
    let mut before = suite.pid("agentd");
    // Twice: the pause between two starts grows, and the second start is as good as the first.
    for _ in 0..2 {
        signal(before, Signal::SIGKILL);
        let pid_file = suite.path().join("run/agentd.pid");
        before = soon("a new agentd", || osmoda_ipc::daemon::running_pid(&pid_file).filter(|pid| *pid != before)).await;
    }
    soon("its answer", || std::os::unix::net::UnixStream::connect(suite.path().join("run/agentd.sock")).ok()).await;
    assert_eq!(suite.json(&["status", "--json"]).await["daemons"][0]["pid"], before);
    let log = fs::read_to_string(suite.path().join("log/suite.log")).unwrap();
    assert_eq!(log.matches("agentd started again").count(), 2, "{log}");
    suite.run(&["down"]).await.with_code(0);
    assert_eq!(suite.processes(), [0; 0], "down left a process");
}

#[tokio::test]
async fn a_second_suite_in_the_same_folder_is_refused_and_the_first_goes_on() {
    let suite = Suite::up().await;
    let (supervisor, agentd) = (suite.pid("suite"), suite.pid("agentd"));
    for args in [&["up"][..], &["up", "--detach"]] {
        let refused = suite.run(args).await.with_code(1);
        assert!(refused.err.contains("already up") && refused.err.contains(&supervisor.to_string()), "{}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    }
    let refused = suite.run(&["up", "--detach", "--json"]).await.with_code(1);
    assert_eq!(serde_json::from_str::<Value>(&refused.err).unwrap()["code"], "already_up");
    assert_eq!((suite.pid("suite"), suite.pid("agentd")), (supervisor, agentd));
    suite.run(&["status"]).await.with_code(0);
}

#[tokio::test]
async fn daemons_that_a_dead_supervisor_left_behind_are_named_and_ended() {
    let suite = Suite::up().await;
    let agentd = suite.pid("agentd");
    signal(suite.pid("suite"), Signal::SIGKILL);
    soon("the supervisor's end", || (!lives(suite.pid("suite"))).then_some(())).await;
    suite.run(&["status"]).await.with_code(0);
    let refused = suite.run(&["up", "--detach"]).await.with_code(1);
    assert!(
        refused.err.contains("without a supervisor") && refused.err.contains(&agentd.to_string()),
        "{}",
        refused.err
    );
    suite.run(&["down"]).await.with_code(0);
    assert_eq!(suite.processes(), [0; 0], "down left a process");
    suite.run(&["up", "--detach"]).await.with_code(0);
}

#[tokio::test]
async fn in_a_terminal_the_suite_shows_its_logs_and_ends_with_ctrl_c() {
    for how in [Signal::SIGINT, Signal::SIGTERM] {
        let suite = Suite::folder();
        let mut up = suite.command(&["up", "--json"]);
        let mut up = up.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut out = BufReader::new(up.stdout.take().unwrap()).lines();
        let mut err = BufReader::new(up.stderr.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, out.next_line()).await.expect("not up in time").unwrap().unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["daemons"][0]["daemon"], "agentd");
        let daemons = said["daemons"].as_array().unwrap().len();
        assert_eq!(suite.processes().len(), 1 + daemons, "the supervisor and its daemons");
        let shown = tokio::time::timeout(PATIENCE, err.next_line()).await.expect("no log").unwrap().unwrap();
        assert!(shown.contains(" | "), "{shown}");
        signal(i32::try_from(up.id().unwrap()).unwrap(), how);
        assert_eq!(end_of(&mut up).await.code(), Some(0), "{how}");
        assert_eq!(suite.processes(), [0; 0], "{how} left a process");
    }
}

#[tokio::test]
async fn a_daemon_that_does_not_start_is_reported_with_the_end_of_its_log() {
    let suite = Suite::folder();
    fs::write(suite.path().join("osmoda.toml"), "[agentd]\nno_such_key = 1\n").unwrap();
    for args in [&["up"][..], &["up", "--detach"]] {
        let failed = suite.run(args).await.with_code(1);
        assert!(
            failed.err.contains("agentd ended before it was ready") && failed.err.contains("no_such_key"),
            "{}",
            failed.err
        );
        assert_eq!(suite.processes(), [0; 0], "a failed start left a process");
    }
    fs::remove_file(suite.path().join("osmoda.toml")).unwrap();
    suite.run(&["up", "--detach"]).await.with_code(0);
}

#[tokio::test]
async fn a_daemon_that_never_answers_is_given_up_and_killed() {
    let suite = Suite::folder();
    // An installation of its own, whose agentd takes no notice of anything.
    let bin = suite.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_agentctl"), bin.join("agentctl")).unwrap();
    let deaf = bin.join("osmoda-agentd");
    let pid_file = suite.path().join("deaf.pid");
    fs::write(
        &deaf,
        format!(
            "#!/bin/sh\ntrap '' TERM\necho $$ > {}\necho deaf on purpose\nwhile :; do sleep 1; done\n",
            pid_file.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&deaf, fs::Permissions::from_mode(0o755)).unwrap();
    let mut up = tokio::process::Command::new(bin.join("agentctl"));
    up.arg("--dir").arg(suite.path()).args(["up", "--only", "agentd"]);
    let failed = run(up, "").await.with_code(1);
    assert!(
        failed.err.contains("was not ready within 10 s") && failed.err.contains("deaf on purpose"),
        "{}",
        failed.err
    );
    let pid = fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    assert!(!lives(pid), "the deaf daemon is still there");
}

#[tokio::test]
async fn without_a_folder_the_users_own_state_folder_is_taken() {
    let suite = Suite::folder();
    let own = |args: &[&str]| {
        let mut command = agentctl();
        command.env("XDG_STATE_HOME", suite.path()).args(args);
        command
    };
    let up = run(own(&["up", "--detach", "--json", "--only", "agentd"]), "").await.with_code(0).json();
    assert_eq!(up["dir"], suite.path().join("osmoda").to_str().unwrap());
    // The installed suite is another one, and who asks for it learns where this one is.
    if !std::path::Path::new("/run/osmoda").exists() {
        let status = run(own(&["status"]), "").await.with_code(3);
        assert!(status.err.contains("a suite of your own is up"), "{}", status.err);
    }
    run(own(&["down"]), "").await.with_code(0);
    assert_eq!(suite.processes(), [0; 0], "down left a process");
    assert!(!lives(i32::try_from(up["supervisor"].as_i64().unwrap()).unwrap()), "down left the supervisor");
}

#[tokio::test]
async fn the_variables_name_a_suite_too() {
    let suite = Suite::folder();
    let own = |args: &[&str]| {
        let mut command = agentctl();
        command
            .env("OSMODA_RUN_DIR", suite.path().join("run"))
            .env("OSMODA_STATE_DIR", suite.path().join("state"))
            .args(args);
        command
    };
    run(own(&["up", "--detach"]), "").await.with_code(0);
    run(own(&["status"]), "").await.with_code(0);
    suite.run(&["status"]).await.with_code(0);
    run(own(&["down"]), "").await.with_code(0);
    assert_eq!(suite.processes(), [0; 0], "down left a process");
}
