# SPDX-License-Identifier: Apache-2.0
"""The roaming client of tests/net/mover in a namespace, and what must hold on the wire
while it moves: strictly rising sequence numbers, no IV twice, whole endpoint tuples."""
import os
import subprocess

import yaml

from capture import Capture, esp_packets
from gateway import PSK
from internet import ACCESS
from lab import BUILD, LabError, ip, json_lines, wait_for
from probe import ECHO_PORT

MOVER = os.path.join(BUILD, "tests/net/mover/mover")
IDENTITY = "mover@example.net"


class Mover:
    """A running mover in the laptop's namespace; its name is also that of its TUN."""

    def __init__(self, scene, name, identity=IDENTITY, **mobility):
        self.scene, self.lab, self.net, self.name, self.identity = scene, scene.lab, scene.net, name, identity
        folder = self.lab.path(name)
        os.makedirs(folder)
        self.config = os.path.join(folder, "mover.yaml")
        with open(self.config, "w") as f:
            yaml.safe_dump(self._config(mobility), f, sort_keys=False)
        descriptor = os.open(os.path.join(folder, "gw.psk"), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as f:
            f.write(PSK.encode() + b"\n")
        self.out = os.path.join(folder, "out.json")
        with open(self.out, "wb") as out:
            self.process = self.lab.spawn(self.net.laptop, name, MOVER, "--config", self.config, "--tun", name,
                                          stdin=subprocess.PIPE, stdout=out)
        self.seen = 0
        self._answer("ready")

    def _config(self, mobility):
        """Its access networks are uplinks to the core; nothing opens their ports."""
        accesses = {n: ACCESS[n] for n in self.net.access}
        networks = {n: [(plan["net"] + ".2/24", plan["net"] + ".1")] * ("4" in self.net.access[n]) +
                    [(plan["net6"] + "::2/64", plan["net6"] + "::1")] * ("6" in self.net.access[n])
                    for n, plan in accesses.items()}
        return {
            "version": 1,
            "dataplane": {"ports": {"port-" + n: {"device": "af_packet:" + n} for n in networks}},
            "uplinks": {n: {"port": "port-" + n, "addresses": [a for a, _ in pairs], "gateways": [g for _, g in pairs]}
                        for n, pairs in networks.items()},
            "gateway": {"identity": self.identity},
            "secrets": [{"identity": "gw.example.net", "file": "gw.psk"}],
            "connections": {"gw": {
                "authentication": {"local": "psk", "remote": "psk"}, "identities": ["gw.example.net"],
                "lifetimes": {"ike": "24h", "child": "8h", "dpd": "off"},
                # It knows whom it talks to: its own packets take the new path at once.
                "mobility": {"return-routability": "never", **mobility}}}}

    # ---- commands and what it says

    def _objects(self):
        return json_lines(self.out)

    def _answer(self, command, timeout=10):
        """The next answer, which must be to this command."""
        def found():
            objects = self._objects()
            for at in range(self.seen, len(objects)):
                if "answer" in objects[at]:
                    self.seen = at + 1
                    return objects[at]
            if not self.process.running():
                raise LabError(f"{self.name} ended with {self.process.popen.returncode}:\n"
                               f"{self.process.text()[-2000:]}")
        answer = wait_for(f"{self.name}: {command}", found, timeout, 0.005)
        if answer["answer"] != command or "error" in answer:
            raise LabError(f"{self.name}: {command}: {answer}\n{self.process.text()[-2000:]}")
        return answer

    def commands(self, *lines):
        """All at once, so that nothing happens between them; the answers."""
        self.process.popen.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.popen.stdin.flush()
        return [self._answer(line.split()[0]) for line in lines]

    def command(self, line):
        return self.commands(line)[0]

    def events(self, kind=None):
        return [o for o in self._objects() if "event" in o and kind in (None, o["event"])]

    def status(self):
        return self.command("status")

    # ---- what it does

    def endpoint(self, name, version=4):
        """Its address in an access network, routed through that network whatever the other ones say."""
        address, plan, table = self.net.access_address(name, version), ACCESS[name], 1000 + ACCESS[name]["metric"]
        gateway = plan["net"] + ".1" if version == 4 else plan["net6"] + "::1"
        flag = f"-{version}"
        ip("-n", self.net.laptop, flag, "route", "replace", "default", "via", gateway, "dev", name, "table", table)
        if f"from {address} lookup {table}" not in ip("-n", self.net.laptop, flag, "rule"):
            ip("-n", self.net.laptop, flag, "rule", "add", "from", address, "lookup", table)
        return address

    def pair(self, name, version=4, uplink="isp1"):
        return f"{self.endpoint(name, version)} {self.net.uplink_address(uplink, version)}"

    def connect(self, name="wlan", version=4):
        self.command(f"connect {self.pair(name, version)} gw.example.net")
        try:
            wait_for("the session", lambda: self.events("session-up") and self.events("child-up"), 10)
        except LabError as error:
            raise LabError(f"{error}\n{self.process.text()[-2000:]}") from None
        self.session = self.status()
        for address in self.session["virtual"]:
            self.lab.address(self.net.laptop, self.name, address + ("/128" if ":" in address else "/32"))
        ip("-n", self.net.laptop, "link", "set", self.name, "mtu", "1300", "up")
        for prefix in self.scene.inner:
            source = [a for a in self.session["virtual"] if (":" in a) == (":" in prefix)]
            if source:
                ip("-n", self.net.laptop, "route", "replace", prefix, "dev", self.name, "src", source[0])
        wait_for("the session at the gateway", self.client)
        return self

    def client(self):
        return self.scene.gateway.client(self.identity)

    def children(self):
        return self.scene.gateway.sas(identity=self.identity)

    def wait_remote(self, address, timeout=10):
        """Until the gateway's path leads there."""
        wait_for(f"the gateway to use {address}", lambda: self.tunnel()["remote-address"] == address, timeout, 0.02)

    def tunnel(self):
        """The path in the gateway's fast path, with bare addresses as well, and without its traffic."""
        children = self.children()
        tunnels = self.scene.gateway.ctl("dataplane", "tunnels")["tunnels"]
        tunnel = next(t for t in tunnels if children and t["handle"] == children[0]["tunnel"])
        for end in ("local", "remote"):
            text = tunnel[end]
            tunnel[end + "-address"] = text[1:text.index("]")] if text[0] == "[" else \
                text.split(":")[0] if text.count(":") == 1 else text
        return {key: value for key, value in tunnel.items() if not key.startswith(("packets_", "bytes_"))}

    def probe(self, rate=200):
        self.command(f"probe {self.net.server_addresses[4]} {ECHO_PORT} {rate}")
        self.wait_packets(20)

    def probe_stop(self):
        return self.command("probe stop")

    def packets(self, direction="in"):
        return sum(s["packets"] for s in self.status()["sas"] if s["direction"] == direction)

    def wait_packets(self, more, timeout=10):
        start = self.packets()
        wait_for(f"{more} answers", lambda: self.packets() >= start + more, timeout, 0.02)

    def sa(self, direction, status=None):
        """The only SA of a direction."""
        found = [s for s in (status or self.status())["sas"] if s["direction"] == direction]
        assert len(found) == 1, found
        return found[0]

    def stop(self):
        """Delete, and until the gateway has forgotten it."""
        if self.process.running():
            self.process.popen.stdin.close()
            assert self.process.wait() == 0, self.process.text()[-2000:]
        if self.scene.gateway.control.running():
            wait_for("the gateway to forget the mover", lambda: not self.client())


# ---- the wire

def identity_of(status):
    """What a move must not change: IKE SPIs, and SPI and key of every SA."""
    return ((status["ike"]["spi_i"], status["ike"]["spi_r"]),
            sorted((s["direction"], s["spi"], s["key"]) for s in status["sas"]))


class Wire:
    """Captures of everything outer: uplink as it leaves the laptop, downlink as it leaves the gateway."""

    def __init__(self, mover, tag):
        net, lab = mover.net, mover.lab
        outer = "proto 50 or ip6 proto 50 or udp port 4500 or udp port 500"
        self.gateway = set(net.gateway_addresses(4) + net.gateway_addresses(6))
        self.laptop = [Capture(lab, net.laptop, n, outer, f"{tag}-{n}", 160) for n in net.access]
        self.router = [Capture(lab, net.router, n, outer, f"{tag}-{n}", 160) for n in net.config["uplinks"]]

    def stop(self):
        up = [p for capture in self.laptop for p in capture.stop()]
        down = [p for capture in self.router for p in capture.stop()]
        # Stable: what one capture saw in one microsecond stays in its order.
        self.frames_up, self.frames_down = (sorted(f, key=lambda frame: frame[0]) for f in (up, down))
        self.up = [p for p in esp_packets(self.frames_up) if p.destination in self.gateway]
        self.down = [p for p in esp_packets(self.frames_down) if p.source in self.gateway]
        return self

    @staticmethod
    def tuple_of(packet):
        return packet.source, packet.destination, packet.ports

    def paths(self, packets):
        """The endpoint tuples in the order in which they were used: A A B B A is [A, B, A]."""
        found = []
        for packet in packets:
            if not found or found[-1] != self.tuple_of(packet):
                found.append(self.tuple_of(packet))
        return found


def by_spi(packets):
    found = {}
    for packet in packets:
        found.setdefault(packet.spi, []).append(packet)
    return found


def check_sequences(packets, what):
    """Strictly rising without a gap, and no IV twice, for each SPI (RFC 4303 3.3.3, RFC 4106 3.1)."""
    for spi, sent in by_spi(packets).items():
        numbers = [p.sequence for p in sent]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), \
            f"{what} {spi:08x}: {[(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1][:5]}"
        ivs = {p.payload[8:16] for p in sent}
        assert len(ivs) == len(sent), f"{what} {spi:08x}: an IV left twice"
