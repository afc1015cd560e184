//! Whether every change that was to be undone is.

use std::path::Path;

use osmoda_safety::{PROFILES, Safety};

use super::{Finding, Patient};

const CHECK: &str = "rollbacks";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.daemons.contains(&"watch") {
        return Vec::new();
    }
    let failed = Safety::new(patient.context.dirs.clone(), Path::new(PROFILES)).status().await.failed_rollbacks;
    if failed.is_empty() {
        return vec![Finding::good(CHECK, "no change waits to be undone")];
    }
    let told = failed.into_iter().map(|one| {
        let found = format!("session {} could not be undone in {} tries: {}", one.session, one.tries, one.why);
        if one.needs_you {
            let advice =
                format!("mend that, then: agentctl switch rollback {0}; or agentctl switch abandon {0}", one.session);
            Finding::bad(CHECK, found, advice)
        } else {
            Finding::care(CHECK, found, format!("it is tried again; see agentctl switch status {}", one.session))
        }
    });
    told.collect()
}
