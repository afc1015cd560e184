"""Every tool of `agentctl mcp` by a smoke tester, with arguments made from the schemas and with real ones.

amagi.py AMAGI AGENTCTL SUITE MCP_JSON FOLDER
"""

import json
import os
import subprocess
import sys

from contract import TOOLS, Checks

from agentctl import Agentctl


def real_arguments(suite, folder):
    """Arguments with which each tool does something real and harmless."""
    waiting = suite.agent("approval_request", {"command": "reboot", "reason": "to have one that waits"})["id"]
    note = os.path.join(folder, "note.txt")
    # The tools are called in the order of the list, in which reading comes first.
    with open(note, "w", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    return {
        "system_query": [
            {"query": table, "args": {"limit": 5}} for table in ("processes", "mounts", "sockets", "users")
        ],
        "event_log": [{"limit": 5}, {"type": "file_write.*", "limit": 5}],
        "shell_exec": [{"command": "id"}, {"command": "ls -l | head -n 3", "cwd": folder, "timeout": 5000}],
        "file_write": [{"path": note, "content": "one\n"}, {"path": note, "content": "two\n", "append": True}],
        "file_read": [{"path": note}, {"path": note, "maxLines": 1, "offset": 1}],
        "directory_list": [{"path": folder}, {"path": folder, "recursive": True}],
        "network_info": [{"detail": part} for part in ("interfaces", "ports", "dns", "routes", "all")],
        "memory_store": [{"summary": "The test machine is called amagi.", "tags": ["test"]}],
        "memory_recall": [{"query": "what is the test machine called"}],
        "receipt_list": [{"limit": 5}],
        "approval_request": [{"command": "reboot", "reason": "a new kernel"}],
        "approval_check": [{"id": waiting}],
        # No agent may; what it answers is read below.
        "approval_approve": [{"id": waiting}],
    }


# Tools that refuse here, and the codes that they may give for it.
STATED = {
    "app_deploy": ("approval_required",),
    "app_logs": ("app_unknown", "systemd_unavailable"),
    "app_remove": ("approval_required", "app_unknown"),
    "app_restart": ("app_unknown", "systemd_unavailable"),
    "app_stop": ("app_unknown", "systemd_unavailable"),
    "approval_approve": ("approval_self", "forbidden"),
    "capability_mint": ("approval_required",),
    "incident_step": ("incident_unknown",),
    "memory_recall": ("invalid_field", "no_model"),
    "memory_store": ("invalid_field", "memory_unknown"),
    "safe_switch_begin": ("approval_required",),
    "safe_switch_commit": ("switch_unknown",),
    "safe_switch_rollback": ("switch_unknown",),
    "safe_switch_status": ("switch_unknown",),
    "safety_rollback": ("no_generation",),
    "sandbox_exec": ("sandbox_unavailable",),
    "service_status": ("systemd_unavailable", "unit_unknown"),
    "spec_kit_init": ("program_missing", "account_missing", "workspace_unavailable"),
    "spec_kit_run": ("program_missing", "account_missing", "workspace_unavailable", "project_unknown"),
    "watcher_add": ("invalid_check",),
    "wallet_create": ("approval_required",),
    "wallet_delete": ("approval_required",),
    "wallet_send": ("wallet_unknown",),
    "wallet_sign": ("wallet_unknown",),
    "wallet_build_tx": ("wallet_unknown",),
}


def main(amagi, agentctl, suite, config, folder):
    checks = Checks("amagi")
    os.makedirs(folder)

    def probe(*arguments):
        done = subprocess.run(
            [amagi, "--config", config, "--server", "osmoda", "--format", "json", "--allow-destructive", *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        try:
            return done, json.loads(done.stdout)
        except ValueError:
            return done, {}

    given = os.path.join(folder, "arguments.json")
    with open(given, "w", encoding="utf-8") as file:
        json.dump(real_arguments(Agentctl(agentctl, suite), folder), file)
    for name, arguments in (("real arguments", ["--args", given]), ("made arguments", ["--include-optional"])):
        done, report = probe(*arguments)
        server = (report.get("servers") or [{}])[0]
        tools = {tool["name"]: tool for tool in server.get("tools", [])}
        complaints = [
            *server.get("findings", []),
            *(finding for tool in tools.values() for finding in tool["findings"]),
        ]
        errors = [finding for finding in complaints if finding["severity"] == "error"]
        checks.check(
            f"{name}: no crash, no hang, no answer beside its schema",
            done.returncode == 0 and not errors,
            errors or done,
        )
        missed = [tool for tool in TOOLS if tools.get(tool, {}).get("status") not in ("pass", "warn")]
        checks.check(f"{name}: every tool was called", not missed, missed)
        if name == "real arguments":
            failed = {finding["tool"]: finding["message"] for finding in complaints if finding["check"] == "tool-error"}
            # What is for operators, waits for their yes, or needs what a scratch suite has not, says which of it.
            unstated = {
                tool: message
                for tool, message in failed.items()
                if not any(code in message for code in STATED.get(tool, ()))
            }
            checks.equal(f"{name}: every tool does what it is asked, or refuses for the reason it must", unstated, {})
            refusal = failed.get("approval_approve", "")
            checks.check(
                f"{name}: an approval is not for agents", "approval_self" in refusal or "forbidden" in refusal, refusal
            )
        # Warnings of other kinds are about schemas and names, and there is no reason for any.
        others = [finding for finding in complaints if finding["check"] != "tool-error"]
        checks.check(f"{name}: nothing to warn of", not others, others)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
