//! Whoever dies, and whenever: what was promised holds.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{fs, time::Duration};

use common::{Suite, command_check, program, switch_to, until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use osmoda_api::watch::{OnReboot, SafeSwitchBegin, SafeSwitchBeginRequest, SwitchState};

/// The processes of this suite's guards.
fn guards(suite: &Suite) -> Vec<i32> {
    let own = suite.dirs.state().display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        words.get(1).is_some_and(|word| word == "guard") && words.iter().any(|word| *word == own)
    })
    .collect()
}

#[tokio::test]
async fn after_kill_9_probation_goes_on_where_it_was() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let request = SafeSwitchBeginRequest { ttl_secs: Some(3), ..switch_to(&profile, &green) };
    let begun = suite.begin(request).await;
    suite.kill_watch();
    suite.start_watch().await;
    assert_eq!(suite.session(&begun.id).await.deadline, begun.deadline, "a crash gives no more time");
    suite.until_state(&begun.id, SwitchState::Committed).await;
    assert_eq!(suite.leads_to(&profile), "green");
}

#[tokio::test]
async fn after_kill_9_a_check_that_fails_still_undoes_the_change() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let sick = suite.path("sick");
    program(&suite.path("checks/well"), &format!("test ! -e {}", sick.display()));
    let request = SafeSwitchBeginRequest {
        health_checks: Some(vec![command_check(&suite.path("checks/well"))]),
        ..switch_to(&profile, &green)
    };
    let begun = suite.begin(request).await;
    suite.kill_watch();
    fs::write(&sick, "").unwrap();
    suite.start_watch().await;
    suite.until_state(&begun.id, SwitchState::RolledBack).await;
    assert_eq!((suite.leads_to(&profile), suite.active()), ("blue".into(), "blue".into()));
}

#[tokio::test]
async fn killed_while_it_switches_it_waits_for_its_child_and_goes_back() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let (started, active) = (suite.path("started"), suite.path("active"));
    let script = format!("echo x > {}; sleep 1; echo green > {}", started.display(), active.display());
    let green = suite.store_path("green", Some(&script));
    let (operator, request) = (suite.operator(), switch_to(&profile, &green));
    let begin = tokio::spawn(async move { operator.call::<SafeSwitchBegin>(&request).await });
    until("the switch runs", async || started.exists()).await;
    suite.kill_watch();
    assert!(begin.await.unwrap().is_err());
    suite.start_watch().await;
    let sessions = suite
        .operator()
        .call::<osmoda_api::watch::SafeSwitchList>(&osmoda_api::watch::SafeSwitchListRequest::default())
        .await
        .unwrap()
        .sessions;
    let session = suite.until_state(&sessions[0].id, SwitchState::RolledBack).await;
    assert!(session.history.iter().any(|one| one.why.contains("ended while making it")), "{:?}", session.history);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!((suite.leads_to(&profile), suite.active()), ("blue".into(), "blue".into()), "the child came first");
}

#[tokio::test]
async fn where_nobody_starts_it_again_a_guard_undoes_the_change() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let begun = suite.begin(SafeSwitchBeginRequest { ttl_secs: Some(1), ..switch_to(&profile, &green) }).await;
    suite.kill_watch();
    suite.kill_agentd();
    assert_eq!(suite.leads_to(&profile), "green");
    until("the guard went back", async || suite.leads_to(&profile) == "blue").await;
    until("the guard is gone", async || guards(&suite).is_empty()).await;
    suite.start_agentd().await;
    suite.start_watch().await;
    let session = suite.session(&begun.id).await;
    assert_eq!(session.state, SwitchState::RolledBack);
    assert!(session.history.iter().any(|one| one.why.contains("deadline")), "{:?}", session.history);
    until("the ledger hears of it", async || suite.events("safe_switch.rolled_back").await.len() == 1).await;
}

#[tokio::test]
async fn a_guard_that_dies_is_replaced_and_one_whose_session_is_over_ends() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let begun = suite.begin(switch_to(&profile, &green)).await;
    let first = guards(&suite);
    assert_eq!(first.len(), 1);
    kill(Pid::from_raw(first[0]), Signal::SIGKILL).unwrap();
    until("there is another", async || guards(&suite).iter().any(|pid| *pid != first[0])).await;
    let request = osmoda_api::watch::SwitchId { id: begun.id };
    suite.operator().call::<osmoda_api::watch::SafeSwitchCommit>(&request).await.unwrap();
    until("it ends", async || guards(&suite).is_empty()).await;
    assert_eq!(suite.leads_to(&profile), "green");
}

#[tokio::test]
async fn a_reboot_within_probation_undoes_the_change_unless_its_session_said_otherwise() {
    let mut suite = Suite::start().await;
    let (undone, kept) = (suite.profile("undone", &["blue"]), suite.profile("kept", &["blue"]));
    let green = suite.store_path("green", None);
    let first = suite.begin(switch_to(&undone, &green)).await.id;
    let resumes =
        SafeSwitchBeginRequest { on_reboot: Some(OnReboot::Resume), ttl_secs: Some(3), ..switch_to(&kept, &green) };
    let second = suite.begin(resumes).await.id;
    // What a reboot leaves: the state folder, and nothing that ran.
    suite.kill_watch();
    for guard in guards(&suite) {
        kill(Pid::from_raw(guard), Signal::SIGKILL).unwrap();
    }
    fs::remove_file(suite.dirs.run().join("watch.boot")).unwrap();
    assert!(suite.run_watch(&["rollback", "--boot"]), "before any daemon is up");
    assert_eq!((suite.leads_to(&undone), suite.leads_to(&kept)), ("blue".into(), "green".into()));
    suite.start_watch().await;
    let session = suite.session(&first).await;
    assert_eq!(session.state, SwitchState::RolledBack);
    assert!(session.history.iter().any(|one| one.why.contains("started anew within probation")));
    assert_eq!(suite.session(&second).await.state, SwitchState::Probation);
    suite.until_state(&second, SwitchState::Committed).await;
    assert_eq!(suite.leads_to(&kept), "green");
}

#[tokio::test]
async fn a_daemon_that_hangs_is_ended_by_who_keeps_its_promise() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let begun = suite.begin(SafeSwitchBeginRequest { ttl_secs: Some(1), ..switch_to(&profile, &green) }).await;
    let pid = osmoda_ipc::daemon::running_pid(&suite.dirs.pid_file("watch")).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    until("the guard went back", async || suite.leads_to(&profile) == "blue").await;
    suite.kill_watch();
    suite.start_watch().await;
    assert_eq!(suite.until_state(&begun.id, SwitchState::RolledBack).await.state, SwitchState::RolledBack);
}

#[tokio::test]
async fn a_daemon_that_hangs_within_a_move_is_ended_too() {
    let mut suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let begun = suite.begin(SafeSwitchBeginRequest { ttl_secs: Some(1), ..switch_to(&profile, &green) }).await;
    let pid = osmoda_ipc::daemon::running_pid(&suite.dirs.pid_file("watch")).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    // The database stays locked for as long as the daemon lives, as if it had been stopped within a transaction; where it
    // was stopped within one, it holds the lock itself.
    let mut database = rusqlite::Connection::open(suite.dirs.state().join("watch/watch.db")).unwrap();
    database.busy_timeout(Duration::ZERO).unwrap();
    let held = match database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate) {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => None,
        held => Some(held.unwrap()),
    };
    until("the guard ended the daemon", async || {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    })
    .await;
    drop(held);
    until("the guard went back", async || suite.leads_to(&profile) == "blue").await;
    suite.kill_watch();
    suite.start_watch().await;
    assert_eq!(suite.until_state(&begun.id, SwitchState::RolledBack).await.state, SwitchState::RolledBack);
}
