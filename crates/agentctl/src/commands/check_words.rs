//! Health checks as people write them in a command line: `unit:nginx`, `tcp:8080`, `https://host/health` ...

use osmoda_api::watch::{Check, CheckKind, MetricName};

use crate::failure::Failure;

/// The check of a word; JSON is taken as it is.
pub(crate) fn check(text: &str) -> Result<Check, Failure> {
    let usage = |why: &str| Failure::Usage(format!("{text:?} is no check: {why}"));
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| usage(&error.to_string()));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Check { kind: CheckKind::HttpGet, url: Some(text.to_owned()), ..Check::default() });
    }
    let (word, rest) = text.split_once(':').ok_or_else(|| usage("it is a kind, a colon and what is checked"))?;
    let owned = Some(rest.to_owned());
    Ok(match word {
        "unit" => Check { kind: CheckKind::SystemdUnit, unit: owned, ..Check::default() },
        "journal" => Check { kind: CheckKind::Journal, unit: owned, ..Check::default() },
        "process" => Check { kind: CheckKind::Process, pid_file: owned, ..Check::default() },
        "tcp" => {
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) => (Some(host.to_owned()), port),
                None => (None, rest),
            };
            let port = port.parse().map_err(|_| usage("a port is 1 to 65535"))?;
            Check { kind: CheckKind::TcpPort, host, port: Some(port), ..Check::default() }
        }
        "command" => {
            let argv = rest.split_whitespace().map(str::to_owned).collect();
            Check { kind: CheckKind::Command, argv: Some(argv), ..Check::default() }
        }
        "cpu" | "memory" | "disk" => {
            let metric = match word {
                "cpu" => MetricName::CpuPercent,
                "memory" => MetricName::MemoryPercent,
                _ => MetricName::DiskPercent,
            };
            let below = rest.parse().map_err(|_| usage("a bound is a number of percent"))?;
            Check { kind: CheckKind::Metric, metric: Some(metric), below: Some(below), ..Check::default() }
        }
        _ => return Err(usage("there are unit, tcp, http, https, journal, process, command, cpu, memory and disk")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_check_and_nonsense_is_none() {
        for (text, kind) in [
            ("unit:nginx", CheckKind::SystemdUnit),
            ("tcp:8080", CheckKind::TcpPort),
            ("tcp:10.0.0.1:8080", CheckKind::TcpPort),
            ("https://a.example/x", CheckKind::HttpGet),
            ("journal:nginx", CheckKind::Journal),
            ("process:/run/x.pid", CheckKind::Process),
            ("command:/usr/bin/true -v", CheckKind::Command),
            ("disk:90", CheckKind::Metric),
            (r#"{"type":"tcp_port","port":1}"#, CheckKind::TcpPort),
        ] {
            assert_eq!(check(text).map_err(|_| ()).unwrap().kind, kind, "{text}");
        }
        let two = check("tcp:[::1]:8080").map_err(|_| ()).unwrap();
        assert_eq!((two.host.as_deref(), two.port), (Some("[::1]"), Some(8080)));
        for text in ["nginx", "tcp:x", "cpu:much", "port:80", "{"] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
