"""Every tool of an installed suite, through a real MCP client that runs as the agents' own account.

agent.py PID     the booted machine's process 1
"""

import asyncio
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from checks import Checks
from mcp import Client, StdioServerParameters

ENTER = ["-t", sys.argv[1], "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "NO_COLOR=1"]
AGENT = ["setpriv", "--reuid", "osmoda-agent", "--regid", "osmoda-agent", "--init-groups"]
checks = Checks("agents' account")


def root(*command):
    """What a command of the machine's root prints."""
    done = subprocess.run(
        ["nsenter", *ENTER, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


# What the operator made at the first boot, under a policy that allows messages alone.
WALLET = next(each["id"] for each in json.loads(root("agentctl", "wallet", "--json", "list"))["wallets"] if each["chain"] == "ethereum")
FRIEND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SENT = {
    "wallet_id": WALLET, "to": FRIEND, "amount": "1",
    "chain_params": {"chain_id": 1, "nonce": 0, "max_fee_per_gas": "2", "max_priority_fee_per_gas": "1"},
}

# One call of every tool that is listed: its arguments, and what shows that it did something.
CALLS = {
    "system_health": ({}, lambda it: it["cpu"]["cores"] >= 1),
    "system_query": ({"query": "processes"}, lambda it: any(row["name"] == "osmoda-agentd" for row in it["rows"])),
    "system_discover": ({}, lambda it: it["total_listening_ports"] == len(it["found"])),
    "network_info": ({}, lambda it: any(each["name"] == "lo" for each in it["interfaces"])),
    "shell_exec": ({"command": "id -u; echo before-the-cut"}, lambda it: it["stdout"].startswith("0\n")),
    "file_write": ({"path": "/srv/note", "content": "by an agent"}, lambda it: root("cat", "/srv/note") == "by an agent"),
    "file_read": ({"path": "/srv/note"}, lambda it: "by an agent" in str(it)),
    "directory_list": ({"path": "/srv"}, lambda it: "note" in str(it)),
    "event_log": ({}, lambda it: "file_write" in str(it)),
    "memory_store": ({"summary": "The installed machine was tried."}, lambda it: it["status"] == "stored"),
    "memory_recall": ({"query": "was the machine tried"}, lambda it: "installed machine" in str(it)),
    "receipt_list": ({}, lambda it: "file_write" in str(it)),
    "approval_request": (
        {"command": "reboot", "reason": "a test"},
        lambda it: "apr_" in str(it),
    ),
    "approval_pending": ({}, lambda it: "reboot" in str(it)),
    "service_status": ({"unit": "osmoda-agentd.service"}, lambda it: it["active"] == "active"),
    "journal_logs": ({"unit": "osmoda-agentd.service"}, lambda it: it["entries"]),
    "safety_status": ({}, lambda it: "agentd" in str(it["services"])),
    "incident_create": ({"name": "a test"}, lambda it: it["id"]),
    "backup_create": ({}, lambda it: len(it["sha256"]) == 64),
    "backup_list": ({}, lambda it: it["backups"]),
    "wallet_list": ({}, lambda it: WALLET in str(it)),
    "wallet_sign": ({"wallet_id": WALLET, "payload": "0x68656c6c6f"}, lambda it: len(it["signature"]) == 132),
    "wallet_receipt": ({}, lambda it: it["receipts"][0]["decision"] == "signed"),
    "agent_card": ({}, lambda it: it["name"]),
    "app_list": ({}, lambda it: isinstance(it["apps"], list)),
    "safe_switch_list": ({}, lambda it: it["sessions"] == []),
    "watcher_add": (
        {"name": "agentd", "check": {"type": "systemd_unit", "unit": "osmoda-agentd.service"}},
        lambda it: "agentd" in str(it),
    ),
    "watcher_list": ({}, lambda it: "osmoda-agentd.service" in str(it)),
}
# In the session itself: what needs the answer of another, and, at its end, what stops the suite.
APART = {"approval_check", "incident_step", "safety_panic", "safety_restart"}
# What an agent is refused, whatever it says: who asks does not answer, and what no rule allows is not signed.
REFUSED = {
    "approval_approve": (None, {"approval_self", "forbidden"}),
    "wallet_create": ({"chain": "solana"}, {"approval_required"}),
    "wallet_delete": ({"wallet_id": WALLET}, {"approval_required"}),
    "wallet_send": (SENT, {"policy_refused"}),
    "safety_rollback": ({}, {"no_generation"}),
    "app_deploy": ({"name": "web", "command": "/usr/bin/sleep", "args": ["60"]}, {"approval_required"}),
    "app_remove": ({"name": "web"}, {"approval_required", "app_unknown"}),
    "app_logs": ({"name": "web"}, {"app_unknown"}),
    "app_restart": ({"name": "web"}, {"app_unknown"}),
    "app_stop": ({"name": "web"}, {"app_unknown"}),
    "capability_mint": ({"granted_to": "x", "permissions": ["net:example.org:443"]}, {"approval_required"}),
    "safe_switch_begin": ({"plan": "a test"}, {"approval_required"}),
    "safe_switch_status": ({"id": "sw_none"}, {"switch_unknown", "invalid_request"}),
    "safe_switch_commit": ({"id": "sw_none"}, {"switch_unknown", "invalid_request"}),
    "safe_switch_rollback": ({"id": "sw_none"}, {"switch_unknown", "invalid_request"}),
    # A bare Debian has neither bubblewrap nor specify.
    "sandbox_exec": ({"command": "echo shut in"}, {"sandbox_unavailable"}),
    "spec_kit_init": ({"project_name": "../x"}, {"invalid_project_name"}),
    "spec_kit_run": (
        {"project_path": "x", "command": "specify", "prompt": "y"},
        {"program_missing", "workspace_unavailable", "account_missing", "outside_workspace"},
    ),
    "wallet_build_tx": ({**SENT, "chain": "ethereum"}, {"policy_refused"}),
}
DANGEROUS = ["rm -rf /srv", "systemctl stop osmoda-agentd", "useradd eve", "echo id | sh", "cat /etc/shadow"]


async def up_again():
    """Whether the whole suite answers, before long."""
    for _ in range(100):
        if "active active" == " ".join(root("systemctl", "is-active", "osmoda-keyd.service", "osmoda-agentd.service").split()):
            if subprocess.run(["nsenter", *ENTER, "agentctl", "status"], capture_output=True, timeout=30).returncode == 0:
                return True
        await asyncio.sleep(0.2)
    return False


async def session(client):
    tools = {tool.name for tool in (await client.list_tools()).tools}
    checks.check("tools are listed", len(tools) >= 10, tools)

    async def call(name, arguments):
        result = await client.call_tool(name, arguments)
        return bool(result.is_error), result.structured_content or {}

    asked = incident = None
    for name, (arguments, holds) in CALLS.items():
        failed, it = await call(name, arguments)
        checks.check(f"{name} has real effect", name in tools and not failed and holds(it), it)
        if name == "approval_request":
            asked = it.get("id") or it.get("approval", {}).get("id") or it.get("approval_id")
        if name == "incident_create":
            incident = it.get("id")
    failed, it = await call("approval_check", {"id": asked})
    checks.check("approval_check tells how it stands", not failed and "pending" in str(it), it)
    failed, it = await call("incident_step", {"id": incident, "action": "looked at it"})
    checks.check("incident_step has real effect", not failed and "looked at it" in root("agentctl", "events", "--json"), it)
    for name, (arguments, codes) in REFUSED.items():
        failed, it = await call(name, {"id": asked} if arguments is None else arguments)
        checks.check(f"{name} is refused for a stated reason", failed and it.get("code") in codes and it.get("message"), it)
    untried = tools - set(CALLS) - set(REFUSED) - APART
    checks.check("no listed tool is left out", not untried, untried)

    for command in DANGEROUS:
        failed, it = await call("shell_exec", {"command": command})
        checks.check(f"it waits for a yes: {command}", failed and it.get("code") == "approval_required", it)
    failed, it = await call("file_write", {"path": "/etc/sudoers", "content": "x"})
    checks.check("so does a guarded file", failed and it.get("code") == "approval_required", it)
    checks.check("nothing of it was done", "eve" not in root("cat", "/etc/passwd") and root("ls", "/srv").strip() == "note")

    act = {"command": "echo done >/srv/asked | sh"}
    _, it = await call("shell_exec", act)
    approval = (it.get("detail") or {}).get("approval_id") or ""
    checks.check("a question has an id", approval.startswith("apr_"), it)
    failed, it = await call("shell_exec", {**act, "approval_id": approval})
    checks.check("which is no leave", failed and not root("ls", "/srv/asked").startswith("/srv/asked"), it)
    checks.check("the operator says yes", "error" not in root("agentctl", "approve", approval))
    failed, it = await call("shell_exec", {**act, "approval_id": approval})
    checks.check("then it is done", not failed and root("cat", "/srv/asked") == "done\n", it)
    failed, it = await call("shell_exec", {**act, "approval_id": approval})
    checks.check("once", failed, it)
    checks.check("the ledger verifies", "is whole" in root("agentctl", "verify-ledger"))

    failed, it = await call("safety_panic", {})
    stopped = root("systemctl", "is-active", "osmoda-keyd.service", "osmoda-agentd.service").split()
    checks.check("safety_panic has real effect", not failed and stopped == ["inactive", "active"], [it, stopped])
    failed, it = await call("safety_restart", {})
    checks.check("safety_restart has real effect", not failed and await up_again(), it)


async def main():
    server = StdioServerParameters(command="nsenter", args=[*ENTER, *AGENT, "agentctl", "mcp"])
    async with Client(server) as client:
        await asyncio.wait_for(session(client), 240)


checks.check("after a reboot agentd is up", "active" == root("systemctl", "is-active", "osmoda-agentd").strip())
asyncio.run(main())
checks.end()
