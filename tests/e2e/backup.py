"""A backup as anybody reads it, without osmoda: zstd unpacks it, tar lists it, every sum of its manifest is right, and
its databases open.

backup.py AGENTCTL SUITE FOLDER
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from agentctl import Agentctl  # noqa: E402
from checks import Checks  # noqa: E402

# More than one frame holds.
LARGE = 9 << 20


def main(program, suite, folder):
    checks = Checks("backup")
    large = os.path.join(suite, "state", "agentd", "large")
    with open(large, "wb") as file:
        file.write(os.urandom(LARGE // 3) * 3)
    try:
        backup = Agentctl(program, suite).call("backup_create")
    finally:
        os.unlink(large)
    with open(backup["path"], "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    checks.check("the archive has the sum that was told", sha256 == backup["sha256"])
    plain = os.path.join(folder, "backup.tar")
    done = subprocess.run(["zstd", "-d", "-q", "-o", plain, backup["path"]], timeout=60, capture_output=True, text=True)
    checks.check("zstd reads every frame of it, and each has its sum", done.returncode == 0, done.stderr)
    with tarfile.open(plain) as archive:
        files = {entry.name: archive.extractfile(entry).read() for entry in archive}
    manifest = json.loads(files.pop("manifest.json"))
    wanted = {"state/" + it["path"]: it["sha256"] for it in manifest["entries"] if it["kind"] != "folder"}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    checks.check("tar finds what the manifest names, with these sums", wanted == found, (wanted, found))
    checks.check("a file of many frames is whole", len(files["state/agentd/large"]) == LARGE // 3 * 3)
    ledger = os.path.join(folder, "ledger.db")
    with open(ledger, "wb") as file:
        file.write(files["state/agentd/ledger.db"])
    with sqlite3.connect(ledger) as database:
        said = database.execute("PRAGMA integrity_check").fetchone()[0]
    checks.check("SQLite finds no fault in the ledger's copy", said == "ok", said)
    return checks.status()


if __name__ == "__main__":
    os.makedirs(sys.argv[3])
    sys.exit(main(*sys.argv[1:4]))
