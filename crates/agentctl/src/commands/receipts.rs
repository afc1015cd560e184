//! `agentctl receipts`: who did what, with which approval and which result.

use clap::Args;
use osmoda_api::agentd::{Receipt, ReceiptList, ReceiptListRequest, ReceiptStatus};

use crate::{
    cli::Format,
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, Cell, GOOD, Table, describe, units},
};

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only of this tool, such as shell_exec.
    #[arg(long = "type", value_name = "TOOL")]
    kind: Option<String>,
    /// Not before this time: RFC 3339, a date, or a span such as 15m, 2h or 3d ago.
    #[arg(long, value_name = "TIME", value_parser = super::events::since)]
    since: Option<String>,
    /// The newest so many; 50 by default.
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    #[command(flatten)]
    pub(crate) format: Format,
}

pub(crate) async fn run(context: &Context, args: Filter) -> Result<Exit, Failure> {
    let request = ReceiptListRequest { kind: args.kind, since: args.since, limit: args.limit };
    let receipts = context.agentd::<ReceiptList>(&request).await?;
    if context.output.is_json() {
        context.output.json(&receipts)?;
    } else {
        context.output.table(&table(&receipts.receipts))?;
    }
    Ok(Exit::Fine)
}

/// The newest at the bottom, next to the prompt.
fn table(receipts: &[Receipt]) -> Table {
    let mut table = Table::new(&["TIME", "TOOL", "ACTOR", "STATUS", "TOOK", "APPROVAL", "ACT", "WHAT"]);
    for receipt in receipts.iter().rev() {
        let (style, status) = match receipt.status {
            ReceiptStatus::Running => (CARE, "running".to_owned()),
            ReceiptStatus::Completed => (GOOD, "completed".to_owned()),
            ReceiptStatus::Interrupted => (BAD, "interrupted".to_owned()),
            ReceiptStatus::Failed => {
                (BAD, receipt.code.as_ref().map_or("failed".to_owned(), |code| format!("failed: {code}")))
            }
        };
        table.row([
            receipt.ts.as_str().into(),
            receipt.kind.as_str().into(),
            receipt.actor.as_str().into(),
            Cell::styled(style, status),
            receipt.duration_ms.map_or("-".to_owned(), units::took).into(),
            receipt.approval_id.as_deref().unwrap_or("-").into(),
            receipt.request_id.as_str().into(),
            describe::payload(&receipt.request).into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receipt_is_one_line_with_what_was_asked_and_how_it_ended() {
        let receipt = |status, code: Option<&str>| Receipt {
            request_id: "req_1".into(),
            kind: "shell_exec".into(),
            actor: "agent:claude".into(),
            ts: "2026-01-02T03:04:05.678Z".into(),
            request: json!({"command": "ls"}),
            approval_id: None,
            status,
            code: code.map(Into::into),
            result: json!(null),
            duration_ms: Some(1500),
            events: vec![1, 2],
        };
        let receipts = [receipt(ReceiptStatus::Failed, Some("timeout")), receipt(ReceiptStatus::Completed, None)];
        let expected = "TIME                      TOOL        ACTOR         STATUS           TOOK   APPROVAL  ACT    WHAT\n\
                        2026-01-02T03:04:05.678Z  shell_exec  agent:claude  completed        1.5 s  -         req_1  command=ls\n\
                        2026-01-02T03:04:05.678Z  shell_exec  agent:claude  failed: timeout  1.5 s  -         req_1  command=ls\n";
        assert_eq!(table(&receipts).render(None, false), expected);
    }
}
