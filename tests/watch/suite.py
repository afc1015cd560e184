"""A watch of its own beside a shared agentd, with a store and a profile that are folders and links."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None):
    """One call: status and JSON. ConnectionError where the daemon dies over it."""
    connection = Unix(path)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, target, text, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (http.client.HTTPException, OSError) as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Suite:
    """A suite of watch alone; its agentd is another suite's, by a link to the socket."""

    def __init__(self, programs, agentd, more=""):
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="osw", dir="/tmp"))
        self.folder.chmod(0o755)
        self.run, self.state = self.folder / "run", self.folder / "state"
        for name in ("run", "state", "store", "profiles", "etc", "checks"):
            (self.folder / name).mkdir()
        (self.run / "agentd.sock").symlink_to(agentd)
        (self.folder / "osmoda.toml").write_text(
            f"[watch]\ncheck_interval_secs = 1\napply_timeout_secs = 20\nstore = '{self.folder}/store'\n"
            f"profiles = ['{self.folder}/profiles']\nfiles = ['{self.folder}/etc']\n"
            f"commands = ['{self.folder}/checks']\n{more}"
        )
        self.environment = dict(
            os.environ,
            OSMODA_CONFIG=str(self.folder / "osmoda.toml"),
            OSMODA_RUN_DIR=str(self.run),
            OSMODA_STATE_DIR=str(self.state),
        )
        self.active = self.folder / "active"
        self.watch = None

    def generation(self, name, text=None):
        """A path of the store whose switch writes its name down in two steps: between them it is half made."""
        path = self.folder / "store" / name
        script(path / "bin/switch-to-configuration", text or f"echo half >{self.active}; echo {name} >{self.active}")
        return path

    def profile(self, name="web", first="blue"):
        path = self.folder / "profiles" / name
        (self.folder / "profiles" / f"{name}-1-link").symlink_to(self.generation(first))
        path.symlink_to(f"{name}-1-link")
        self.active.write_text(first + "\n")
        return path

    def start(self):
        self.watch = subprocess.Popen(
            [self.programs / "osmoda-watch"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "log", "ab"),
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except ConnectionError:
                pass
            if time.monotonic() > deadline or self.watch.poll() is not None:
                raise RuntimeError(f"watch did not come up: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.01)

    def ask(self, method, target, body=None):
        return ask(self.run / "watch.sock", method, target, body)

    def alone(self, *words, under=()):
        """watch's own program with these words, to its end."""
        return subprocess.run(
            [*under, self.programs / "osmoda-watch", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        ).returncode

    def kill(self):
        if self.watch is not None:
            self.watch.kill()
            self.watch.wait()
            self.watch = None

    def kill_others(self):
        """Ends what this suite's daemon started, by ids: whose command line names its folder."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                named = str(self.folder).encode() in (process / "cmdline").read_bytes()
                if named and int(process.name) != os.getpid():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue

    def cut(self):
        """The power goes: nothing of this suite runs any more."""
        self.kill()
        self.kill_others()

    def forget_boot(self):
        """What a reboot empties."""
        for name in ("watch.boot", "watch.sock", "watch.pid"):
            (self.run / name).unlink(missing_ok=True)

    def reboot(self, put_in_force):
        """After the power went: the next boot, up to the daemon's start."""
        self.forget_boot()
        put_in_force()
        self.alone("rollback", "--boot")

    def leftovers(self):
        """What a session that is over left behind: locks, alarms, half-written links and files."""
        left = []
        for folder in ("state/watch/locks", "state/watch/running", "state/watch/kept", "profiles", "etc"):
            names = os.listdir(self.folder / folder)
            left += [name for name in names if not folder.startswith("state") and name.endswith(".osmoda-new")]
            left += [name for name in names if folder.startswith("state")]
        return left

    def sessions(self):
        return self.ask("GET", "/switch/list")[1]["sessions"]

    def until_over(self, session, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            told = self.ask("GET", f"/switch/status/{session}")[1]
            if told["state"] in ("committed", "rolled_back", "failed"):
                return told
            if time.monotonic() > deadline:
                return told
            time.sleep(0.02)

    def end(self):
        self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)
