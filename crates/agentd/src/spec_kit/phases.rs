//! The phases of a project, and how its agent CLI is told to run one: as the specify CLI laid them out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use osmoda_api::agentd::{Integration, Phase};

use super::SpecKitError;

/// The order in which a project goes through them.
const PHASES: [(Phase, &str); 9] = [
    (Phase::Constitution, "constitution"),
    (Phase::Specify, "specify"),
    (Phase::Clarify, "clarify"),
    (Phase::Plan, "plan"),
    (Phase::Tasks, "tasks"),
    (Phase::Analyze, "analyze"),
    (Phase::Checklist, "checklist"),
    (Phase::Implement, "implement"),
    (Phase::Taskstoissues, "taskstoissues"),
];

/// Where each integration keeps them, and the sign before a skill's name. The last one is anybody's.
const LAYOUTS: [(Integration, &str, &str); 12] = [
    (Integration::Claude, ".claude/skills", "/"),
    (Integration::Claude, ".claude/commands", "/"),
    (Integration::Codex, ".agents/skills", "$"),
    (Integration::Codex, ".codex/skills", "$"),
    (Integration::Codex, ".codex/prompts", "/"),
    (Integration::Gemini, ".gemini/commands", "/"),
    (Integration::Copilot, ".github/skills", "/"),
    (Integration::Copilot, ".github/prompts", "/"),
    (Integration::Copilot, ".github/agents", "/"),
    (Integration::Windsurf, ".windsurf/workflows", "/"),
    (Integration::Windsurf, ".windsurf/skills", "/"),
    (Integration::Generic, ".agent/commands", "/"),
];

/// One phase as a project has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skill {
    pub(super) integration: Integration,
    sign: &'static str,
    /// `speckit-plan` or `speckit.plan`.
    name: String,
}

impl Skill {
    /// What the agent CLI is told.
    pub(super) fn call(&self, prompt: &str) -> String {
        format!("{}{} {prompt}", self.sign, self.name).trim_end().to_owned()
    }
}

pub(super) fn name(phase: Phase) -> &'static str {
    PHASES.iter().find(|(known, _)| *known == phase).map_or("", |(_, name)| name)
}

/// The specify CLI's word.
pub(super) fn key(integration: Integration) -> &'static str {
    match integration {
        Integration::Claude => "claude",
        Integration::Codex => "codex",
        Integration::Gemini => "gemini",
        Integration::Copilot => "copilot",
        Integration::Windsurf => "windsurf",
        Integration::Generic => "generic",
    }
}

/// The names of a project's phases, in their order.
pub(super) fn skills(project: &Path) -> Vec<String> {
    let all = all(project);
    let of_phase =
        |name: &str| all.iter().find(|skill| phase_of(&skill.name) == Some(name)).map(|skill| skill.name.clone());
    PHASES.iter().filter_map(|(_, name)| of_phase(name)).collect()
}

/// The phase to begin with.
pub(super) fn first(skills: &[String]) -> &str {
    skills.first().and_then(|skill| phase_of(skill)).unwrap_or("constitution")
}

/// How this phase is run in this project.
pub(super) fn find(project: &Path, phase: Phase) -> Result<Skill, SpecKitError> {
    let wanted = name(phase);
    let all = all(project);
    let there: Vec<&str> = all.iter().filter_map(|skill| phase_of(&skill.name)).collect();
    let there = if there.is_empty() { "none; make a project with spec_kit_init".to_owned() } else { there.join(", ") };
    all.into_iter()
        .find(|skill| phase_of(&skill.name) == Some(wanted))
        .ok_or(SpecKitError::NoPhase { phase: wanted, there })
}

fn phase_of(name: &str) -> Option<&str> {
    name.strip_prefix("speckit-").or_else(|| name.strip_prefix("speckit."))
}

fn all(project: &Path) -> Vec<Skill> {
    let in_layout = |(integration, folder, sign): (Integration, &str, &'static str)| {
        let mut names: Vec<String> =
            entries(&project.join(folder)).iter().filter_map(|path| skill_name(path)).collect();
        names.sort();
        names.into_iter().map(move |name| Skill { integration, sign, name })
    };
    LAYOUTS.into_iter().flat_map(in_layout).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).take(500).collect()
}

/// `speckit-plan` of a folder with a SKILL.md, `speckit.plan` of speckit.plan.md, .prompt.md, .agent.md or .toml.
fn skill_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = if path.is_dir() {
        path.join("SKILL.md").is_file().then_some(file)?
    } else {
        [".prompt.md", ".agent.md", ".md", ".toml"].iter().find_map(|end| file.strip_suffix(end))?
    };
    let phase = phase_of(name)?;
    PHASES.iter().any(|(_, known)| *known == phase).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_of_a_project_says_how_a_phase_is_run() {
        for (file, integration, call) in [
            (".claude/skills/speckit-plan/SKILL.md", Integration::Claude, "/speckit-plan with Rust"),
            (".claude/commands/speckit.plan.md", Integration::Claude, "/speckit.plan with Rust"),
            (".agents/skills/speckit-plan/SKILL.md", Integration::Codex, "$speckit-plan with Rust"),
            (".gemini/commands/speckit.plan.toml", Integration::Gemini, "/speckit.plan with Rust"),
            (".github/prompts/speckit.plan.prompt.md", Integration::Copilot, "/speckit.plan with Rust"),
            (".windsurf/workflows/speckit.plan.md", Integration::Windsurf, "/speckit.plan with Rust"),
            (".agent/commands/speckit.plan.md", Integration::Generic, "/speckit.plan with Rust"),
        ] {
            let project = tempfile::tempdir().unwrap();
            let path = project.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let other = path.with_file_name("speckit.something.md");
            fs::write(other, "").unwrap();
            let skill = find(project.path(), Phase::Plan).unwrap();
            assert_eq!((skill.integration, skill.call("with Rust").as_str()), (integration, call), "{file}");
            assert_eq!(skills(project.path()).len(), 1);
            let missing = find(project.path(), Phase::Implement).unwrap_err().to_string();
            assert!(missing.contains("implement") && missing.contains("plan"), "{missing}");
        }
    }

    #[test]
    fn phases_come_in_the_order_in_which_they_are_run() {
        let project = tempfile::tempdir().unwrap();
        for phase in ["tasks", "specify", "constitution"] {
            let folder = project.path().join(format!(".claude/skills/speckit-{phase}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("SKILL.md"), "").unwrap();
        }
        let found = skills(project.path());
        assert_eq!(found, ["speckit-constitution", "speckit-specify", "speckit-tasks"]);
        assert_eq!((first(&found), first(&[])), ("constitution", "constitution"));
    }
}
