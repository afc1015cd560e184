//! From a call to the runner's plan: its tokens are verified, and become what the sandbox is given.

use std::path::Path;

use osmoda_api::agentd::{LONGEST_SANDBOX_SECS, SandboxRequest};
use osmoda_capability::{Claims, Permission, Permissions, Verifier};
use osmoda_sandbox::{Access, Grant, Limits, Plan, Ring};

use super::SandboxError;
use crate::config::SandboxConfig;

/// Seconds, where nobody says how long.
const DEFAULT_SECS: u64 = 30;

/// What is to run, and under what.
#[derive(Debug)]
pub(crate) struct Sandboxed {
    pub(crate) plan: Plan,
    pub(crate) ring: u8,
    /// What its tokens say. It ends when one of them falls.
    pub(crate) claims: Vec<Claims>,
    /// The token that opens hosts, and what it opens.
    pub(crate) way_out: Option<(String, Permissions)>,
}

/// What a call is given. `id` is its act.
pub(crate) fn plan(
    request: SandboxRequest,
    config: &SandboxConfig,
    verifier: &Verifier,
    now: u64,
    id: &str,
) -> Result<Sandboxed, SandboxError> {
    let (ring, number) = match request.ring {
        None | Some(2) => (Ring::Untrusted, 2),
        Some(1) => (Ring::Declared, 1),
        Some(_) => return Err(SandboxError::BadRing),
    };
    if ring == Ring::Untrusted && !request.capabilities.is_empty() {
        return Err(SandboxError::Ring2);
    }
    let seconds = request.timeout_secs.unwrap_or(DEFAULT_SECS);
    if !(1..=LONGEST_SANDBOX_SECS).contains(&seconds) {
        return Err(SandboxError::BadTimeout(LONGEST_SANDBOX_SECS));
    }
    let (mut claims, mut grants, mut way_out) = (Vec::new(), Vec::new(), None);
    for token in &request.capabilities {
        let said = verifier.verify(&token.0, now).map_err(SandboxError::Token)?;
        grants.extend(said.permissions.iter().filter_map(grant));
        if said.permissions.has_net() {
            let hosts = said.permissions.iter().filter(|permission| matches!(permission, Permission::Net { .. }));
            if way_out.replace((token.0.clone(), hosts.cloned().collect())).is_some() {
                return Err(SandboxError::TwoWays);
            }
        }
        claims.push(said);
    }
    let plan = Plan {
        id: id.to_owned(),
        command: request.command,
        ring,
        grants,
        network: None,
        limits: limits(config, seconds),
    };
    Ok(Sandboxed { plan, ring: number, claims, way_out })
}

fn grant(permission: &Permission) -> Option<Grant> {
    let (path, access) = match permission {
        Permission::FsRead(path) => (path, Access::Read),
        Permission::FsWrite(path) => (path, Access::Write),
        Permission::Exec(path) => (path, Access::Exec),
        Permission::Net { .. } => return None,
    };
    Some(Grant { path: Path::new(&**path).to_owned(), access })
}

fn limits(config: &SandboxConfig, seconds: u64) -> Limits {
    let mib = |number: u32| u64::from(number) << 20;
    Limits {
        wall_ms: seconds * 1000,
        cpu_ms: seconds.min(config.cpu_secs.into()).saturating_mul(1000),
        memory: mib(config.memory_mib),
        processes: config.processes.into(),
        file: mib(config.file_mib),
        space: mib(config.space_mib),
        output: u64::from(config.output_kib) << 10,
    }
}

#[cfg(test)]
mod tests {
    use osmoda_api::agentd::TokenText;
    use osmoda_capability::{NewClaims, Revocations, SigningKey, TokenId, sign};

    use super::*;

    fn token(key: &SigningKey, permissions: &[&str]) -> TokenText {
        let asked = NewClaims {
            holder: "test".into(),
            permissions: Permissions::parse(permissions).unwrap(),
            limits: osmoda_capability::Limits::default(),
            expires: 1000,
        };
        TokenText(sign(key, &Claims::new(TokenId::generate(), asked, 1).unwrap()).unwrap().to_string())
    }

    #[test]
    fn tokens_become_what_a_sandbox_is_given_and_nothing_else_does() {
        let key = SigningKey::generate().unwrap();
        let verifier = Verifier::new(key.public(), Revocations::default());
        let request =
            |ring, capabilities| SandboxRequest { command: "x".into(), ring, capabilities, timeout_secs: None };
        let try_one = |request| plan(request, &SandboxConfig::default(), &verifier, 10, "req_1");
        let plain = try_one(request(None, vec![])).unwrap();
        assert_eq!((plain.ring, plain.plan.ring, plain.plan.grants.len()), (2, Ring::Untrusted, 0));
        let files = token(&key, &["fs.read:/srv/a", "fs.write:/srv/b", "exec:/opt/c"]);
        let hosts = token(&key, &["net:example.org", "fs.read:/srv/d"]);
        let given = try_one(request(Some(1), vec![files.clone(), hosts.clone()])).unwrap();
        let grants: Vec<_> =
            given.plan.grants.iter().map(|grant| (grant.path.to_str().unwrap(), grant.access)).collect();
        assert_eq!(
            grants,
            [("/srv/a", Access::Read), ("/srv/b", Access::Write), ("/opt/c", Access::Exec), ("/srv/d", Access::Read)]
        );
        assert_eq!(given.way_out.unwrap().1.texts(), ["net:example.org"]);
        assert_eq!(given.claims.len(), 2);
        let foreign = token(&SigningKey::generate().unwrap(), &["fs.read:/srv/a"]);
        for (wrong, code) in [
            (request(Some(3), vec![]), "invalid_request"),
            (request(Some(0), vec![]), "invalid_request"),
            (request(None, vec![files.clone()]), "invalid_request"),
            (request(Some(2), vec![files]), "invalid_request"),
            (request(Some(1), vec![hosts.clone(), hosts.clone()]), "invalid_request"),
            (request(Some(1), vec![foreign]), "token_foreign"),
            (request(Some(1), vec![TokenText("fs.read:/etc".into())]), "token_malformed"),
            (SandboxRequest { timeout_secs: Some(0), ..request(None, vec![]) }, "invalid_request"),
            (SandboxRequest { timeout_secs: Some(301), ..request(None, vec![]) }, "invalid_request"),
        ] {
            assert_eq!(osmoda_ipc::Fault::from(try_one(wrong).unwrap_err()).code(), code);
        }
        let late = plan(request(Some(1), vec![hosts]), &SandboxConfig::default(), &verifier, 1000, "req_1");
        assert_eq!(osmoda_ipc::Fault::from(late.unwrap_err()).code(), "token_expired");
    }
}
