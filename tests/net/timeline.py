# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: one timeline out of the lab's events, roamgate's events and
charon's log, then the table of moves, the drops, the checks, JSON and the plot."""
import json
import re
import textwrap
import time

# What charon says about moves, as it is worth telling; everything else is left out.
CHARON = [
    (re.compile(r"generating IKE_SA_INIT request"), "IKE_SA_INIT"),
    (re.compile(r"generating IKE_AUTH request 1"), "IKE_AUTH"),
    (re.compile(r"old path is not available anymore, try to find another"), "its path is gone, it looks for another"),
    (re.compile(r"requesting address change using MOBIKE"), "begins MOBIKE"),
    (re.compile(r"generating INFORMATIONAL request \d+ \[.*N\(UPD_SA_ADDR\)"), "sends UPDATE_SA_ADDRESSES"),
    (re.compile(r"parsed INFORMATIONAL request \d+ \[ .*N\(COOKIE2\)"), "is asked for return routability (COOKIE2)"),
    (re.compile(r"parsed INFORMATIONAL request \d+ \[ .*ADD_4_ADDR"), "receives the gateway's list of addresses"),
    (re.compile(r"outbound CHILD_SA \S+ established with SPIs"), "Child SA rekeyed (its userspace ESP cannot move one)"),
    (re.compile(r"IKE_SA \S+ established between"), "IKE SA established"),
]


class Timeline:
    def __init__(self):
        self.entries = []
        self.to_monotonic = time.monotonic() - time.time()

    def add(self, who, text, when=None):
        self.entries.append((time.monotonic() if when is None else when, who, text))

    def add_gateway(self, events):
        for event in events:
            self.add("roamgate", f"{event['type']}: {event['text']}", event["ms"] / 1000)

    def add_charon(self, lines):
        for when, text in lines:
            for pattern, meaning in CHARON:
                if pattern.search(text):
                    self.add("strongSwan", meaning, when + self.to_monotonic)
                    break

    def sorted(self):
        return sorted(self.entries, key=lambda e: e[0])


def report(demo, arguments, took):
    entries = demo.timeline.sorted()
    start = demo.started
    print("\nTimeline (seconds since the download began)")
    for when, who, text in entries:
        mark = ">>" if who == "event" else "  "
        print(f"{mark} {when - start:8.3f}  {who:<10}  {text}")
    print("\nLongest silence of the TCP stream, by move")
    for move in demo.moves:
        print(f"   {move['silence_ms']:7.1f} ms   {move['move']}")
    print("\nPackets dropped inside the gateway during the download, by cause")
    for name, value in sorted(demo.drop_causes.items()) or [("none", 0)]:
        print(f"   {value:7d}   {name}")
    print(f"\nSHA-256 of the file: {demo.download['sha256']}\n           expected: {demo.expected}\n")
    for check in demo.checks:
        print(f"[{'ok' if check['ok'] else 'FAILED'}] {check['check']} ({check['detail']})")
    failed = sum(not c["ok"] for c in demo.checks)
    print(f"\ndemo: {'all checks hold' if not failed else f'{failed} checks failed'}, {took:.0f} s")
    if arguments.json:
        write_json(demo, arguments.json, entries, took)
    if arguments.plot:
        plot(demo, arguments.plot)
        print(f"throughput over time: {arguments.plot}")


def write_json(demo, file, entries, took):
    moves = [{**m, "at": round(m["at"] - demo.started, 3), "confirmed": round(m["confirmed"] - demo.started, 3)}
             for m in demo.moves]
    with open(file, "w") as f:
        json.dump({"ok": all(c["ok"] for c in demo.checks), "seconds": round(took, 1), "checks": demo.checks,
                   "moves": moves, "drops": demo.drop_causes, "sha256": demo.download["sha256"],
                   "expected": demo.expected, "bytes": demo.download["bytes"],
                   "timeline": [{"at": round(w - demo.started, 3), "who": who, "text": text} for w, who, text in entries]},
                  f, indent=1)
        f.write("\n")


def plot(demo, file):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    width = 50  # ms of one step
    slots = {}
    for ms, size in demo.download["arrivals"]:
        slot = int((ms - demo.started * 1000) // width)
        slots[slot] = slots.get(slot, 0) + size
    xs = range(0, max(slots) + 1)
    figure, axes = plt.subplots(figsize=(11, 4.2))
    axes.step([x * width / 1000 for x in xs], [slots.get(x, 0) / width / 1000 for x in xs], where="post", linewidth=1)
    top = max(slots.values()) / width / 1000
    for move in demo.moves:
        at = move["at"] - demo.started
        axes.axvline(at, color="tab:red", linestyle="--", linewidth=1)
        text = textwrap.fill(move["move"], 26) + f"\n{move['silence_ms']:.0f} ms of silence"
        axes.annotate(text, (at, top), xytext=(4, -4),
                      textcoords="offset points", fontsize=7, va="top")
    axes.set_xlabel("seconds since the download began")
    axes.set_ylabel("MB/s (steps of 50 ms)")
    axes.set_title("TCP download through roamgate while the laptop and the gateway change networks")
    axes.set_ylim(bottom=0, top=top * 1.1)
    figure.tight_layout()
    figure.savefig(file, dpi=130)
