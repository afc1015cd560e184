//! A restore by the command line: refused while the suite is up, and cut off anywhere it leaves the old state or the new.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{fs, time::Duration};

use common::{Suite, end_of};
use serde_json::json;

/// What tells the two states apart: the first and the last file that a restore unpacks, and one in between.
const TELLTALES: [&str; 3] = ["agentd/aaa", "agentd/mmm", "zzz"];

fn mark(suite: &Suite, word: &str) {
    for name in TELLTALES {
        fs::write(suite.path().join("state").join(name), word).unwrap();
    }
}

fn state_is(suite: &Suite) -> String {
    let words = TELLTALES.map(|name| fs::read_to_string(suite.path().join("state").join(name)).unwrap_or_default());
    assert!(words.iter().all(|word| *word == words[0]), "a mixed state: {words:?}");
    words[0].clone()
}

#[tokio::test]
async fn a_restore_that_is_cut_off_leaves_the_old_state_or_the_new_one_whole() {
    let suite = Suite::up().await;
    mark(&suite, "new");
    for number in 0..60 {
        fs::write(suite.path().join(format!("state/agentd/file-{number}")), vec![1; 20_000]).unwrap();
    }
    let id = suite.json(&["backup", "create", "--json"]).await["backup_id"].as_str().unwrap().to_owned();
    assert_eq!(suite.json(&["backup", "list", "--json"]).await["backups"][0]["backup_id"], json!(id));
    let refused = suite.run(&["backup", "restore", &id, "--json"]).await.with_code(1);
    assert!(refused.err.contains(r#""code":"suite_is_up""#), "{}", refused.err);
    suite.run(&["down"]).await.with_code(0);

    let (mut cuts, mut ends) = (0, 0);
    let mut delay = Duration::from_millis(1);
    // Later and later, until a restore is quicker than its cut.
    while ends == 0 {
        mark(&suite, "old");
        let mut child = suite.command(&["backup", "restore", &id]).spawn().unwrap();
        tokio::time::sleep(delay).await;
        let _ = child.start_kill();
        if end_of(&mut child).await.success() {
            ends += 1;
            assert_eq!(state_is(&suite), "new");
        } else {
            cuts += 1;
            assert!(["old", "new"].contains(&state_is(&suite).as_str()));
        }
        delay += delay / 8 + Duration::from_micros(200);
    }
    assert!(cuts > 3, "{cuts} cuts");
    // Stopped, the suite still tells its backups, and starts from what was restored.
    assert_eq!(suite.json(&["backup", "list", "--json"]).await["backups"][0]["backup_id"], json!(id));
    suite.run(&["up", "--detach"]).await.with_code(0);
    assert_eq!(suite.json(&["verify-ledger", "--json"]).await["ok"], true);
    suite.run(&["down"]).await.with_code(0);
}
