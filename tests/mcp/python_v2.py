"""`agentctl mcp` driven by the Python SDK of the second line (mcp 2.x), in both protocol eras.

python_v2.py AGENTCTL SUITE FOLDER
"""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import contract
import mcp_types as types
from contract import Answer, Checks, ProtocolError
from mcp import Client as Sdk
from mcp import StdioServerParameters
from mcp.shared.exceptions import MCPError

MODERN = "2026-07-28"
# How the SDK is told to open, and the protocol that comes of it.
ERAS = {"legacy": "2025-11-25", "auto": MODERN, MODERN: MODERN}


class Client:
    """The adapter that the contract drives."""

    def __init__(self, sdk):
        self.sdk = sdk

    async def page(self):
        result = await self.sdk.list_tools()
        return [tool.model_dump(by_alias=True) for tool in result.tools], result.next_cursor

    async def call(self, name, arguments, **options):
        try:
            result = await self.sdk.call_tool(name, arguments, **options)
        except MCPError as error:
            raise ProtocolError(error.error.code, error.error.message) from error
        text = "".join(block.text for block in result.content if block.type == "text")
        return Answer(bool(result.is_error), result.structured_content, text)

    async def read(self, uri):
        return (await self.sdk.read_resource(uri)).contents[0].text


@asynccontextmanager
async def connected(agentctl, suite, mode, *flags, elicit=None):
    server = StdioServerParameters(command=agentctl, args=["--dir", suite, "mcp", *flags])
    async with Sdk(server, mode=mode, elicitation_callback=elicit) as sdk:
        yield Client(sdk)


def processes(marker):
    """The command lines of living processes that hold this text."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append(line)
    return found


async def until(condition, seconds):
    """Whether the condition came to hold in so many seconds."""
    for _ in range(seconds * 20):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return condition()


async def long_calls(checks, client):
    """A call that takes long says that it runs, and ends with all that it started when it is cancelled."""
    steps = []

    async def progressed(progress, total, message):
        steps.append((progress, total, message))

    answer = await client.call("shell_exec", {"command": "sleep 6; echo done"}, progress_callback=progressed)
    checks.check("a long call reports progress", not answer.failed and steps, f"{answer} {steps}")
    marker = f"4{os.getpid()}.25"
    call = asyncio.create_task(client.call("shell_exec", {"command": f"sleep {marker}; echo late", "timeout": 100_000}))
    started = await until(lambda: processes(f"sleep {marker}"), 20)
    checks.check("a long call runs", started, "its process was never seen")
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    ended = await until(lambda: not processes(f"sleep {marker}"), 20)
    checks.check("a cancelled call ends what it started", ended, processes(f"sleep {marker}"))
    after = await client.call("directory_list", {"path": "/"})
    checks.check("the session goes on after a cancelled call", not after.failed, after)


async def main(agentctl, suite, folder):
    failed = 0
    for mode, protocol in ERAS.items():
        checks = Checks(f"python mcp 2.x, {mode}")
        own = os.path.join(folder, mode)
        os.makedirs(own)
        async with connected(agentctl, suite, mode) as client:
            checks.equal("the protocol is the one of this era", client.sdk.protocol_version, protocol)
            if mode != MODERN:
                # A pinned version is adopted without a question to the server.
                words = client.sdk.instructions or ""
                checks.check("the server tells a model how to work here", len(words) > 40, words)
            await contract.whole(checks, client, own)
            if mode != "auto":
                await long_calls(checks, client)

        @asynccontextmanager
        async def answering(answer, questions, mode=mode):
            async def elicit(_, params):
                questions.append(params.message)
                return types.ElicitResult(**answer)

            async with connected(agentctl, suite, mode, "--elicit", elicit=elicit) as client:
                yield client

        if mode != "auto":
            await contract.answered_in_place(checks, answering, own)
        failed |= checks.status()
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(asyncio.wait_for(main(*sys.argv[1:4]), 480)))
