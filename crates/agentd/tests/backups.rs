//! Backups over the socket: taken while everything runs, carried away by the hook.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use common::Agentd;
use osmoda_api::agentd::{BackupCreate, BackupList};
use osmoda_ipc::Nothing;

#[tokio::test]
async fn a_backup_holds_the_ledger_and_the_hook_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let hook = format!(
        "[agentd.backups]\nhook = [\"/bin/sh\", \"-c\", \"sleep 0.1; cp $1 {}\", \"hook\"]\n",
        folder.path().join("carried").display()
    );
    let agentd = Agentd::start_with(&hook).await;
    let backup = agentd.agent().call::<BackupCreate>(&Nothing {}).await.unwrap();
    assert_eq!((backup.carried, backup.encrypted), (Some(true), false));
    assert_eq!(std::fs::read(folder.path().join("carried")).unwrap(), std::fs::read(&backup.path).unwrap());
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    osmoda_backup::Shelf::new(agentd.dirs.state()).extract(&backup.backup_id, None, &copy).unwrap();
    assert!(osmoda_ledger::verify_file(&copy.join("agentd/ledger.db")).unwrap().ok);
    assert!(copy.join("agentd/approvals.db").is_file() && copy.join("agentd/incidents.db").is_file());
    let listed = agentd.agent().call::<BackupList>(&Nothing {}).await.unwrap().backups;
    assert_eq!(listed, [backup]);
}

#[tokio::test]
async fn a_backup_is_good_also_where_its_hook_fails() {
    for hook in ["[\"/bin/false\"]", "[\"/nowhere/at/all\"]"] {
        let agentd = Agentd::start_with(&format!("[agentd.backups]\nhook = {hook}\n")).await;
        let backup = agentd.agent().call::<BackupCreate>(&Nothing {}).await.unwrap();
        assert_eq!(backup.carried, Some(false), "{hook}");
        assert_eq!(agentd.operator().call::<BackupList>(&Nothing {}).await.unwrap().backups, [backup]);
    }
}
