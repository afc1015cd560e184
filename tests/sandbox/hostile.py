"""Runs attacks.py inside each sandbox and holds ours to it: nothing gets through, and the host stays well.

    hostile.py FOLDER AGENTCTL [--bwrap] [--srt NODE SRT] [--table FILE]

FOLDER is a scratch folder; a suite is started in it. Prints one line a check of ours; with --table, every try of every
contender of this one run as a table of Markdown. Needs root: the peers run as nobody, as our own runner does.
"""
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
NOBODY = 65534
MARK = str(900000 + os.getpid())
checks = {"failed": 0}


def check(name, held, detail=""):
    print(("ok    " if held else "FAIL  ") + name + ("" if held else f": {detail}"), flush=True)
    checks["failed"] += not held


def private_address():
    """An address of this machine's that is not the loopback: one is lent to it where it has none."""
    found = subprocess.run(["ip", "-4", "-o", "addr", "show", "scope", "global"], capture_output=True, text=True, check=False).stdout
    for line in found.splitlines():
        return line.split()[3].split("/")[0]
    return "127.1.2.3"


class Outside:
    """What is worth reaching."""

    def __init__(self, folder):
        self.folder = folder
        os.chmod(folder, 0o755)
        for name in ("victim", "outside", "granted", "race", "race/real", "home", "work"):
            os.makedirs(f"{folder}/{name}")
        for name in ("outside", "granted", "home", "work"):
            os.chmod(f"{folder}/{name}", 0o777)
        for name in ("victim/secret", "victim/file"):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write("the secret of somebody else\n")
        with open(f"{folder}/race/real/file", "w", encoding="utf-8") as file:
            file.write("what was granted\n")
        self.address = private_address()
        self.tcp = self.listen(socket.AF_INET, ("0.0.0.0", 0))
        self.port = self.tcp.getsockname()[1]
        self.tcp6 = self.listen(socket.AF_INET6, ("::1", self.port))
        self.abstract = f"osmoda-attack-{MARK}"
        self.unix = self.listen(socket.AF_UNIX, "\0" + self.abstract)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("0.0.0.0", 0))
        threading.Thread(target=self.echo, daemon=True).start()
        # Open and inheritable, as a careless program leaves them.
        self.leaked = [os.open(f"{folder}/victim/secret", os.O_RDONLY), os.open(f"{folder}/outside", os.O_RDONLY | os.O_DIRECTORY)]
        for fd in self.leaked:
            os.set_inheritable(fd, True)
        self.process = subprocess.Popen(["sleep", MARK])

    def listen(self, family, address):
        door = socket.socket(family)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind(address)
        door.listen(100)
        threading.Thread(target=self.answer, args=(door,), daemon=True).start()
        return door

    @staticmethod
    def answer(door):
        while True:
            try:
                peer, _ = door.accept()
                peer.settimeout(2)
                with peer:
                    peer.recv(1000)
                    peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            except OSError:
                if door.fileno() < 0:
                    return

    def echo(self):
        while True:
            data, peer = self.datagrams.recvfrom(2000)
            self.datagrams.sendto(data, peer)

    def facts(self):
        return {
            "secret": f"{self.folder}/victim/secret", "outside": f"{self.folder}/outside", "leaked": f"{self.folder}/victim/secret",
            "port": self.port, "private": self.address, "datagrams": self.datagrams.getsockname()[1], "abstract": self.abstract,
            "osmoda": f"{self.folder}/suite/run/agentd.sock", "process": MARK, "pid": self.process.pid,
        }

    def end(self):
        self.process.kill()
        self.process.wait()


class Ours:
    def __init__(self, outside, agentctl, ring):
        self.outside, self.agentctl, self.ring = outside, agentctl, ring
        self.name = f"osmoda ring {ring}"
        self.tokens = []
        if ring == 1:
            self.tokens = [self.mint([f"fs.write:{outside.folder}/granted", f"fs.read:{outside.folder}/race/real", "net:example.org:443"])]

    def call(self, tool, arguments):
        command = [self.agentctl, "--dir", f"{self.outside.folder}/suite", "call", tool, "--json", "-"]
        ran = subprocess.run(command, input=json.dumps(arguments), capture_output=True, text=True, check=False, timeout=120)
        try:
            return json.loads(ran.stdout or ran.stderr)
        except ValueError:
            return {"code": "unreadable", "message": (ran.stdout + ran.stderr)[-500:]}

    def mint(self, permissions):
        return self.given(permissions)["token"]

    def given(self, permissions):
        return self.call("capability_mint", {"granted_to": "attack", "permissions": permissions})

    def ask(self, command, **more):
        arguments = {"command": command, "ring": self.ring, **more}
        if self.tokens:
            arguments.setdefault("capabilities", self.tokens)
        return self.call("sandbox_exec", arguments)

    def attack(self, names, facts):
        with open(f"{HERE}/attacks.py", encoding="utf-8") as file:
            program = file.read()
        words = " ".join(shlex.quote(word) for word in [json.dumps(facts), *names])
        # One call takes 64 KiB: the program comes in, and is run from the folder inside.
        # What does not end by itself is given little time.
        seconds = 5 if names == ["compute_for_ever"] else 60
        command = (f"cat >attacks.py <<'END OF ATTACKS'\n{program}\nEND OF ATTACKS\npython3 attacks.py {words}")
        answer = self.ask(command, timeout_secs=seconds)
        return answer.get("stdout", ""), answer


class Peer:
    """A program that is started with the attack behind it."""

    def __init__(self, outside, name, prefix, environment=None):
        self.outside, self.name, self.prefix, self.environment = outside, name, prefix, environment or {}

    def command(self, words):
        return self.prefix + words

    def start(self, words, **more):
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": f"{self.outside.folder}/home", "TMPDIR": "/tmp", **self.environment}
        return subprocess.Popen(
            self.command(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
            cwd=f"{self.outside.folder}/work", pass_fds=self.outside.leaked, user=NOBODY, group=NOBODY, extra_groups=[], start_new_session=True,
        )

    def attack(self, names, facts):
        program = f"{self.outside.folder}/attacks.py"
        if not os.path.exists(program):
            with open(f"{HERE}/attacks.py", "rb") as source, open(program, "wb") as file:
                file.write(source.read())
        process = self.start(["/usr/bin/python3", program, json.dumps(facts), *names])
        try:
            said, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired as late:
            said = late.output or ""
            said = said.decode(errors="replace") if isinstance(said, bytes) else said
        finally:
            kill_session(process)
        return said, {}


def kill_session(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def outcomes(said):
    found = {}
    for line in said.splitlines():
        name, _, rest = line.partition("\t")
        verdict, _, how = rest.partition("\t")
        if verdict in ("denied", "reached", "THROUGH"):
            found[name] = (verdict, how)
    return found


def run_all(contender, facts, quick, alone):
    folder = contender.outside.folder
    said, answer = contender.attack([], facts)
    found = outcomes(said)
    quick_ran = len(found) > len(quick) // 2
    for name in quick:
        found.setdefault(name, ("?", f"no outcome: {str(answer)[-300:]}"))
    if not quick_ran:
        found["write_outside"] = ("?", "")
    elif os.path.exists(f"{folder}/outside/written"):
        os.unlink(f"{folder}/outside/written")
        found["write_outside"] = ("THROUGH", "the file is there")
    else:
        found["write_outside"] = ("denied", found.get("write_outside", ("", ""))[1])
    for name in alone:
        said, answer = contender.attack([name], facts)
        limits = ", ".join(answer.get("limits_hit", []))
        verdict = outcomes(said).get(name)
        if verdict is None:
            # It was ended before it could say how it went; a contender in which nothing runs at all shows nothing.
            verdict = ("denied", "it was ended") if quick_ran else ("?", "nothing runs here")
        found[name] = (verdict[0], f"{verdict[1]} [{limits}]" if limits else verdict[1])
    return found


def alive(words):
    wanted = b"\0".join(word.encode() for word in words) + b"\0"
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read() == wanted:
                    return True
        except OSError:
            pass
    return False


def wait_until(condition, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def outlives_ours(ours, number):
    words = ["sleep", f"{MARK}{number}"]
    command = json.dumps({"command": f"setsid {' '.join(words)} & exec {' '.join(words)}", "timeout_secs": 60})
    caller = subprocess.Popen(
        [ours.agentctl, "--dir", f"{ours.outside.folder}/suite", "call", "sandbox_exec", "--json", command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    started = wait_until(lambda: alive(words), 20)
    caller.kill()
    caller.wait()
    return not started or not wait_until(lambda: not alive(words), 10)


def outlives_peer(peer, number):
    words = ["sleep", f"{MARK}{number}"]
    # Its caller is a shell that is killed; what it left is looked for.
    process = peer.start(["/bin/sh", "-c", f"setsid {' '.join(words)} & exec {' '.join(words)}"])
    started = wait_until(lambda: alive(words), 20)
    process.kill()
    process.wait()
    lives = not started or not wait_until(lambda: not alive(words), 10)
    subprocess.run(["pkill", "-KILL", "-x", "-f", " ".join(words)], check=False)
    return lives


def revoked(ours, number):
    """Seconds from the command that takes a token back until nothing runs that it allowed, and what the run's caller is told."""
    words = ["sleep", f"{MARK}{number}"]
    given = ours.given([f"fs.read:{ours.outside.folder}/granted"])
    request = {"command": f"setsid {' '.join(words)} & exec {' '.join(words)}", "ring": 1, "capabilities": [given["token"]], "timeout_secs": 60}
    caller = subprocess.Popen(
        [ours.agentctl, "--dir", f"{ours.outside.folder}/suite", "call", "sandbox_exec", "--json", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    caller.stdin.write(json.dumps(request))
    caller.stdin.close()
    if not wait_until(lambda: alive(words), 20):
        return float("inf"), {}
    begun = time.monotonic()
    subprocess.run([ours.agentctl, "--dir", f"{ours.outside.folder}/suite", "capability", "revoke", given["id"]], capture_output=True, check=False)
    gone = wait_until(lambda: not alive(words), 20)
    took = time.monotonic() - begun
    caller.wait(timeout=60)
    return (took if gone else float("inf")), json.loads(caller.stdout.read())


class Flipping:
    """A folder that is a folder in one moment and a link to somebody else's in the next."""

    def __init__(self, folder):
        self.path, self.folder, self.stop = f"{folder}/race/target", folder, False
        self.thread = threading.Thread(target=self.flip, daemon=True)

    def flip(self):
        real, link = f"{self.folder}/race/a-folder", f"{self.folder}/race/a-link"
        os.makedirs(real, exist_ok=True)
        with open(f"{real}/file", "w", encoding="utf-8") as file:
            file.write("what was granted\n")
        os.symlink(f"{self.folder}/victim", link)
        while not self.stop:
            for one in (real, link):
                try:
                    os.rename(one, self.path)
                    os.rename(self.path, one)
                except OSError:
                    pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()


def race_ours(ours):
    token = ours.mint([f"fs.read:{ours.outside.folder}/race/target"])
    with Flipping(ours.outside.folder) as flipping:
        for _ in range(40):
            answer = ours.ask(f"cat {flipping.path}/file", capabilities=[token])
            if "secret" in answer.get("stdout", ""):
                return ("THROUGH", "read the secret")
    return ("denied", "40 tries")


def race_bwrap(outside):
    with Flipping(outside.folder) as flipping:
        for _ in range(200):
            command = ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
                       "--ro-bind", flipping.path, flipping.path, "--unshare-all", "cat", f"{flipping.path}/file"]
            ran = subprocess.run(command, capture_output=True, text=True, check=False, user=NOBODY, group=NOBODY, extra_groups=[])
            if "secret" in ran.stdout:
                return ("THROUGH", "read the secret")
    return ("denied", "200 tries")


def host_is_well(ours):
    begun = time.time()
    return ours.call("system_health", {}).get("status") == "ok" and time.time() - begun < 10


def plain(how):
    """What is the same in every run: no folders, numbers and names of this one."""
    for pattern, text in ((r"read \d+ bytes of \S*", "read it"), (r"found \[.*\]", "listed it"), (r"read from the folder \d+.*", "read the folder"),
                          (r"descriptor \d+ was", "a descriptor was"), (r"(\w+) answered -?\d+", r"\1 answers"), (r"sees it as \d+", "sees it")):
        how = re.sub(pattern, text, how)
    return how


def table(path, rows, contenders, versions):
    names = [contender.name for contender in contenders]
    lines = [f"<!-- Made by tests/sandbox/run.sh --table: one run of every contender. {versions} -->", ""]
    lines += ["| attack | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for name in rows:
        cells = []
        for contender in contenders:
            verdict, how = contender.found.get(name, ("-", ""))
            cells.append({"denied": "denied", "reached": "reaches the kernel", "THROUGH": f"**through**: {plain(how)}"}.get(verdict, "-"))
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells).replace("\n", " ") + " |")
    counts = []
    for contender in contenders:
        verdicts = [contender.found.get(name, ("-", ""))[0] for name in rows]
        counts.append(f"{verdicts.count('denied')} of {len(verdicts) - verdicts.count('-')}")
    lines.append("| **denied** | " + " | ".join(f"**{count}**" for count in counts) + " |")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    folder, agentctl, *more = sys.argv[1:]
    outside = Outside(folder)
    up = subprocess.run([agentctl, "--dir", f"{folder}/suite", "up", "--detach"], capture_output=True, text=True, check=False, pass_fds=outside.leaked, timeout=60)
    if up.returncode:
        sys.exit(f"the suite did not come up: {up.stderr}")
    try:
        run(outside, agentctl, more)
    finally:
        outside.end()
        subprocess.run([agentctl, "--dir", f"{folder}/suite", "down"], capture_output=True, check=False, timeout=60)
    sys.exit(1 if checks["failed"] else 0)


def run(outside, agentctl, more):
    facts = outside.facts()
    sys.argv[1:] = [json.dumps(facts)]
    import attacks

    ways_out = subprocess.run([agentctl, "--dir", f"{outside.folder}/suite", "status"], capture_output=True, text=True, check=False).stdout
    check("egress runs, so that ring 1 has a way out to be tried", "egress" in ways_out, ways_out)
    alone = sorted(attacks.ALONE)
    quick = [name for name in attacks.ATTACKS if name not in attacks.ALONE]
    ours = [Ours(outside, agentctl, 2), Ours(outside, agentctl, 1)]
    contenders = list(ours)
    if "--bwrap" in more:
        prefix = "bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-all --die-with-parent --new-session --cap-drop ALL".split()
        contenders.append(Peer(outside, "bwrap alone", prefix))
    if "--srt" in more:
        node, srt = more[more.index("--srt") + 1 : more.index("--srt") + 3]
        settings = f"{outside.folder}/srt.json"
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({
                "network": {"allowedDomains": [], "deniedDomains": []},
                "filesystem": {"denyRead": [], "allowWrite": [f"{outside.folder}/work", "/tmp"], "denyWrite": []},
            }, file)
        contenders.append(Peer(outside, "sandbox-runtime", [node, srt, "--settings", settings]))
    begun = time.time()
    for contender in contenders:
        contender.found = run_all(contender, facts, quick, alone)
        if contender in ours:
            for name in quick + alone:
                verdict, how = contender.found[name]
                check(f"{contender.name}: {name.replace('_', ' ')}", verdict == "denied", f"{verdict}: {how}")
            check(f"{contender.name}: the host is well after all of it", host_is_well(contender), "agentd does not answer")
    for number, contender in enumerate(contenders):
        lives = outlives_ours(contender, number) if contender in ours else outlives_peer(contender, number)
        contender.found["outlive_its_caller"] = ("THROUGH", "it went on") if lives else ("denied", "")
    ours[1].found["swap_a_folder_for_a_link_in_a_race"] = race_ours(ours[1])
    for contender in contenders:
        if contender.name == "bwrap alone":
            contender.found["swap_a_folder_for_a_link_in_a_race"] = race_bwrap(outside)
    for contender in ours:
        for name in ("outlive_its_caller", "swap_a_folder_for_a_link_in_a_race"):
            if name in contender.found:
                verdict, how = contender.found[name]
                check(f"{contender.name}: {name.replace('_', ' ')}", verdict == "denied", how)
    # What a busy machine adds is not ours: the best of three counts.
    ends = [revoked(ours[1], 70 + number) for number in range(3)]
    check("a token that is taken back ends what runs under it within a second", min(took for took, _ in ends) < 1, ends)
    check("and its caller is told so", all(answer.get("stopped") == "capability_lost" for _, answer in ends), ends)
    short = ours[1].call("capability_mint", {"granted_to": "attack", "permissions": [f"fs.read:{outside.folder}/granted"], "ttl_secs": 3})
    answer = ours[1].ask("sleep 60", capabilities=[short["token"]], timeout_secs=60)
    check("a token that expires ends what runs under it", answer.get("stopped") == "capability_lost" and answer.get("duration_ms", 60_000) < 10_000, answer)
    named = {"fork_bomb": "processes", "thread_bomb": "processes", "memory_bomb": "memory", "memory_bomb_of_many": "memory", "compute_for_ever": "time", "say_too_much": "output"}
    for name, limit in named.items():
        how = ours[0].found[name][1]
        check(f"the answer names the limit of {name.replace('_', ' ')}", limit in how, how)
    print(f"{len(quick) + len(alone) + 2} attacks on each of {len(contenders)} in {time.time() - begun:.0f} s", file=sys.stderr)
    if "--table" in more:
        rows = quick + alone + ["outlive_its_caller", "swap_a_folder_for_a_link_in_a_race"]
        version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        table(more[more.index("--table") + 1], rows, contenders, version)


if __name__ == "__main__":
    main()
