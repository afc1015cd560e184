//! Redo records: what was stored is written again after a sudden end, and what was forgotten is not.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use osmoda_api::agentd::MemoryStored;
use osmoda_ipc::Redo;
use osmoda_memory::{Keeper, Memories, MemoryError, RedoLog};

use super::{eventually, found, new};

fn store_for_redo(memories: &Memories, summary: &str) -> (MemoryStored, Option<Redo>) {
    let mut kept = None;
    let stored = memories.store_for_redo(new(summary), |_, redo| kept = redo).unwrap();
    (stored, kept)
}

/// Without a background thread nothing is flushed, as in the two seconds after a store.
#[test]
fn what_a_cut_of_power_kept_from_the_disk_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let records: Vec<_> = ["red", "green", "blue", "white"]
        .map(|colour| store_for_redo(&memories, &format!("The {colour} door is locked.")).1.unwrap())
        .into();
    assert_eq!(found(&memories, "green"), ["The green door is locked."]);
    drop(memories);
    let file = |at: usize| folder.path().join(&records[at].name);
    fs::remove_file(file(0)).unwrap();
    fs::write(file(1), "").unwrap();
    fs::write(file(2), &records[2].content[..30]).unwrap();
    // Whole, and edited by a person since.
    let edited = fs::read_to_string(file(3)).unwrap().replace("locked", "open");
    fs::write(file(3), edited).unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    for record in &records {
        memories.redo(&record.name, &record.content).unwrap();
    }
    for name in ["../outside.md", "/tmp/outside.md", "notes/../../outside.md", "notes/no-memory"] {
        memories.redo(name, b"nothing").unwrap();
        assert!(!folder.path().join(name).exists(), "{name}");
    }
    let _keeper = Keeper::start(&memories).unwrap();
    for (colour, is) in [("red", "locked"), ("green", "locked"), ("blue", "locked"), ("white", "open")] {
        let expected = format!("The {colour} door is {is}.");
        eventually(&expected, || found(&memories, colour) == [expected.clone()]);
    }
}

/// Redo records as a ledger keeps them, and what was released.
#[derive(Clone, Default)]
struct Log {
    on_disk: Arc<Mutex<Vec<String>>>,
    released: Arc<Mutex<Vec<String>>>,
}

impl RedoLog for Log {
    fn names(&self) -> Result<Vec<String>, MemoryError> {
        Ok(self.on_disk.lock().unwrap().clone())
    }

    fn release(&self, names: Vec<String>) {
        self.on_disk.lock().unwrap().retain(|name| !names.contains(name));
        self.released.lock().unwrap().extend(names);
    }
}

#[test]
fn a_redo_record_may_go_when_its_file_is_flushed_or_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(folder.path()).unwrap();
    let log = Log::default();
    memories.keep_redo_in(log.clone());
    let store = |summary: &str| store_for_redo(&memories, summary);
    let released = || log.released.lock().unwrap().clone();
    let (first, second) = (store("The first one."), store("The second one."));
    assert!(store("The first one.").1.is_none(), "a file that was there is flushed at once");
    // Its event is still on its way: a flush now must not be the end of it.
    memories.flush().unwrap();
    assert!(released().is_empty());
    let [one, other] = [&first, &second].map(|stored| stored.1.clone().unwrap().name);
    log.on_disk.lock().unwrap().extend([one.clone(), other.clone()]);
    memories.forget(&second.0.id).unwrap();
    assert_eq!(released(), std::slice::from_ref(&other));
    memories.flush().unwrap();
    assert_eq!(released(), [other, one]);
    memories.flush().unwrap();
    memories.forget(&first.0.id).unwrap();
    assert_eq!(released().len(), 2, "what was let go is not told again");
}
