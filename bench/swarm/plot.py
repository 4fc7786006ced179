#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws a run of bench-swarm: plot.py REPORT.json PICTURE

Above: how many clients are up, and what was done a second. In the middle: packets and answers a second, where there was
traffic. Below: CPU time of the processes that were watched. Phases are shaded and named. The picture's name ends in
.svg, .png or whatever else matplotlib writes.
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def column(samples, name):
    return [s[name] for s in samples]


def shade(axes, phases):
    for i, p in enumerate(p for p in phases if not p["background"]):
        begin, end = p["begin_s"], p["begin_s"] + p["seconds"]
        for a in axes:
            a.axvspan(begin, end, color="0.93" if i % 2 else "0.98", zorder=0)
        axes[0].text((begin + end) / 2, 1.01, p["do"], transform=axes[0].get_xaxis_transform(), fontsize=7,
                     ha="center", rotation=20 if end - begin < 5 else 0)


def draw_clients(axes, samples):
    seconds = column(samples, "s")
    axes.plot(seconds, column(samples, "up"), "C0-", label="clients up")
    axes.plot(seconds, column(samples, "failed"), "C3-", linewidth=1, label="failed so far")
    axes.set_ylabel("clients")
    rate = axes.twinx()
    rate.plot(seconds, column(samples, "done_per_s"), "C1-", linewidth=1, label="done a second")
    rate.set_ylim(bottom=0)
    rate.set_ylabel("a second")
    lines = axes.get_lines() + rate.get_lines()
    axes.legend(lines, [line.get_label() for line in lines], fontsize=8, loc="center right")


def draw_traffic(axes, samples):
    seconds = column(samples, "s")
    axes.plot(seconds, column(samples, "sent_per_s"), "C0-", label="packets")
    axes.plot(seconds, column(samples, "answered_per_s"), "C2--", label="answers")
    axes.set_ylabel("a second")
    axes.legend(fontsize=8, loc="center right")


def draw_cpu(axes, samples):
    seconds = column(samples, "s")
    for i, name in enumerate(samples[0]["watched"]):
        axes.plot(seconds, [100 * s["watched"][name]["cpu"] for s in samples], f"C{i}-", label=name)
    axes.set_ylabel("% of a core")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, loc="center right")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    samples = report["samples"]
    if len(samples) < 2:
        sys.exit(f"plot: {sys.argv[1]}: the run was too short to be drawn: there is a sample a second")
    traffic = any(s["sent_per_s"] for s in samples)
    figure, axes = plt.subplots(3 if traffic else 2, 1, figsize=(10, 8 if traffic else 5.5), sharex=True,
                                layout="constrained", squeeze=False)
    axes = [a[0] for a in axes]
    shade(axes, report["phases"])
    draw_clients(axes[0], samples)
    if traffic:
        draw_traffic(axes[1], samples)
    draw_cpu(axes[-1], samples)
    axes[-1].set_xlabel("seconds")
    figure.savefig(sys.argv[2], dpi=90)


main()
