"""A suite through its command line, as an operator or narrowed to an agent."""

import http.client
import json
import os
import socket
import subprocess


class Refused(Exception):
    """A call that was answered with the fault's envelope."""

    def __init__(self, envelope):
        super().__init__(envelope.get("code"))
        self.envelope = envelope
        self.code = envelope.get("code")
        self.detail = envelope.get("detail") or {}


class Agentctl:
    """`agentctl --dir DIR ...`."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder

    def run(self, *arguments, timeout=60):
        """The finished process, with what it printed as text."""
        command = [self.program, "--dir", self.folder, *arguments]
        environment = {**os.environ, "NO_COLOR": "1"}
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, env=environment
        )

    def json(self, *arguments, timeout=60):
        """What a command prints as JSON; raises where it fails."""
        done = self.run(*arguments, "--json", timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(
                f"agentctl {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return json.loads(done.stdout)

    def call(self, tool, arguments=None, role=None, timeout=60):
        """A tool's result; raises Refused with the envelope where it was refused or failed."""
        line = ["call", tool, "--json", json.dumps(arguments or {})]
        if role:
            line += ["--as", role]
        done = self.run(*line, timeout=timeout)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"call {tool} printed no JSON (status {done.returncode}): {done.stdout}{done.stderr}")
        if done.returncode == 0:
            return answer
        if done.returncode == 1 and "code" in answer:
            raise Refused(answer)
        raise AssertionError(f"call {tool} ended with {done.returncode}: {answer}")

    def agent(self, tool, arguments=None, timeout=60):
        """The same, narrowed to the agent's role."""
        return self.call(tool, arguments, role="agent", timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(path, method, target, body=None, role=None, timeout=10):
    """Status and JSON of one request to a daemon's socket, without agentctl: for what agentctl does not let one do."""
    connection = _UnixConnection(path, timeout)
    headers = {"Content-Type": "application/json"}
    if role:
        headers["X-Osmoda-Role"] = role
    try:
        connection.request(method, target, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
