"""Real texts, queries and judgements that nobody here wrote, as docs.jsonl, queries.jsonl and qrels.tsv.

    prepare.py cranfield FOLDER OUT            the Cranfield collection in SMART format
    prepare.py debian OUT TEXTS QUERIES FILE.. package descriptions from Translation-en files; 0 texts: all
    prepare.py chat WHEEL OUT CHATS            conversations of the package chitchat-dataset (MIT)
"""

import hashlib
import json
import pathlib
import re
import sys
import zipfile


def write(out, docs, queries, judged):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("docs", docs), ("queries", queries)):
        # A third word is the conversation that a text is from.
        lines = (json.dumps(dict(zip(("id", "text", "session"), row))) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text("".join(lines))
    (out / "qrels.tsv").write_text("".join(f"{q}\t{d}\t{grade}\n" for q, d, grade in judged))
    print(f"{out}: {len(docs)} texts, {len(queries)} queries, {len(judged)} judgements")


def by_chance(keys):
    """An order that is the same everywhere and follows from nothing."""
    return sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())


def smart(path):
    records, part = [], None
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith(".I"):
            records.append("")
            part = None
        elif re.fullmatch(r"\.[TABW]\s*", line):
            part = line[1]
        elif part == "W":
            records[-1] += " " + line
    return [" ".join(text.split()) or "." for text in records]


def cranfield(folder, out):
    folder = pathlib.Path(folder)
    docs = [(f"d{n}", text) for n, text in enumerate(smart(folder / "cran.all.1400"), 1)]
    queries = [(f"q{n}", text) for n, text in enumerate(smart(folder / "cran.qry"), 1)]
    judged = []
    for line in (folder / "cranqrel").read_text().splitlines():
        fields = line.split()
        # Graded 1 (best) to 4; the published baselines count any of them as relevant.
        if len(fields) >= 3 and int(fields[2]) > 0:
            judged.append((f"q{fields[0]}", f"d{fields[1]}", 1))
    write(out, docs, queries, judged)


def debian(out, texts, wanted, *files):
    packages = {}
    for file in files:
        for record in pathlib.Path(file).read_text(errors="replace").split("\n\n"):
            name = re.search(r"^Package: (\S+)", record, re.M)
            about = re.search(r"^Description-en: (.*)\n((?: .*\n?)*)", record, re.M)
            if name and about:
                text = " ".join(re.sub(r"^ \.$", "", about[2], flags=re.M).split())
                if text:
                    packages.setdefault(name[1], (about[1].strip(), text))
    queries, answers = [], []
    for name in by_chance(packages):
        own = {name.lower(), *re.split(r"[^a-z0-9]+", name.lower())}
        words = [word for word in re.findall(r"[A-Za-z0-9+.'-]+", packages[name][0]) if word.lower() not in own]
        if len(words) >= 3:
            queries.append((name, " ".join(words)))
            answers.append(packages[name][1])
        if len(queries) == int(wanted):
            break
    # Packages that share one description are one text. A smaller collection keeps every answer.
    every = list(dict.fromkeys(answers + [packages[name][1] for name in by_chance(packages)]))
    # In an order of its own: of texts with one score Tantivy puts the first one first, and here the answers would be.
    docs = by_chance(every[: int(texts) or None])
    number = {text: f"d{n}" for n, text in enumerate(docs, 1)}
    judged = [(name, number[answer], 1) for (name, _), answer in zip(queries, answers)]
    write(out, [(number[text], text) for text in docs], queries, judged)


def chat(wheel, out, chats):
    """What is said now, and the parts of the same conversation before it: does recall find the conversation again? Parts
    are known to be of one conversation; which one the question is from is not told."""
    told = json.loads(zipfile.ZipFile(wheel).read("chitchat_dataset/dataset.json"))
    docs, queries, judged = [], [], []
    for key in by_chance(told):
        turns = [" ".join(message["text"].strip() for message in turn) for turn in told[key]["messages"]]
        turns = [turn for turn in turns if turn]
        if len(turns) < 16:
            continue
        half = len(turns) // 2
        asked = max(range(half, len(turns)), key=lambda n: len(turns[n]))
        if len(turns[asked].split()) < 12:
            continue
        name = f"c{len(queries) + 1}"
        queries.append((name, turns[asked]))
        for part, first in enumerate(range(0, asked, 4), 1):
            docs.append((f"{name}-{part}", " ".join(turns[first : min(first + 4, asked)]), name))
            judged.append((name, f"{name}-{part}", 1))
        if len(queries) == int(chats):
            break
    write(out, docs, queries, judged)


if __name__ == "__main__":
    {"cranfield": cranfield, "debian": debian, "chat": chat}[sys.argv[1]](*sys.argv[2:])
