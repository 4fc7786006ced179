#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./run bench ike`: what the control process takes for thousands of clients, with bench-swarm as the clients.

Three namespaces on one machine, real packets: docs/benchmarks-ike.md says what is measured and how to read it.
"""
import argparse
import json
import mmap
import os
import subprocess
import sys
import tempfile

SWARM_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "swarm")
sys.path.insert(0, SWARM_FOLDER)

from swarm_rig import GATEWAY_IDENTITY, Rig, gateway_config, placed  # noqa: E402
from lab import BUILD, Lab, LabError, terminate_on_signals  # noqa: E402
from pki import Pki  # noqa: E402
from strongswan import installed as strongswan_installed  # noqa: E402

PARTS = ("setups", "scale", "flood", "strongswan")
DH = "x25519"
FLOOD_RATE, ESP_RATE = 50000, 20000
NICE = -15
AT_ONCE = 10000  # clients that come back together
LIMIT = os.path.join(BUILD, "bench/ike/bench-ike-limit")
LIMIT_MS = 300  # before a run and after it
PROOF = 32  # seconds after its setup each client was asked once whether it is there (control/ike/timers.h)
PAGE = 4096
BACKED, BACKED_A_CLIENT = 64 << 20, 32 << 10  # what gateway and clients take, with room
# bench-swarm's own counters that explain a missing answer
OWN_LOSSES = ("send_failed", "socket_overflow", "esp_unknown_spi", "esp_replayed", "esp_auth_failed", "esp_malformed",
              "not_an_answer", "no_tunnel")
EXTRA = ("times_openssl", "clients", "cpu_percent", "lost", "setups_ok_percent", "esp_per_s", "esp_loss_percent",
         "spoofed_per_s", "dropped", "own_losses")


def options():
    cpus = sorted(os.sched_getaffinity(0))
    p = argparse.ArgumentParser(prog="run bench ike", description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--json", metavar="FILE", help="write the records, one for each line of the table")
    p.add_argument("--plot", metavar="FILE", help="draw the course of the run with 10,000 clients")
    p.add_argument("--quick", action="store_true", help="fewer setups and shorter floods: within 40 s")
    p.add_argument("--part", action="append", choices=PARTS, help="only this; more than once for several")
    p.add_argument("--clients", type=int, metavar="N", help="in the part 'scale' (100000, with --quick 10000)")
    p.add_argument("--control-cpu", type=int, default=cpus[0], metavar="CPU")
    p.add_argument("--other-cpu", type=int, default=cpus[-1], metavar="CPU", help="of clients and dataplane")
    p.add_argument("--verbose", action="store_true", help="show what bench-swarm reports of each scenario")
    o = p.parse_args()
    if o.control_cpu == o.other_cpu:
        p.error("two CPUs are needed: what the clients cost must not be taken from the gateway")
    return o


class Bench:
    def __init__(self, o):
        self.o, self.records = o, []

    # ---- what the parts share

    def rig(self, lab, auth, cpus):
        """`cpus`: of control, dataplane and swarm. Others may use them too, so what is measured goes before them."""
        pki = None
        if auth != "psk":
            pki = Pki(lab.path("pki"))
            pki.issue("gw", GATEWAY_IDENTITY, "serverAuth")
        return Rig(lab, pki, {"cpus": cpus, "nice": NICE})

    def pinned(self):
        return {"control": self.o.control_cpu, "dataplane": self.o.other_cpu, "swarm": self.o.other_cpu}

    @staticmethod
    def back_memory(clients):
        """Has the hypervisor back what a run will take. Many take free memory away from a virtual machine, within
        seconds, and its next first use takes several milliseconds for 2 MiB, of whoever happens to use it."""
        size = BACKED + clients * BACKED_A_CLIENT
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            try:
                memory.madvise(mmap.MADV_HUGEPAGE)
            except OSError:
                pass  # the kernel has none
            for at in range(0, size, PAGE):
                memory[at] = 1

    def run(self, rig, phases, clients, auth="psk", **more):
        self.back_memory(min(clients, AT_ONCE))  # nobody keeps more for longer
        report = rig.swarm(rig.scenario(phases, clients, auth, **more), timeout=900)
        if self.o.verbose:
            print(report["text"], flush=True)
        return report

    def record(self, part, gateway, auth, phase, openssl_us=None, **more):
        control = phase["watched"]["control"]
        done, cpu = phase["succeeded"], control["cpu_s"]
        if openssl_us and done:
            more["times_openssl"] = round(1e6 * cpu / done / openssl_us, 2)
        record = {"part": part, "gateway": gateway, "auth": auth, "dh": DH, "n": done, "failed": phase["failed"],
                  "setups_per_s": round(done / cpu) if cpu else 0,
                  "wall_setups_per_s": round(done / phase["seconds"]) if phase["seconds"] else 0,
                  "control_cpu_us_per_setup": round(1e6 * cpu / done, 1) if done else 0,
                  "rss_bytes_per_sa": round((control["rss_after"] - control["rss_before"]) / done) if done else 0,
                  "p50_ms": round(phase["times"]["p50_ms"], 2), "p99_ms": round(phase["times"]["p99_ms"], 2),
                  "seconds": round(phase["seconds"], 2), **more}
        self.records.append(record)
        show(record)
        return record

    def openssl(self, auth):
        """CPU time in us that OpenSSL takes for a setup, now and on the core of control; of how many."""
        where = {"cpus": {"limit": self.o.control_cpu}, "nice": NICE}
        done = subprocess.run([*placed(where, "limit"), LIMIT, str(LIMIT_MS)], text=True, stdout=subprocess.PIPE,
                              check=True)
        took = json.loads(done.stdout)
        us = took["x25519_us"]
        if auth != "psk":
            us += took["sign_us"] + 2 * took["verify_us"]
        return us, took["n"]

    def limit(self, auth, *took):
        """The record of what openssl() said before and after a run; its time, which the run's stands beside."""
        us = sum(t[0] for t in took) / len(took)
        record = {"part": "limit", "gateway": "openssl", "auth": auth, "dh": DH, "n": sum(t[1] for t in took),
                  "failed": 0, "setups_per_s": round(1e6 / us), "control_cpu_us_per_setup": round(us, 1)}
        self.records.append(record)
        show(record)
        return us

    # ---- the parts

    def setups(self, gateway="roamgate"):
        """What one setup costs: control alone on a core, as many clients at a time as need no cookies."""
        for auth, n in (("psk", 2000 if self.o.quick else 10000), ("ecdsa", 1000 if self.o.quick else 5000)):
            if gateway == "strongswan":
                n = 300  # each tunnel more makes its userspace ESP slower, which is not what is compared
            with Lab() as lab:
                rig = self.rig(lab, auth, self.pinned())
                self.start(rig, gateway, auth, n)
                before = self.openssl(auth)
                report = self.run(rig, [{"do": "connect", "window": 64}], n, auth)
                openssl = self.limit(auth, before, self.openssl(auth))
                self.record("setups", gateway, auth, report["phases"][0], openssl)

    def start(self, rig, gateway, auth, n):
        if gateway == "strongswan":
            rig.start_strongswan(auth)
        else:
            rig.start(gateway_config(auth, n, workers=[self.o.other_cpu]))

    def scale(self):
        """Many clients in one process: memory, idleness, and 10,000 of them that come back at once."""
        n = self.o.clients or (10000 if self.o.quick else 100000)
        idle = 3 if self.o.quick else 20
        back = [{"do": "reconnect", "rate": "all", "patience": "15s"}, {"do": "traffic", "rate": "2000/s", "for": "1s"}]
        calm = 1 if self.o.quick else PROOF
        report = self.hold(n, [{"do": "connect", "window": 64}, {"do": "wait", "for": f"{calm}s"},
                               {"do": "wait", "for": f"{idle}s"}, *(back if n <= AT_ONCE else [])])
        connect, _, wait = report["phases"][:3]
        self.record("memory", "roamgate", "psk", connect)
        self.record("idle", "roamgate", "psk", wait, clients=n,
                    cpu_percent=round(100 * wait["watched"]["control"]["cpu_s"] / wait["seconds"], 3))
        if n > AT_ONCE:
            report = self.hold(AT_ONCE, [{"do": "connect", "window": 64}, *back])
        reconnect, traffic = report["phases"][-2:]
        self.record("reconnect", "roamgate", "psk", reconnect, lost=traffic["echo"]["lost"])
        if self.o.plot:
            self.plot(report)

    def hold(self, n, phases):
        with Lab() as lab:
            rig = self.rig(lab, "psk", self.pinned())
            self.start(rig, "roamgate", "psk", n)
            return self.run(rig, phases, n)

    def plot(self, report):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(report, f)
            f.flush()
            subprocess.run([sys.executable, os.path.join(SWARM_FOLDER, "plot.py"), f.name, self.o.plot], check=True)

    def flood(self):
        """Strangers' IKE_SA_INIT beside real setups and real traffic: the worker has a core, all others share one."""
        seconds, rate = (3, 100) if self.o.quick else (20, 100)
        calm = 500  # connected before: they carry the traffic
        clients = calm + seconds * rate
        other = self.o.other_cpu
        with Lab() as lab:
            rig = self.rig(lab, "psk", {"control": other, "dataplane": f"{other},{self.o.control_cpu}", "swarm": other})
            rig.start(gateway_config("psk", clients, workers=[self.o.control_cpu]))
            before = rig.losses()
            report = self.run(rig, [
                {"do": "connect", "window": 64, "count": calm},
                {"do": "traffic", "rate": f"{ESP_RATE}/s", "size": 128, "background": "on"},
                {"do": "flood", "rate": f"{FLOOD_RATE}/s", "background": "on"},
                {"do": "connect", "rate": f"{rate}/s"}], clients)
            after = rig.losses()
        _, traffic, flood, connect = report["phases"]
        dropped = {name: n - before.get(name, 0) for name, n in after.items() if n > before.get(name, 0)}
        own = {name: n for name, n in report["own"].items() if n and name in OWN_LOSSES}
        self.record("flood", "roamgate", "psk", connect,
                    setups_ok_percent=percent(connect["succeeded"], connect["begun"]),
                    esp_sent=traffic["echo"]["sent"], esp_lost=traffic["echo"]["lost"],
                    esp_loss_percent=percent(traffic["echo"]["lost"], traffic["echo"]["sent"]),
                    esp_per_s=round(traffic["echo"]["sent"] / traffic["seconds"]),
                    spoofed_per_s=round(flood["flood"]["sent"] / flood["seconds"]), dropped=dropped, own_losses=own)


def percent(part, whole):
    return round(100 * part / whole, 3) if whole else 0


def show(r):
    extra = "  ".join(f"{name} {r[name]}" for name in EXTRA if name in r)
    print(f"{r['part']:10} {r['gateway']:10} {r['auth']:6} {r['n']:7} {r['failed']:6} {r['setups_per_s']:8} "
          f"{cell(r, 'wall_setups_per_s')} {r['control_cpu_us_per_setup']:9.1f} {cell(r, 'rss_bytes_per_sa')} "
          f"{cell(r, 'p50_ms', 1)} {cell(r, 'p99_ms', 1)}  {extra}".rstrip(), flush=True)


def cell(r, key, digits=0):
    """What OpenSSL alone has no figure for stays empty."""
    return f"{r[key]:8.{digits}f}" if key in r else " " * 8


def main():
    o = options()
    terminate_on_signals()
    bench = Bench(o)
    print(f"{'part':10} {'gateway':10} {'auth':6} {'n':>7} {'failed':>6} {'per core':>8} {'wall/s':>8} {'us each':>9} "
          f"{'B per SA':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for part in o.part or PARTS:
        if part == "strongswan":
            if strongswan_installed():
                bench.setups("strongswan")
            else:
                print("strongSwan is not installed: apt-get install charon-systemd strongswan-swanctl "
                      "libcharon-extra-plugins")
        else:
            getattr(bench, part)()
    if o.json:
        with open(o.json, "w") as f:
            json.dump(bench.records, f, indent=1)
            f.write("\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, RuntimeError) as error:
        sys.exit(f"bench ike: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
