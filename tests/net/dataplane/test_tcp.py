# SPDX-License-Identifier: Apache-2.0
"""TCP between two kernels, through two dataplanes with a router of 1280 bytes between them: {4in4, 4in6,
6in4, 6in6} x {raw, UDP}, of which strongSwan without a kernel's ESP can do the half (../test_sizes.py).

    hosta 10.20.0.10 -- gwa 203.0.113.2 -- router -- 198.51.100.2 gwb -- 10.30.0.10 hostb

The test takes control's place: what ICMP tells of the path becomes a path with that MTU.
"""
import os
import threading
from itertools import product

import pytest

import rgapi
from lab import LabError, ip, wait_for
from pairwise import cover
from tcp import transfer
from world import DATAPLANE

PATH_MTU = 1280
SIDES = {
    "a": {"net": "203.0.113", "net6": "2001:db8:1:", "lan": "10.20.0", "lan6": "2001:db8:20:"},
    "b": {"net": "198.51.100", "net6": "2001:db8:2:", "lan": "10.30.0", "lan6": "2001:db8:30:"},
}
CONFIG = """\
version: 1
dataplane:
  workers: [0]
  idle: sleep
  hugepages: off
  memory: 128MiB
  max-sas: 1024
  socket: {socket}
  ports: {{isp: {{device: "af_packet:veth-isp"}}, lan: {{device: "af_packet:veth-lan"}}}}
uplinks:
  isp: {{port: isp, addresses: [{net}.2/24, "{net6}:2/64"], gateways: [{net}.1, "{net6}:1"], table: 101, preference: 10}}
networks:
  lan: {{port: lan, addresses: [{lan}.1/24, "{lan6}:1/64"]}}
"""


class Side:
    """A gateway with its host; `path` is what its one tunnel has."""

    def __init__(self, lab, name, router):
        plan = self.plan = SIDES[name]
        self.name, self.host, gw = name, lab.namespace("host" + name), lab.namespace("gw" + name)
        lab.link(router, "to" + name, gw, "veth-isp")
        lab.link(self.host, "eth0", gw, "veth-lan")
        lab.address(self.host, "eth0", plan["lan"] + ".10/24", plan["lan6"] + ":10/64")
        ip("-n", self.host, "route", "add", "default", "via", plan["lan"] + ".1")
        ip("-n", self.host, "-6", "route", "add", "default", "via", plan["lan6"] + ":1")
        lab.address(router, "to" + name, plan["net"] + ".1/24", plan["net6"] + ":1/64")
        for version, prefix in (("-4", plan["net"] + ".0/24"), ("-6", plan["net6"] + ":/64")):
            ip("-n", router, version, "route", "del", prefix, "dev", "to" + name)
            ip("-n", router, version, "route", "add", prefix, "dev", "to" + name, "mtu", "lock", PATH_MTU)
        lab.nft(gw, "table netdev roamgate {\n" + "".join(
            f'chain {i} {{ type filter hook ingress device "veth-{i}" priority -500; policy drop; }}\n'
            for i in ("isp", "lan")) + "}")
        file, where = lab.path(name + ".yaml"), lab.path(name + ".sock")
        with open(file, "w") as f:
            f.write(CONFIG.format(socket=where, **plan))
        self.process = lab.spawn(gw, "dataplane-" + name, DATAPLANE, "--config", file)

        def up():
            if not self.process.running():
                raise LabError(f"the dataplane ended:\n{self.process.text()}")
            try:
                return rgapi.Client(where)
            except OSError:
                return None
        self.api = wait_for("the dataplane's socket", up, 20)
        self.events = rgapi.Client(where, rgapi.EVENTS)
        wait_for("the gateways' neighbours", lambda: lab.run(gw, "ip", "neigh", "show", "dev", "isp").count(
            "lladdr") >= 2, 15)

    def outer(self, version):
        return self.plan["net"] + ".2" if version == 4 else self.plan["net6"] + ":2"

    def inside(self, version):
        return self.plan["lan"] + ".0/24" if version == 4 else self.plan["lan6"] + ":/64"

    def install(self, number, other, outer, udp, key_in, key_out):
        self.handle, self.generation = rgapi.handle(number), 1
        self.path = (self.outer(outer), other.outer(outer), (4500, 4500) if udp else None)
        local, remote = (rgapi.selectors(*(s.inside(v) for v in (4, 6))) for s in (self, other))
        spi = 1 << 28 | self.handle
        self.api.call(rgapi.TUNNEL_ADD, [rgapi.Tunnel(handle=self.handle, generation=1, path=rgapi.path(*self.path))])
        self.api.call(rgapi.SA_IN_ADD, [rgapi.sa(self.handle, spi, self.handle, key_in, local, remote)])
        self.api.call(rgapi.SA_OUT_ADD, [rgapi.sa(self.handle, spi, self.handle, key_out, local, remote)])
        for i, version in enumerate((4, 6)):
            self.api.call(rgapi.POLICY_ADD, [rgapi.policy(rgapi.handle(2 * number + i), self.handle, other.inside(version))])
        self.policies = [rgapi.handle(2 * number + i) for i in range(2)]

    def remove(self):
        self.api.call(rgapi.POLICY_DEL, [rgapi.Handle(handle=h) for h in self.policies])
        for kind in (rgapi.SA_OUT_DEL, rgapi.SA_IN_DEL, rgapi.TUNNEL_DEL):
            self.api.call(kind, [rgapi.Handle(handle=self.handle)])

    def follow(self, ended):
        """Control's part, until `ended`: a path with the MTU that ICMP told of."""
        while not ended.is_set():
            try:
                event = self.events.wait_event(rgapi.EV_PMTU, 0.1, lambda e: e.tunnel == self.handle)
            except TimeoutError:
                continue
            self.generation += 1
            self.api.call(rgapi.MIGRATE, [rgapi.Migrate(handle=self.handle, generation=self.generation,
                                                        path=rgapi.path(*self.path, mtu=event.value))])


@pytest.fixture(scope="module")
def sides(new_lab):
    with new_lab() as lab:
        router = lab.namespace("router")
        lab.sysctl(router, {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        a, b = (Side(lab, name, router) for name in SIDES)
        yield a, b
        for side in (a, b):
            assert side.process.stop() == 0, side.process.text()


def pytest_generate_tests(metafunc):
    if "inner" not in metafunc.fixturenames:
        return
    factors = ((4, 6), (4, 6), (False, True))
    rows = list(product(*factors)) if metafunc.config.getoption("--full") else cover(*factors)
    metafunc.parametrize("inner, outer, udp", rows, ids=[f"{i}in{o}-{'udp' if u else 'raw'}" for i, o, u in rows])


def test_tcp_over_a_narrow_path(sides, inner, outer, udp):
    a, b = sides
    number = 8 + inner + 10 * outer + 100 * udp
    up, down = os.urandom(20), os.urandom(20)
    a.install(number, b, outer, udp, down, up)
    b.install(number, a, outer, udp, up, down)
    ended = threading.Event()
    followers = [threading.Thread(target=side.follow, args=(ended,)) for side in sides]
    for f in followers:
        f.start()
    try:
        server = b.plan["lan"] + ".10" if inner == 4 else b.plan["lan6"] + ":10"
        transfer(a.host, b.host, server, 6000 + number)
    finally:
        ended.set()
        for f in followers:
            f.join()
    mtus = [side.api.dump(rgapi.DUMP_TUNNELS, side.handle)[0].mtu for side in sides]
    for side in sides:
        side.remove()
    assert mtus == [PATH_MTU, PATH_MTU]
