//! What the files lack after the machine ended suddenly.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path},
};

use jiff::Timestamp;

use super::{Journal, content, record::Record, records};
use crate::{folder, note::Note};

impl Journal {
    /// Brings the files to what was answered, flushes them, and strikes everything out.
    pub(super) fn replay(&self) -> io::Result<()> {
        let mut state = self.state();
        let mut halves = Vec::with_capacity(2);
        for (number, half) in state.halves.iter_mut().enumerate() {
            let records = records(&half.file)?;
            if let Some(first) = records.first() {
                half.turn = first.turn;
                half.at = 1;
                halves.push((first.turn, number, records));
            }
        }
        halves.sort_by_key(|(turn, ..)| *turn);
        let mut files: BTreeSet<String> = BTreeSet::new();
        let mut last: BTreeMap<String, Record> = BTreeMap::new();
        for (_, number, records) in halves {
            // Whatever is written next belongs to a later turn than all of these.
            state.active = number;
            for record in records.into_iter().filter(|record| is_below(Path::new(&record.file))) {
                files.insert(record.file.clone());
                last.insert(record.file.clone(), record);
            }
        }
        let turn = state.halves.iter().map(|half| half.turn).max().unwrap_or_default();
        for half in &mut state.halves {
            half.turn = turn;
            half.files.clone_from(&files);
        }
        let active = state.active;
        drop(state);
        for record in last.values().filter(|record| self.boot.is_none() || record.boot != self.boot) {
            self.redo(record)?;
        }
        self.strike_out(1 - active)?;
        self.strike_out(active)
    }

    fn redo(&self, record: &Record) -> io::Result<()> {
        let path = self.root.join(&record.file);
        let there = content(&path)?;
        match &record.content {
            None if there.is_some() => fs::remove_file(&path),
            None => Ok(()),
            Some(wanted) if there.is_none_or(|there| lacks(&there, wanted)) => {
                tracing::warn!(
                    file = record.file,
                    "a memory that had not reached the disk in its file is written again"
                );
                let write = || {
                    folder::make(path.parent().unwrap_or(&path))?;
                    folder::replace(&path, wanted, folder::Flush::Now).map(drop)
                };
                write().map_err(io::Error::other)
            }
            Some(_) => Ok(()),
        }
    }
}

/// Whether a file is less than what was written to it: cut off, or from before. What a person made of it since stays.
fn lacks(there: &[u8], wanted: &[u8]) -> bool {
    let read = |bytes: &[u8]| Note::parse(str::from_utf8(bytes).ok()?, "x", Timestamp::UNIX_EPOCH);
    let is_torn = there.contains(&0) || (there.len() < wanted.len() && wanted.starts_with(there));
    match (read(there), read(wanted)) {
        (Some(there), Some(wanted)) => is_torn || there.updated < wanted.updated,
        _ => true,
    }
}

/// Whether a path stays below the folder.
fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    const BEFORE: Option<[u8; 16]> = Some([1; 16]);
    const NOW: Option<[u8; 16]> = Some([2; 16]);

    fn text(updated: &str, summary: &str) -> String {
        format!("---\nid: \"mem_1\"\nupdated: \"{updated}\"\n---\n# {summary}\n")
    }

    /// What was kept, what the file then held, and what it is to hold.
    type Case<'a> = (&'a [Option<&'a str>], Option<&'a str>, Option<&'a str>);

    /// What a file holds after the journal kept `kept` of it, the file then held `there`, and the next start was `boot`.
    fn after(kept: &[Option<&str>], there: Option<&str>, boot: Option<[u8; 16]>) -> Option<String> {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let journal = Journal::open_after(&folder, BEFORE).unwrap().unwrap();
        for content in kept {
            journal.write("notes/2026-11/mem_1.md", content.map(str::as_bytes)).unwrap().wait().unwrap();
        }
        drop(journal);
        let path = temporary.path().join("notes/2026-11/mem_1.md");
        if let Some(there) = there {
            folder::make(path.parent().unwrap()).unwrap();
            fs::write(&path, there).unwrap();
        }
        let journal = Journal::open_after(&folder, boot).unwrap().unwrap();
        assert!(journal.is_empty());
        let found = fs::read_to_string(&path).ok();
        // What was struck out is not written again.
        let _ = fs::remove_file(&path);
        drop(Journal::open_after(&folder, Some([3; 16])).unwrap());
        assert!(!path.exists());
        found
    }

    #[test]
    fn after_a_sudden_end_of_the_machine_files_hold_what_was_answered() {
        let (old, new) = (text("2026-11-01T00:00:00Z", "eight"), text("2026-11-02T00:00:00Z", "nine"));
        let edited = text("2026-11-02T00:00:00Z", "ten, says a person");
        let torn = &new[..new.len() - 3];
        let nothing = "\0".repeat(new.len());
        let cases: [Case<'_>; 9] = [
            (&[Some(&new)], None, Some(&new)),
            (&[Some(&new)], Some(""), Some(&new)),
            (&[Some(&new)], Some(torn), Some(&new)),
            (&[Some(&new)], Some(&nothing), Some(&new)),
            (&[Some(&old), Some(&new)], Some(&old), Some(&new)),
            (&[Some(&old), Some(&new)], Some(&new), Some(&new)),
            (&[Some(&new)], Some(&edited), Some(&edited)),
            (&[Some(&new), None], Some(&new), None),
            (&[Some(&new), None], None, None),
        ];
        for (number, (kept, there, expected)) in cases.into_iter().enumerate() {
            assert_eq!(after(kept, there, NOW).as_deref(), expected, "case {number}");
        }
    }

    #[test]
    fn after_a_sudden_end_of_the_process_alone_files_stay_as_they_are() {
        let new = text("2026-11-02T00:00:00Z", "nine");
        assert_eq!(after(&[Some(&new)], None, BEFORE), None);
        assert_eq!(after(&[Some(&new), None], Some(&new), BEFORE), Some(new));
    }

    #[test]
    fn what_settled_is_not_written_again_and_what_came_later_is() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let journal = Journal::open_after(&folder, BEFORE).unwrap().unwrap();
        let keep =
            |name: &str| journal.write(name, Some(text("2026-11-02T00:00:00Z", name).as_bytes())).unwrap().wait();
        for turn in 0..3 {
            keep(&format!("notes/settled{turn}.md")).unwrap();
            journal.settle().unwrap();
            assert!(journal.is_empty());
        }
        keep("notes/later.md").unwrap();
        drop(journal);
        drop(Journal::open_after(&folder, NOW).unwrap());
        let notes: Vec<_> = folder::notes(&folder);
        assert_eq!(notes, ["notes/later.md"]);
    }

    #[test]
    fn a_full_journal_makes_room() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let journal = Journal::open_after(&folder, BEFORE).unwrap().unwrap();
        let content = text("2026-11-02T00:00:00Z", &"word ".repeat(10_000));
        for number in 0..100 {
            journal.write(&format!("notes/{number}.md"), Some(content.as_bytes())).unwrap().wait().unwrap();
        }
        drop(journal);
        drop(Journal::open_after(&folder, NOW).unwrap());
        let left = folder::notes(&folder);
        assert!(left.contains(&"notes/99.md".to_owned()) && left.len() < 25, "{left:?}");
    }
}
