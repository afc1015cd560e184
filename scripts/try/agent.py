"""An agent's part of the demonstration: a real MCP client (the Python SDK) that drives a suite through `agentctl mcp`.

    agent.py AGENTCTL SUITE FOLDER            calls ten tools, one line each, then tries what needs leave
    agent.py AGENTCTL SUITE FOLDER APPROVAL   tries that again, with the approval

The last line that the first form prints on standard output is the id of the approval to ask the operator for.
"""

import asyncio
import os
import shlex
import sys

from mcp import Client, StdioServerParameters

GIB = 1 << 30


def health(answer):
    ram = answer["ram"]
    used, total = ram["used_bytes"] / GIB, ram["total_bytes"] / GIB
    return f"{answer['hostname']}: CPU {answer['cpu']['percent']:.0f} %, memory {used:.1f} of {total:.1f} GiB, load {answer['load']['one']:.2f}"


def largest(answer):
    row = answer["rows"][0]
    return f"the largest of {answer['total']} processes is {row.get('name')} (pid {row.get('pid')})"


def network(answer):
    shown = [f"{face['name']} {' '.join(face['addresses']) or '-'}" for face in answer["interfaces"]]
    return "; ".join(shown[:3])


def listening(answer):
    return f"{answer['total_listening_ports']} listening sockets"


def tour(folder):
    """The ten calls: tool, arguments, and how to say in a line what came back."""
    note = os.path.join(folder, "note.txt")
    return [
        ("system_health", {}, health),
        ("system_query", {"query": "processes", "args": {"sort": "-rss_bytes", "limit": 1}}, largest),
        ("system_discover", {}, listening),
        ("network_info", {"detail": "interfaces"}, network),
        (
            "file_write",
            {"path": note, "content": "written by an agent\n"},
            lambda it: f"{it['bytes']} bytes into {it['path']}",
        ),
        ("file_read", {"path": note}, lambda it: repr(it["content"].strip())),
        ("directory_list", {"path": folder}, lambda it: ", ".join(entry["name"] for entry in it["entries"])),
        ("shell_exec", {"command": "uname -sr"}, lambda it: it["stdout"].strip()),
        (
            "event_log",
            {"limit": 1},
            lambda it: f"event {it['events'][0]['id']}: {it['events'][0]['type']} by {it['events'][0]['actor']}",
        ),
        (
            "receipt_list",
            {"limit": 5},
            lambda it: ", ".join(f"{one['type']} {one['status']}" for one in it["receipts"]),
        ),
    ]


def needs_leave(folder):
    """Harmless here; elsewhere it opens the machine to whoever holds the key."""
    return {"command": f"echo 'ssh-ed25519 AAAA an-agents-key' >> {shlex.quote(keys(folder))}"}


def keys(folder):
    """A file of the kind that is guarded."""
    return os.path.join(folder, ".ssh", "authorized_keys")


def line(name, text):
    print(f"    {name:16} {text}", flush=True)


async def main(agentctl, suite, folder, approval=None):
    server = StdioServerParameters(command=agentctl, args=["--dir", suite, "mcp"])
    async with Client(server) as client:
        if approval:
            result = await client.call_tool("shell_exec", {**needs_leave(folder), "approval_id": approval})
            if result.is_error:
                sys.exit(f"the approved command was refused: {result.structured_content}")
            with open(keys(folder), encoding="utf-8") as file:
                line("shell_exec", f"ran with the approval, and wrote {file.readlines()[-1].strip()!r}")
            return
        os.makedirs(os.path.dirname(keys(folder)), exist_ok=True)
        for name, arguments, say in tour(folder):
            result = await client.call_tool(name, arguments)
            if result.is_error:
                sys.exit(f"{name} failed: {result.structured_content}")
            line(name, say(result.structured_content))
        result = await client.call_tool("shell_exec", needs_leave(folder))
        fault = result.structured_content or {}
        if not result.is_error or fault.get("code") != "approval_required":
            sys.exit(f"a command that needs leave was not asked for: {result}")
        line("shell_exec", f"refused, {fault['code']}: {fault['detail']['why']}")
        print(fault["detail"]["approval_id"])


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 120))
