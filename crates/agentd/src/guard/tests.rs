//! Tables of paths: which of them ask to be written, read or removed.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{GuardConfig, GuardedPaths, OwnPaths, Reason};

fn own() -> OwnPaths {
    OwnPaths {
        run: "/run/osmoda".into(),
        state: "/var/lib/osmoda".into(),
        config: Some("/srv/suite/osmoda.toml".into()),
        binaries: vec!["/srv/suite/bin".into()],
    }
}

fn guarded() -> GuardedPaths {
    GuardedPaths::new(&GuardConfig::default(), &own())
}

fn code(reason: Option<Reason>) -> &'static str {
    reason.map_or("", |reason| reason.code)
}

#[test]
fn what_is_guarded_for_writing() {
    let paths = guarded();
    let cases = [
        ("/etc/shadow", "guarded_path"),
        ("/etc/shadow-", "guarded_path"),
        ("/etc/gshadow", "guarded_path"),
        ("/etc/passwd", "guarded_path"),
        ("/etc/group", "guarded_path"),
        ("/etc/sudoers", "guarded_path"),
        ("/etc/sudoers.d/x", "guarded_path"),
        ("/etc/pam.d/sshd", "guarded_path"),
        ("/etc/ssh/sshd_config", "guarded_path"),
        ("/root/.ssh/authorized_keys", "guarded_path"),
        ("/home/ada/.ssh/authorized_keys", "guarded_path"),
        ("/srv/git/.ssh/authorized_keys", "guarded_path"),
        ("/boot/vmlinuz", "guarded_path"),
        ("/efi/EFI/x", "guarded_path"),
        ("/etc/systemd/system/x.service", "guarded_path"),
        ("/usr/lib/systemd/system/x.service", "guarded_path"),
        ("/lib/systemd/system/x.service", "guarded_path"),
        ("/run/systemd/system/x.service", "guarded_path"),
        ("/etc/cron.d/x", "guarded_path"),
        ("/etc/crontab", "guarded_path"),
        ("/var/spool/cron/crontabs/root", "guarded_path"),
        ("/etc/ld.so.preload", "guarded_path"),
        ("/etc/ld.so.conf.d/x.conf", "guarded_path"),
        ("/etc/profile.d/x.sh", "guarded_path"),
        ("/etc/environment", "guarded_path"),
        ("/etc/fstab", "guarded_path"),
        ("/etc/nixos/configuration.nix", "guarded_path"),
        ("/nix/store/x", "guarded_path"),
        ("/usr/bin/ls", "guarded_path"),
        ("/bin/ls", "guarded_path"),
        ("/usr/sbin/x", "guarded_path"),
        ("/usr/local/bin/x", "guarded_path"),
        ("/usr/lib/x.so", "guarded_path"),
        ("/lib64/x.so", "guarded_path"),
        ("/home/ada/.bashrc", "guarded_path"),
        ("/home/ada/.config/systemd/user/x.service", "guarded_path"),
        ("/home/ada/.local/bin/ls", "guarded_path"),
        ("/home/ada/project/.git/hooks/pre-commit", "guarded_path"),
        ("/home/ada/project/.git/config", "guarded_path"),
        ("/home/ada/.bash_history", "history"),
        ("/var/log/journal/x", "history"),
        ("/var/log/wtmp", "history"),
        ("/dev/sda", "block_device"),
        ("/dev/nvme0n1p1", "block_device"),
        ("/dev/mem", "block_device"),
        ("/dev/mapper/root", "block_device"),
        ("/proc/sysrq-trigger", "kernel_interface"),
        ("/proc/sys/kernel/panic", "kernel_interface"),
        ("/proc/self/mem", "kernel_interface"),
        ("/sys/power/state", "kernel_interface"),
        ("/run/osmoda/agentd.sock", "osmoda_itself"),
        ("/var/lib/osmoda/ledger.db", "osmoda_itself"),
        ("/etc/osmoda/osmoda.toml", "osmoda_itself"),
        ("/srv/suite/osmoda.toml", "osmoda_itself"),
        ("/srv/suite/bin/agentctl", "osmoda_itself"),
        // By other letters.
        ("//etc//shadow", "guarded_path"),
        ("/etc/./shadow", "guarded_path"),
        ("/etc/ssh/../shadow", "guarded_path"),
        ("/../../etc/shadow", "guarded_path"),
        ("/tmp/../etc/shadow", "guarded_path"),
        ("/nonexistent/../etc/shadow", "guarded_path"),
        ("/dev/shm/../../etc/shadow", "guarded_path"),
        ("/dev/fd/../sda", "block_device"),
        ("/proc/self/root/etc/shadow", "kernel_interface"),
        ("/proc/1/root/etc/hostname", "kernel_interface"),
        ("/proc/self/cwd/x", "kernel_interface"),
        ("etc/shadow", "unknown_target"),
        ("", "unknown_target"),
        // What is nobody's but the caller's.
        ("/tmp/x", ""),
        ("/home/ada/notes.txt", ""),
        ("/home/ada/project/src/main.rs", ""),
        ("/home/ada/project/.gitignore", ""),
        ("/srv/app/config.toml", ""),
        ("/etc/nginx/nginx.conf", ""),
        ("/etc/hostname", ""),
        ("/etc/passwords.d/x", ""),
        ("/opt/app/x", ""),
        ("/var/www/index.html", ""),
        ("/var/log/app.log", ""),
        ("/run/user/1000/x", ""),
        ("/dev/null", ""),
        ("/dev/zero", ""),
        ("/dev/full", ""),
        ("/dev/tty", ""),
        ("/dev/stdout", ""),
        ("/dev/stderr", ""),
        ("/dev/fd/1", ""),
        ("/dev/pts/0", ""),
        ("/dev/shm/x", ""),
        ("/proc/self/fd/1", ""),
    ];
    for (path, expected) in cases {
        assert_eq!(code(paths.judge_write(Path::new(path))), expected, "{path}");
    }
}

#[test]
fn what_is_guarded_for_reading() {
    let paths = guarded();
    let cases = [
        ("/etc/shadow", "secret_read"),
        ("/etc/gshadow-", "secret_read"),
        ("/home/ada/.ssh/id_ed25519", "secret_read"),
        ("/root/.ssh/work", "secret_read"),
        ("/etc/ssh/ssh_host_ed25519_key", "secret_read"),
        ("/home/ada/.gnupg/private-keys-v1.d/x", "secret_read"),
        ("/home/ada/.aws/credentials", "secret_read"),
        ("/etc/ssl/private/x.pem", "secret_read"),
        ("/etc/letsencrypt/live/x/privkey.pem", "secret_read"),
        ("/run/secrets/x", "secret_read"),
        ("/var/lib/osmoda/ledger.db", "osmoda_itself"),
        ("/proc/1/environ", "secret_read"),
        ("/proc/self/environ", "secret_read"),
        ("/proc/self/mem", "secret_read"),
        ("/proc/kcore", "secret_read"),
        ("/proc/self/root/etc/shadow", "secret_read"),
        ("/proc/1/cwd/x", "secret_read"),
        ("/proc/1/fd/3", "secret_read"),
        ("/dev/mem", "block_device"),
        ("/dev/sda", "block_device"),
        ("/dev/input/event0", "block_device"),
        ("/tmp/../etc/shadow", "secret_read"),
        ("shadow", "unknown_target"),
        ("/etc/passwd", ""),
        ("/etc/ssh/sshd_config", ""),
        ("/etc/ssh/ssh_host_ed25519_key.pub", ""),
        ("/home/ada/.ssh/id_ed25519.pub", ""),
        ("/home/ada/.ssh/config", ""),
        ("/home/ada/.ssh/known_hosts", ""),
        ("/home/ada/.ssh", ""),
        ("/home/ada/notes.txt", ""),
        ("/run/osmoda/agentd.pid", ""),
        ("/etc/osmoda/osmoda.toml", ""),
        ("/proc/cpuinfo", ""),
        ("/proc/1/status", ""),
        ("/sys/class/net/eth0/address", ""),
        ("/dev/urandom", ""),
        ("/dev/stdin", ""),
        ("/boot/grub/grub.cfg", ""),
    ];
    for (path, expected) in cases {
        assert_eq!(code(paths.judge_read(Path::new(path))), expected, "{path}");
    }
}

#[test]
fn what_is_guarded_against_being_removed_as_a_whole() {
    let paths = guarded();
    for path in [
        "/",
        "//",
        "/etc",
        "/usr",
        "/var",
        "/var/lib",
        "/home",
        "/home/ada",
        "/root",
        "/tmp",
        "/srv",
        "/opt",
        "/boot",
        "/var/log",
        "/srv/suite",
        "/usr/share",
        "/mnt/disk",
        "/run",
    ] {
        assert!(paths.judge_remove(Path::new(path)).is_some(), "{path}");
    }
    for path in [
        "/tmp/x",
        "/home/ada/project",
        "/srv/app",
        "/opt/app",
        "/var/www/site",
        "/var/tmp/x",
        "/etc/nginx",
        "/nonexistent",
    ] {
        assert_eq!(paths.judge_remove(Path::new(path)), None, "{path}");
    }
}

#[test]
fn links_lead_where_they_lead() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("/etc", at("etc")).unwrap();
    symlink("/", at("root")).unwrap();
    symlink("etc/shadow", at("shadow")).unwrap();
    symlink("shadow", at("again")).unwrap();
    symlink("/proc/self/root", at("proc")).unwrap();
    symlink("/dev/sda", at("disk")).unwrap();
    symlink("round", at("round")).unwrap();
    symlink("/tmp", at("tmp")).unwrap();
    fs::create_dir(at("real")).unwrap();
    symlink("real", at("alias")).unwrap();
    let paths = guarded();
    for name in
        ["etc/shadow", "root/etc/shadow", "shadow", "again", "proc/etc/shadow", "disk", "round", "etc/../etc/shadow"]
    {
        assert!(paths.judge_write(&at(name)).is_some(), "write {name}");
        assert!(paths.judge_read(&at(name)).is_some(), "read {name}");
    }
    for name in ["root/etc", "root", "etc", "root/home"] {
        assert!(paths.judge_remove(&at(name)).is_some(), "remove {name}");
    }
    for name in ["alias/x", "real/x", "tmp/x", "new/x", "etc/hostname"] {
        assert_eq!(paths.judge_write(&at(name)), None, "write {name}");
    }
    // The suite in a folder that a link leads to.
    let linked = OwnPaths { run: at("alias/run"), state: at("alias/state"), ..OwnPaths::default() };
    let paths = GuardedPaths::new(&GuardConfig::default(), &linked);
    for name in ["alias/state/x", "real/state/x", "real/run/agentd.sock"] {
        assert_eq!(code(paths.judge_write(&at(name))), "osmoda_itself", "{name}");
    }
    assert!(paths.judge_remove(&at("real")).is_some());
}

#[test]
fn the_configuration_adds_and_excepts() {
    let config = GuardConfig {
        guarded_paths: vec!["/srv/crown".into()],
        secret_paths: vec!["/srv/vault".into()],
        writable_paths: vec!["/etc/cron.d".into(), "/var/lib/osmoda".into(), "/etc/shadow".into()],
        ..GuardConfig::default()
    };
    let paths = GuardedPaths::new(&config, &own());
    let write = |path: &str| code(paths.judge_write(Path::new(path)));
    let read = |path: &str| code(paths.judge_read(Path::new(path)));
    assert_eq!((write("/srv/crown/x"), read("/srv/crown/x")), ("guarded_path", ""));
    assert_eq!((write("/srv/vault/x"), read("/srv/vault/x")), ("secret_read", "secret_read"));
    assert_eq!((write("/etc/cron.d/x"), write("/etc/cron.daily/x")), ("", "guarded_path"));
    assert_eq!((write("/var/lib/osmoda/x"), write("/etc/shadow")), ("osmoda_itself", "secret_read"), "never these");
    assert!(serde_json::from_str::<GuardConfig>(r#"{"guarded_path": []}"#).is_err(), "unknown keys are refused");
    assert_eq!(serde_json::from_str::<GuardConfig>("{}").unwrap(), GuardConfig::default());
}
