//! Containers, out of what Docker's API answers; Podman's is the same.

use osmoda_api::agentd::{App, AppSource};
use serde::Deserialize;

use super::MOST;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    ports: Option<Vec<Port>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    public_port: Option<u16>,
}

/// The containers of an answer to `GET /containers/json`, of `runtime`.
pub fn containers(answer: &[u8], runtime: &str) -> Option<Vec<App>> {
    let all: Vec<Container> = serde_json::from_slice(answer).ok()?;
    let app = |container: Container| App {
        name: container.names.first().map_or_else(|| "unnamed".into(), |name| name.trim_start_matches('/').to_owned()),
        source: AppSource::Container,
        active: Some(container.state),
        port: container.ports.unwrap_or_default().into_iter().find_map(|port| port.public_port),
        detail: Some(format!("{} ({runtime})", container.image)),
        ..App::default()
    };
    Some(all.into_iter().take(MOST).map(app).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_read_with_their_ports() {
        let answer = br#"[{"Id":"x","Names":["/db"],"Image":"postgres:16","State":"running","Status":"Up 2 hours",
            "Ports":[{"PrivatePort":5432,"Type":"tcp"},{"PrivatePort":5432,"PublicPort":15432,"Type":"tcp"}]},{"Names":["old"],"Ports":null}]"#;
        let found = containers(answer, "docker").unwrap();
        let db = &found[0];
        assert_eq!(
            (db.name.as_str(), db.active.as_deref(), db.port, db.detail.as_deref()),
            ("db", Some("running"), Some(15432), Some("postgres:16 (docker)"))
        );
        assert_eq!((found[1].name.as_str(), found[1].port), ("old", None));
        assert!(containers(b"page not found", "docker").is_none());
    }
}
