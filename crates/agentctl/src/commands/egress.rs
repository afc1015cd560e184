//! `agentctl egress`: the proxy for sandboxed code, what goes through it, and what it would say to a host.

use std::io::{self, IsTerminal, Read};

use clap::{Args, Subcommand};
use osmoda_api::{
    agentd::TokenText,
    egress::{
        EgressCheck, EgressCheckRequest, EgressConnection, EgressConnections, EgressConnectionsRequest, EgressHealth,
        EgressState,
    },
};
use osmoda_ipc::{Endpoint, Nothing};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, Table, units, visible},
};

/// The longest token that is read, in bytes.
const LONGEST: u64 = 16_384;

#[derive(Debug, Args)]
pub(crate) struct EgressArgs {
    #[command(subcommand)]
    act: Act,
    /// JSON for programs instead of text for people.
    #[arg(long = "json", id = "format_json", global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Where the proxy listens, and what went through it.
    Status,
    /// The connections that are open now, the oldest first.
    Connections {
        /// At most so many; 100 by default.
        #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// Whether the proxy would connect to a host, with the token on standard input or by the default list.
    Check {
        /// Host and port, such as example.org:443.
        host: String,
    },
}

pub(crate) async fn run(context: &Context, args: EgressArgs) -> Result<Exit, Failure> {
    let output = &context.output;
    match args.act {
        Act::Status => {
            let state = egress::<EgressHealth>(context, &Nothing {}).await?;
            if output.is_json() {
                output.json(&state)?;
            } else {
                output.table(&standing(&state))?;
            }
            Ok(Exit::Fine)
        }
        Act::Connections { limit } => {
            let open = egress::<EgressConnections>(context, &EgressConnectionsRequest { limit }).await?;
            if output.is_json() {
                output.json(&open)?;
            } else {
                output.table(&table(&open.connections))?;
            }
            Ok(Exit::Fine)
        }
        Act::Check { host } => {
            let verdict = egress::<EgressCheck>(context, &EgressCheckRequest { host, token: token()? }).await?;
            if output.is_json() {
                output.json(&verdict)?;
            } else if verdict.allowed {
                output.line(&format!("{} at {}", visible(&verdict.host), verdict.addresses.join(", ")))?;
            } else {
                let why = verdict.message.as_deref().unwrap_or_default();
                output.line(&format!("{}: {}", verdict.why.as_deref().unwrap_or("refused"), visible(why)))?;
            }
            Ok(if verdict.allowed { Exit::Fine } else { Exit::Failed })
        }
    }
}

async fn egress<E: Endpoint>(context: &Context, request: &E::Request) -> Result<E::Response, Failure> {
    context.call::<E>(&context.client("egress")?, request).await
}

/// From standard input, where something is there: an argument could be read by every process of the machine.
fn token() -> Result<Option<TokenText>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    let read = stdin.lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|source| Failure::System { what: "standard input can't be read", source })?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()).map(TokenText))
}

fn standing(state: &EgressState) -> Table {
    let mut table = Table::new(&["WHAT", "VALUE"]);
    let style = if state.status == "ok" { GOOD } else { CARE };
    table.row(["status".into(), Cell::styled(style, &state.status)]);
    for place in &state.listening {
        table.row(["listens at".into(), place.as_str().into()]);
    }
    let known = if state.key_known { Cell::styled(GOOD, "yes") } else { Cell::styled(BAD, "no") };
    table.row(["agentd's key is known".into(), known]);
    for (what, value) in [
        ("tokens revoked", state.tokens_revoked.to_string()),
        ("open connections", state.open.to_string()),
        ("connections since start", state.connections.to_string()),
        ("refused since start", state.refused.to_string()),
        ("sent", units::bytes(state.sent_bytes)),
        ("received", units::bytes(state.received_bytes)),
        ("events that wait for agentd", state.events_waiting.to_string()),
    ] {
        table.row([what.into(), value.into()]);
    }
    table
}

fn table(connections: &[EgressConnection]) -> Table {
    let mut table = Table::new(&["TO", "ADDRESS", "VIA", "HOLDER", "TOKEN", "SINCE", "SENT", "RECEIVED"]);
    for one in connections {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            one.to.as_str().into(),
            or_dash(&one.address).into(),
            one.via.as_str().into(),
            or_dash(&one.holder).into(),
            or_dash(&one.token).into(),
            one.since.as_str().into(),
            units::bytes(one.sent).into(),
            units::bytes(one.received).into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_one_line_with_whose_it_is() {
        let one = EgressConnection {
            to: "example.org:443".into(),
            address: Some("93.184.215.14".into()),
            via: "connect".into(),
            since: "2026-01-02T03:04:05Z".into(),
            sent: 517,
            ..EgressConnection::default()
        };
        let lines = table(&[one]).render(None, false);
        let words: Vec<&str> = lines.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words[..6], ["example.org:443", "93.184.215.14", "connect", "-", "-", "2026-01-02T03:04:05Z"]);
    }
}
