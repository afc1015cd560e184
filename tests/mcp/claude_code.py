"""Claude Code's own view of `agentctl mcp`: claude_code.py CLAUDE AGENTCTL SUITE FOLDER."""

import os
import subprocess
import sys

from contract import Checks


def main(claude, agentctl, suite, folder):
    checks = Checks("Claude Code")
    os.makedirs(folder)
    # A stranger's home: no login, no settings, nothing of whoever runs the tests.
    environment = {
        "HOME": folder,
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "DISABLE_AUTOUPDATER": "1",
    }

    def run(*arguments):
        done = subprocess.run(
            [claude, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
        )
        return done.stdout + done.stderr

    run("mcp", "add", "osmoda", "--", agentctl, "--dir", suite, "mcp")
    run("mcp", "add", "nobody", "--", "/nonexistent/agentctl", "mcp")
    # Its exit status is 0 either way: the text tells.
    listed = run("mcp", "list")
    lines = {line.partition(":")[0].strip(): line for line in listed.splitlines() if ":" in line}
    checks.check("mcp list shows the suite connected", "Connected" in lines.get("osmoda", ""), listed)
    checks.check("and a server that is not there as failed", "Failed" in lines.get("nobody", ""), listed)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
