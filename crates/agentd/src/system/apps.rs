//! Which of the eight kinds of app a process is, by the names that it goes by.

use osmoda_api::agentd::AppKind;

/// Names of programs as they are run. A name also stands for itself with a version behind it (`postgres16`,
/// `php-fpm8.2`). The kinds are tried in this order, so that what a program does beats the language that it runs in.
const NAMES: [(AppKind, &[&str]); 7] = [
    (
        AppKind::WebServer,
        &[
            "angie",
            "apache",
            "apache2",
            "caddy",
            "envoy",
            "h2o",
            "haproxy",
            "httpd",
            "lighttpd",
            "nginx",
            "openresty",
            "pingora",
            "squid",
            "static-web-server",
            "thttpd",
            "traefik",
            "varnishd",
        ],
    ),
    (
        AppKind::Database,
        &[
            "arangod",
            "clickhouse",
            "clickhouse-server",
            "cockroach",
            "couchdb",
            "elasticsearch",
            "etcd",
            "influxd",
            "mariadbd",
            "meilisearch",
            "mongod",
            "mongos",
            "mysqld",
            "neo4j",
            "opensearch",
            "pgbouncer",
            "postgres",
            "postgresql",
            "postmaster",
            "qdrant",
            "questdb",
            "rethinkdb",
            "scylla",
            "surreal",
            "typesense-server",
            "weaviate",
            "cassandra",
        ],
    ),
    (
        AppKind::Cache,
        &[
            "dragonfly",
            "keydb-server",
            "memcached",
            "redict-server",
            "redis",
            "redis-sentinel",
            "redis-server",
            "valkey",
            "valkey-server",
        ],
    ),
    (
        AppKind::MessageQueue,
        &[
            "activemq",
            "artemis",
            "beanstalkd",
            "emqx",
            "gnatsd",
            "kafka",
            "mosquitto",
            "nats-server",
            "nsqd",
            "nsqlookupd",
            "pulsar",
            "rabbitmq",
            "rabbitmq-server",
            "redpanda",
            "vernemq",
            "zookeeper",
        ],
    ),
    (
        AppKind::RemoteAccess,
        &[
            "charon",
            "cloudflared",
            "dropbear",
            "frps",
            "guacd",
            "headscale",
            "ngrok",
            "openvpn",
            "sshd",
            "sshd-session",
            "tailscaled",
            "teleport",
            "ttyd",
            "vncserver",
            "wg-quick",
            "wireguard",
            "wireguard-go",
            "x11vnc",
            "xrdp",
            "zerotier-one",
        ],
    ),
    (
        AppKind::Monitoring,
        &[
            "alertmanager",
            "alloy",
            "blackbox_exporter",
            "cadvisor",
            "collectd",
            "fluent-bit",
            "grafana",
            "grafana-server",
            "jaeger",
            "loki",
            "mimir",
            "monit",
            "munin-node",
            "netdata",
            "node_exporter",
            "nrpe",
            "otelcol",
            "otelcol-contrib",
            "postgres_exporter",
            "prometheus",
            "prometheus-node-exporter",
            "promtail",
            "snmpd",
            "telegraf",
            "tempo",
            "uptime-kuma",
            "vector",
            "victoria-metrics",
            "zabbix_agentd",
            "zabbix_agent2",
            "zabbix_server",
        ],
    ),
    (
        AppKind::AppServer,
        &[
            "beam.smp",
            "bun",
            "deno",
            "dotnet",
            "frankenphp",
            "gunicorn",
            "hypercorn",
            "java",
            "julia",
            "node",
            "nodejs",
            "perl",
            "php",
            "php-fpm",
            "puma",
            "pypy",
            "python",
            "ruby",
            "tomcat",
            "unicorn",
            "uvicorn",
            "uwsgi",
        ],
    ),
];

/// What the programs of this suite are called, after `osmoda-`.
const OSMODA: [&str; 10] =
    ["agentctl", "agentd", "keyd", "watch", "routines", "voice", "mesh", "mcpd", "teachd", "egress"];
/// Those of them that nobody else's program is called.
const OSMODA_ALONE: [&str; 5] = ["osmoda", "agentctl", "agentd", "mcpd", "teachd"];

/// The kind of app that goes by these names: its executable's path, its process's name, its systemd unit.
pub(super) fn detect(executable: Option<&str>, name: Option<&str>, unit: Option<&str>) -> Option<AppKind> {
    let names: Vec<String> = [
        executable.map(|path| path.rsplit('/').next().unwrap_or(path)),
        name,
        unit.and_then(|unit| unit.strip_suffix(".service")).map(|unit| unit.split('@').next().unwrap_or(unit)),
    ]
    .into_iter()
    .flatten()
    .map(plain)
    .collect();
    if names.iter().any(|name| is_osmoda(name)) {
        return Some(AppKind::Osmoda);
    }
    NAMES.iter().find(|(_, known)| names.iter().any(|name| is_one_of(name, known))).map(|(kind, _)| *kind)
}

/// Without what a wrapper of Nix adds (`.nginx-wrapped`) and what a title adds (`nginx: worker`).
fn plain(name: &str) -> String {
    let name = name.split([':', ' ']).next().unwrap_or(name).to_ascii_lowercase();
    let Some(wrapped) = name.strip_prefix('.') else { return name };
    // The kernel cuts a process's name after 15 bytes, so that only a part of the suffix may be left.
    let bare = wrapped.rsplit_once('-').filter(|(_, suffix)| "wrapped".starts_with(suffix)).map(|(bare, _)| bare);
    bare.unwrap_or(wrapped).to_owned()
}

fn is_osmoda(name: &str) -> bool {
    OSMODA_ALONE.contains(&name) || name.strip_prefix("osmoda-").is_some_and(|program| OSMODA.contains(&program))
}

/// Whether `name` is one of `known`, perhaps with a version behind it.
fn is_one_of(name: &str, known: &[&str]) -> bool {
    let bare = name.trim_end_matches(|end: char| end.is_ascii_digit() || end == '.' || end == '-');
    known.contains(&name) || (!bare.is_empty() && known.contains(&bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_names() {
        for (executable, name, unit, kind) in [
            ("/usr/sbin/nginx", "nginx", "nginx.service", Some(AppKind::WebServer)),
            (
                "/nix/store/abc-caddy-2.8/bin/.caddy-wrapped",
                ".caddy-wrapped",
                "caddy.service",
                Some(AppKind::WebServer),
            ),
            ("/usr/lib/postgresql/16/bin/postgres", "postgres", "postgresql@16-main.service", Some(AppKind::Database)),
            ("/usr/sbin/mysqld", "mysqld", "", Some(AppKind::Database)),
            ("/usr/bin/redis-check-rdb", "redis-server", "", Some(AppKind::Cache)),
            ("/usr/bin/valkey-server", "valkey-server", "", Some(AppKind::Cache)),
            ("/usr/lib/erlang/bin/beam.smp", "beam.smp", "rabbitmq-server.service", Some(AppKind::MessageQueue)),
            ("/usr/lib/jvm/bin/java", "java", "kafka.service", Some(AppKind::MessageQueue)),
            ("/usr/bin/java", "java", "shop.service", Some(AppKind::AppServer)),
            ("/usr/bin/python3.11", "python3", "", Some(AppKind::AppServer)),
            ("/usr/sbin/php-fpm8.2", "php-fpm8.2", "php8.2-fpm.service", Some(AppKind::AppServer)),
            ("/usr/bin/node", "MainThread", "", Some(AppKind::AppServer)),
            ("/usr/sbin/sshd", "sshd", "ssh.service", Some(AppKind::RemoteAccess)),
            ("/nix/store/abc/bin/.tailscaled-wrapped", ".tailscaled-wra", "", Some(AppKind::RemoteAccess)),
            ("", ".tailscaled-wra", "", Some(AppKind::RemoteAccess)),
            ("/usr/bin/prometheus-node-exporter", "prometheus-node", "", Some(AppKind::Monitoring)),
            ("/usr/share/grafana/bin/grafana", "grafana", "grafana-server.service", Some(AppKind::Monitoring)),
            ("/usr/bin/osmoda-agentd", "osmoda-agentd", "", Some(AppKind::Osmoda)),
            ("/usr/bin/node", "node", "osmoda-mesh.service", Some(AppKind::Osmoda)),
            ("/opt/osmoda/bin/mcpd", "mcpd", "", Some(AppKind::Osmoda)),
            ("/opt/shop/bin/shop", "shop", "shop.service", None),
            ("/usr/bin/watch", "watch", "", None),
            ("/usr/bin/nginx-exporter-of-mine", "nginx-exporter-", "", None),
            ("", "", "", None),
            ("/", "...", ".service", None),
        ] {
            let given = |text: &'static str| (!text.is_empty()).then_some(text);
            assert_eq!(detect(given(executable), given(name), given(unit)), kind, "{executable} {name} {unit}");
        }
    }
}
