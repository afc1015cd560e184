//! Watchers look, climb their ladders, and are still there after a crash.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use common::{Suite, command_check, fault, program, until};
use osmoda_api::watch::{
    Action, ActionKind, Check, CheckKind, NotifyBy, QuietHours, Watcher, WatcherAdd, WatcherAddRequest, WatcherEdit,
    WatcherEditRequest, WatcherId, WatcherList, WatcherPause, WatcherPauseRequest, WatcherRemove, WatcherState,
};
use osmoda_ipc::Nothing;

fn watch(name: &str, check: Check) -> WatcherAddRequest {
    WatcherAddRequest {
        name: name.into(),
        check,
        interval_secs: Some(1),
        failures: Some(1),
        ..WatcherAddRequest::default()
    }
}

fn notify(by: &[NotifyBy]) -> Action {
    Action { action: ActionKind::Notify, by: Some(by.to_vec()), ..Action::default() }
}

async fn named(suite: &Suite, name: &str) -> Watcher {
    let all = suite.operator().call::<WatcherList>(&Nothing {}).await.unwrap().watchers;
    all.into_iter().find(|one| one.name == name).unwrap()
}

async fn until_state(suite: &Suite, name: &str, state: WatcherState) {
    until(&format!("{name} is {}", state.as_str()), async || named(suite, name).await.state == state).await;
}

/// A check that fails while the file is there.
fn well(suite: &Suite, name: &str) -> (Check, std::path::PathBuf) {
    let (sick, path) = (suite.path(&format!("{name}-sick")), suite.path("checks").join(name));
    program(&path, &format!("test ! -e {}", sick.display()));
    (command_check(&path), sick)
}

#[tokio::test]
async fn a_watcher_tells_when_it_fails_and_when_it_is_well_again() {
    // A webhook that remembers what it was told.
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("webhook = \"http://{}/hook\"\n", hook.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::<String>::new()));
    let told = heard.clone();
    std::thread::spawn(move || {
        for stream in hook.incoming() {
            let mut stream = stream.unwrap();
            let mut text = [0_u8; 4096];
            let mut whole = String::new();
            while !whole.contains("\"saw\"") {
                let count = stream.read(&mut text).unwrap();
                whole.push_str(&String::from_utf8_lossy(&text[..count]));
            }
            told.lock().unwrap().push(whole);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let suite = Suite::start_with(&url).await;
    let (check, sick) = well(&suite, "web");
    let request = WatcherAddRequest {
        actions: Some(vec![notify(&[NotifyBy::Webhook, NotifyBy::Ledger, NotifyBy::Log])]),
        ..watch("web", check)
    };
    let added = suite.agent().call::<WatcherAdd>(&request).await.unwrap().watcher;
    assert!(added.id.starts_with("wt_"));
    assert_eq!(fault::<WatcherAdd>(&suite.operator(), &request).await.code(), "watcher_exists");
    until_state(&suite, "web", WatcherState::Ok).await;
    fs::write(&sick, "").unwrap();
    until("the webhook heard of it", async || heard.lock().unwrap().len() == 1).await;
    let text = heard.lock().unwrap()[0].clone();
    assert!(text.starts_with("POST /hook ") && text.contains("\"watcher\":\"web\""), "{text}");
    until("the ledger heard of it", async || suite.events("watcher.notify").await.len() == 1).await;
    assert_eq!(named(&suite, "web").await.state, WatcherState::Failing);
    fs::remove_file(&sick).unwrap();
    until("it is well again", async || suite.events("watcher.recovered").await.len() == 1).await;
    assert_eq!(named(&suite, "web").await.state, WatcherState::Ok);
}

#[tokio::test]
async fn watchers_outlive_their_daemon_with_where_they_stood() {
    let mut suite = Suite::start().await;
    let (check, sick) = well(&suite, "web");
    fs::write(&sick, "").unwrap();
    let ladder = vec![
        Action { tries: Some(1), wait_secs: Some(3600), ..notify(&[NotifyBy::Ledger]) },
        notify(&[NotifyBy::Ledger]),
    ];
    let request = WatcherAddRequest { actions: Some(ladder), ..watch("web", check) };
    let id = suite.operator().call::<WatcherAdd>(&request).await.unwrap().watcher.id;
    until("the first rung is climbed", async || named(&suite, "web").await.escalation.rung == 1).await;
    until("it is recorded", async || suite.events("watcher.notify").await.len() == 1).await;
    suite.kill_watch();
    suite.start_watch().await;
    until_state(&suite, "web", WatcherState::Failing).await;
    let after = named(&suite, "web").await;
    assert_eq!((after.id.as_str(), after.escalation.rung), (id.as_str(), 1), "no rung is climbed twice");
    assert_eq!(suite.events("watcher.notify").await.len(), 1);
}

#[tokio::test]
async fn watchers_are_edited_paused_and_removed_by_id_or_name() {
    let suite = Suite::start().await;
    let (check, sick) = well(&suite, "web");
    let added = suite.operator().call::<WatcherAdd>(&watch("web", check.clone())).await.unwrap().watcher;
    let pause = |secs: u32| WatcherPauseRequest { id: added.id.clone(), secs: Some(secs) };
    let paused = suite.operator().call::<WatcherPause>(&pause(3600)).await.unwrap().watcher;
    assert!(paused.state == WatcherState::Paused && paused.paused_until.is_some());
    fs::write(&sick, "").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(named(&suite, "web").await.state, WatcherState::Paused, "it does not look");
    suite.operator().call::<WatcherPause>(&pause(0)).await.unwrap();
    until_state(&suite, "web", WatcherState::Failing).await;

    let edit = WatcherEditRequest {
        id: "web".into(),
        watcher: WatcherAddRequest { interval_secs: Some(7), ..watch("site", check.clone()) },
        approval_id: None,
    };
    let edited = suite.operator().call::<WatcherEdit>(&edit).await.unwrap().watcher;
    assert_eq!((edited.id.as_str(), edited.name.as_str(), edited.interval_secs), (added.id.as_str(), "site", 7));
    let remove = WatcherId { id: added.id.clone() };
    assert_eq!(suite.operator().call::<WatcherRemove>(&remove).await.unwrap().removed, added.id);
    assert_eq!(fault::<WatcherRemove>(&suite.operator(), &remove).await.code(), "watcher_unknown");
    assert!(suite.operator().call::<WatcherList>(&Nothing {}).await.unwrap().watchers.is_empty());
}

#[tokio::test]
async fn a_child_is_silent_while_its_parent_is_down() {
    let suite = Suite::start().await;
    let ((parent, parent_sick), (child, child_sick)) = (well(&suite, "database"), well(&suite, "shop"));
    let slow = WatcherAddRequest { interval_secs: Some(3600), ..watch("database", parent) };
    suite.operator().call::<WatcherAdd>(&slow).await.unwrap();
    let request = WatcherAddRequest {
        depends_on: Some(vec!["database".into()]),
        actions: Some(vec![notify(&[NotifyBy::Ledger])]),
        ..watch("shop", child)
    };
    suite.operator().call::<WatcherAdd>(&request).await.unwrap();
    until_state(&suite, "shop", WatcherState::Ok).await;
    // Both fall in the same moment, and the parent's own look comes in an hour.
    fs::write(&parent_sick, "").unwrap();
    fs::write(&child_sick, "").unwrap();
    until_state(&suite, "shop", WatcherState::Blocked).await;
    assert!(suite.events("watcher.notify").await.is_empty());
    fs::remove_file(&parent_sick).unwrap();
    until("it speaks", async || suite.events("watcher.notify").await.len() == 1).await;

    for (depends_on, code) in [("shop2", "watcher_circle"), ("nobody", "watcher_unknown")] {
        let (check, _) = well(&suite, "shop2");
        let bad = WatcherAddRequest { depends_on: Some(vec![depends_on.into()]), ..watch("shop2", check) };
        assert_eq!(fault::<WatcherAdd>(&suite.operator(), &bad).await.code(), code);
    }
}

#[tokio::test]
async fn quiet_hours_keep_still_and_the_ladder_waits() {
    let suite = Suite::start().await;
    let (check, sick) = well(&suite, "web");
    fs::write(&sick, "").unwrap();
    let span = |from: &str, to: &str| QuietHours { from: from.into(), to: to.into() };
    let request = WatcherAddRequest {
        // All of the day but a moment that this test does not meet twice.
        quiet_hours: Some(vec![span("00:00", "12:00"), span("12:00", "00:00")]),
        actions: Some(vec![notify(&[NotifyBy::Ledger])]),
        ..watch("web", check)
    };
    suite.operator().call::<WatcherAdd>(&request).await.unwrap();
    until_state(&suite, "web", WatcherState::Failing).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(named(&suite, "web").await.escalation.rung, 0);
    assert!(suite.events("watcher.notify").await.is_empty());
}

#[tokio::test]
async fn the_end_of_a_process_is_seen_long_before_the_next_look() {
    let suite = Suite::start().await;
    let mut process = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    fs::write(suite.path("x.pid"), process.id().to_string()).unwrap();
    let check = Check {
        kind: CheckKind::Process,
        pid_file: Some(suite.path("x.pid").display().to_string()),
        ..Check::default()
    };
    let request = WatcherAddRequest { interval_secs: Some(3600), ..watch("process", check) };
    suite.operator().call::<WatcherAdd>(&request).await.unwrap();
    until_state(&suite, "process", WatcherState::Ok).await;
    process.kill().unwrap();
    until_state(&suite, "process", WatcherState::Failing).await;
    process.wait().unwrap();
}

#[tokio::test]
async fn agents_add_nothing_that_acts_by_itself_without_leave() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue", "green"]);
    let (check, sick) = well(&suite, "web");
    let rollback = Action { action: ActionKind::Rollback, profile: Some(profile.clone()), ..Action::default() };
    let mut request = WatcherAddRequest { actions: Some(vec![rollback]), ..watch("web", check) };
    let asked = fault::<WatcherAdd>(&suite.agent(), &request).await;
    assert_eq!(asked.code(), "approval_required");
    let approval = asked.detail().unwrap()["approval_id"].as_str().unwrap().to_owned();
    suite.approve(&approval).await;
    request.approval_id = Some(approval);
    suite.agent().call::<WatcherAdd>(&request).await.unwrap();
    until_state(&suite, "web", WatcherState::Ok).await;
    fs::write(&sick, "").unwrap();
    until("it went back by itself", async || suite.leads_to(&profile) == "blue").await;
    until("it is recorded", async || suite.events("watcher.rollback.outcome").await.len() == 1).await;
    assert_eq!(suite.events("watcher.rollback.intent").await.len(), 1);
    assert_eq!(suite.active(), "blue");
}
