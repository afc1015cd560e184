//! `agentctl mcp`: the tools for an MCP client, over standard input and output. It acts as an agent.

use clap::Args;
use osmoda_mcp::{Options, Toolset};

use crate::{context::Context, exit::Exit, failure::Failure, suite::installed};

#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// Only these groups of tools; all by default.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    toolsets: Vec<Toolset>,
    /// Only tools that change nothing.
    #[arg(long)]
    read_only: bool,
    /// Ask the person at the client in place where an act needs an approval; the answer is given in your name.
    #[arg(long)]
    elicit: bool,
}

pub(crate) async fn run(context: &Context, args: Mcp) -> Result<Exit, Failure> {
    let mut options = Options::new(context.dirs.clone());
    options.daemons = installed(&context.dirs);
    options.toolsets = args.toolsets;
    options.read_only = args.read_only;
    options.elicit = args.elicit;
    osmoda_mcp::serve_stdio(options).await?;
    Ok(Exit::Fine)
}
