"""The ledger as the operator sees it: it verifies, and every way of tampering with a copy is found and named.

ledger.py AGENTCTL SUITE FOLDER
"""

import json
import os
import shutil
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from agentctl import Agentctl  # noqa: E402
from checks import Checks  # noqa: E402

EVENTS = 12
BROKEN = 4

# What somebody with the file does, and the event that shows it first.
TAMPERING = [
    ("a changed payload", "UPDATE events SET payload = replace(payload, '{', '{ ') WHERE id = 5", 5),
    ("a changed actor", "UPDATE events SET actor = 'operator:nobody' WHERE id = 6", 6),
    ("a changed time", "UPDATE events SET ts = '2001-01-01T00:00:00.000Z' WHERE id = 7", 7),
    ("a changed type", "UPDATE events SET type = 'harmless' WHERE id = 4", 4),
    ("a foreign hash", "UPDATE events SET hash = hex(zeroblob(32)) WHERE id = 8", 8),
    ("a dropped event", "DELETE FROM events WHERE id = 9", 9),
    ("a dropped head", "DELETE FROM events WHERE id = 1", 1),
    (
        "two events that changed places",
        "UPDATE events SET id = -1 WHERE id = 3; UPDATE events SET id = 3 WHERE id = 4; UPDATE events SET id = 4 WHERE id = -1",
        3,
    ),
]  # fmt: skip


def copied(source, target):
    """A whole copy of a database that may be open, in one file."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database, sqlite3.connect(target) as copy:
        database.backup(copy)
    copy.execute("PRAGMA journal_mode = DELETE")
    copy.close()
    return target


def database_of(suite):
    """The ledger's file."""
    for folder, _, files in os.walk(os.path.join(suite, "state")):
        if "ledger.db" in files:
            return os.path.join(folder, "ledger.db")
    raise AssertionError(f"no ledger.db under {suite}/state")


def main(agentctl, suite, folder):
    checks = Checks("the ledger")
    ctl = Agentctl(agentctl, suite)
    for number in range(EVENTS):
        ctl.agent("shell_exec", {"command": f"echo {number}"})
    checks.equal("it verifies", ctl.run("verify-ledger").returncode, 0)
    copy = copied(database_of(suite), os.path.join(folder, "copy.db"))
    checks.equal("a copy verifies without the suite", ctl.run("verify-ledger", "--db", copy).returncode, 0)
    for number, (name, change, bad) in enumerate(TAMPERING):
        tampered = os.path.join(folder, f"tampered-{number}.db")
        shutil.copy(copy, tampered)
        database = sqlite3.connect(tampered)
        database.executescript(change)
        database.close()
        done = ctl.run("verify-ledger", "--db", tampered, "--json")
        checks.equal(f"{name} is found", done.returncode, BROKEN)
        found = (json.loads(done.stdout or "{}").get("first_bad") or {}).get("id")
        checks.equal(f"{name}: the first bad event is named", found, bad)
    done = ctl.run("verify-ledger", "--db", os.path.join(folder, "nothing.db"))
    checks.check("a file that is not there is no whole ledger", done.returncode not in (0, BROKEN), done)
    return checks.status()


if __name__ == "__main__":
    os.makedirs(sys.argv[3])
    sys.exit(main(*sys.argv[1:4]))
