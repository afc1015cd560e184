//! The safety tools over the socket, in a suite without systemd.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{os::unix::fs::symlink, path::Path};

use common::{Agentd, fault};
use osmoda_api::agentd::{SafetyPanic, SafetyRestart, SafetyRollback, SafetyStatus};
use osmoda_ipc::Nothing;

/// An agentd on a system with three generations, the second in force, whose switch runs `script`.
async fn with_generations(folder: &Path, script: &str) -> Agentd {
    use std::os::unix::fs::PermissionsExt;
    for number in [1, 2, 3] {
        let bin = folder.join(format!("store-{number}/bin"));
        std::fs::create_dir_all(&bin).unwrap();
        let program = bin.join("switch-to-configuration");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(folder.join(format!("store-{number}")), folder.join(format!("system-{number}-link"))).unwrap();
    }
    symlink("system-2-link", folder.join("system")).unwrap();
    Agentd::start_with(&format!("[agentd.safety]\nprofiles = {folder:?}\n")).await
}

#[tokio::test]
async fn an_agent_rolls_back_without_an_approval_and_it_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let agentd = with_generations(folder.path(), "sleep 0.1; echo switched to $0; echo with care >&2").await;
    let before = agentd.agent().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert_eq!((before.generation, before.generations.len(), before.last_rollback), (Some(2), 3, None));
    let done = agentd.agent().call::<SafetyRollback>(&Nothing {}).await.unwrap();
    assert_eq!((done.from, done.to), (2, 1));
    assert!(
        done.output.contains("system/bin/switch-to-configuration") && done.output.contains("with care"),
        "{done:?}"
    );
    let after = agentd.agent().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert_eq!((after.generation, after.last_rollback.unwrap().from), (Some(1), 2));
    let refused = fault::<SafetyRollback>(&agentd.agent(), &Nothing {}).await;
    assert_eq!(refused.code(), "no_generation");
    let kinds = agentd.kinds().await;
    let acts = kinds.iter().filter(|kind| kind.starts_with("safety_rollback")).count();
    assert_eq!(acts, 4, "an intent and an outcome each: {kinds:?}");
}

#[tokio::test]
async fn a_system_without_generations_answers_clearly() {
    let agentd = Agentd::start_with("[agentd.safety]\nprofiles = \"/nowhere\"\n").await;
    let status = agentd.agent().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert_eq!((status.generation, status.generations.len()), (None, 0));
    let own = status.services.iter().find(|service| service.name == "agentd").unwrap();
    assert_eq!((own.state.as_str(), own.pid), ("active", Some(agentd.process.id())));
    assert_eq!(fault::<SafetyRollback>(&agentd.agent(), &Nothing {}).await.code(), "no_generation");
}

#[tokio::test]
async fn a_panic_keeps_agentd_and_is_remembered_until_the_restart() {
    let agentd = Agentd::start().await;
    let done = agentd.agent().call::<SafetyPanic>(&Nothing {}).await.unwrap();
    assert_eq!((done.stopped.len(), done.kept.as_slice(), done.failed.len()), (0, &["agentd".to_owned()][..], 0));
    assert!(agentd.agent().call::<SafetyStatus>(&Nothing {}).await.unwrap().panicked_at.is_some());
    // Nobody keeps this agentd up, so it does not end itself.
    let done = agentd.agent().call::<SafetyRestart>(&Nothing {}).await.unwrap();
    assert_eq!((done.restarted.len(), done.failed[0].name.as_str()), (0, "agentd"));
    let status = agentd.agent().call::<SafetyStatus>(&Nothing {}).await.unwrap();
    assert_eq!(status.panicked_at, None);
}
