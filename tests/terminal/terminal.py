"""Terminals through the `websockets` package, and through `agentctl terminal` in a pseudo terminal of its own.

terminal.py AGENTCTL SUITE
"""

import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from agentctl import Agentctl  # noqa: E402
from checks import Checks  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import unix_connect  # noqa: E402

PATIENCE = 30


def connect(socket, target, **more):
    return unix_connect(socket, f"ws://localhost{target}", compression=None, max_size=1 << 20, **more)


def until(terminal, text):
    """What is said until a text is in it."""
    said = b""
    while text not in said:
        message = terminal.recv(timeout=PATIENCE)
        if isinstance(message, str):
            raise AssertionError(f"it ended without {text!r}: {said!r}, {message}")
        said += message
    return said


def end(terminal):
    """What it tells at its end, and the code of its closing frame."""
    told = None
    try:
        while True:
            message = terminal.recv(timeout=PATIENCE)
            told = json.loads(message) if isinstance(message, str) else told
    except ConnectionClosed as closed:
        return told, closed.rcvd and closed.rcvd.code


def another_client(checks, ctl, socket):
    with connect(socket, "/terminal?cols=90&rows=30&term=vt220") as terminal:
        terminal.send(b"stty size; echo $TERM > /dev/stderr; tty\r")
        said = until(terminal, b"/dev/pts/")
        checks.check("its size and kind are what was asked for", b"30 90" in said and b"vt220" in said, said)
        terminal.send(json.dumps({"type": "resize", "cols": 111, "rows": 41}))
        terminal.send(b"stty size\r")
        checks.check("it is resized", until(terminal, b"41 111"))
        terminal.ping().wait(PATIENCE)
        checks.check("a ping is answered", True)
        terminal.send(b"head -c 1000000 /dev/zero | tr '\\0' '\\176'; echo; echo all of i't'\r")
        said = until(terminal, b"all of it")
        checks.equal("a flood comes whole", said.count(b"~"), 1_000_000)
        terminal.send(b"exit 7\r")
        checks.equal("its end is told", end(terminal), ({"type": "exit", "reason": "exited", "exit_code": 7}, 1000))
    with connect(socket, "/terminal") as terminal:
        terminal.send("ls")
        checks.equal("what is no message of ours ends it", end(terminal)[1], 1008)
    with connect(socket, "/terminal") as terminal:
        terminal.send(b"x" * 70_000)
        checks.equal("a message that is too large ends it", end(terminal)[1], 1009)
    for name, target, headers, status in [
        ("an agent gets none", "/terminal", {"X-Osmoda-Role": "agent"}, 403),
        ("a size that makes no sense is refused", "/terminal?rows=0", {}, 400),
        ("what is no WebSocket's address is none", "/health", {}, 200),
    ]:
        try:
            with connect(socket, target, additional_headers=headers):
                checks.check(name, False, "it opened")
        except InvalidStatus as refused:
            checks.equal(name, refused.response.status_code, status)
    deadline = time.monotonic() + PATIENCE
    outcomes = []
    while len(outcomes) < 3 and time.monotonic() < deadline:
        outcomes = ctl.json("events", "--type", "terminal.outcome")["events"]
    reasons = [event["payload"]["result"]["reason"] for event in sorted(outcomes, key=lambda event: event["id"])]
    checks.equal("each is in the ledger with its end", reasons, ["exited", "bad_message", "hung_up"])
    checks.check("and its duration", all(event["payload"]["duration_ms"] >= 0 for event in outcomes))
    checks.equal("the ledger is whole", ctl.run("verify-ledger").returncode, 0)


class Screen:
    """A program in a pseudo terminal, as a person has it."""

    def __init__(self, command, rows, cols):
        ours, theirs = pty.openpty()
        self.file, self.theirs = ours, theirs
        self.resize(rows, cols)
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, close_fds=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )  # fmt: skip

    def resize(self, rows, cols):
        import fcntl

        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def types(self, keys):
        os.write(self.file, keys)

    def until(self, text):
        said, deadline = b"", time.monotonic() + PATIENCE
        while text not in said:
            if not select.select([self.file], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come: {said!r}")
            said += os.read(self.file, 65536)
        return said


def a_person(checks, ctl):
    screen = Screen([ctl.program, "--dir", ctl.folder, "terminal", "--cwd", "/usr"], 33, 77)
    screen.types(b"stty size; pwd\r")
    said = screen.until(b"/usr\r\n")
    checks.check("agentctl's terminal has its own's size, and starts where it is told to", b"33 77" in said, said)
    screen.resize(44, 88)
    # The new size comes another way than what is typed, and may come after it.
    screen.types(b"until stty size | grep -qx '44 88'; do sleep 0.1; done; echo re'siz'ed\r")
    checks.check("and follows it", screen.until(b"resized"))
    screen.types(b"sleep 300\r")
    screen.until(b"sleep 300")
    screen.types(b"\x03")
    screen.types(b"echo go'es' on\r")
    checks.check("Ctrl-C goes to what runs there", screen.until(b"goes on"))
    screen.types(b"exit\r")
    checks.equal("its end is the shell's", screen.process.wait(PATIENCE), 0)
    checks.equal("the terminal is as it was", termios.tcgetattr(screen.theirs), screen.before)
    command = [ctl.program, "--dir", ctl.folder, "terminal"]
    piped = subprocess.run(command, input=b"echo pi'ped'\n", capture_output=True, timeout=PATIENCE)
    checks.check("without a terminal it reads its input to the end", b"piped" in piped.stdout, piped)
    checks.equal("and ends with it", piped.returncode, 0)


def main():
    ctl = Agentctl(sys.argv[1], sys.argv[2])
    checks = Checks("terminal")
    another_client(checks, ctl, os.path.join(sys.argv[2], "run/agentd.sock"))
    a_person(checks, ctl)
    checks.end()


main()
