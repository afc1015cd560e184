"""`agentctl mcp` driven by the Python SDK of the first line (mcp 1.x): python_v1.py AGENTCTL SUITE FOLDER."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import contract
from contract import Answer, Checks, ProtocolError
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client


class Client:
    """The adapter that the contract drives."""

    def __init__(self, session):
        self.session = session

    async def page(self):
        result = await self.session.list_tools()
        return [tool.model_dump() for tool in result.tools], result.nextCursor

    async def call(self, name, arguments):
        try:
            result = await self.session.call_tool(name, arguments)
        except McpError as error:
            raise ProtocolError(error.error.code, error.error.message) from error
        text = "".join(block.text for block in result.content if block.type == "text")
        return Answer(bool(result.isError), result.structuredContent, text)

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text


@asynccontextmanager
async def connected(agentctl, suite, *flags, elicit=None):
    server = StdioServerParameters(command=agentctl, args=["--dir", suite, "mcp", *flags])
    async with stdio_client(server) as streams, ClientSession(*streams, elicitation_callback=elicit) as session:
        begun = await session.initialize()
        yield Client(session), begun


async def main(agentctl, suite, folder):
    checks = Checks("python mcp 1.x")
    async with connected(agentctl, suite) as (client, begun):
        checks.equal("it opens with initialize", begun.protocolVersion, "2025-11-25")
        checks.check(
            "the server tells a model how to work here", len(begun.instructions or "") > 40, begun.instructions
        )
        checks.equal("the server has a name of its own", begun.serverInfo.name, "osmoda")
        await contract.whole(checks, client, folder)
    async with connected(agentctl, suite, "--read-only") as (client, _):
        tools, _ = await client.page()
        writing = [tool["name"] for tool in tools if not tool["annotations"]["readOnlyHint"]]
        checks.check("--read-only lists only what changes nothing", tools and not writing, writing)
        try:
            checks.check(
                "and what it hides can't be called", False, await client.call("shell_exec", {"command": "true"})
            )
        except ProtocolError as error:
            checks.equal("and what it hides can't be called", error.code, contract.INVALID_PARAMS)

    @asynccontextmanager
    async def answering(answer, questions):
        async def elicit(_, params):
            questions.append(params.message)
            return types.ElicitResult(**answer)

        async with connected(agentctl, suite, "--elicit", elicit=elicit) as (client, _):
            yield client

    await contract.answered_in_place(checks, answering, os.path.join(folder))
    return checks.status()


if __name__ == "__main__":
    os.makedirs(sys.argv[3], exist_ok=True)
    sys.exit(asyncio.run(asyncio.wait_for(main(*sys.argv[1:4]), 240)))
