//! `agentctl down`: ends a suite that `up` started.

use crate::{context::Context, exit::Exit, failure::Failure, suite};

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let suite = context.choice.suite()?;
    let down = suite::down(&suite).await?;
    let output = &context.output;
    if output.is_json() {
        output.json(&down)?;
    } else if down.supervisor.is_none() && down.stopped.is_empty() {
        output.line(&format!("nothing was up in {}", suite.place.display()))?;
    } else {
        output.line(&format!("stopped in {}: {}", suite.place.display(), down.stopped.join(", ")))?;
    }
    Ok(Exit::Fine)
}
