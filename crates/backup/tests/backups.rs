//! Backups of a state that is written to all the while, damage of every kind, and the way back.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use osmoda_backup::{BackupError, Shelf, restore};
use osmoda_ipc::daemon::Dirs;
use rusqlite::{Connection, OpenFlags};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn open(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database
        .execute_batch("CREATE TABLE IF NOT EXISTS a (n INTEGER PRIMARY KEY, t TEXT); CREATE TABLE IF NOT EXISTS b (n INTEGER PRIMARY KEY)")
        .unwrap();
    database
}

/// A state with a database, files and folders.
fn state(folder: &Path) -> Dirs {
    let dirs = Dirs::under(folder);
    dirs.prepare().unwrap();
    let state = dirs.state();
    fs::create_dir_all(state.join("agentd/empty")).unwrap();
    fs::write(state.join("suite.json"), b"{}").unwrap();
    fs::write(state.join("agentd/secret.key"), [0xff, 0, 1]).unwrap();
    fs::set_permissions(state.join("agentd/secret.key"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(state.join("agentd/big"), vec![7; 3 << 20]).unwrap();
    open(&state.join("agentd/data.db"));
    dirs
}

/// How many rows a copy has: as many in either table, without a gap.
fn rows(copy: &Path) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(copy.join("agentd/data.db"), flags).unwrap();
    let counted = database.query_row(
        "SELECT (SELECT COUNT(*) FROM a), (SELECT COALESCE(MAX(n), 0) FROM a), (SELECT COUNT(*) FROM b)",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
    );
    let (a, last, b) = counted.unwrap();
    assert_eq!((a, a), (last, b), "a copy from the middle of a transaction");
    a
}

#[test]
fn a_hundred_backups_in_a_row_under_write_load_are_each_whole() {
    let folder = tempfile::tempdir().unwrap();
    let dirs = state(folder.path());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut database = open(&dirs.state().join("agentd/data.db"));
            for n in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let step = database.transaction().unwrap();
                step.execute("INSERT INTO a VALUES (?1, ?2)", (n, "x".repeat(200))).unwrap();
                step.execute("INSERT INTO b VALUES (?1)", [n]).unwrap();
                step.commit().unwrap();
                fs::write(dirs.state().join("agentd/changing"), n.to_string()).unwrap();
            }
        });
        let shelf = Shelf::new(dirs.state());
        let mut before = 0;
        for number in 0..100 {
            let taken = shelf.take(None, WEEK).unwrap().backup;
            let copy = folder.path().join(format!("copy-{number}"));
            fs::create_dir(&copy).unwrap();
            shelf.extract(&taken.backup_id, None, &copy).unwrap();
            let now = rows(&copy);
            assert!(now >= before, "a backup is older than the one before");
            before = now;
            assert_eq!(fs::read(copy.join("agentd/big")).unwrap(), vec![7; 3 << 20]);
            assert!(!copy.join("backups").exists() && !copy.join("agentd/data.db-wal").exists());
            fs::remove_dir_all(&copy).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(before > 0, "nothing was written meanwhile");
        assert_eq!(shelf.list().unwrap().len(), 100);
    });
}

#[test]
fn a_restore_replaces_the_state_whole_and_keeps_what_it_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let dirs = state(folder.path());
    let shelf = Shelf::new(dirs.state());
    let id = shelf.take(None, WEEK).unwrap().backup.backup_id;
    open(&dirs.state().join("agentd/data.db"))
        .execute_batch("INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (1)")
        .unwrap();
    fs::write(dirs.state().join("agentd/new"), "new").unwrap();
    for round in 0..2 {
        let done = restore(&dirs, &id, None).unwrap();
        assert_eq!(rows(dirs.state()), 0);
        assert!(!dirs.state().join("agentd/new").exists() && dirs.state().join("agentd/empty").is_dir());
        let mode = fs::metadata(dirs.state().join("agentd/secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o400);
        assert_eq!(done.kept.join("agentd/new").exists(), round == 0, "what was replaced is kept");
        assert_eq!(shelf.list().unwrap().len(), 1, "the backups are still there");
    }
    let kept = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("state.before-"));
    assert_eq!(kept.count(), 2, "a second restore of the same backup keeps what the first replaced");
}

#[test]
fn nothing_is_restored_from_a_damaged_archive_or_under_a_running_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let dirs = state(folder.path());
    let backup = Shelf::new(dirs.state()).take(None, WEEK).unwrap().backup;
    let whole = fs::read(&backup.path).unwrap();
    let refused = || matches!(restore(&dirs, &backup.backup_id, None), Err(BackupError::Damaged(_)));
    for place in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(&backup.path, &damaged).unwrap();
        assert!(refused(), "byte {place}");
        fs::write(&backup.path, &whole[..place]).unwrap();
        assert!(refused(), "cut at {place}");
    }
    fs::write(&backup.path, &whole).unwrap();
    assert!(matches!(restore(&dirs, "bkp_none", None), Err(BackupError::Unknown(_))));
    let held = fs::File::create(dirs.pid_file("keyd")).unwrap();
    let _held = nix::fcntl::Flock::lock(held, nix::fcntl::FlockArg::LockExclusive).unwrap();
    fs::write(dirs.pid_file("keyd"), std::process::id().to_string()).unwrap();
    assert!(matches!(restore(&dirs, &backup.backup_id, None), Err(BackupError::Up(daemon)) if daemon == "keyd"));
    assert!(dirs.state().join("agentd/big").exists());
}

#[test]
fn an_encrypted_backup_opens_with_its_identity_alone() {
    use age::secrecy::ExposeSecret;
    let folder = tempfile::tempdir().unwrap();
    let dirs = state(folder.path());
    let shelf = Shelf::new(dirs.state());
    let (own, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    assert!(matches!(shelf.take(Some("age1nobody"), WEEK), Err(BackupError::BadRecipient(_))));
    let backup = shelf.take(Some(&own.to_public().to_string()), WEEK).unwrap().backup;
    assert!(backup.encrypted && backup.path.ends_with(".tar.zst.age"));
    let file = |name: &str, identity: &age::x25519::Identity| {
        let path = folder.path().join(name);
        fs::write(&path, identity.to_string().expose_secret()).unwrap();
        path
    };
    let (own, other) = (file("own", &own), file("other", &other));
    for wrong in [None, Some(other.as_path())] {
        assert!(matches!(restore(&dirs, &backup.backup_id, wrong), Err(BackupError::Locked(_))));
    }
    restore(&dirs, &backup.backup_id, Some(&own)).unwrap();
    assert_eq!(fs::read(dirs.state().join("agentd/secret.key")).unwrap(), [0xff, 0, 1]);
}

#[test]
fn old_backups_go_but_never_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let dirs = state(folder.path());
    let shelf = Shelf::new(dirs.state());
    let first = shelf.take(None, WEEK).unwrap().backup;
    let mut old = first.clone();
    old.created_at = "2020-01-01T00:00:00Z".into();
    shelf.note(&old).unwrap();
    assert_eq!(shelf.list().unwrap().len(), 1);
    let taken = shelf.take(None, WEEK).unwrap();
    assert_eq!(taken.expired, [first.backup_id]);
    assert!(!Path::new(&first.path).exists() && Path::new(&taken.backup.path).exists());
    assert!(matches!(shelf.find(&old.backup_id), Err(BackupError::Unknown(_))));
}
