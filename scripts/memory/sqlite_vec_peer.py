"""sqlite_vec_peer.py FILE VECTORS QUERIES DIMENSIONS: sqlite-vec's brute force on the vectors that the bench wrote."""

import json
import os
import pathlib
import sqlite3
import sys
import time

import sqlite_vec

if not hasattr(sqlite3.Connection, "enable_load_extension"):
    # Some Pythons are built without; the system's is not.
    if sys.executable.startswith("/usr/bin/"):
        sys.exit("this Python's SQLite loads no extensions, and sqlite-vec is one")
    packages = pathlib.Path(sqlite_vec.__file__).parent.parent
    os.execve("/usr/bin/python3", ["/usr/bin/python3", *sys.argv], {**os.environ, "PYTHONPATH": str(packages)})

file, vectors, queries, dimensions = sys.argv[1], *map(int, sys.argv[2:5])
size = 4 * dimensions
with open(file, "rb") as data:
    rows = [data.read(size) for _ in range(vectors + queries)]
database = sqlite3.connect(":memory:")
database.enable_load_extension(True)
sqlite_vec.load(database)
database.execute(f"CREATE VIRTUAL TABLE v USING vec0 (embedding float[{dimensions}])")
database.executemany("INSERT INTO v (rowid, embedding) VALUES (?, ?)", enumerate(rows[:vectors], 1))
times = []
for query in rows[vectors:]:
    started = time.perf_counter()
    database.execute("SELECT rowid, distance FROM v WHERE embedding MATCH ? AND k = 10", (query,)).fetchall()
    times.append(time.perf_counter() - started)
print(json.dumps({"name": "sqlite-vec", "us": sorted(times)[len(times) // 2] * 1e6}))
