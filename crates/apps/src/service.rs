//! An app as a systemd service: what it may use, and the hardening that every app has.

use osmoda_systemd::Setting;

use crate::{AppName, Spec};

/// Where the system's own ports end: below, a program needs a capability to listen.
const FIRST_FREE_PORT: u16 = 1024;
/// CAP_NET_BIND_SERVICE, capabilities(7).
const BIND_SERVICE: u64 = 1 << 10;
/// Processes and threads of one app.
const MOST_TASKS: u64 = 512;
/// Starts within a minute, after which systemd gives up.
const MOST_STARTS: u32 = 5;

impl Spec {
    /// The settings of its unit, for StartTransientUnit. `run` is the folder of osmoda's sockets.
    pub fn service(&self, name: &AppName, run: &str) -> Vec<(&'static str, Setting)> {
        let mut unit = vec![
            ("Description", text(&format!("osmoda app {name}"))),
            ("Type", text("exec")),
            ("ExecStart", Setting::Command { path: self.command.clone(), argv: self.argv() }),
            ("Environment", Setting::Texts(self.environment())),
            ("Restart", text(self.restart.as_str())),
            ("RestartUSec", Setting::Number(1_000_000)),
            ("StartLimitIntervalUSec", Setting::Number(60_000_000)),
            ("StartLimitBurst", Setting::Small(MOST_STARTS)),
            ("TimeoutStopUSec", Setting::Number(20_000_000)),
            ("SyslogIdentifier", text(name.as_str())),
            ("MemoryMax", Setting::Number(self.memory_max)),
            ("CPUQuotaPerSecUSec", Setting::Number(u64::from(self.cpu_percent) * 10_000)),
            ("TasksMax", Setting::Number(MOST_TASKS)),
            ("StateDirectory", Setting::Texts(vec![name.folder()])),
            ("StateDirectoryMode", Setting::Small(0o700)),
            ("WorkingDirectory", Setting::Text(self.starts_in(name))),
        ];
        match &self.user {
            Some(user) => unit.push(("User", text(user))),
            None => unit.push(("DynamicUser", Setting::Flag(true))),
        }
        unit.extend(self.hardening(run));
        unit
    }

    fn argv(&self) -> Vec<String> {
        std::iter::once(&self.command).chain(&self.args).cloned().collect()
    }

    fn environment(&self) -> Vec<String> {
        let port = self.port.filter(|_| !self.env.contains_key("PORT")).map(|port| format!("PORT={port}"));
        self.env.iter().map(|(name, value)| format!("{name}={value}")).chain(port).collect()
    }

    fn starts_in(&self, name: &AppName) -> String {
        self.working_dir.clone().unwrap_or_else(|| format!("/var/lib/{}", name.folder()))
    }

    fn hardening(&self, run: &str) -> Vec<(&'static str, Setting)> {
        let flags = [
            "NoNewPrivileges",
            "PrivateTmp",
            "PrivateDevices",
            "ProtectKernelTunables",
            "ProtectKernelModules",
            "ProtectKernelLogs",
            "ProtectControlGroups",
            "ProtectClock",
            "ProtectHostname",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "LockPersonality",
            "RemoveIPC",
        ];
        let binds = self.port.is_some_and(|port| port < FIRST_FREE_PORT);
        let capabilities = if binds { BIND_SERVICE } else { 0 };
        let mut unit: Vec<_> = flags.into_iter().map(|name| (name, Setting::Flag(true))).collect();
        unit.extend([
            ("ProtectSystem", text("strict")),
            ("ProtectHome", text(if self.needs_home() { "read-only" } else { "yes" })),
            ("ProtectProc", text("invisible")),
            ("UMask", Setting::Small(0o077)),
            ("CapabilityBoundingSet", Setting::Number(capabilities)),
            ("AmbientCapabilities", Setting::Number(capabilities)),
            // No kind of namespace may be made.
            ("RestrictNamespaces", Setting::Number(0)),
            ("RestrictAddressFamilies", allowed(&["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"])),
            ("SystemCallArchitectures", Setting::Texts(vec!["native".to_owned()])),
            ("SystemCallFilter", allowed(&["@system-service"])),
            ("KeyringMode", text("private")),
            // An account of the machine's may be a member of the suite's groups; the app is not the suite's.
            ("InaccessiblePaths", Setting::Texts(vec![format!("-{run}"), "-/var/lib/osmoda".to_owned()])),
        ]);
        // A folder that was named is the app's to write, as far as its account may.
        unit.extend(
            self.working_dir.iter().map(|folder| ("ReadWritePaths", Setting::Texts(vec![format!("-{folder}")]))),
        );
        unit
    }

    /// Whether what it is lies where people live.
    fn needs_home(&self) -> bool {
        let lived_in = |path: &str| ["/home/", "/root/", "/run/user/"].iter().any(|home| path.starts_with(home));
        lived_in(&self.command) || self.working_dir.as_deref().is_some_and(|folder| lived_in(&format!("{folder}/")))
    }
}

fn text(text: &str) -> Setting {
    Setting::Text(text.to_owned())
}

fn allowed(names: &[&str]) -> Setting {
    Setting::Allowed(names.iter().map(|name| (*name).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::AppDeployRequest;

    use super::*;

    fn settings(request: AppDeployRequest) -> Vec<(&'static str, Setting)> {
        let name = AppName::parse("shop").unwrap();
        Spec::of(&AppDeployRequest { command: "/bin/sh".into(), ..request }).unwrap().service(&name, "/run/osmoda")
    }

    fn get<'a>(settings: &'a [(&'static str, Setting)], name: &str) -> Option<&'a Setting> {
        settings.iter().find(|(known, _)| *known == name).map(|(_, setting)| setting)
    }

    #[test]
    fn an_app_has_its_own_account_and_is_hardened_unless_it_says_otherwise() {
        let plain = settings(AppDeployRequest::default());
        for (name, expected) in [
            ("DynamicUser", Setting::Flag(true)),
            ("NoNewPrivileges", Setting::Flag(true)),
            ("ProtectSystem", text("strict")),
            ("ProtectHome", text("yes")),
            ("CapabilityBoundingSet", Setting::Number(0)),
            ("MemoryMax", Setting::Number(512 << 20)),
            ("CPUQuotaPerSecUSec", Setting::Number(1_000_000)),
            ("WorkingDirectory", text("/var/lib/osmoda-app-shop")),
            ("Restart", text("on-failure")),
        ] {
            assert_eq!(get(&plain, name), Some(&expected), "{name}");
        }
        assert_eq!(get(&plain, "User"), None);
        let named = settings(AppDeployRequest {
            user: Some("www-data".into()),
            port: Some(80),
            working_dir: Some("/etc".into()),
            ..Default::default()
        });
        assert_eq!((get(&named, "User"), get(&named, "DynamicUser")), (Some(&text("www-data")), None));
        assert_eq!(get(&named, "AmbientCapabilities"), Some(&Setting::Number(1 << 10)));
        assert_eq!(get(&named, "ReadWritePaths"), Some(&Setting::Texts(vec!["-/etc".into()])));
        assert_eq!(get(&named, "Environment"), Some(&Setting::Texts(vec!["PORT=80".into()])));
    }
}
