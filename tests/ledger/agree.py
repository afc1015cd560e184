"""Two verifiers, one truth: agentctl and verify.py over the same ledgers, whole ones and ones that were tampered with.

agree.py AGENTCTL SUITE FOLDER
"""

import base64
import hashlib
import os
import shutil
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

import verify  # noqa: E402
from agentctl import Agentctl, _UnixConnection  # noqa: E402
from checks import Checks  # noqa: E402

BROKEN = 4
EVENTS = 300

# What somebody with the file does to it.
TAMPERING = [
    ("a changed payload", "UPDATE events SET payload = replace(payload, '{', '{ ') WHERE id = 5"),
    ("a changed type", "UPDATE events SET type = 'harmless' WHERE id = 6"),
    ("a changed actor", "UPDATE events SET actor = 'operator:nobody' WHERE id = 7"),
    ("a time set back", "UPDATE events SET ts = '2001-01-01T00:00:00.000Z' WHERE id = 8"),
    ("a foreign hash", "UPDATE events SET hash = lower(hex(randomblob(32))) WHERE id = 9"),
    ("a foreign previous hash", "UPDATE events SET prev_hash = hash WHERE id = 10"),
    ("a dropped head", "DELETE FROM events WHERE id = 1"),
    ("a dropped middle", "DELETE FROM events WHERE id = 20"),
    (
        "swapped rows",
        "UPDATE events SET id = -1 WHERE id = 3; UPDATE events SET id = 3 WHERE id = 4; UPDATE events SET id = 4 WHERE id = -1",
    ),
    ("an event put in front", "INSERT INTO events SELECT 0, ts, type, actor, payload, prev_hash, hash FROM events WHERE id = 1"),
    ("a cut tail", "DELETE FROM events WHERE id > 150"),
]  # fmt: skip


def copied(source, target):
    """A whole copy of a database that may be open, in one file."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database, sqlite3.connect(target) as copy:
        database.backup(copy)
    copy.execute("PRAGMA journal_mode = DELETE")
    copy.close()
    return target


def reseal(path, first):
    """Writes every event anew from one on, with hashes that fit: a forked history."""
    database = sqlite3.connect(path)
    previous = database.execute("SELECT hash FROM events WHERE id = ?", [first - 1]).fetchone()[0]
    for row in database.execute("SELECT id, ts, type, actor, payload FROM events WHERE id >= ? ORDER BY id", [first]).fetchall():
        payload = '{"written":"anew"}' if row[0] == first else row[4]
        text = "|".join([str(row[0]), *row[1:4], payload, previous])
        sealed = hashlib.sha256(text.encode()).hexdigest()
        database.execute("UPDATE events SET payload = ?, prev_hash = ?, hash = ? WHERE id = ?", [payload, previous, sealed, row[0]])
        previous = sealed
    database.commit()
    database.close()


def get(socket, target):
    """Status and bytes of what is served at a path."""
    connection = _UnixConnection(socket, 20)
    connection.request("GET", target)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def path_of(number):
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts)


def check_tiles(checks, socket, key):
    """Everything that an auditor fetches, put together again."""
    size, root = verify.open_checkpoint(get(socket, "/tlog/checkpoint")[1].decode(), key)
    leaves = []
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        suffix = "" if width == 256 else f".p/{width}"
        hashes = get(socket, f"/tlog/tile/0/{path_of(number)}{suffix}")[1]
        bundle = get(socket, f"/tlog/tile/entries/{path_of(number)}{suffix}")[1]
        for place in range(width):
            length = int.from_bytes(bundle[:2], "big")
            leaves.append(verify.leaf_hash(bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
            if hashes[place * 32 : place * 32 + 32] != leaves[-1]:
                raise verify.Broken(f"tile {number} and its entries differ at {place}")
        if bundle:
            raise verify.Broken(f"bundle {number} is too long")
    checks.equal("the tiles lead to the checkpoint's root", verify.tree_hash(leaves), root)
    above = get(socket, f"/tlog/tile/1/000.p/{size // 256}")[1]
    checks.equal("a tile of the level above holds the root of a full one", above[:32], verify.tree_hash(leaves[:256]))
    checks.equal("what no checkpoint covers is not served", get(socket, f"/tlog/tile/0/{path_of(size // 256)}")[0], 404)


def main(agentctl, suite, folder):
    checks = Checks("two verifiers")
    ctl = Agentctl(agentctl, suite)
    state = next(root for root, _, files in os.walk(os.path.join(suite, "state")) if "ledger.db" in files)
    socket = os.path.join(suite, "run", "agentd.sock")
    place = lambda name: os.path.join(folder, name)  # noqa: E731
    event = {"type": "test.event", "actor": "daemon:test", "payload": {"text": "a|b \u00e4"}}
    ctl.call("shell_exec", {"command": "true"})
    from agentctl import request

    for number in range(EVENTS):
        request(socket, "POST", "/ledger/append", {**event, "payload": {"text": "a|b \u00e4", "n": number}})
    request(socket, "POST", "/ledger/append", {**event, "payload": {"large": "x" * 100_000}})
    older = copied(os.path.join(state, "ledger.db"), place("older.db"))
    for number in range(20):
        request(socket, "POST", "/ledger/append", event)
    key = ctl.run("ledger", "key").stdout.strip()
    large = sqlite3.connect(older).execute("SELECT MAX(id) FROM events").fetchone()[0]
    proofs = []
    for number in (1, 255, 256, 257, large, large + 20):
        file = place(f"{number}.tlog-proof")
        checks.equal(f"event {number} is proven", ctl.run("ledger", "prove", str(number), "--out", file).returncode, 0)
        checks.equal(f"its proof holds for agentctl ({number})", ctl.run("ledger", "check", file, "--key", key).returncode, 0)
        proofs.append(file)
    note = place("checkpoint")
    with open(note, "w", encoding="utf-8", newline="") as file:
        file.write(ctl.run("ledger", "checkpoint").stdout)
    whole = copied(os.path.join(state, "ledger.db"), place("whole.db"))

    def agree(name, database, expected, checkpoint=note):
        first = ctl.run("verify-ledger", "--db", database, "--checkpoint", checkpoint, "--key", key)
        second = verify.main(database, key, checkpoint)
        checks.equal(f"{name}: agentctl and the other verifier", (first.returncode, second), (expected, expected))

    agree("the ledger itself", whole, 0)
    checks.equal("all proofs hold for the other verifier", verify.main(whole, key, note, *proofs), 0)
    checks.equal("agentd says so of itself", ctl.run("verify-ledger", "--checkpoint", note).returncode, 0)
    for number, (name, change) in enumerate(TAMPERING):
        tampered = place(f"tampered-{number}.db")
        shutil.copy(whole, tampered)
        database = sqlite3.connect(tampered)
        database.executescript(change)
        database.close()
        agree(name, tampered, BROKEN)
    agree("a restored older copy", older, BROKEN)
    forked = shutil.copy(whole, place("forked.db"))
    reseal(forked, 100)
    checks.equal("the chain of a forked history is whole", ctl.run("verify-ledger", "--db", forked).returncode, 0)
    agree("a forked history", forked, BROKEN)
    half = place("half.db")
    with open(whole, "rb") as source, open(half, "wb") as target:
        target.write(source.read()[: os.path.getsize(whole) // 2])
    agree("half a file", half, BROKEN)
    stranger = place("stranger")
    with open(note, encoding="utf-8", newline="") as source, open(stranger, "w", encoding="utf-8", newline="") as target:
        text, _, line = source.read().rpartition("\u2014 ")
        signature = bytearray(base64.b64decode(line.split(" ")[1]))
        signature[0] ^= 1
        target.write(f"{text}\u2014 {line.split(' ')[0]} {base64.b64encode(signature).decode()}\n")
    agree("a foreign key's checkpoint", whole, BROKEN, stranger)
    with open(proofs[0], encoding="utf-8", newline="") as source, open(place("changed"), "w", encoding="utf-8", newline="") as target:
        target.write(source.read().replace("index 0", "index 1"))
    checks.equal("a changed proof holds for nobody", ctl.run("ledger", "check", place("changed"), "--key", key).returncode, BROKEN)
    checks.equal("nor for the other verifier", verify.main(whole, key, note, place("changed")), BROKEN)
    check_tiles(checks, socket, key)
    return checks.status()


if __name__ == "__main__":
    os.makedirs(sys.argv[3])
    sys.exit(main(*sys.argv[1:4]))
