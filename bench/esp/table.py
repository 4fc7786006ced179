#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The records of `./run bench esp --json FILE` as a Markdown table: table.py FILE
Two files as a table of what changed: table.py BEFORE AFTER

Differences below 10 % mean nothing on a machine that others share, unless raw stayed the same.
"""

import json
import sys


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def key(record):
    return record["suite"], record["direction"], record["sas"], record.get("mix", str(record["size"]))


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def head(*cells):
    row(*cells)
    row(*["---"] * len(cells))


def one(records):
    cases = {key(r): r for r in records if "mix" in r}
    mixes = list(dict.fromkeys(k[3] for k in cases))
    names = ["IMIX" if m == "imix" else f"{m} B" for m in mixes]
    head("suite", "", "SAs", *names, "IMIX: Mpps, Gbps")
    for suite, direction, sas in dict.fromkeys(k[:3] for k in cases):
        line = [cases[(suite, direction, sas, m)] for m in mixes]
        cells = [f"{r['cycles']:.0f} / {r['raw_cycles']:.0f}" for r in line]
        row(suite, direction, f"{sas:,}", *cells, f"{line[-1]['mpps']:.2f}, {line[-1]['gbps']:.1f}")


def change(before, after):
    return f"{before:.0f} to {after:.0f} ({100 * (after / before - 1):+.0f} %)" if before and after else "-"


def two(before, after):
    old = {key(r): r for r in before}
    head("suite", "", "SAs", "size", "cycles", "raw")
    for r in after:
        was = old.get(key(r))
        if was is not None:
            cells = [change(was[k], r[k]) for k in ("cycles", "raw_cycles")]
            row(*key(r), *cells)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        one(load(sys.argv[1]))
    else:
        two(load(sys.argv[1]), load(sys.argv[2]))


main()
