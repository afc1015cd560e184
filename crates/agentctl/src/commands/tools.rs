//! `agentctl tools`: what can be called here.

use osmoda_ipc::Effect;
use serde_json::{Value, json};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{CARE, Cell, GOOD, PLAIN, Table},
    suite::installed,
};

pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
    let daemons = installed(&context.dirs);
    let tools: Vec<_> = osmoda_mcp::tools().iter().filter(|tool| daemons.contains(&tool.daemon)).collect();
    if context.output.is_json() {
        let list: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({
                    "name": tool.name, "title": tool.title, "daemon": tool.daemon, "toolset": tool.toolset.as_str(),
                    "effect": tool.endpoint.effect, "about": tool.endpoint.about, "input_schema": tool.input_schema,
                })
            })
            .collect();
        context.output.json(&json!({ "tools": list }))?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["TOOL", "DAEMON", "EFFECT", "ABOUT"]);
    for tool in tools {
        let (style, effect) = match tool.endpoint.effect {
            Effect::Read => (GOOD, "read"),
            Effect::Write => (PLAIN, "write"),
            Effect::Destructive => (CARE, "destructive"),
        };
        table.row([tool.name.into(), tool.daemon.into(), Cell::styled(style, effect), tool.endpoint.about.into()]);
    }
    context.output.table(&table)?;
    Ok(Exit::Fine)
}
