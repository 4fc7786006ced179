#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./run bench pktgen`: the whole gateway process, from port to port, on one machine over memif.

One core for the gateway's worker and one for the generator: Pktgen-DPDK where `pktgen` is on
the PATH, else Debian's dpdk-testpmd. docs/benchmarks-pktgen.md says what the figures mean and how
the same scripts run between two physical ports.
"""
import argparse
import contextlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from generators import Pktgen, Testpmd, eal, free_hugepages_mib, hugepages  # noqa: E402
from rig import SIZES, Bare, Rig  # noqa: E402
from lab import Lab, LabError, terminate_on_signals  # noqa: E402

DIRECTIONS = ("encrypt", "decrypt")


def options():
    cpus = sorted(os.sched_getaffinity(0))
    p = argparse.ArgumentParser(prog="run bench pktgen", description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--json", metavar="FILE", help="write the records, one for each line of the table")
    p.add_argument("--quick", action="store_true", help="shorter trials and a coarser search")
    p.add_argument("--clients", type=int, default=10000, metavar="N")
    p.add_argument("--size", action="append", choices=SIZES, help="of the inner packets; more than once for several")
    p.add_argument("--direction", action="append", choices=(*DIRECTIONS, "bare"),
                   help="bare: no gateway, packets from port to port, which is the bound of this set-up")
    p.add_argument("--generator", choices=("auto", "pktgen", "testpmd"), default="auto")
    p.add_argument("--hugepages", type=int, default=0, metavar="MiB",
                   help="reserve so much for this run; else those that are free are used, if they are enough")
    p.add_argument("--worker-cpu", type=int, default=cpus[0], metavar="CPU", help="of the gateway")
    p.add_argument("--generator-cpu", type=int, default=cpus[-1], metavar="CPU")
    o = p.parse_args()
    if o.worker_cpu == o.generator_cpu:
        p.error("gateway and generator need a core each: two that poll on one take turns and measure the scheduler")
    return o


def choose(wanted):
    """The generator; a line on stdout says which one, and why not Pktgen."""
    found = Pktgen.find() if wanted != "testpmd" else None
    if found or wanted == "pktgen":
        if not found:
            sys.exit("pktgen is not on the PATH; docs/benchmarks-pktgen.md says where it comes from")
        print(f"generator: {found.name} (binary search for the highest rate without loss)")
        return found
    found = Testpmd.find()
    if not found:
        sys.exit("neither pktgen nor dpdk-testpmd is on the PATH: apt-get install dpdk-dev")
    reason = "as asked" if wanted == "testpmd" else "pktgen is not on the PATH"
    print(f"generator: {found.name}, {reason}: no search, the rate is what the gateway takes")
    return found


def run_case(o, generator, direction, size):
    with Lab() as lab:
        if direction == "bare":
            rig = Bare(lab, o.clients, eal(o.worker_cpu, 512, "bare"))
        else:
            rig = Rig(lab, o.worker_cpu, o.clients)
        result, trials = generator.measure(rig, o.generator_cpu, direction.replace("bare", "encrypt"), size, o.quick)
        result["direction"], result["drops"] = direction, rig.close()
    for line in trials:
        print(line)
    return result


def show(r):
    drops = ", ".join(f"{name} {n}" for name, n in r["drops"].items())
    flood = f"{r['overload_mpps']:8.2f} {100 * r['overload_loss']:8.4f}" if "overload_mpps" in r else f"{'':17}"
    print(f"{r['direction']:8} {r['mix']:>5} {r['clients']:8} {r['mpps']:8.2f} {r['gbps']:8.2f} {r['loss']:8} {flood}"
          f"  {drops}".rstrip(), flush=True)


def main():
    o = options()
    terminate_on_signals()
    with hugepages(o.hugepages) if o.hugepages else contextlib.nullcontext():
        return measure(o, choose(o.generator))


def measure(o, generator):
    print(f"gateway on CPU {o.worker_cpu}, generator on CPU {o.generator_cpu}, memif,",
          f"{free_hugepages_mib()} MiB of hugepages free\n")
    print(f"{'':8} {'bytes':>5} {'clients':>8} {'Mpps':>8} {'Gbps':>8} {'loss':>8} {'all out':>8} {'loss %':>8}"
          "  dropped by the gateway, in all")
    records = []
    for direction in o.direction or DIRECTIONS:
        for size in o.size or SIZES:
            records.append(run_case(o, generator, direction, size))
            show(records[-1])
    if o.json:
        with open(o.json, "w") as f:
            json.dump(records, f, indent=1)
            f.write("\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, RuntimeError) as error:
        sys.exit(f"bench pktgen: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
