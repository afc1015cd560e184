//! Spec-driven projects: the specify CLI makes them, an agent CLI works on them, both as the agents' account and below
//! one folder.

mod child;
mod error;
mod phases;
mod project;

use std::{path::Path, time::Duration};

use osmoda_api::agentd::{Integration, SpecKitInitRequest, SpecKitProject, SpecKitRan, SpecKitRunRequest};
use osmoda_ipc::Call;

use self::child::{Account, Program};
pub(crate) use self::error::SpecKitError;
use crate::{config::SpecKitConfig, shell::Ends};

/// How long the specify CLI may take.
const INIT_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a phase may take where nobody says.
const DEFAULT_PHASE_SECS: u64 = 600;
const PHASE_SECS: std::ops::RangeInclusive<u64> = 60..=osmoda_api::agentd::LONGEST_PHASE_SECS;
/// Where a project keeps its principles.
const CONSTITUTION: &str = ".specify/memory/constitution.md";

/// Makes a project.
pub(crate) async fn init(
    config: &SpecKitConfig,
    request: SpecKitInitRequest,
    call: &Call,
    ends: Ends,
) -> Result<SpecKitProject, SpecKitError> {
    let name = project::name(&request.project_name)?;
    let integration = request.integration.unwrap_or_default();
    let account = Account::of(&config.account)?;
    // Before the workspace: who is refused for want of a program finds nothing made.
    account.find(config.specify.first().map_or("specify", String::as_str))?;
    let workspace = project::workspace(config, &account)?;
    let folder = workspace.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(SpecKitError::Exists(folder));
    }
    let mut argv = config.specify.clone();
    argv.extend(
        ["init", name, "--integration", phases::key(integration), "--script", "sh", "--ignore-agent-tools"]
            .map(str::to_owned),
    );
    if integration == Integration::Generic {
        argv.push("--integration-options=--commands-dir .agent/commands".to_owned());
    }
    let specify = Program { argv, account: &account, cwd: &workspace, timeout: INIT_TIMEOUT, input: None };
    let ran = specify.run(call, ends.clone()).await?;
    if ran.code != 0 || !folder.is_dir() {
        return Err(SpecKitError::Specify { code: ran.code, said: ran.end(2000) });
    }
    if let Some(seed) = request.constitution_seed {
        // As the account, so that a link in its folder leads nowhere that it may not write itself.
        let argv = vec!["tee".to_owned(), CONSTITUTION.to_owned()];
        let text = format!("# {name} Constitution\n\n{}\n", seed.trim_end());
        let tee =
            Program { argv, account: &account, cwd: &folder, timeout: Duration::from_secs(30), input: Some(text) };
        let ran = tee.run(call, ends).await?;
        if ran.code != 0 {
            return Err(SpecKitError::Specify { code: ran.code, said: ran.end(2000) });
        }
    }
    let skills = phases::skills(&folder);
    Ok(SpecKitProject {
        next_action: format!(
            "spec_kit_run with project_path {} and command {}",
            folder.display(),
            phases::first(&skills)
        ),
        project_path: folder.display().to_string(),
        integration,
        skills,
    })
}

/// Runs a phase.
pub(crate) async fn run(
    config: &SpecKitConfig,
    request: SpecKitRunRequest,
    call: &Call,
    ends: Ends,
) -> Result<SpecKitRan, SpecKitError> {
    let seconds = request.timeout_seconds.unwrap_or(DEFAULT_PHASE_SECS);
    if !PHASE_SECS.contains(&seconds) {
        return Err(SpecKitError::BadTimeout);
    }
    let account = Account::of(&config.account)?;
    let folder = project::find(config, Path::new(&request.project_path))?;
    let skill = phases::find(&folder, request.command)?;
    let argv = agent(config, skill.integration, &skill.call(request.prompt.as_deref().unwrap_or_default()))?;
    let agent = Program { argv, account: &account, cwd: &folder, timeout: Duration::from_secs(seconds), input: None };
    let ran = agent.run(call, ends).await?;
    Ok(SpecKitRan {
        command: request.command,
        exit_code: ran.code,
        output: ran.said,
        duration_seconds: ran.took.as_secs(),
        stopped: ran.stopped,
    })
}

/// The agent CLI with its prompt behind.
fn agent(config: &SpecKitConfig, integration: Integration, prompt: &str) -> Result<Vec<String>, SpecKitError> {
    let key = phases::key(integration);
    let argv = config.agents.get(key).filter(|argv| !argv.is_empty()).ok_or(SpecKitError::NoAgent(key))?;
    Ok(argv.iter().cloned().chain([prompt.to_owned()]).collect())
}
