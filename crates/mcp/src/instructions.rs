//! What a model is told before its first call: how to work here.

use std::fmt::Write;

use crate::{ToolInfo, Toolset, toolset::about};

/// The instructions for a server that shows these tools.
pub(crate) fn text(tools: &[&ToolInfo]) -> String {
    let has = |name: &str| tools.iter().any(|tool| tool.name == name);
    let mut text = String::from(
        "osmoda operates this machine. Every call acts for real, and every act is written to a ledger that nobody can change.\n\nToolsets:\n",
    );
    for toolset in Toolset::ALL {
        if tools.iter().any(|tool| tool.toolset == toolset) {
            let _ = writeln!(text, "- {toolset}: {}", about(toolset));
        }
    }
    if has("shell_exec") {
        text.push_str("\nPrefer the tool made for the purpose to shell_exec: its answer is structured and what it does is known. Take shell_exec for the rest.\n");
    }
    text.push_str(
        "\nA failed call says code, message and whether it is retryable; the message says what to do next. \
         Every result carries a request id in _meta osmoda/request_id: the person sees the whole act with `agentctl trace ID`.\n",
    );
    if tools.iter().any(|tool| tool.takes("approval_id")) {
        text.push_str(
            "\nThe code approval_required means that nothing was done yet. Tell the person what you want to do, why, and the approval_id in detail. \
             They answer with `agentctl approve ID` or `agentctl deny ID`; you can't answer it yourself. \
             Then call the same tool again with exactly the same arguments and that approval_id: it works once.",
        );
        if has("approval_check") {
            text.push_str(" approval_check says how it stands.");
        }
        text.push_str(" Don't look for a way round a refusal.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, tools};

    #[test]
    fn only_what_is_shown_is_spoken_of() {
        let all = text(&tools().iter().collect::<Vec<_>>());
        for needed in [
            "- files-and-shell: ",
            "shell_exec",
            "approval_required",
            "agentctl approve ID",
            "approval_check",
            "osmoda/request_id",
        ] {
            assert!(all.contains(needed), "{needed} is missing in: {all}");
        }
        let options = Options { toolsets: vec![Toolset::System], ..Options::new(Default::default()) };
        let system = text(&options.chosen().collect::<Vec<_>>());
        for absent in ["files-and-shell", "shell_exec", "approval"] {
            assert!(!system.contains(absent), "{absent} in: {system}");
        }
    }

    #[test]
    fn it_is_short() {
        assert!(text(&tools().iter().collect::<Vec<_>>()).len() < 2048);
    }
}
