//! Whether the kernel has what holds agents within their bounds.

use std::fs;

use super::{Finding, Patient};

const CHECK: &str = "kernel";
/// Where sandboxes' runner looks for it.
const BWRAP: [&str; 4] = ["/usr/bin/bwrap", "/run/current-system/sw/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(patient.path(path)).ok().map(|text| text.trim().to_owned());
    vec![
        landlock(read("/sys/kernel/security/lsm").as_deref()),
        user_namespaces(
            read("/proc/sys/user/max_user_namespaces").as_deref(),
            read("/proc/sys/kernel/unprivileged_userns_clone").as_deref(),
            read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref(),
        ),
        control_groups(read("/sys/fs/cgroup/cgroup.controllers").as_deref()),
        bubblewrap(BWRAP.iter().any(|path| patient.path(path).is_file())),
    ]
}

/// `lockdown,capability,landlock,yama,apparmor`, as securityfs lists what is in force.
fn landlock(modules: Option<&str>) -> Finding {
    match modules {
        Some(list) if list.split(',').any(|module| module == "landlock") => {
            Finding::good(CHECK, "Landlock is in force")
        }
        Some(list) => Finding::care(
            CHECK,
            "Landlock is not in force: nothing runs in a sandbox",
            format!("boot with lsm=landlock,{list} (kernel 5.13 or newer)"),
        ),
        None => Finding::care(
            CHECK,
            "whether Landlock is in force can't be told",
            "mount -t securityfs securityfs /sys/kernel/security",
        ),
    }
}

fn bubblewrap(is_there: bool) -> Finding {
    if is_there {
        return Finding::good(CHECK, "bubblewrap is there");
    }
    Finding::care(CHECK, "bubblewrap is missing: nothing runs in a sandbox", "apt-get install bubblewrap")
}

fn user_namespaces(most: Option<&str>, debian: Option<&str>, apparmor: Option<&str>) -> Finding {
    let (found, advice) = match (most, debian, apparmor) {
        (None, ..) => ("this kernel has no user namespaces", "a kernel with CONFIG_USER_NS=y"),
        (Some("0"), ..) => ("user namespaces are switched off", "sysctl -w user.max_user_namespaces=15000"),
        (_, Some("0"), _) => {
            ("user namespaces are root's alone", "sysctl -w kernel.unprivileged_userns_clone=1, and in /etc/sysctl.d")
        }
        (_, _, Some("1")) => (
            "AppArmor keeps user namespaces from programs without a profile",
            "a profile with `userns,` for bwrap, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        _ => return Finding::good(CHECK, "user namespaces can be made without root"),
    };
    Finding::care(CHECK, found, advice)
}

fn control_groups(controllers: Option<&str>) -> Finding {
    let Some(list) = controllers else {
        let advice = "boot with systemd.unified_cgroup_hierarchy=1";
        return Finding::care(CHECK, "there are no control groups of version 2: nothing has a limit", advice);
    };
    let missing: Vec<&str> =
        ["cpu", "memory", "pids"].into_iter().filter(|name| !list.split(' ').any(|given| given == *name)).collect();
    if missing.is_empty() {
        return Finding::good(CHECK, "control groups of version 2 limit cpu, memory and pids");
    }
    let found = format!("control groups of version 2 have no {}", missing.join(", "));
    Finding::care(
        CHECK,
        found,
        "see /proc/cgroups; on some machines: cgroup_enable=memory on the kernel's command line",
    )
}

#[cfg(test)]
mod tests {
    use super::{super::Standing, *};

    #[test]
    fn landlock_is_found_as_a_whole_word() {
        let table = [
            (Some("lockdown,capability,landlock,yama"), Standing::Good),
            (Some("landlock"), Standing::Good),
            (Some("capability,notlandlock"), Standing::Care),
            (Some(""), Standing::Care),
            (None, Standing::Care),
        ];
        for (modules, standing) in table {
            assert_eq!(landlock(modules).standing, standing, "{modules:?}");
        }
    }

    #[test]
    fn user_namespaces_have_four_switches() {
        let table = [
            (Some("100"), None, None, ""),
            (Some("100"), Some("1"), Some("0"), ""),
            (None, None, None, "no user namespaces"),
            (Some("0"), Some("1"), None, "switched off"),
            (Some("100"), Some("0"), None, "root's alone"),
            (Some("100"), None, Some("1"), "AppArmor"),
        ];
        for (most, debian, apparmor, found) in table {
            let finding = user_namespaces(most, debian, apparmor);
            assert_eq!(finding.standing == Standing::Good, found.is_empty(), "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
        }
    }

    #[test]
    fn each_missing_controller_is_named() {
        assert_eq!(control_groups(Some("cpuset cpu io memory pids")).standing, Standing::Good);
        assert!(control_groups(Some("cpuset io")).found.ends_with("no cpu, memory, pids"));
        assert_eq!(control_groups(None).standing, Standing::Care);
    }
}
