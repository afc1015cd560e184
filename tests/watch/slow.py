"""Many good deploys whose service starts slowly: none may be undone.

slow.py PROGRAMS AGENTD_SOCKET HOW_MANY
"""

import concurrent.futures
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from checks import Checks  # noqa: E402
from suite import Suite  # noqa: E402

PROGRAMS, AGENTD, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
AT_ONCE = 24


def deploy(suite, number, living):
    """One deploy: its service is there after a while, and is looked at from the first moment."""
    name = f"app{number}"
    profile = suite.folder / "profiles" / name
    (suite.folder / "profiles" / f"{name}-1-link").symlink_to(suite.folder / "store/old")
    profile.symlink_to(f"{name}-1-link")
    pid_file = suite.folder / f"{name}.pid"
    late = random.Random(number).uniform(0.2, 1.6)
    new = suite.generation(f"new{number}", f"(sleep {late:.2f}; echo {living} >{pid_file}) </dev/null >/dev/null 2>&1 &")
    begun = suite.ask(
        "POST",
        "/switch/begin",
        {
            "plan": f"a slow start of {late:.2f} s",
            "apply": {"kind": "nix_profile", "profile": str(profile), "store_path": str(new)},
            "ttl_secs": 3,
            "health_checks": [{"type": "process", "pid_file": str(pid_file)}],
        },
    )
    if begun[0] != 200:
        return f"{number}: {begun}"
    session = suite.until_over(begun[1]["id"])
    if session["state"] != "committed" or profile.resolve() != new:
        return f"{number}: {session['state']}: {[move['why'] for move in session['history']]}"
    return None


def main():
    checks = Checks("slow")
    suite = Suite(PROGRAMS, AGENTD)
    living = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL)
    try:
        suite.generation("old", "true")
        suite.start()
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = [why for why in pool.map(lambda number: deploy(suite, number, living.pid), range(COUNT)) if why]
        print(f"      {COUNT} deploys in {time.monotonic() - began:.0f} s", flush=True)
        checks.check(f"of {COUNT} good deploys that start slowly none is undone", not wrong, "; ".join(wrong[:5]))
    finally:
        living.kill()
        living.wait()
        suite.end()
    checks.end()


main()
