//! What an app is started with: checked once, then kept in the registry as it is.

use std::{collections::BTreeMap, path::Path};

use osmoda_api::agentd::AppDeployRequest;
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Memory, where nothing else is said.
const DEFAULT_MEMORY: u64 = 512 << 20;
const LEAST_MEMORY: u64 = 4 << 20;
const MOST_MEMORY: u64 = 1 << 40;
/// Hundredths of a processor, where nothing else is said.
const DEFAULT_CPU: u32 = 100;
const MOST_CPU: u32 = 100 * 256;
const MOST_VARIABLES: usize = 128;
const LONGEST_VARIABLES: usize = 64 << 10;

/// When systemd starts it again by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// When it failed.
    #[default]
    OnFailure,
    /// Whenever it ends.
    Always,
}

impl RestartPolicy {
    /// systemd's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::OnFailure => "on-failure",
            Self::Always => "always",
        }
    }
}

/// What an app is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder it starts in; its own where none was named.
    pub working_dir: Option<String>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
    /// Where it will listen.
    pub port: Option<u16>,
    /// The account; one made for it where none was named.
    pub user: Option<String>,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// The most memory, in bytes.
    pub memory_max: u64,
    /// The most of the processors, in hundredths of one.
    pub cpu_percent: u32,
}

impl Spec {
    /// What is asked for, within its bounds.
    pub fn of(request: &AppDeployRequest) -> Result<Self, AppError> {
        let spec = Self {
            command: program(&request.command)?,
            args: request.args.clone(),
            working_dir: request.working_dir.as_deref().map(folder).transpose()?,
            env: request.env.clone(),
            port: request.port,
            user: request.user.as_deref().map(account).transpose()?,
            restart: restart(request.restart_policy.as_deref())?,
            memory_max: request.memory_max.as_deref().map_or(Ok(DEFAULT_MEMORY), memory)?,
            cpu_percent: request.cpu_quota.as_deref().map_or(Ok(DEFAULT_CPU), cpu)?,
        };
        if spec.args.len() > 256 || spec.args.iter().any(|arg| arg.contains('\0') || arg.len() > 32 << 10) {
            return Err(AppError::setting("args", "256 arguments of 32 KiB, without NUL, are the most"));
        }
        variables(&spec.env)?;
        Ok(spec)
    }
}

/// An absolute path as it is written, without NUL and line ends.
fn plain(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 4096
        && !path.contains(|c: char| c.is_control())
        && !path.split('/').any(|part| part == "..")
}

fn program(path: &str) -> Result<String, AppError> {
    use std::os::unix::fs::PermissionsExt;
    let bad = |why: &str| Err(AppError::setting("command", format!("{path:?} {why}")));
    if !plain(path) {
        return bad(
            "is no absolute path of a program; a shell's line needs /bin/sh with the arguments -c and the line",
        );
    }
    match Path::new(path).metadata() {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Ok(path.to_owned()),
        Ok(_) => bad("is no program that may be run"),
        Err(_) => bad("does not exist"),
    }
}

fn folder(path: &str) -> Result<String, AppError> {
    if plain(path) && Path::new(path).is_dir() {
        return Ok(path.to_owned());
    }
    Err(AppError::setting("working_dir", format!("{path:?} is no absolute path of a folder that exists")))
}

fn account(name: &str) -> Result<String, AppError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 32 || name.starts_with('-') || !name.chars().all(fits) {
        return Err(AppError::setting("user", format!("{name:?} is no account's name")));
    }
    // Whoever runs as one of these speaks to the suite in its role.
    if name.starts_with("osmoda") {
        return Err(AppError::setting(
            "user",
            format!("{name} is one of osmoda's own accounts; make another one for the app"),
        ));
    }
    Ok(name.to_owned())
}

fn restart(policy: Option<&str>) -> Result<RestartPolicy, AppError> {
    match policy {
        None | Some("on-failure") => Ok(RestartPolicy::OnFailure),
        Some("no" | "never") => Ok(RestartPolicy::No),
        Some("always") => Ok(RestartPolicy::Always),
        Some(other) => Err(AppError::setting("restart_policy", format!("{other:?} is not no, on-failure or always"))),
    }
}

fn memory(text: &str) -> Result<u64, AppError> {
    let bad =
        || AppError::setting("memory_max", format!("{text:?} is no amount of memory from 4M to 1T, such as 512M"));
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'K')) => (&text[..at], 10),
        Some((at, 'M')) => (&text[..at], 20),
        Some((at, 'G')) => (&text[..at], 30),
        Some((at, 'T')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 =
        if digits.chars().all(|c| c.is_ascii_digit()) { digits.parse().map_err(|_| bad())? } else { return Err(bad()) };
    let bytes = number.checked_mul(1 << shift).ok_or_else(bad)?;
    if (LEAST_MEMORY..=MOST_MEMORY).contains(&bytes) { Ok(bytes) } else { Err(bad()) }
}

fn cpu(text: &str) -> Result<u32, AppError> {
    let bad = || {
        AppError::setting("cpu_quota", format!("{text:?} is no share of the processors from 1% to 25600%, such as 50%"))
    };
    let digits = text.strip_suffix('%').filter(|digits| digits.chars().all(|c| c.is_ascii_digit())).ok_or_else(bad)?;
    let percent: u32 = digits.parse().map_err(|_| bad())?;
    if (1..=MOST_CPU).contains(&percent) { Ok(percent) } else { Err(bad()) }
}

fn variables(all: &BTreeMap<String, String>) -> Result<(), AppError> {
    let bad = |why: String| Err(AppError::setting("env", why));
    let length: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
    if all.len() > MOST_VARIABLES || length > LONGEST_VARIABLES {
        return bad("128 variables with 64 KiB together are the most".to_owned());
    }
    for (name, value) in all {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
            return bad(format!("{name:?} is no variable's name"));
        }
        // systemd takes no control characters but these two.
        if value.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
            return bad(format!("the value of {name} has control characters"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> AppDeployRequest {
        AppDeployRequest { name: "shop".into(), command: "/bin/sh".into(), ..Default::default() }
    }

    #[test]
    fn what_is_left_out_has_a_safe_default() {
        let spec = Spec::of(&request()).unwrap();
        assert_eq!(
            (spec.memory_max, spec.cpu_percent, spec.restart, spec.user),
            (512 << 20, 100, RestartPolicy::OnFailure, None)
        );
        let text = serde_json::to_string(&spec_of(&request())).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec_of(&request()));
    }

    fn spec_of(request: &AppDeployRequest) -> Spec {
        Spec::of(request).unwrap()
    }

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, bytes) in [
            ("4M", 4 << 20),
            ("256M", 256 << 20),
            ("2G", 2 << 30),
            ("8192K", 8 << 20),
            ("1T", 1 << 40),
            ("5000000", 5_000_000),
        ] {
            assert_eq!(memory(text).unwrap(), bytes, "{text}");
        }
        for text in
            ["", "M", "1M", "2T", "1.5G", "-1G", "+5G", "256m", "256MB", "256 M", "infinity", "99999999999999T", "٣M"]
        {
            assert!(memory(text).is_err(), "{text}");
        }
        assert_eq!((cpu("50%").unwrap(), cpu("200%").unwrap()), (50, 200));
        for text in ["", "%", "50", "0%", "-5%", "1.5%", "25601%", "50%%", "+5%"] {
            assert!(cpu(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_run_is_refused_before_anything_is_written() {
        let env = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        for wrong in [
            AppDeployRequest { command: "sh".into(), ..request() },
            AppDeployRequest { command: "/bin/sh -c ls".into(), ..request() },
            AppDeployRequest { command: "/bin/../bin/sh".into(), ..request() },
            AppDeployRequest { command: "/nonexistent".into(), ..request() },
            AppDeployRequest { command: "/etc/passwd".into(), ..request() },
            AppDeployRequest { command: "/etc".into(), ..request() },
            AppDeployRequest { args: vec!["a\0b".into()], ..request() },
            AppDeployRequest { args: vec![String::new(); 257], ..request() },
            AppDeployRequest { working_dir: Some("/nonexistent".into()), ..request() },
            AppDeployRequest { working_dir: Some("etc".into()), ..request() },
            AppDeployRequest { user: Some("osmoda-agent".into()), ..request() },
            AppDeployRequest { user: Some("-x".into()), ..request() },
            AppDeployRequest { user: Some("a b".into()), ..request() },
            AppDeployRequest { restart_policy: Some("sometimes".into()), ..request() },
            AppDeployRequest { env: env("1A", "x"), ..request() },
            AppDeployRequest { env: env("A=B", "x"), ..request() },
            AppDeployRequest { env: env("A", "x\0"), ..request() },
            AppDeployRequest { env: env("A", "x\u{1b}[0m"), ..request() },
        ] {
            assert!(Spec::of(&wrong).is_err(), "{wrong:?}");
        }
        let good = AppDeployRequest {
            user: Some("www-data".into()),
            working_dir: Some("/etc".into()),
            env: env("A_1", "two\nlines"),
            ..request()
        };
        assert!(Spec::of(&good).is_ok());
    }
}
