"""table.py: rows of the bench as a Markdown table; fails where a promise does not hold."""

import json
import sys

rows = [json.loads(line) for line in sys.stdin if line.startswith("{")]
by = {row["name"]: row for row in rows}
promises = []


def promise(what, value, goal, holds):
    promises.append((what, value, goal, "ok" if holds else "NOT OK"))


text, ours, peer = by["text"], by["vectors"], by["sqlite-vec"]
promise(f"words, {text['texts']} texts, times Tantivy's", f"{text['ratio']:.2f}", "<= 3", text["ratio"] <= 3)
ratio = ours["ours_us"] / peer["us"]
promise("meaning, 50,000 x 384, times sqlite-vec's", f"{ratio:.3f}", "<= 0.25", ratio <= 0.25)
promise("its recall@10", f"{ours['recall_at_10']:.3f}", ">= 0.99", ours["recall_at_10"] >= 0.99)
stored = by["store"]
promise("store, times a bare ledger append", f"{stored['ratio']:.2f}", "<= 2", stored["ratio"] <= 2)
for row in (row for row in rows if row["name"] == "recall"):
    at = f"{row['memories']} memories"
    # Beyond 100,000 nothing is promised but that it is shown.
    judged = row["memories"] <= 100_000
    for mode, most in (("keyword", 5), ("hybrid", 25)):
        took = row[f"{mode}_us"] / 1000
        promise(f"{mode} p50, {at}", f"{took:.2f} ms", f"< {most} ms" if judged else "", not judged or took < most)
    promise(f"reindex, {at}", f"{row['reindex_per_s']:.0f} a second", ">= 5000", row["reindex_per_s"] >= 5000)
    promise(f"store p50, {at}", f"{row['store_us'] / 1000:.2f} ms", "", True)
    promise(f"health p50, {at}", f"{row['health_us'] / 1000:.2f} ms", "", True)
print("| promise | measured | goal | |\n|---|---|---|---|")
for row in promises:
    print("| " + " | ".join(row) + " |")
sys.exit(any(row[3] != "ok" for row in promises))
