//! Programs that listen, as apps.

use osmoda_api::agentd::{App, AppSource, Found};

use super::MOST;

/// What a machine has without any app. Web servers are known by their domains.
const SKIPPED: [&str; 6] = ["sshd", "systemd-resolve", "systemd-resolved", "systemd", "nginx", "caddy"];
const FIRST_PORT: u16 = 1025;

/// The apps among what listens at TCP ports above 1024.
pub fn listeners(found: &[Found]) -> Vec<App> {
    let is_app = |found: &&Found| {
        let name = found.name.as_deref().unwrap_or_default();
        found.protocol == "tcp" && found.port >= FIRST_PORT && !SKIPPED.contains(&name) && !name.starts_with("osmoda-")
    };
    found
        .iter()
        .filter(is_app)
        .take(MOST)
        .map(|found| App {
            name: found.name.clone().unwrap_or_else(|| "unknown".into()),
            source: AppSource::Port,
            unit: found.unit.clone(),
            pid: found.pid.and_then(|pid| u32::try_from(pid).ok()),
            port: Some(found.port),
            ..App::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_people_at_high_ports_are_apps() {
        let found = |name: &str, port, protocol: &str| Found {
            name: Some(name.into()),
            pid: Some(7),
            port,
            address: "0.0.0.0".into(),
            protocol: protocol.into(),
            executable: None,
            unit: None,
            detected_as: None,
        };
        let all = [
            found("node", 3000, "tcp"),
            found("sshd", 2222, "tcp"),
            found("node", 80, "tcp"),
            found("dns", 5353, "udp"),
            found("osmoda-egress", 19999, "tcp"),
            found("nginx", 8080, "tcp"),
        ];
        let apps: Vec<_> = listeners(&all).into_iter().map(|app| (app.name, app.port)).collect();
        assert_eq!(apps, [("node".to_owned(), Some(3000))]);
    }
}
