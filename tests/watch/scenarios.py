"""What is cut off: a switch, its commit, its way back, of a profile and of files; its programs; and the way back at boot."""

import os
import subprocess
import threading
import time

from suite import script


class Attached:
    """strace on a running daemon, whose children it lets go of once they have a program of their own."""

    def __init__(self, pid, words):
        self.strace = subprocess.Popen(
            ["strace", "-qq", "-f", "-b", "execve", *words, "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.strace.poll() is None:
            tracers = set()
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as status:
                        tracers.add(next(line for line in status if line.startswith("TracerPid")).split()[1])
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                return
            if tracers == {str(self.strace.pid)}:
                return
            time.sleep(0.005)

    def end(self):
        self.strace.terminate()
        try:
            self.strace.wait(5)
        except subprocess.TimeoutExpired:
            self.strace.kill()
            self.strace.wait()


class Scenario:
    """A profile that is led from blue to green."""

    name = "switch"
    # What is asked for under strace: nothing of it yet, or the end of a session that was begun before.
    begun = False

    def __init__(self, suite):
        self.suite = suite
        self.trace = suite.folder / "trace"
        self.strace = []
        self.session = None

    def lay_out(self):
        self.profile = self.suite.profile()
        self.green = self.suite.generation("green")

    def apply(self):
        return {"kind": "nix_profile", "profile": str(self.profile), "store_path": str(self.green)}

    def begin(self):
        body = {"plan": "a crash", "apply": self.apply(), "ttl_secs": 600}
        status, answer = self.suite.ask("POST", "/switch/begin", body)
        if status == 200:
            self.session = answer["id"]
        return status

    def end(self, how):
        return self.suite.ask("POST", f"/switch/{how}/{self.session}", {})

    def prepare(self):
        self.lay_out()
        self.suite.start()
        if self.begun and self.begin() != 200:
            raise RuntimeError("it could not be begun")

    def ask(self):
        return self.begin() == 200

    def act(self, _reboots):
        """Does what is to be cut off. True where something was."""
        attached = Attached(self.suite.watch.pid, self.strace)
        asking = threading.Thread(target=self.ask_and_wait, daemon=True)
        asking.start()
        # One is killed, and not each one after it as well: strace counts a new thread's calls anew.
        while asking.is_alive() and not self.hit():
            time.sleep(0.005)
        attached.end()
        asking.join(60)
        if self.hit():
            try:
                # Killed, and not yet gone; or it was a child.
                self.suite.watch.wait(1)
            except subprocess.TimeoutExpired:
                pass
        return self.hit()

    def ask_and_wait(self):
        """What it does when all is said is a part of it."""
        try:
            self.ask()
            time.sleep(0.05)
        except ConnectionError:
            pass

    def hit(self):
        """Whether strace killed somebody."""
        return self.trace.exists() and "+++ killed by SIGKILL" in self.trace.read_text(errors="replace")

    def put_in_force(self):
        """As a boot does: what the profile leads to."""
        subprocess.run([os.path.realpath(self.profile) + "/bin/switch-to-configuration", "switch"], check=False)

    def found(self):
        """The generations that are in force, by the profile and by what was switched to."""
        return {os.path.basename(os.path.realpath(self.profile)), self.suite.active.read_text().strip()}


class Commit(Scenario):
    name, begun = "commit", True

    def ask(self):
        return self.end("commit")[0] == 200


class Back(Scenario):
    name, begun = "back", True

    def ask(self):
        return self.end("rollback")[0] == 200


class Files(Scenario):
    """Three files: one that was there, one whose mode changes, one that is new."""

    name = "files"
    blue = {"one.conf": ("blue one", 0o640), "two.conf": ("blue two", 0o600), "three.conf": None}
    green = {"one.conf": ("green one", 0o640), "two.conf": ("green two", 0o644), "three.conf": ("green three", 0o644)}

    def lay_out(self):
        for name, content in self.blue.items():
            if content is not None:
                path = self.suite.folder / "etc" / name
                path.write_text(content[0])
                path.chmod(content[1])

    def apply(self):
        path = self.suite.folder / "etc"
        files = [{"path": str(path / name), "content": text} for name, (text, _) in self.green.items()]
        files[1]["mode"] = "0644"
        return {"kind": "files", "files": files}

    def put_in_force(self):
        """Files are in force as they are."""

    def found(self):
        now = {}
        for name in self.blue:
            path = self.suite.folder / "etc" / name
            now[name] = (path.read_text(), path.stat().st_mode & 0o777) if path.exists() else None
        return {"blue"} if now == self.blue else {"green"} if now == self.green else {str(now)}


class FilesBack(Files):
    name, begun = "files back", True

    def ask(self):
        return self.end("rollback")[0] == 200


class Child(Scenario):
    """The program of a switch is killed; the power goes before the daemon does anything about it, or it goes on."""

    name, which = "child", "green"

    def lay_out(self):
        super().lay_out()
        path = self.suite.folder / "store" / self.which / "bin/switch-to-configuration"
        self.real = path.with_name("real")
        path.rename(self.real)

    def wrap(self, reboots):
        """Its first run is traced."""
        at = self.suite.folder
        # By a name that says whose it is.
        hangs = f"exec tail -f {at}/dead" if reboots else ":"
        script(
            self.real.with_name("switch-to-configuration"),
            f'[ -e {at}/ran ] && exec {self.real} "$@"\n: >{at}/ran\n'
            f'strace -qq -f {" ".join(self.strace)} {self.real} "$@"; status=$?\n'
            f"[ $status = 0 ] || {{ : >{at}/dead; {hangs}; }}\nexit $status",
        )

    def act(self, reboots):
        self.wrap(reboots)
        asking = threading.Thread(target=self.ask_and_wait, daemon=True)
        asking.start()
        dead = self.suite.folder / "dead"
        while asking.is_alive() and not (reboots and dead.exists()):
            time.sleep(0.005)
        return dead.exists()


class ChildBack(Child):
    name, which, begun = "child back", "blue", True

    def lay_out(self):
        super().lay_out()
        # It is there from the beginning: only the way back runs it.
        self.wrap(False)

    def ask(self):
        return self.end("rollback")[0] == 200


class Boot(Scenario):
    """The way back at boot is cut off itself."""

    name, begun = "boot", True

    def act(self, _reboots):
        self.suite.cut()
        self.suite.forget_boot()
        self.put_in_force()
        words = ["strace", "-qq", "-f", "-b", "execve", *self.strace]
        going = self.suite.alone_under(words, "rollback", "--boot")
        while going.poll() is None and not self.hit():
            time.sleep(0.005)
        # strace does not hear of less; where a child was killed, whoever started it goes on by itself.
        going.kill()
        going.wait(60)
        deadline = time.monotonic() + 20
        while self.suite.others() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.suite.kill_others()
        return self.hit()


SCENARIOS = (Scenario, Commit, Back, Files, FilesBack, Child, ChildBack, Boot)
