"""plot.py OUT: the bench's rows for growing numbers of memories as a plot (SVG), both axes in powers of ten."""

import json
import math
import sys

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 360, 70, 40
LINES = {"keyword_us": ("keyword recall", "#1b6ca8"), "hybrid_us": ("hybrid recall", "#b8401e"), "store_us": ("store", "#3f7f3f")}

rows = [json.loads(line) for line in sys.stdin if line.startswith("{")]
rows = sorted((row for row in rows if row["name"] == "recall"), key=lambda row: row["memories"])
if len(rows) < 2:
    sys.exit(0)
counts = [math.log10(row["memories"]) for row in rows]
times = [math.log10(row[key] / 1000) for row in rows for key in LINES]
low, high = math.floor(min(times)), math.ceil(max(times))


def x(value):
    return LEFT + (value - counts[0]) / (counts[-1] - counts[0]) * (WIDTH - LEFT - 120)


def y(value):
    return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - 20)


parts = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
]
for power in range(low, high + 1):
    parts.append(f'<path d="M{LEFT} {y(power):.1f}H{WIDTH - 120}" stroke="#ddd"/>')
    parts.append(f'<text x="{LEFT - 8}" y="{y(power) + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>')
for count, row in zip(counts, rows):
    parts.append(f'<text x="{x(count):.1f}" y="{HEIGHT - 16}" text-anchor="middle">{row["memories"]:,}</text>')
for key, (name, colour) in LINES.items():
    points = [(x(count), y(math.log10(row[key] / 1000))) for count, row in zip(counts, rows)]
    parts.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}" fill="{colour}">{name}</text>')
parts.append("</svg>")
with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write("\n".join(parts) + "\n")
