"""`agentctl mcp` through the Inspector's command line, also as a judge of the tools' schemas.

inspector.py NODE INSPECTOR MCP_JSON FOLDER
"""

import json
import os
import subprocess
import sys

from contract import TOOLS, Checks, needs_leave

# The Inspector's own statuses.
TOOL_FAILED = 5


def main(node, inspector, config, folder):
    checks = Checks("Inspector")
    os.makedirs(folder)

    def inspect(*arguments):
        command = [node, os.path.realpath(inspector), "--cli", "--config", config, "--server", "osmoda", *arguments]
        # It keeps settings in the home folder: they are to be a stranger's.
        environment = {**os.environ, "HOME": folder, "NO_COLOR": "1", "MCP_INSPECTOR_SECRET_STORE": "memory"}
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=environment
        )

    def call(tool, arguments, *more):
        done = inspect(
            "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments),
            "--format", "json", *more,
        )  # fmt: skip
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            answer = {}
        return done, answer.get("result", answer)

    for era in ("legacy", "modern"):
        done = inspect("--method", "tools/list", "--strict", "--format", "json", "--protocol-era", era)
        names = set()
        try:
            listed = json.loads(done.stdout)
            names = {tool["name"] for tool in listed.get("result", listed)["tools"]}
        except (ValueError, KeyError):
            pass
        checks.check(
            f"{era}: tools/list shows every tool of agentd", TOOLS <= names, done.stdout[-300:] + done.stderr[-300:]
        )
        checks.equal(f"{era}: --strict finds no error in the schemas", done.returncode, 0)
        complaints = [line for line in done.stderr.splitlines() if line.startswith(("Warning:", "Error:", "{"))]
        checks.check(f"{era}: --strict finds nothing to warn of", not complaints, complaints)

        note = os.path.join(folder, f"{era}.txt")
        done, answer = call("file_write", {"path": note, "content": "by the Inspector"}, "--protocol-era", era)
        checks.check(f"{era}: tools/call writes a file", done.returncode == 0 and os.path.exists(note), done)
        done, answer = call("file_read", {"path": note}, "--protocol-era", era)
        content = (answer.get("structuredContent") or {}).get("content", "")
        checks.equal(f"{era}: tools/call reads it back", content.strip(), "by the Inspector")

    dangerous, trace = needs_leave(folder, "trace")
    done, answer = call("shell_exec", dangerous)
    checks.equal("a refused call ends as the tool's failure", done.returncode, TOOL_FAILED)
    checks.check("and names the fault", "approval_required" in done.stdout + done.stderr, done)
    checks.check("and nothing ran", not os.path.exists(trace), f"{trace} exists")
    done = inspect("--method", "resources/read", "--uri", "osmoda://ledger/tail")
    checks.check("resources/read shows the ledger's tail", done.returncode == 0 and "shell_exec" in done.stdout, done)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
