//! A tool called by its name without a session, as the operator's command line does.

use osmoda_ipc::{CallError, Fault, RequestId, Role};
use osmoda_mcp::{ForwardError, forward};
use serde_json::json;

use crate::agentd::Suite;

#[tokio::test]
async fn a_call_goes_out_in_the_role_and_under_the_id_that_it_is_given() {
    let suite = Suite::start();
    let id = RequestId::generate();
    for role in [None, Some(Role::Agent)] {
        let answer = forward(&suite.dirs(), role, "shell_exec", &id, json!({ "command": "echo" })).await.unwrap();
        assert_eq!(answer["stdout"], "echo");
    }
    assert_eq!(suite.machine.roles(), [Role::Operator, Role::Agent]);
    assert!(suite.machine.events().iter().all(|(_, act)| act == id.as_str()));
}

#[tokio::test]
async fn what_fails_says_which_kind_of_failure_it_is() {
    let (suite, down) = (Suite::start(), Suite::without_daemon());
    let id = RequestId::generate();
    let call = async |suite: &Suite, tool: &str| forward(&suite.dirs(), None, tool, &id, json!({})).await.unwrap_err();

    let unknown = call(&suite, "no_such_tool").await;
    assert!(matches!(&unknown, ForwardError::UnknownTool(name) if name == "no_such_tool"));
    assert_eq!(Fault::from(unknown).code(), "unknown_tool");

    let refused = call(&suite, "shell_exec").await;
    assert!(matches!(&refused, ForwardError::Call(CallError::Fault(_))));
    assert_eq!(Fault::from(refused).code(), "invalid_request");

    let unreachable = call(&down, "system_health").await;
    assert!(matches!(&unreachable, ForwardError::Call(CallError::Unreachable { .. })));
    assert_eq!(Fault::from(unreachable).code(), "unavailable");
}
