# SPDX-License-Identifier: Apache-2.0
"""A gateway whose two ports are memif, in a namespace of its own, that knows 10,000 clients.

The configuration is config/examples/bench-memif.yaml but for the worker's CPU and its
sockets; the clients come from pktgen-clients, in control's place. What the
generator plays is: a host on the LAN (port 0, memif 0) and the router of the uplink
(port 1, memif 1), with the fixed addresses below.
"""
import os
import re
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests/net"))

import rgapi  # noqa: E402
from gateway import Gateway  # noqa: E402
from lab import BUILD, ip, wait_for  # noqa: E402

CONFIG = os.path.join(REPO, "config/examples/bench-memif.yaml")
CLIENTS = os.path.join(BUILD, "bench/pktgen/pktgen-clients")
# where the generator sends to, and who it is: port 0 is the LAN's, port 1 the uplink's
GATEWAY_MAC = ("02:00:00:00:00:01", "02:00:00:00:01:01")
GENERATOR_MAC = ("02:00:00:00:00:02", "02:00:00:00:01:02")
NEIGHBOURS = (("10.20.0.10", "lan"), ("203.0.113.1", "isp"))
SIZES = ("64", "512", "1400", "imix")
MEAN = {"64": 64, "512": 512, "1400": 1400, "imix": (7 * 64 + 4 * 594 + 1400) / 12}


def config(cpu, idle="spin"):
    with open(CONFIG) as f:
        text = f.read()
    text = re.sub(r"workers: \[\d+\]", f"workers: [{cpu}]", text)
    return re.sub(r"idle: \w+", f"idle: {idle}", text)


class Rig:
    """Everything that it makes is the lab's, which gives it back."""

    def __init__(self, lab, cpu, clients, idle="spin"):
        self.lab, self.clients, self.dropped = lab, clients, None
        self.ns = lab.namespace("memif")
        # the TAPs' own IPv6 chatter would be counted as packets of the gateway
        lab.sysctl(self.ns, {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1})
        self.gateway = Gateway(lab, self.ns, config(cpu, idle))
        self.socket = self.gateway.sockets["dataplane"]
        self.gateway.start_dataplane()
        for port, (address, interface) in enumerate(NEIGHBOURS):
            ip("-n", self.ns, "neigh", "replace", address, "lladdr", GENERATOR_MAC[port], "dev", interface,
               "nud", "permanent")
        self.call("install")

    def command(self, what):
        return [CLIENTS, what, "--socket", self.socket, "--clients", str(self.clients)]

    def call(self, what):
        return self.lab.run(None, *self.command(what), timeout=60)

    def pcap(self, direction, size, rounds):
        """Frames for one direction: `rounds` of each client, in random order."""
        file = self.lab.path(f"{direction}-{size}.pcap")
        port = 0 if direction == "encrypt" else 1
        self.lab.run(None, CLIENTS, "pcap", "--direction", direction, "--size", size, "--rounds", rounds,
                     "--clients", self.clients, "--to", GATEWAY_MAC[port], "--from", GENERATOR_MAC[port],
                     "--write", file, timeout=120)
        return file

    def counters(self):
        with rgapi.Client(self.socket, rgapi.READER) as api:
            return api.counter_values()

    def drops(self):
        """By reason; what the kernel sent to a port that was not connected yet is nobody's loss."""
        with rgapi.Client(self.socket, rgapi.READER) as api:
            return {name: n for name, n in api.drops().items() if n and name != "tx-port-down"}

    def links(self):
        """What was last said of the two ports: ["up", "up"] once the generator has connected both."""
        text = self.gateway.dataplane.text()
        return [line.rpartition(" ")[2] for line in re.findall(r"port \w+: carrier \w+", text)][-2:]

    def wait_links(self, process):
        def up():
            if not process.running():
                raise RuntimeError(f"{process.name} ended:\n{process.text()[-3000:]}")
            return self.links() == ["up", "up"]
        wait_for("the generator's memif ports to connect", up, timeout=60, interval=0.05)

    def close(self):
        """Stops the gateway before the generator goes: DPDK's memif takes its rings away from a worker that
        still polls them when the other end disconnects. What the gateway dropped is returned."""
        if self.dropped is None:
            self.dropped, self.counted = self.drops(), self.counters()
            self.gateway.dataplane.stop()
        return self.dropped


class Bare(Rig):
    """No gateway: testpmd hands packets from one memif to the other as they are. It shows what the generator and
    memif can do; in the gateway's place, with what the gateway does left out."""

    def __init__(self, lab, clients, eal):
        self.lab, self.clients, self.dropped, self.counted = lab, clients, None, {}
        self.ns = lab.namespace("memif")
        self.testpmd = lab.spawn(
            self.ns, "bare", "stdbuf", "-oL", "dpdk-testpmd", *eal, "--vdev", "net_memif0,role=server,id=0",
            "--vdev", "net_memif1,role=server,id=1", "--", "-i", "--nb-cores=1", "--burst=64",
            "--total-num-mbufs=16384", "--auto-start", stdin=subprocess.PIPE, env={"RUNTIME_DIRECTORY": lab.dir})
        wait_for("testpmd to start", lambda: "testpmd> " in self.testpmd.text(), timeout=60)

    def links(self):
        return ["up", "up"]

    def command(self, what):
        return ["true"]

    def drops(self):
        return {}

    def close(self):
        self.testpmd.kill()
        return {}
