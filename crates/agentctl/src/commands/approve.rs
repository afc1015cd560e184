//! `agentctl approve`: the operator's yes to exactly one act.

use clap::Args;
use jiff::Timestamp;
use osmoda_api::agentd::{Approval, ApprovalApprove, ApprovalDecision};

use super::approvals::block;
use crate::{cli::Format, context::Context, exit::Exit, failure::Failure};

#[derive(Debug, Args)]
pub(crate) struct Question {
    /// The approval's id, whole, as `agentctl approvals` shows it.
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    pub(crate) format: Format,
}

impl Question {
    /// The answer to it.
    pub(super) fn decision(self) -> ApprovalDecision {
        ApprovalDecision { id: self.id, nonce: None }
    }
}

/// A yes is never guessed at: beginnings of ids are refused before anybody is asked.
fn id(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("apr_")
        .filter(|rest| rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
    rest.map(|_| text.to_owned()).ok_or_else(|| "an approval's id is apr_ and 26 characters, written out".to_owned())
}

pub(crate) async fn run(context: &Context, args: Question) -> Result<Exit, Failure> {
    let approval = context.agentd::<ApprovalApprove>(&args.decision()).await?;
    show(context, &approval)
}

/// What exactly was answered.
pub(super) fn show(context: &Context, approval: &Approval) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(approval)?;
    } else {
        context.output.text(&block(&context.output, approval, Timestamp::now()))?;
    }
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_id_is_taken() {
        let whole = "apr_01KXYZ01KXYZ01KXYZ01KXYZ01";
        assert_eq!(id(whole).as_deref(), Ok(whole));
        for text in [
            "",
            "apr_",
            "01KXYZ01KXYZ01KXYZ01KXYZ01",
            "apr_01KXYZ",
            "apr_01kxyz01kxyz01kxyz01kxyz01",
            "apr_01KXYZ01KXYZ01KXYZ01KXYZ012",
        ] {
            assert!(id(text).is_err(), "{text}");
        }
    }
}
