"""What every MCP client must see of `agentctl mcp`, whatever SDK it speaks with.

An SDK's script gives an adapter with three coroutines: `page()` (one page of tools as dictionaries, and its cursor),
`call(name, arguments)` (an Answer) and `read(uri)` (a resource's text). A protocol error is raised as ProtocolError.
"""

import asyncio
import json
import os
import shlex
import socket
import sys
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from checks import Checks  # noqa: E402,F401  (for the scripts that import this one)

# agentd's tools, which every installation has.
TOOLS = {
    "system_health", "system_query", "system_discover", "event_log", "shell_exec", "file_read", "file_write",
    "directory_list", "network_info", "receipt_list", "approval_request", "approval_pending", "approval_approve",
    "approval_check",
}  # fmt: skip
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
INVALID_PARAMS = -32602


@dataclass
class Answer:
    """A tool's result."""

    failed: bool
    content: dict
    text: str

    @property
    def code(self):
        """The fault's code."""
        return (self.content or {}).get("code")


class ProtocolError(Exception):
    """An answer that is an error of the protocol, not a tool's result."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


async def see_tools(checks, client):
    """The list of tools is one page, complete, and of the shape that clients rely on."""
    tools, cursor = await client.page()
    names = [tool["name"] for tool in tools]
    checks.check("all tools are on one page", not cursor, f"a cursor to a next page: {cursor}")
    checks.check("every tool of agentd is listed", TOOLS <= set(names), f"missing: {sorted(TOOLS - set(names))}")
    checks.equal("no tool is listed twice", len(names), len(set(names)))
    for key in ("inputSchema", "outputSchema"):
        wrong = [tool["name"] for tool in tools if (tool.get(key) or {}).get("type") != "object"]
        checks.check(f"every {key} is an object", not wrong, wrong)
    mute = [tool["name"] for tool in tools if not (tool.get("description") and tool.get("title"))]
    checks.check("every tool has a title and a description", not mute, mute)
    vague = [tool["name"] for tool in tools if any((tool.get("annotations") or {}).get(hint) is None for hint in HINTS)]
    checks.check("every tool has all four annotations", not vague, vague)


async def use_tools(checks, client, folder):
    """Ordinary work: the answers are the machine's own."""
    health = await client.call("system_health", {})
    checks.check(
        "system_health measures this machine",
        not health.failed
        and health.content["hostname"] == socket.gethostname()
        and health.content["ram"]["total_bytes"] > 0,
        health,
    )
    checks.check(
        "the text of a result is its structured content", json.loads(health.text) == health.content, health.text
    )
    path, text = os.path.join(folder, "deep", "note.txt"), "first\nsecond: žluťoučký kůň 🐎\n"
    written = await client.call("file_write", {"path": path, "content": text})
    checks.check("file_write writes", not written.failed and written.content["bytes"] == len(text.encode()), written)
    with open(path, encoding="utf-8", newline="") as file:
        checks.equal("the file holds what was written", file.read(), text)
    read = await client.call("file_read", {"path": path})
    checks.check("file_read reads it back", not read.failed and read.content["content"].strip() == text.strip(), read)
    listed = await client.call("directory_list", {"path": os.path.dirname(path)})
    entries = {entry["name"]: entry for entry in (listed.content or {}).get("entries", [])}
    checks.check("directory_list shows it", entries.get("note.txt", {}).get("size") == len(text.encode()), listed)
    shell = await client.call("shell_exec", {"command": "printf 'a\\nb\\n' | wc -l; echo oops >&2; exit 3"})
    said = [shell.content.get(key) for key in ("stdout", "stderr", "exit_code")] if not shell.failed else shell
    checks.equal("shell_exec runs a command", said, ["2\n", "oops\n", 3])


def needs_leave(folder, name):
    """A command that must ask, since it writes to a guarded path, and the file that shows that it ran."""
    door = os.path.join(folder, name, ".ssh")
    os.makedirs(door)
    trace = os.path.join(door, "authorized_keys")
    return {"command": f"echo ran >> {shlex.quote(trace)}"}, trace


async def misuse_tools(checks, client, folder):
    """What is refused, and how it is said."""
    dangerous, trace = needs_leave(folder, "misuse")
    answer = await client.call("shell_exec", dangerous)
    approval = ((answer.content or {}).get("detail") or {}).get("approval_id", "")
    checks.check("a dangerous command asks", answer.failed and answer.code == "approval_required", answer)
    checks.check("the refusal names the approval to ask about", approval.startswith("apr_"), answer)
    checks.check("and nothing ran", not os.path.exists(trace), f"{trace} exists")
    if approval:
        pending = await client.call("approval_check", {"id": approval})
        checks.equal("the approval waits", (pending.content or {}).get("status"), "pending")
        own = await client.call("approval_approve", {"id": approval})
        checks.check("an agent can't approve", own.failed and own.code in ("approval_self", "forbidden"), own)
        again = await client.call("shell_exec", {**dangerous, "approval_id": approval})
        checks.check("an unanswered approval is no leave", again.failed and not os.path.exists(trace), again)
    wrong = [
        ("a misspelt argument", "shell_exec", {"comand": "true"}),
        ("a missing argument", "file_write", {"path": os.path.join(folder, "never")}),
        ("an argument of the wrong type", "directory_list", {"path": 7}),
        ("an unknown choice", "system_query", {"query": "everything"}),
        ("a number out of range", "event_log", {"limit": 0}),
    ]
    for name, tool, arguments in wrong:
        answer = await client.call(tool, arguments)
        checks.check(f"{name} is the tool's error", answer.failed and answer.code == "invalid_request", answer)
    try:
        answer = await client.call("no_such_tool", {})
        checks.check("an unknown tool is a protocol error", False, answer)
    except ProtocolError as error:
        checks.equal("an unknown tool is a protocol error", error.code, INVALID_PARAMS)


async def see_records(checks, client, folder):
    """What was done is in the ledger and among the receipts, in the agent's name."""
    log = await client.call("event_log", {"type": "shell_exec.*", "limit": 100})
    events = (log.content or {}).get("events", [])
    mine = [
        event for event in events if folder in json.dumps(event["payload"]) or "wc -l" in json.dumps(event["payload"])
    ]
    checks.check("the ledger shows the commands", mine, log)
    actors = {event["actor"].partition(":")[0] for event in mine}
    checks.equal("the ledger names an agent as their actor", actors, {"agent"})
    receipts = await client.call("receipt_list", {"type": "file_write", "limit": 100})
    paths = [receipt["request"].get("path", "") for receipt in (receipts.content or {}).get("receipts", [])]
    checks.check("a receipt shows the file that was written", any(folder in path for path in paths), receipts)
    tail = json.loads(await client.read("osmoda://ledger/tail"))
    checks.check("the ledger's tail is a resource", tail.get("events"), tail)


async def at_once(checks, client, folder):
    """Calls that are open at the same time are answered each by its own answer."""
    commands = [f"echo call {number}" for number in range(8)]
    answers = await asyncio.gather(*(client.call("shell_exec", {"command": command}) for command in commands))
    said = [None if answer.failed else answer.content["stdout"] for answer in answers]
    checks.equal("calls at the same time keep their answers apart", said, [f"call {number}\n" for number in range(8)])


async def whole(checks, client, folder):
    """Everything that every client must see. `folder` is the caller's own."""
    await see_tools(checks, client)
    await use_tools(checks, client, folder)
    await misuse_tools(checks, client, folder)
    await at_once(checks, client, folder)
    await see_records(checks, client, folder)


async def answered_in_place(checks, connect, folder):
    """A dangerous command, with a person at the client: `connect(answer)` gives a client whose form is answered so."""
    cases = [
        ("accept and tick", {"action": "accept", "content": {"approve": True}}, None),
        ("accept without a tick", {"action": "accept", "content": {"approve": False}}, "approval_denied"),
        ("decline", {"action": "decline"}, "approval_denied"),
        ("dismiss", {"action": "cancel"}, "approval_required"),
    ]
    for number, (name, answer, code) in enumerate(cases):
        act, trace = needs_leave(folder, f"asked-{number}")
        questions = []
        async with connect(answer, questions) as client:
            result = await client.call("shell_exec", act)
        checks.equal(f"{name}: the person is asked once", len(questions), 1)
        checks.check(
            f"{name}: the question shows the command", all(trace in question for question in questions), questions
        )
        if code is None:
            checks.check(f"{name}: the command ran", not result.failed and os.path.exists(trace), result)
        else:
            checks.equal(f"{name}: the command is refused", result.code, code)
            checks.check(f"{name}: nothing ran", not os.path.exists(trace), f"{trace} exists")
