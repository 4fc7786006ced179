#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs DPDK's ipsec-secgw or VPP, if it is on the PATH, as one of our cases with AES-128-GCM:
rivals.py NAME CPU TSC_HZ encrypt|decrypt SAS SIZE

Writes {} when the program is ready, and stops it; for each line on stdin it lets it run for a while and
writes {"cycles", "all_cycles", "mpps"}. The program ends with stdin. {"text"}: why there is no figure.
Both make their own packets on the CPU that works on them: `all_cycles` and `mpps` have that in them, `cycles`
where it can be told apart. ipsec-secgw copies each packet from a pcap port (some 30 cycles at 64 B,
120 at 1400 B), and that counts; of VPP the nodes of its packet generator do not. Packets leave through
a port that throws them away.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import secgw
import vpp

RIVALS = {
    "ipsec-secgw": (("dpdk-ipsec-secgw", "ipsec-secgw"), secgw.Secgw),
    "vpp": (("vpp",), vpp.Vpp),
}


@dataclass
class Case:
    cpu: int
    tsc: float
    direction: str
    sas: int
    size: int


def say(what):
    print(json.dumps(what), flush=True)


def leave(cpu):
    """What asks the rival questions does not take its CPU."""
    others = set(range(os.cpu_count())) - {cpu}
    if others:
        os.sched_setaffinity(0, others)


def main():
    name, cpu, tsc, direction, sas, size = sys.argv[1:]
    case = Case(int(cpu), float(tsc), direction, int(sas), int(size))
    programs, kind = RIVALS[name]
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        say({"text": f"not beside us: no {' or '.join(programs)} on the PATH"})
        return
    leave(case.cpu)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has made goes with it
    with tempfile.TemporaryDirectory(prefix="bench-esp-") as folder:
        try:
            with kind(program, folder, case) as rival:
                say({})
                for _ in sys.stdin:
                    cycles, rate = rival.measure()
                    say({"cycles": cycles, "all_cycles": case.tsc / rate, "mpps": rate / 1e6})
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            say({"text": f"{program}, {direction}, {sas} SAs, {size} B: no figure: {error}"})


main()
