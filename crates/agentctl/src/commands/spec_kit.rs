//! `agentctl spec-kit`: spec-driven projects, made by the specify CLI and worked on by an agent CLI.

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValue};
use osmoda_api::agentd::{
    Integration, Phase, SpecKitInit, SpecKitInitRequest, SpecKitProject, SpecKitRan, SpecKitRun, SpecKitRunRequest,
    Stopped,
};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{Table, units, visible},
};

#[derive(Debug, Args)]
pub(crate) struct SpecKitArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make a project in the workspace folder.
    Init {
        /// 1 to 48 of a-z, 0-9 and -, beginning with a letter; the folder's name.
        name: String,
        /// The agent CLI it is for; claude by default.
        #[arg(long = "for", value_name = "AGENT")]
        integration: Option<Agent>,
        /// The principles that every phase is to keep to.
        #[arg(long, value_name = "TEXT")]
        principles: Option<String>,
    },
    /// Run one phase of a project with its agent CLI; it changes the project's files.
    Run {
        /// The project's folder.
        project: String,
        /// The phase.
        phase: Step,
        /// What the phase is told.
        prompt: Option<String>,
        /// Seconds until it is killed; 600 by default.
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(60..=1800))]
        timeout: Option<u64>,
    },
}

/// An agent CLI, by the name that specify gives it.
#[derive(Clone, Copy, Debug)]
struct Agent(Integration);

/// A phase, by its name.
#[derive(Clone, Copy, Debug)]
struct Step(Phase);

impl ValueEnum for Agent {
    fn value_variants<'a>() -> &'a [Self] {
        use Integration::{Claude, Codex, Copilot, Gemini, Generic, Windsurf};
        &[Self(Claude), Self(Codex), Self(Copilot), Self(Gemini), Self(Generic), Self(Windsurf)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            Integration::Claude => "claude",
            Integration::Codex => "codex",
            Integration::Gemini => "gemini",
            Integration::Copilot => "copilot",
            Integration::Windsurf => "windsurf",
            Integration::Generic => "generic",
        }))
    }
}

impl ValueEnum for Step {
    fn value_variants<'a>() -> &'a [Self] {
        use Phase::{Analyze, Checklist, Clarify, Constitution, Implement, Plan, Specify, Tasks, Taskstoissues};
        &[
            Self(Constitution),
            Self(Specify),
            Self(Clarify),
            Self(Plan),
            Self(Tasks),
            Self(Analyze),
            Self(Checklist),
            Self(Implement),
            Self(Taskstoissues),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            Phase::Constitution => "constitution",
            Phase::Specify => "specify",
            Phase::Clarify => "clarify",
            Phase::Plan => "plan",
            Phase::Tasks => "tasks",
            Phase::Analyze => "analyze",
            Phase::Checklist => "checklist",
            Phase::Implement => "implement",
            Phase::Taskstoissues => "taskstoissues",
        }))
    }
}

pub(crate) async fn run(context: &Context, args: SpecKitArgs) -> Result<Exit, Failure> {
    let output = &context.output;
    match args.act {
        Act::Init { name: project_name, integration, principles: constitution_seed } => {
            let integration = integration.map(|agent| agent.0);
            let request = SpecKitInitRequest { project_name, integration, constitution_seed };
            let project = context.agentd::<SpecKitInit>(&request).await?;
            if output.is_json() {
                output.json(&project)?;
            } else {
                output.table(&table(&project))?;
                output.remark(&project.next_action);
            }
            Ok(Exit::Fine)
        }
        Act::Run { project: project_path, phase, prompt, timeout: timeout_seconds } => {
            let request =
                SpecKitRunRequest { project_path, command: phase.0, prompt, timeout_seconds, approval_id: None };
            let ran = context.agentd::<SpecKitRun>(&request).await?;
            if output.is_json() {
                output.json(&ran)?;
            } else {
                ran.output.lines().try_for_each(|line| output.line(&visible(line)))?;
                output.remark(&summary(&ran));
            }
            Ok(if ran.exit_code == 0 && ran.stopped.is_none() { Exit::Fine } else { Exit::Failed })
        }
    }
}

fn summary(ran: &SpecKitRan) -> String {
    let why = match ran.stopped {
        None => "",
        Some(Stopped::Timeout) => "; its time was over",
        Some(Stopped::Cancelled) => "; it was cancelled",
        Some(Stopped::Shutdown) => "; agentd stopped",
    };
    format!("exit code {} after {}{why}", ran.exit_code, units::seconds(ran.duration_seconds))
}

fn table(project: &SpecKitProject) -> Table {
    let mut table = Table::new(&["PROJECT", "PHASES"]);
    table.row([project.project_path.as_str().into(), project.skills.join(" ").into()]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_and_agent_has_the_name_that_the_contract_gives_it() {
        for step in Step::value_variants() {
            let name = step.to_possible_value().unwrap();
            assert_eq!(serde_json::to_value(step.0).unwrap(), name.get_name());
        }
        for agent in Agent::value_variants() {
            let name = agent.to_possible_value().unwrap();
            assert_eq!(serde_json::to_value(agent.0).unwrap(), name.get_name());
        }
    }

    #[test]
    fn a_phase_that_was_killed_says_why() {
        let ran = SpecKitRan {
            command: Phase::Plan,
            exit_code: 137,
            output: String::new(),
            duration_seconds: 600,
            stopped: Some(Stopped::Timeout),
        };
        assert_eq!(summary(&ran), "exit code 137 after 10 min 0 s; its time was over");
    }
}
