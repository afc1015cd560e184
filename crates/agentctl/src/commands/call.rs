//! `agentctl call`: any tool, with JSON in and JSON out.

mod arguments;

use clap::{Args, ValueEnum};
use osmoda_ipc::{Fault, RequestId, Role};
use osmoda_mcp::{ForwardError, forward, tool, tools};

use crate::{
    context::Context,
    exit::Exit,
    failure::{Failure, exit_of_code},
    suite::check_length,
};

/// How alike names must be to be offered (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;
/// How many names are offered.
const OFFERED: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The tool, as `agentctl tools` lists it.
    tool: String,
    /// Its arguments as a JSON object; `-` reads them from standard input, `@FILE` from a file.
    #[arg(long, value_name = "ARGS", default_value = "{}")]
    json: String,
    /// Act in a narrower role than your own.
    #[arg(long = "as", value_name = "ROLE")]
    role: Option<As>,
}

/// The roles that an operator may take.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum As {
    /// As a model does: what is dangerous needs an approval.
    Agent,
}

pub(crate) async fn run(context: &Context, args: Call) -> Result<Exit, Failure> {
    let Some(tool) = tool(&args.tool) else {
        return Err(Failure::Usage(unknown(&args.tool, tools().iter().map(|tool| tool.name))));
    };
    check_length(&context.dirs.socket(tool.daemon))?;
    let arguments = arguments::read(&args.json)?;
    let id = RequestId::generate();
    let role = args.role.map(|As::Agent| Role::Agent);
    let answer = forward(&context.dirs, role, tool.name, &id, arguments).await;
    if context.output.is_watched() {
        context.output.remark(&format!("act {id}"));
    }
    match answer {
        Ok(result) => {
            context.output.json(&result)?;
            Ok(Exit::Fine)
        }
        Err(error) => {
            let fault = match error {
                ForwardError::Call(error) => context.fault(error, &id),
                other => Fault::from(other).with_request_id(&id),
            };
            context.output.json(&fault.envelope())?;
            Ok(exit_of_code(fault.code()))
        }
    }
}

/// What to say of a name that no tool has.
fn unknown<'a>(name: &str, tools: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<(f64, &str)> =
        tools.map(|tool| (strsim::jaro_winkler(name, tool), tool)).filter(|(alike, _)| *alike >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(OFFERED).map(|(_, tool)| tool).collect();
    if near.is_empty() {
        format!("there is no tool {name:?}; agentctl tools lists what there is")
    } else {
        format!("there is no tool {name:?}; did you mean {}?", near.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_its_neighbours() {
        let tools = ["system_health", "system_query", "shell_exec", "file_read"];
        let table = [
            ("shel_exec", "did you mean shell_exec?"),
            ("system_helth", "did you mean system_health or system_query?"),
            ("xyzzy", "agentctl tools lists"),
        ];
        for (name, part) in table {
            let text = unknown(name, tools.into_iter());
            assert!(text.contains(part), "{text}");
        }
    }
}
