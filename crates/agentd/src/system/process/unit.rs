//! /proc/PID/cgroup: the systemd unit that a process belongs to.

use crate::system::text;

/// What may follow a unit's name where processes run in it.
const KINDS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];
/// systemd's own bound.
const LONGEST_UNIT: usize = 255;

/// The unit of a process whose cgroup file this is: of the unified hierarchy, or of systemd's own in the older layout.
pub(super) fn of(cgroup: &[u8]) -> Option<String> {
    let path_after = |prefix: &[u8]| {
        text::lines(cgroup).find_map(|line| {
            // HIERARCHY:CONTROLLERS:PATH
            let colon = line.iter().position(|byte| *byte == b':')?;
            line[colon..].strip_prefix(prefix)
        })
    };
    [&b"::"[..], b":name=systemd:"].into_iter().filter_map(path_after).find_map(unit_in)
}

/// The system's unit in a path such as `/system.slice/nginx.service/worker`: what follows the slices. For a program of
/// a user's own manager it is that manager, `user@1000.service`.
fn unit_in(path: &[u8]) -> Option<String> {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let folder = path.split(|byte| *byte == b'/').skip(1).find(|folder| !folder.ends_with(b".slice"))?;
    // systemd puts an underscore before a name that the kernel could take for a file of its own.
    let name = folder.strip_prefix(b"_").unwrap_or(folder);
    let is_unit =
        name.len() <= LONGEST_UNIT && KINDS.iter().any(|kind| name.len() > kind.len() && name.ends_with(kind));
    is_unit.then(|| text::lossy(name, LONGEST_UNIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_follows_the_slices() {
        for (cgroup, unit) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service\n", Some("getty@tty1.service")),
            ("0::/system.slice/docker-4f2a.scope\n", Some("docker-4f2a.scope")),
            ("0::/system.slice/osmoda.service/worker/a.service\n", Some("osmoda.service")),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n", Some("user@1000.service")),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", Some("session-3.scope")),
            ("0::/init.scope\n", Some("init.scope")),
            ("0::/system.slice/dev-disk-by\\x2duuid-1.swap\n", Some("dev-disk-by\\x2duuid-1.swap")),
            ("0::/system.slice/_cpu.service\n", Some("cpu.service")),
            ("0::/system.slice/gone.service (deleted)\n", Some("gone.service")),
            ("0::/system.slice/with:colon.service\n", Some("with:colon.service")),
            ("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n", Some("cron.service")),
            ("1:name=systemd:/system.slice/cron.service\n", Some("cron.service")),
            ("8:memory:/system.slice/other.service\n0::/\n", None),
            ("0::/docker/4f2a\n", None),
            ("0::/../../x\n", None),
            ("0::/system.slice\n", None),
            ("0::/.service\n", None),
            ("0::/\n", None),
            ("nonsense\n", None),
            ("", None),
        ] {
            assert_eq!(of(cgroup.as_bytes()).as_deref(), unit, "{cgroup:?}");
        }
    }
}
