//! `agentctl approvals`: what waits for the operator's answer.

use jiff::Timestamp;
use osmoda_api::agentd::{Approval, ApprovalPending, ApprovalStatus};
use osmoda_ipc::Nothing;
use serde_json::Value;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    output::{BAD, CARE, FAINT, GOOD, Output, STRONG, units, visible},
};

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let pending = context.agentd::<ApprovalPending>(&Nothing {}).await?;
    let output = &context.output;
    if output.is_json() {
        output.json(&pending)?;
    } else if pending.approvals.is_empty() {
        output.line("nothing waits for your answer")?;
    } else {
        // The oldest first: it expires first.
        let blocks: Vec<String> =
            pending.approvals.iter().rev().map(|approval| block(output, approval, Timestamp::now())).collect();
        output.text(&blocks.join("\n"))?;
        output.remark(&format!("answer with: {command} approve ID, or {command} deny ID", command = context.command()));
    }
    Ok(Exit::Fine)
}

/// One approval, whole: what is approved is never cut or wrapped away.
pub(super) fn block(output: &Output, approval: &Approval, now: Timestamp) -> String {
    let until = units::relative(now, &approval.expires_at);
    let (style, status) = match approval.status {
        ApprovalStatus::Pending => (CARE, format!("pending, expires {until}")),
        ApprovalStatus::Approved => (GOOD, format!("approved, expires {until}")),
        ApprovalStatus::Denied => (BAD, "denied".to_owned()),
        ApprovalStatus::Expired => (FAINT, format!("expired {until}")),
        ApprovalStatus::Used => (FAINT, "used".to_owned()),
    };
    let mut text = format!(
        "{}  {}  {}\n",
        output.paint(STRONG, &visible(&approval.id)),
        visible(&approval.tool),
        output.paint(style, &visible(&status))
    );
    let mut field = |name: &str, value: &str| {
        // Line breaks are shown as such, so that a command of many lines reads as one.
        for (number, line) in value.split('\n').enumerate() {
            let label = if number == 0 { format!("{name:<11}") } else { format!("{:>10} ", "|") };
            text.push_str(&format!("  {}{}\n", output.paint(FAINT, &label), visible(line)));
        }
    };
    field("command", &approval.command);
    if says_more(approval) {
        field("arguments", &serde_json::to_string(&approval.arguments).unwrap_or_default());
    }
    field("why", &approval.why);
    if let Some(reason) = &approval.reason {
        field("reason", reason);
    }
    field(
        "asked by",
        &format!(
            "{} {} in {}",
            approval.requested_by,
            units::relative(now, &approval.requested_at),
            approval.request_id
        ),
    );
    if let Some(by) = &approval.decided_by {
        let when = approval.decided_at.as_deref().map(|at| units::relative(now, at)).unwrap_or_default();
        field("answered", &format!("by {by} {when}"));
    }
    field("bound to", &approval.request_hash);
    text
}

/// Whether the arguments hold more than the command that is shown anyway.
fn says_more(approval: &Approval) -> bool {
    let command = Value::from(approval.command.as_str());
    match &approval.arguments {
        Value::Null => false,
        Value::Object(fields) => fields.iter().any(|(name, value)| !(name == "command" && *value == command)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn approval(command: &str, arguments: &Value) -> Approval {
        serde_json::from_value(json!({
            "id": "apr_1", "status": "pending", "expires_at": "2026-01-02T03:09:05Z", "tool": "shell_exec", "command": command,
            "why": "removes files", "arguments": arguments, "request_hash": "ab12", "requested_by": "agent:claude",
            "requested_at": "2026-01-02T03:04:00Z", "request_id": "req_1",
        }))
        .unwrap()
    }

    #[test]
    fn a_question_shows_everything_that_a_yes_would_mean() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let plain = approval("rm -r /srv/old", &json!({"command": "rm -r /srv/old"}));
        let expected = "apr_1  shell_exec  pending, expires in 5 min 0 s\n  command    rm -r /srv/old\n  why        removes files\n  \
                        asked by   agent:claude 5 s ago in req_1\n  bound to   ab12\n";
        assert_eq!(block(&Output::plain(), &plain, now), expected);
    }

    #[test]
    fn arguments_beside_the_command_and_hidden_text_are_shown() {
        let sneaky = approval("ls\n\u{1b}[1Arm -rf /", &json!({"command": "ls\n\u{1b}[1Arm -rf /", "cwd": "/etc"}));
        let text = block(&Output::plain(), &sneaky, Timestamp::UNIX_EPOCH);
        assert!(text.contains("  command    ls\n           | \\u{1b}[1Arm -rf /\n"), "{text}");
        assert!(text.contains(r#"arguments  {"command":"ls\n\u001b[1Arm -rf /","cwd":"/etc"}"#), "{text}");
    }
}
