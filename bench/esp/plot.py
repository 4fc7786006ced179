#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the records of `./run bench esp --json FILE`: plot.py FILE PICTURE [SUITE]

Above: cycles a packet by number of SAs, with raw intel-ipsec-mb dashed. Below: the same by stage.
The picture's name ends in .svg, .png or whatever else matplotlib writes.
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

DIRECTIONS = ("encrypt", "decrypt")
STAGES = ("poll", "rx", "classify", "esp_in", "inner", "esp_out", "tx")


def cases(records, suite, direction):
    return [r for r in records if r["suite"] == suite and r["direction"] == direction and "mix" in r]


def label(mix):
    return "IMIX" if mix == "imix" else f"{mix} B"


def short(n):
    return f"{n // 1000}k" if n >= 1000 else str(n)


def draw_cycles(axes, records, title):
    for i, mix in enumerate(dict.fromkeys(r["mix"] for r in records)):
        line = [r for r in records if r["mix"] == mix]
        sas = [r["sas"] for r in line]
        axes.plot(sas, [r["cycles"] for r in line], f"C{i}o-", label=label(mix), markersize=4)
        axes.plot(sas, [r["raw_cycles"] for r in line], f"C{i}--", linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{title} (dashed: raw intel-ipsec-mb)", fontsize=9)
    axes.set_xlabel("SAs, visited at random")
    axes.set_ylabel("TSC cycles a packet")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def draw_stages(axes, records, title):
    names = [f"{label(r['mix'])}\n{short(r['sas'])}" for r in records]
    base = [0.0] * len(records)
    for i, stage in enumerate(STAGES):
        height = [r["stages"][stage] for r in records]
        if max(height, default=0) < 1:
            continue
        axes.bar(names, height, bottom=base, color=f"C{i}", label=stage)
        base = [b + h for b, h in zip(base, height)]
    axes.plot(names, [r["raw_cycles"] for r in records], "k_", markersize=14, label="raw")
    axes.set_title(f"{title}, by stage; below: size and SAs", fontsize=9)
    axes.set_ylabel("TSC cycles a packet")
    axes.tick_params(axis="x", labelsize=7)
    axes.legend(fontsize=7)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        records = json.load(file)
    measured = [r["suite"] for r in records if "mix" in r]
    if not measured:
        sys.exit(f"plot: {sys.argv[1]} has no cases: was it written with --only?")
    suite = sys.argv[3] if len(sys.argv) == 4 else measured[0]
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    for column, direction in enumerate(DIRECTIONS):
        some = cases(records, suite, direction)
        draw_cycles(axes[0][column], some, f"{suite} {direction}")
        draw_stages(axes[1][column], sorted(some, key=lambda r: r["size"]), f"{suite} {direction}")
    figure.savefig(sys.argv[2], dpi=90)


main()
