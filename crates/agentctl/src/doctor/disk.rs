//! Whether the ledger has room to grow: without a record there is no act.

use nix::sys::statvfs::{FsFlags, statvfs};

use super::{Finding, Patient};
use crate::output::units;

const CHECK: &str = "disk";
const MEND: &str = "make room: agentd refuses acts that it can't record";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let state = patient.context.dirs.state();
    let shown = state.display();
    let Ok(found) = statvfs(state) else {
        return vec![Finding::care(CHECK, format!("{shown} can't be looked at"), "start the suite, which makes it")];
    };
    let read_only = found.flags().contains(FsFlags::ST_RDONLY);
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let inodes = (found.files() > 0).then(|| found.files_available());
    vec![judge(&shown.to_string(), read_only, free, inodes)]
}

fn judge(place: &str, read_only: bool, free: u64, inodes: Option<u64>) -> Finding {
    if read_only {
        return Finding::bad(CHECK, format!("{place} is read-only"), "see why in: dmesg; then mount it for writing");
    }
    let text = format!("{} free in {place}", units::bytes(free));
    if free < 64 << 20 || inodes.is_some_and(|left| left < 1000) {
        let few = inodes.filter(|left| *left < 1000).map_or_else(String::new, |left| format!(", {left} inodes left"));
        Finding::bad(CHECK, text + &few, MEND)
    } else if free < 1 << 30 {
        Finding::care(CHECK, text, MEND)
    } else {
        Finding::good(CHECK, text)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn room_is_judged_by_bytes_and_by_inodes() {
        let table = [
            (false, 10 << 30, Some(1 << 20), Standing::Good),
            (false, 10 << 30, None, Standing::Good),
            (false, 512 << 20, Some(1 << 20), Standing::Care),
            (false, 1 << 20, Some(1 << 20), Standing::Bad),
            (false, 10 << 30, Some(3), Standing::Bad),
            (true, 10 << 30, Some(1 << 20), Standing::Bad),
        ];
        for (read_only, free, inodes, standing) in table {
            assert_eq!(judge("/x", read_only, free, inodes).standing, standing, "{read_only} {free} {inodes:?}");
        }
    }
}
