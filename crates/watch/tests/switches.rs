//! A change is kept where it proves itself, and undone where it does not.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{fs, os::unix::fs::PermissionsExt};

use common::{Suite, command_check, fault, program, switch_to, until};
use osmoda_api::{
    agentd::SafetyStatus,
    watch::{
        Apply, ApplyKind, FileChange, QuarantineKey, QuarantineList, QuarantineRelease, SafeSwitchAbandon,
        SafeSwitchBegin, SafeSwitchBeginRequest, SafeSwitchCommit, SafeSwitchList, SafeSwitchListRequest,
        SafeSwitchRollback, SwitchId, SwitchState,
    },
};
use osmoda_ipc::Nothing;

fn id(id: &str) -> SwitchId {
    SwitchId { id: id.into() }
}

#[tokio::test]
async fn what_is_green_to_the_end_is_kept_and_every_move_is_told() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", Some(&format!("echo green > {}", suite.path("active").display())));
    program(&suite.path("checks/ok"), "exit 0");
    let request = SafeSwitchBeginRequest {
        ttl_secs: Some(2),
        health_checks: Some(vec![command_check(&suite.path("checks/ok"))]),
        ..switch_to(&profile, &green)
    };
    let begun = suite.begin(request).await;
    assert_eq!(begun.state, SwitchState::Probation);
    assert!(begun.previous_generation.unwrap().starts_with("1 (") && begun.deadline.is_some());
    assert_eq!((suite.leads_to(&profile), suite.active()), ("green".into(), "green".into()));
    let session = suite.until_state(&begun.id, SwitchState::Committed).await;
    let moves: Vec<_> = session.history.iter().map(|one| one.to).collect();
    let expected = [SwitchState::Preparing, SwitchState::Applying, SwitchState::Probation, SwitchState::Committed];
    assert_eq!(moves, expected);
    assert_eq!(session.history[3].checks[0].message, "it ended well");
    assert!(session.history.iter().all(|one| !one.why.is_empty() && !one.who.is_empty()));
    until("the ledger has every move", async || suite.events("safe_switch.committed").await.len() == 1).await;
    let told: Vec<_> = suite.events("safe_switch.").await.into_iter().map(|event| event.kind).collect();
    let expected = ["preparing", "applying", "probation", "committed"].map(|to| format!("safe_switch.{to}"));
    assert_eq!(told, expected);
    // Nothing of it is left behind.
    assert_eq!(fs::read_dir(suite.dirs.state().join("watch/running")).unwrap().count(), 0);
    until("no lock is left", async || fs::read_dir(suite.dirs.state().join("watch/locks")).unwrap().count() == 0).await;
}

#[tokio::test]
async fn a_check_that_fails_undoes_the_change_and_it_does_not_come_again_by_itself() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", Some(&format!("echo green > {}", suite.path("active").display())));
    let sick = suite.path("sick");
    program(&suite.path("checks/well"), &format!("test ! -e {}", sick.display()));
    let request = SafeSwitchBeginRequest {
        health_checks: Some(vec![command_check(&suite.path("checks/well"))]),
        ..switch_to(&profile, &green)
    };
    let begun = suite.begin(request.clone()).await;
    assert_eq!(begun.state, SwitchState::Probation);
    fs::write(&sick, "").unwrap();
    let session = suite.until_state(&begun.id, SwitchState::RolledBack).await;
    assert_eq!((suite.leads_to(&profile), suite.active()), ("blue".into(), "blue".into()));
    assert!(session.history.iter().any(|one| one.why.contains("failed 1 times in a row")), "{:?}", session.history);

    let refused = fault::<SafeSwitchBegin>(&suite.operator(), &request).await;
    assert_eq!((refused.code(), suite.active().as_str()), ("switch_quarantined", "blue"));
    let listed = suite.operator().call::<QuarantineList>(&Nothing {}).await.unwrap().quarantined;
    assert_eq!((listed.len(), listed[0].key.as_str()), (1, green.as_str()));
    let release = QuarantineKey { key: green };
    assert_eq!(fault::<QuarantineRelease>(&suite.agent(), &release).await.code(), "forbidden");
    suite.operator().call::<QuarantineRelease>(&release).await.unwrap();
    fs::remove_file(&sick).unwrap();
    assert_eq!(suite.begin(request).await.state, SwitchState::Probation);
}

#[tokio::test]
async fn a_switch_that_fails_is_undone_at_once() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let script = format!("echo half > {}; echo it broke >&2; exit 7", suite.path("active").display());
    let broken = suite.store_path("broken", Some(&script));
    let refused = fault::<SafeSwitchBegin>(&suite.operator(), &switch_to(&profile, &broken)).await;
    assert_eq!(refused.code(), "switch_failed");
    assert!(refused.message().contains("it broke"), "{refused}");
    let session = refused.detail().unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(suite.session(&session).await.state, SwitchState::RolledBack);
    assert_eq!((suite.leads_to(&profile), suite.active()), ("blue".into(), "blue".into()));
}

#[tokio::test]
async fn people_end_probation_either_way_and_nothing_twice() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let first = suite.begin(switch_to(&profile, &green)).await.id;

    let other = suite.store_path("red", None);
    let refused = fault::<SafeSwitchBegin>(&suite.operator(), &switch_to(&profile, &other)).await;
    assert_eq!(refused.code(), "switch_in_the_way");
    assert_eq!(refused.detail().unwrap()["id"], first.as_str());

    let back = suite.operator().call::<SafeSwitchRollback>(&id(&first)).await.unwrap().session;
    assert_eq!((back.state, suite.leads_to(&profile).as_str()), (SwitchState::RolledBack, "blue"));
    assert_eq!(fault::<SafeSwitchRollback>(&suite.operator(), &id(&first)).await.code(), "switch_state");
    // Whoever asked for it back blames nothing.
    let second = suite.begin(switch_to(&profile, &green)).await.id;
    let kept = suite.agent().call::<SafeSwitchCommit>(&id(&second)).await.unwrap().session;
    assert_eq!((kept.state, suite.leads_to(&profile).as_str()), (SwitchState::Committed, "green"));
    for refused in [
        fault::<SafeSwitchCommit>(&suite.operator(), &id(&second)).await,
        fault::<SafeSwitchRollback>(&suite.operator(), &id(&second)).await,
        fault::<SafeSwitchAbandon>(&suite.operator(), &id(&second)).await,
    ] {
        assert_eq!(refused.code(), "switch_state");
    }
    assert_eq!(fault::<SafeSwitchCommit>(&suite.operator(), &id("sw_none")).await.code(), "switch_unknown");
    let all = suite.operator().call::<SafeSwitchList>(&SafeSwitchListRequest::default()).await.unwrap().sessions;
    assert_eq!(all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [second.as_str(), first.as_str()]);
}

#[tokio::test]
async fn files_come_back_as_they_were() {
    let suite = Suite::start().await;
    let (etc, at) = (suite.path("etc"), |name: &str| suite.path("etc").join(name).display().to_string());
    fs::write(etc.join("plain"), "old").unwrap();
    fs::set_permissions(etc.join("plain"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("plain", etc.join("link")).unwrap();
    fs::write(etc.join("gone"), "was here").unwrap();
    let change = |name: &str, content: Option<&str>| FileChange {
        path: at(name),
        content: content.map(str::to_owned),
        mode: None,
    };
    let request = |files: Vec<FileChange>| SafeSwitchBeginRequest {
        plan: "new settings".into(),
        apply: Some(Apply { kind: ApplyKind::Files, files: Some(files), ..Apply::default() }),
        ..SafeSwitchBeginRequest::default()
    };
    let all = vec![
        change("plain", Some("new")),
        change("link", Some("no link any more")),
        change("fresh", Some("secret")),
        change("gone", None),
    ];
    let begun = suite.begin(request(all)).await;
    let read = |name: &str| fs::read_to_string(etc.join(name)).ok();
    assert_eq!((read("plain").unwrap(), read("fresh").unwrap(), read("gone")), ("new".into(), "secret".into(), None));
    assert_eq!(fs::metadata(etc.join("plain")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!etc.join("link").is_symlink());
    suite.operator().call::<SafeSwitchRollback>(&id(&begun.id)).await.unwrap();
    assert_eq!((read("plain").unwrap(), read("fresh"), read("gone").unwrap()), ("old".into(), None, "was here".into()));
    assert_eq!(fs::read_link(etc.join("link")).unwrap().to_str(), Some("plain"));
    assert_eq!(fs::read_dir(&etc).unwrap().count(), 3, "nothing half written is left");
    // What a file shall hold stands neither in the ledger nor in what is kept.
    until("it is told", async || suite.events("safe_switch.rolled_back").await.len() == 1).await;
    let events =
        serde_json::to_string(&[suite.events("safe_switch.").await, suite.events("safe_switch_begin.").await].concat())
            .unwrap();
    assert!(!events.contains("secret") && events.contains("fresh"), "{events}");
    assert!(!suite.dirs.state().join("watch/kept").join(&begun.id).exists());

    std::os::unix::fs::symlink("/tmp", etc.join("out")).unwrap();
    for (path, code) in [
        ("/etc/passwd".to_owned(), "apply_outside"),
        (at("../store/x"), "apply_outside"),
        (at("out/x"), "apply_outside"),
        (at("nowhere/x"), "apply_failed"),
        ("etc/x".to_owned(), "apply_outside"),
    ] {
        let one = FileChange { path: path.clone(), content: Some(String::new()), mode: None };
        assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &request(vec![one])).await.code(), code, "{path}");
    }
    let twice = vec![change("plain", Some("1")), change("plain", Some("2"))];
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &request(twice)).await.code(), "switch_in_the_way");
}

#[tokio::test]
async fn named_changes_are_the_configurations_and_never_the_callers() {
    let named = "[watch.named.flag]\napply = [\"/bin/sh\", \"-c\", \"echo on > {at}/flag\"]\n\
                 rollback = [\"/bin/sh\", \"-c\", \"echo off > {at}/flag\"]\n\
                 verify = [\"/bin/grep\", \"-q\", \"off\", \"{at}/flag\"]\n";
    let suite = Suite::start_with(named).await;
    let request = |name: &str| SafeSwitchBeginRequest {
        plan: "turn it on".into(),
        apply: Some(Apply { kind: ApplyKind::Named, name: Some(name.into()), ..Apply::default() }),
        ..SafeSwitchBeginRequest::default()
    };
    let begun = suite.begin(request("flag")).await;
    assert_eq!(fs::read_to_string(suite.path("flag")).unwrap(), "on\n");
    suite.operator().call::<SafeSwitchRollback>(&id(&begun.id)).await.unwrap();
    assert_eq!(fs::read_to_string(suite.path("flag")).unwrap(), "off\n");
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &request("other")).await.code(), "invalid_apply");
    let mut own = request("flag");
    own.apply.as_mut().unwrap().command = Some("/bin/reboot".into());
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &own).await.code(), "invalid_apply");
}

#[tokio::test]
async fn a_change_that_is_made_already_has_a_way_back_or_is_refused() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue", "green"]);
    let lonely = suite.profile("lonely", &["red"]);
    let request = |profile: &str| SafeSwitchBeginRequest {
        plan: "guard it".into(),
        apply: Some(Apply { profile: Some(profile.into()), ..Apply::default() }),
        ..SafeSwitchBeginRequest::default()
    };
    let begun = suite.begin(request(&profile)).await;
    assert!(begun.previous_generation.unwrap().starts_with("1 ("));
    suite.operator().call::<SafeSwitchRollback>(&id(&begun.id)).await.unwrap();
    assert_eq!((suite.leads_to(&profile), suite.active()), ("blue".into(), "blue".into()));
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &request(&lonely)).await.code(), "no_way_back");
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &request("/etc/x")).await.code(), "apply_outside");
    let nothing = SafeSwitchBeginRequest { plan: String::new(), ..SafeSwitchBeginRequest::default() };
    assert_eq!(fault::<SafeSwitchBegin>(&suite.operator(), &nothing).await.code(), "invalid_request");
}

#[tokio::test]
async fn agents_change_nothing_without_the_operators_leave() {
    let suite = Suite::start().await;
    let profile = suite.profile("web", &["blue"]);
    let green = suite.store_path("green", None);
    let mut request = switch_to(&profile, &green);
    let asked = fault::<SafeSwitchBegin>(&suite.agent(), &request).await;
    assert_eq!((asked.code(), suite.leads_to(&profile).as_str()), ("approval_required", "blue"));
    let approval = asked.detail().unwrap()["approval_id"].as_str().unwrap().to_owned();
    suite.approve(&approval).await;
    request.approval_id = Some(approval);
    let begun = suite.agent().call::<SafeSwitchBegin>(&request).await.unwrap();
    // Back needs no leave.
    suite.agent().call::<SafeSwitchRollback>(&id(&begun.id)).await.unwrap();
    assert_eq!(fault::<SafeSwitchBegin>(&suite.agent(), &request).await.status(), 403, "an approval is used once");
    assert_eq!(fault::<SafeSwitchAbandon>(&suite.agent(), &id(&begun.id)).await.code(), "forbidden");
}

#[tokio::test]
async fn without_agentd_nothing_begins_and_what_began_is_undone_all_the_same() {
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
    suite.kill_agentd();
    let other = suite.profile("other", &["red"]);
    let refused = fault::<SafeSwitchBegin>(&suite.operator(), &switch_to(&other, &green)).await;
    assert_eq!(refused.code(), "ledger_unavailable");
    fs::write(&sick, "").unwrap();
    suite.until_state(&begun.id, SwitchState::RolledBack).await;
    assert_eq!(suite.leads_to(&profile), "blue");
    suite.start_agentd().await;
    until("the ledger hears of it", async || suite.events("safe_switch.rolled_back").await.len() == 1).await;
}

#[tokio::test]
async fn apps_are_agentds_and_where_it_has_none_it_says_so() {
    let suite = Suite::start().await;
    let request = SafeSwitchBeginRequest {
        plan: "a new version".into(),
        apply: Some(Apply {
            kind: ApplyKind::App,
            name: Some("shop".into()),
            command: Some("/bin/shop2".into()),
            ..Apply::default()
        }),
        ..SafeSwitchBeginRequest::default()
    };
    let answer = suite.operator().call::<SafeSwitchBegin>(&request).await;
    // An agentd with apps answers by itself: /bin/shop2 is not there.
    let fault = match answer {
        Err(osmoda_ipc::CallError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert!(!fault.code().starts_with("internal"), "{fault}");
}

#[tokio::test]
async fn a_rollback_that_fails_is_tried_again_told_and_ends_with_a_person() {
    let suite = Suite::start_with("rollback_tries = 2\n").await;
    let profile = suite.profile("web", &["blue"]);
    let jam = suite.path("jam");
    let script = format!("test ! -e {} && echo blue > {}", jam.display(), suite.path("active").display());
    program(&suite.path("store/blue/bin/switch-to-configuration"), &script);
    let green = suite.store_path("green", None);
    let begun = suite.begin(switch_to(&profile, &green)).await;
    fs::write(&jam, "").unwrap();
    let refused = fault::<SafeSwitchRollback>(&suite.operator(), &id(&begun.id)).await;
    assert_eq!(refused.code(), "rollback_failed");
    let session = suite.session(&begun.id).await;
    assert!(session.state == SwitchState::Failed && session.stranded && session.failed_rollbacks == 2, "{session:?}");
    let safety = suite.agentd().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert_eq!((safety.failed_rollbacks.len(), safety.failed_rollbacks[0].needs_you), (1, true));
    // Nobody builds on what is neither new nor old.
    let refused = fault::<SafeSwitchBegin>(&suite.operator(), &switch_to(&profile, &green)).await;
    assert_eq!(refused.code(), "switch_in_the_way");
    assert!(!suite.events("safe_switch.trouble").await.is_empty());

    fs::remove_file(&jam).unwrap();
    let back = suite.operator().call::<SafeSwitchRollback>(&id(&begun.id)).await.unwrap().session;
    assert_eq!((back.state, suite.active().as_str()), (SwitchState::RolledBack, "blue"));
    let safety = suite.agentd().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert!(safety.failed_rollbacks.is_empty());

    let again = suite.begin(switch_to(&profile, &green)).await.id;
    fs::write(&jam, "").unwrap();
    fault::<SafeSwitchRollback>(&suite.operator(), &id(&again)).await;
    let left = suite.operator().call::<SafeSwitchAbandon>(&id(&again)).await.unwrap().session;
    assert!(left.state == SwitchState::Failed && !left.stranded);
    let safety = suite.agentd().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert!(safety.failed_rollbacks.is_empty());
}
