"""made_up.py OUT: 58,820 short texts with words as frequent as in a language, and 200 questions of such words."""

import json
import pathlib
import random
import sys

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True)
chance = random.Random(5)
words = [f"w{number}" for number in range(60_000)]
weights = [1 / (number + 3) for number in range(60_000)]
common = ["the", "of", "which", "is", "a", "to", "in", "and"]


def text(length):
    drawn = chance.choices(words, weights, k=length)
    return " ".join(word for pair in zip(drawn, chance.choices(common, k=length)) for word in pair)


for name, count, length in (("docs", 58_820, 20), ("queries", 200, 6)):
    lines = (json.dumps({"id": str(number), "text": text(length)}) + "\n" for number in range(count))
    (out / f"{name}.jsonl").write_text("".join(lines))
