"""SIGKILL at each system call of switching and of going back, of the daemon and of its child; then a restart or a reboot.

crashes.py PROGRAMS AGENTD_SOCKET EACH [SCENARIO...]
Each scenario is recorded once by strace; each of its system calls is a point, known by name and number, at which strace
kills whoever makes it. A kill at a call that only looks leaves what one at the next call that does something leaves, so
that those are the points. EACH points of a scenario are tried, evenly over its time, or `all`, each with a restart and
with a reboot. After each crash the profile (or the files), and what was switched to, must be whole and the one that the
session's state names, and the ledger must tell which and why.
"""

import concurrent.futures
import itertools
import os
import pathlib
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from checks import Checks  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from suite import Suite, ask  # noqa: E402

PROGRAMS, AGENTD, EACH, ONLY = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
WORKERS = 2 * max(2, os.cpu_count() or 2)
# Calls that nobody else can see: they look, wait, or change the caller's own memory.
LOOKS = set(
    "access brk epoll_ctl epoll_wait exit fcntl64 fstat futex getdents64 getegid geteuid getgid getpeername getpgrp "
    "getpid getppid getrandom getsockname getsockopt gettid getuid lseek madvise mmap mprotect munmap newfstatat "
    "pidfd_open poll pread64 prctl prlimit64 read readlink readlinkat recvfrom recvmsg restart_syscall rseq "
    "rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address "
    "sigaltstack stat statx sysinfo uname arch_prctl".split()
)
OVER = ("committed", "rolled_back", "failed")
lock = threading.Lock()
counted, wrong, states = {}, [], {}


def record(scenario):
    """Every system call of a scenario that goes well: name and number, in the order in which they come."""
    suite = Suite(PROGRAMS, AGENTD)
    try:
        one = scenario(suite)
        one.strace = ["-o", str(one.trace)]
        one.prepare()
        one.act(False)
        calls, seen = {}, []
        for line in one.trace.read_text(errors="replace").splitlines():
            thread, _, rest = line.partition(" ")
            name = rest.lstrip().partition("(")[0]
            if not name.isidentifier() or name in LOOKS:
                continue
            calls[thread, name] = number = calls.get((thread, name), 0) + 1
            if (name, number) not in seen:
                seen.append((name, number))
        return seen
    finally:
        suite.end()


def sampled(points):
    """Each with what follows it: a restart, a reboot."""
    if EACH == "all":
        return [(point, after) for point in points for after in ("restart", "reboot")]
    count = min(int(EACH), len(points))
    chosen = [points[(2 * index + 1) * len(points) // (2 * count)] for index in range(count)]
    return list(zip(chosen, itertools.cycle(("restart", "reboot"))))


def verify(suite, one, session):
    """What is wrong, or nothing."""
    if session is not None and (session["state"] not in OVER or session["stranded"]):
        return f"it ends {session['state']}, stranded {session['stranded']}"
    expected = "green" if session is not None and session["state"] == "committed" else "blue"
    found = one.found()
    if found != {expected}:
        return f"{sorted(found)} is in force, and it is {session and session['state']}"
    # A guard looks once a second whether it is needed.
    deadline = time.monotonic() + 10
    while (left := suite.leftovers()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return f"left behind: {left}" if left else None


def told(session):
    """Whether the ledger has the last move with its reason."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status, answer = ask(AGENTD, "GET", f"/events/log?type=safe_switch.{session['state']}&limit=100")
        events = answer["events"] if status == 200 else []
        if any(event["payload"].get("session") == session["id"] and event["payload"].get("why") for event in events):
            return True
        time.sleep(0.05)
    return False


def ended(suite):
    """The session after all, or nothing where it was not begun. One that goes on to be watched is asked back."""
    sessions = suite.sessions()
    if not sessions:
        return None
    session = sessions[0]["id"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = suite.ask("GET", f"/switch/status/{session}")[1]
        if state["state"] in OVER:
            return state
        if state["state"] == "probation":
            suite.ask("POST", f"/switch/rollback/{session}", {})
        time.sleep(0.02)
    return state


def crash(scenario, point, after):
    name, number = point
    suite = Suite(PROGRAMS, AGENTD)
    try:
        one = scenario(suite)
        one.strace = ["-o", str(one.trace), "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
        one.prepare()
        if not one.act(after == "reboot"):
            return
        if after == "reboot":
            suite.cut()
        elif suite.watch is not None and suite.watch.poll() is not None:
            # Its guard lives on.
            suite.kill()
        crashed = read_state(suite)
        if after == "reboot":
            suite.reboot(one.put_in_force)
        if suite.watch is None:
            suite.start()
        session = ended(suite)
        why = verify(suite, one, session)
        if why is None and session is not None and not told(session):
            why = "the ledger does not tell"
        with lock:
            counted[scenario.name, after] = counted.get((scenario.name, after), 0) + 1
            states[crashed] = states.get(crashed, 0) + 1
    except Exception as error:  # noqa: BLE001 - one case must not hide the others
        why = f"{type(error).__name__}: {error}"
    finally:
        suite.end()
    if why is not None:
        with lock:
            wrong.append(f"{scenario.name}, {name} {number}, {after}: {why}")


def read_state(suite):
    """Where the session stood when it was cut off, as it is on disk."""
    try:
        with sqlite3.connect(f"file:{suite.state}/watch/watch.db?mode=ro", uri=True) as database:
            row = database.execute("SELECT state FROM sessions ORDER BY id DESC").fetchone()
            return row[0] if row else "not begun"
    except sqlite3.Error as error:
        return f"unreadable: {error}"


def main():
    checks = Checks("crashes")
    scenarios = [scenario for scenario in SCENARIOS if not ONLY or scenario.name in ONLY]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        recorded = list(pool.map(record, scenarios))
        cases = [
            (scenario, point, after)
            for scenario, points in zip(scenarios, recorded)
            for point, after in sampled(points)
        ]
        list(pool.map(lambda case: crash(*case), cases))
    total = sum(counted.values())
    for scenario, points in zip(scenarios, recorded):
        restarts, reboots = (counted.get((scenario.name, after), 0) for after in ("restart", "reboot"))
        print(f"      {scenario.name}: {len(points)} points, {restarts} then a restart, {reboots} then a reboot", flush=True)
        checks.check(f"there were crashes within {scenario.name}", restarts > 0 and reboots > 0)
    print(f"      they stood: {', '.join(f'{state} {count}' for state, count in sorted(states.items()))}", flush=True)
    # Which states a sample meets is chance: one of them lasts a few calls.
    for state in ("preparing", "applying", "probation", "rolling_back") if EACH == "all" and not ONLY else ():
        checks.check(f"some were cut off while {state}", states.get(state, 0) > 0, states)
    checks.check("they were cut off in several states", ONLY or len(states) >= 3, states)
    checks.check(
        f"after each of {total} crashes all of one generation is in force, and the ledger tells which and why",
        not wrong,
        f"{len(wrong)}: {'; '.join(wrong[:5])}",
    )
    for why in wrong:
        print(f"      {why}", flush=True)
    if EACH == "all" and not ONLY:
        checks.check("there were 500 or more", total >= 500, total)
    checks.end()


main()
