"""SIGKILL at each system call of switching and of going back, of the daemon and of its child; then a restart or a reboot.

crashes.py PROGRAMS AGENTD_SOCKET EVERY
Every EVERYth system call is tried; each with a restart and with a reboot where every one is. After each crash the profile, and what was switched to, must be one and the same
generation, the one that the session's state names, and the ledger must tell which and why.
"""

import concurrent.futures
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from checks import Checks  # noqa: E402
from suite import Suite, ask  # noqa: E402

PROGRAMS, AGENTD, EVERY = sys.argv[1], sys.argv[2], int(sys.argv[3])
WORKERS = max(2, os.cpu_count() or 2)
SCENARIOS = ("switch", "commit", "back", "child", "child back")
# After so many in a row that came too late, what is to be cut off has no more system calls.
TOO_LATE = 8 if EVERY == 1 else 2
lock = threading.Lock()
counted, wrong, states = {}, [], {}


class Injected:
    """strace on a running daemon: the Nth system call of any of its threads is its last. Its children are let go of."""

    def __init__(self, pid, number):
        self.strace = subprocess.Popen(
            ["strace", "-qq", "-f", "-b", "execve", "-o", "/dev/null", "-p", str(pid), "-e", "trace=all", "-e", f"inject=all:signal=KILL:when={number}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.strace.poll() is None:
            # All threads are traced once none of them has another tracer, or none.
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


def begin(suite, profile, path):
    body = {
        "plan": "a crash",
        "apply": {"kind": "nix_profile", "profile": str(profile), "store_path": str(path)},
        "ttl_secs": 600,
    }
    return suite.ask("POST", "/switch/begin", body)


def act(suite, scenario, number, profile, green):
    """Does what is to be cut off. True where something was."""
    if scenario.startswith("child"):
        # The child is traced from its first system call on.
        which = green if scenario == "child" else suite.folder / "store/blue"
        real = which / "bin/real"
        os.rename(which / "bin/switch-to-configuration", real)
        (which / "bin/switch-to-configuration").write_text(
            "#!/bin/sh\n"
            f"[ -e {suite.folder}/hit ] && exec {real} \"$@\"\n"
            f"strace -qq -f -o /dev/null -e inject=all:signal=KILL:when={number} {real} \"$@\"; status=$?\n"
            f"[ $status = 0 ] || touch {suite.folder}/hit\nexit $status\n"
        )
        (which / "bin/switch-to-configuration").chmod(0o755)
        begun = begin(suite, profile, green)
        if scenario == "child back" and begun[0] == 200:
            suite.ask("POST", f"/switch/rollback/{begun[1]['id']}", {})
        return (suite.folder / "hit").exists()
    session = None
    if scenario != "switch":
        session = begin(suite, profile, green)[1]["id"]
    injected = Injected(suite.watch.pid, number)
    try:
        if scenario == "switch":
            begin(suite, profile, green)
        elif scenario == "commit":
            suite.ask("POST", f"/switch/commit/{session}", {})
        else:
            suite.ask("POST", f"/switch/rollback/{session}", {})
        hit = suite.watch.poll() is not None
    except ConnectionError:
        suite.watch.wait(10)
        hit = True
    injected.end()
    return hit


def verify(suite, profile, session):
    """What is wrong, or nothing."""
    leads = os.path.basename(os.path.realpath(profile))
    active = suite.active.read_text().strip()
    expected = "blue"
    if session is not None:
        expected = "green" if session["state"] == "committed" else "blue"
        if session["state"] not in ("committed", "rolled_back", "failed") or session["stranded"]:
            return f"it ends {session['state']}, stranded {session['stranded']}"
    if (leads, active) != (expected, expected):
        return f"it leads to {leads}, {active} is active, and it is {session and session['state']}"
    return None


def told(session):
    """Whether the ledger has the last move with its reason."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status, answer = ask(AGENTD, "GET", f"/events/log?type=safe_switch.{session['state']}&limit=1000")
        events = answer["events"] if status == 200 else []
        if any(event["payload"].get("session") == session["id"] and event["payload"].get("why") for event in events):
            return True
        time.sleep(0.1)
    return False


def crash(scenario, number, after):
    suite = Suite(PROGRAMS, AGENTD)
    try:
        profile = suite.profile()
        green = suite.generation("green")
        suite.start()
        hit = act(suite, scenario, number, profile, green)
        if not hit:
            return False
        crashed = read_states(suite)
        if after == "reboot":
            suite.kill()
            suite.kill_guards()
            for name in ("watch.boot", "watch.sock", "watch.pid"):
                (suite.run / name).unlink(missing_ok=True)
            # As a boot does: what the profile leads to is put in force.
            subprocess.run([os.path.realpath(profile) + "/bin/switch-to-configuration", "switch"], check=False)
            suite.alone("rollback", "--boot")
        if suite.watch is None or suite.watch.poll() is not None:
            suite.start()
        sessions = suite.sessions()
        session = None
        if sessions:
            session = suite.until_over(sessions[0]["id"], 1 if sessions[0]["state"] == "probation" else 60)
            if session["state"] == "probation":
                # It goes on to be watched: whoever asks for it back gets it back.
                suite.ask("POST", f"/switch/rollback/{session['id']}", {})
                session = suite.until_over(session["id"])
        why = verify(suite, profile, session)
        if why is None and session is not None and not told(session):
            why = "the ledger does not tell"
        with lock:
            counted[scenario, after] = counted.get((scenario, after), 0) + 1
            states[crashed] = states.get(crashed, 0) + 1
            if why is not None:
                wrong.append(f"{scenario} {number} {after}: {why}")
        return True
    except Exception as error:  # noqa: BLE001 - one case must not hide the others
        with lock:
            wrong.append(f"{scenario} {number} {after}: {type(error).__name__}: {error}")
        return True
    finally:
        suite.end()


def cut_off(scenario):
    """All of a scenario's crashes: every system call where every one is tried, by turns with a restart and a reboot."""
    late, number, turn = 0, 1, 0
    while late < TOO_LATE:
        for after in ("restart", "reboot") if EVERY == 1 else (("restart", "reboot")[turn % 2],):
            late = 0 if crash(scenario, number, after) else late + 1
        number, turn = number + EVERY, turn + 1


def read_states(suite):
    """Where the session stood when it was cut off, as it is on disk."""
    try:
        with sqlite3.connect(f"file:{suite.state}/watch/watch.db?mode=ro", uri=True) as database:
            row = database.execute("SELECT state FROM sessions ORDER BY id DESC").fetchone()
            return row[0] if row else "not begun"
    except sqlite3.Error as error:
        return f"unreadable: {error}"


def main():
    checks = Checks("crashes")
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(cut_off, SCENARIOS))
    total = sum(counted.values())
    told_of = ", ".join(f"{name} then {after} {count}" for (name, after), count in sorted(counted.items()))
    print(f"      {total} crashes: {told_of}", flush=True)
    print(f"      they stood: {', '.join(f'{state} {count}' for state, count in sorted(states.items()))}", flush=True)
    for scenario in SCENARIOS:
        found = sum(count for (name, _), count in counted.items() if name == scenario)
        checks.check(f"there were crashes within {scenario}", found > 0)
    checks.check(f"after each of {total} crashes one whole generation is in force, and the ledger tells which and why", not wrong, "; ".join(wrong[:5]))
    checks.end()


main()
