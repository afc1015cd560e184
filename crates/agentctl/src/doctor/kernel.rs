//! Whether the kernel has what holds agents within their bounds.

use std::fs;

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, Scope};

use super::{Finding, Patient};

const CHECK: &str = "kernel";
/// Where sandboxes' runner looks for it.
const BWRAP: [&str; 4] = ["/usr/bin/bwrap", "/run/current-system/sw/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(patient.path(path)).ok().map(|text| text.trim().to_owned());
    vec![
        landlock(landlock_version(), read("/sys/kernel/security/lsm").as_deref()),
        user_namespaces(
            read("/proc/sys/user/max_user_namespaces").as_deref(),
            read("/proc/sys/kernel/unprivileged_userns_clone").as_deref(),
            read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref(),
        ),
        control_groups(read("/sys/fs/cgroup/cgroup.controllers").as_deref()),
        bubblewrap(BWRAP.iter().any(|path| patient.path(path).is_file())),
    ]
}

/// The newest version of Landlock's rules that this kernel takes, of those that the sandbox knows. Nothing is restricted.
fn landlock_version() -> Option<u8> {
    let takes = |abi: ABI| -> Result<(), RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(abi))?;
        if abi >= ABI::V4 {
            rules = rules.handle_access(AccessNet::from_all(abi))?;
        }
        if abi >= ABI::V6 {
            rules = rules.scope(Scope::from_all(abi))?;
        }
        rules.create().map(drop)
    };
    let all = [(ABI::V6, 6), (ABI::V5, 5), (ABI::V4, 4), (ABI::V3, 3), (ABI::V2, 2), (ABI::V1, 1)];
    all.into_iter().find(|(abi, _)| takes(*abi).is_ok()).map(|(_, version)| version)
}

/// `modules` are `lockdown,capability,yama,apparmor`, as securityfs lists what is in force.
fn landlock(version: Option<u8>, modules: Option<&str>) -> Finding {
    match (version, modules) {
        (Some(version), _) => Finding::good(CHECK, format!("Landlock is in force (version {version})")),
        (None, Some(list)) => Finding::care(
            CHECK,
            "Landlock is not in force: nothing runs in a sandbox",
            format!("boot with lsm=landlock,{list} (kernel 5.13 or newer)"),
        ),
        (None, None) => Finding::care(
            CHECK,
            "Landlock is not in force: nothing runs in a sandbox",
            "a kernel 5.13 or newer with CONFIG_SECURITY_LANDLOCK=y, booted with landlock in its list lsm=",
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
    fn landlock_is_in_force_where_the_kernel_takes_its_rules() {
        for (version, modules, found) in [
            (Some(6), None, "version 6"),
            (Some(1), Some("capability"), "version 1"),
            (None, Some("capability,yama"), "not in force"),
            (None, None, "not in force"),
        ] {
            let finding = landlock(version, modules);
            assert_eq!(finding.standing == Standing::Good, version.is_some(), "{finding:?}");
            assert!(finding.found.contains(found), "{finding:?}");
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
