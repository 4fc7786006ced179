# SPDX-License-Identifier: Apache-2.0
"""The dataplane alone in a namespace, with raw sockets at the far ends of its ports.

    isp1far (203.0.113.1) ---- veth-isp1 [isp1] gw [lan] veth-lan ---- host (10.20.0.10)
    isp2far (198.51.100.1) --- veth-isp2 [isp2]

A client is an address behind an uplink's gateway that no kernel has: what the
dataplane sends there arrives at a Wire, and what it should get is sent by one.
"""
import ctypes
import errno
import os
import select
import socket
import time

import rgapi
from lab import BUILD, LIBC, LabError, wait_for

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: F401  (for the tests)
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import ARP, Ether  # noqa: F401
from scapy.packet import Raw  # noqa: F401

DATAPLANE = os.path.join(BUILD, "dataplane/roamgate-dataplane")
CLONE_NEWNET = 0x40000000
PACKET_OUTGOING = 4

LOCAL = {4: "203.0.113.2", 6: "2001:db8:1::2"}
LOCAL2 = {4: "198.51.100.2", 6: "2001:db8:2::2"}
CLIENT = {4: "192.0.2.10", 6: "2001:db8:f::10"}
OTHER = {4: "192.0.2.20", 6: "2001:db8:f::20"}
HOST = {4: "10.20.0.10", 6: "2001:db8:20::10"}
VIRTUAL = {4: "10.99.0.10", 6: "2001:db8:99::10"}
VIRTUAL2 = {4: "10.99.0.20", 6: "2001:db8:99::20"}

CONFIG = """\
version: 1
dataplane:
  workers: {workers}
  idle: sleep
  hugepages: off
  memory: 256MiB
  max-sas: 4096
  socket: {socket}
  tun: {tun}
  ports:
    isp1: {{device: "af_packet:veth-isp1"}}
    isp2: {{device: "af_packet:veth-isp2"}}
    lan: {{device: "af_packet:veth-lan"}}
uplinks:
  isp1: {{port: isp1, addresses: [203.0.113.2/24, "2001:db8:1::2/64"], gateways: [203.0.113.1, "2001:db8:1::1"], table: 101, preference: 10}}
  isp2: {{port: isp2, addresses: [198.51.100.2/24, "2001:db8:2::2/64"], gateways: [198.51.100.1, "2001:db8:2::1"], table: 102, preference: 20}}
networks:
  lan: {{port: lan, addresses: [10.20.0.1/24, "2001:db8:20::1/64"]}}
gateway: {{identity: gw.example.net}}
pools:
  road: {{ranges: [10.99.0.0/16, "2001:db8:99::/64"]}}
connections:
  roam:
    uplinks: {{members: [isp1, isp2], spread: order}}
    authentication: {{local: psk, remote: psk}}
    identities: ["*@example.net"]
    pool: road
    selectors: {{local: [10.20.0.0/24, "2001:db8:20::/64"]}}
    proposals: {{ike: [aes128gcm16-prfsha256-x25519], esp: [aes128gcm16-esn]}}
secrets:
  - {{identity: "*@example.net", file: clients.psk}}
"""

# ARP and ND go on; what the test expects to be silent is.
SILENT = """
table inet quiet {
  chain in { type filter hook input priority 0; policy drop; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept; }
}
"""


class in_namespace:
    """Sockets that are made inside belong to the namespace."""

    def __init__(self, ns):
        self.ns = ns

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        target = os.open(f"/run/netns/{self.ns}", os.O_RDONLY)
        try:
            if LIBC.setns(target, CLONE_NEWNET):
                raise LabError(f"setns {self.ns}: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(target)

    def __exit__(self, *_):
        LIBC.setns(self.home, CLONE_NEWNET)
        os.close(self.home)


class Wire:
    """A raw socket on one interface: frames in and out, as they are."""

    def __init__(self, lab, ns, interface):
        with in_namespace(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((interface, 3))
        self.mac = self.socket.getsockname()[4]
        self.mac = ":".join(f"{b:02x}" for b in self.mac)

    def send(self, frame):
        self.socket.send(bytes(frame))

    def receive(self, match, timeout=3, what="a frame"):
        """The first frame that came in and that `match(Ether)` takes; its value."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise LabError(f"no {what} within {timeout:g} s")
            data = self._read()
            found = data and match(Ether(data))
            if found:
                return found

    def _read(self):
        """A frame that came in; None for one that went out, and for news of the interface."""
        try:
            data, address = self.socket.recvfrom(65536)
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise
            return None
        return None if address[2] == PACKET_OUTGOING else data

    def drain(self):
        """All frames that are there now."""
        out = []
        while select.select([self.socket], [], [], 0)[0]:
            data = self._read()
            if data:
                out.append(Ether(data))
        return out


def ip(source, destination, **kw):
    return IPv6(src=source, dst=destination, **kw) if ":" in source else IP(src=source, dst=destination, **kw)


def bare(packet):
    """Scapy's packet as it will be on the wire, parsed again: lengths and checksums are filled in."""
    return type(packet)(bytes(packet))


def esp_of(frame):
    """(outer IP packet, ESP bytes) of a frame that carries ESP, else None."""
    for kind, protocol in ((IP, "proto"), (IPv6, "nh")):
        if kind in frame:
            outer = frame[kind]
            number = getattr(outer, protocol)
            if number == 50:
                return outer, bytes(outer.payload)[:length_of(outer) - header_of(outer)]
            if number == 17 and UDP in outer and outer[UDP].sport == 4500:
                raw = bytes(outer)[header_of(outer):][:outer[UDP].len]
                if raw[8:12] != b"\0\0\0\0":
                    return outer, raw[8:]
            return None
    return None


def header_of(outer):
    return outer.ihl * 4 if outer.version == 4 else 40


def length_of(outer):
    return outer.len if outer.version == 4 else outer.plen + 40


def reassembled(wire, source, timeout=3):
    """The packet whose fragments come in from `source`: RFC 791 3.2, RFC 8200 4.5."""
    parts, last, first = {}, None, None
    while last is None or first is None or sum(map(len, parts.values())) < last:
        def match(f):
            if IP in f and f[IP].src == source and (f[IP].flags.MF or f[IP].frag):
                return f[IP]
            return f[IPv6] if IPv6ExtHdrFragment in f and f[IPv6].src == source else None
        p = wire.receive(match, timeout, "fragment")
        if p.version == 4:
            told = p.chksum
            again = p.copy()
            del again.chksum
            assert IP(bytes(again)).chksum == told
            offset, more, data, key = p.frag * 8, p.flags.MF, bytes(p)[p.ihl * 4:p.len], p.id
        else:
            h = p[IPv6ExtHdrFragment]
            offset, more, data, key = h.offset * 8, h.m, bytes(p)[48:40 + p.plen], h.id
        assert offset not in parts and (len(data) % 8 == 0 or not more)
        parts[offset] = data
        if not more:
            last = offset + len(data)
        if offset == 0:
            first, name = p, key
        assert len(parts) == 1 or key == name or first is None
    data = b"".join(parts[at] for at in sorted(parts))
    if first.version == 4:
        return IP(bytes(IP(src=first.src, dst=first.dst, proto=first.proto, id=first.id) / Raw(data)))
    return IPv6(bytes(IPv6(src=first.src, dst=first.dst, nh=first[IPv6ExtHdrFragment].nh) / Raw(data)))


class Gcm:
    """One direction of a Child SA as scapy sees it: the oracle."""

    def __init__(self, spi, key, esn=False):
        self.spi, self.key, self.esn = spi, key, esn
        self.seq = 0
        self.sa = SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=key, esn_en=esn)

    def seal(self, inner, seq=None):
        """ESP bytes of an inner packet; the next sequence number, or `seq`."""
        self.seq = self.seq + 1 if seq is None else seq
        outer = ip("192.0.2.1", "192.0.2.2")
        self.sa.tunnel_header = outer
        iv = os.urandom(8)
        self.sa.seq_num = self.seq & 0xffffffff  # scapy takes 0 for "none given"
        sealed = self.sa.encrypt(bare(inner), seq_num=self.seq & 0xffffffff, iv=iv,
                                 **({"esn_en": True, "esn": self.seq >> 32} if self.esn else {}))
        return bytes(sealed[ESP])

    def open(self, esp, esn_high=0):
        """(sequence number, IV, inner packet) of ESP bytes; raises on a bad ICV."""
        packet = IP(bytes(IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / Raw(esp)))
        self.sa.tunnel_header = IP()
        inner = self.sa.decrypt(packet, **({"esn_en": True, "esn": esn_high} if self.esn else {}))
        return int.from_bytes(esp[4:8], "big"), esp[8:16], inner


class Session:
    """A client's tunnel with one Child SA, made through the API as control would."""

    def __init__(self, world, number, outer=4, inner=4, udp=False, bits=128, esn=False, client=None, virtual=None,
                 window=64, local_selectors=None, remote_selectors=None, uplink=1, lifetime_in=None,
                 lifetime_out=None, sequence_out=0, sequence_in=0, mtu=0, df=0, dscp=None, mode=0, suite=None,
                 oracle=None):
        self.world, self.number, self.outer, self.inner = world, number, outer, inner
        self.local = (LOCAL if uplink == 1 else LOCAL2)[outer]
        self.remote = client or CLIENT[outer]
        self.virtual = virtual or VIRTUAL[inner]
        self.ports = (4500, 4500) if udp else None
        self.wire = world.isp1 if uplink == 1 else world.isp2
        self.port = "isp1" if uplink == 1 else "isp2"
        self.handle = rgapi.handle(number)
        self.generation = 1
        octets = suite.octets if suite else bits // 8 + 4
        key_in, key_out = os.urandom(octets), os.urandom(octets)
        end = (lambda *a: oracle(suite, *a)) if oracle else Gcm
        self.up = end(1 << 28 | self.handle, key_in, esn)
        self.down = end(0xc0000000 | number, key_out, esn)
        number_of_suite = suite.number if suite else None
        self.up.seq = sequence_in
        api = world.api
        local = rgapi.selectors(*(local_selectors or ("10.20.0.0/24" if inner == 4 else "2001:db8:20::/64",)))
        remote = rgapi.selectors(*(remote_selectors or (self.virtual,)))
        api.call(rgapi.TUNNEL_ADD, [rgapi.Tunnel(handle=self.handle, generation=1, cookie=number,
                                                 path=rgapi.path(self.local, self.remote, self.ports, mtu))])
        api.call(rgapi.SA_IN_ADD, [rgapi.sa(self.handle, self.up.spi, self.handle, key_in, local, remote, esn, window,
                                            sequence_in, lifetime_in, mode=mode, suite=number_of_suite)])
        api.call(rgapi.SA_OUT_ADD, [rgapi.sa(self.handle, self.down.spi, self.handle, key_out, local, remote, esn,
                                             window, sequence_out, lifetime_out, mode=mode, df=df, dscp=dscp,
                                             suite=number_of_suite)])
        api.call(rgapi.POLICY_ADD, [rgapi.policy(self.handle, self.handle, self.virtual)])

    def close(self):
        api = self.world.api
        for kind in (rgapi.POLICY_DEL, rgapi.SA_OUT_DEL, rgapi.SA_IN_DEL, rgapi.TUNNEL_DEL):
            try:
                api.call(kind, [rgapi.Handle(handle=self.handle)])
            except rgapi.Refused:
                pass

    def migrate(self, local=None, remote=None, ports="same", mtu=0):
        self.local, self.remote = local or self.local, remote or self.remote
        self.ports = self.ports if ports == "same" else ports
        self.wire = self.world.isp2 if self.local in LOCAL2.values() else self.world.isp1
        self.port = "isp2" if self.local in LOCAL2.values() else "isp1"
        self.generation += 1
        return self.world.api.call(rgapi.MIGRATE, [rgapi.Migrate(
            handle=self.handle, generation=self.generation, path=rgapi.path(self.local, self.remote, self.ports, mtu))])

    def frame(self, esp, source=None, wire=None, mac=None, local=None):
        """An outer frame around ESP bytes, from the client (or another source)."""
        outer = ip(source or self.remote, local or self.local)
        if self.ports:
            outer = outer / UDP(sport=self.ports[1], dport=self.ports[0], chksum=None if self.outer == 6 else 0)
        elif outer.version == 4:
            outer.proto = 50
        else:
            outer.nh = 50
        wire = wire or self.wire
        return Ether(src=wire.mac, dst=mac or self.world.mac[self.port]) / outer / Raw(esp)

    def send(self, inner, seq=None, **kw):
        frame = self.frame(self.up.seal(inner, seq), **kw)
        (kw.get("wire") or self.wire).send(frame)
        return frame

    def receive(self, timeout=3, wire=None, esn_high=0):
        """The next ESP packet for the client, checked: (outer, sequence, IV, inner)."""
        def match(frame):
            found = esp_of(frame)
            if not found or int.from_bytes(found[1][:4], "big") != self.down.spi:
                return None
            outer, esp = found
            assert outer.src == self.local and outer.dst == self.remote, outer.summary()
            return (outer, *self.down.open(esp, esn_high))
        return (wire or self.wire).receive(match, timeout, "ESP for the client")


class World:
    def __init__(self, lab, workers=(0,), tun="roamgate0"):
        self.lab = lab
        names = ("gw", "isp1far", "isp2far", "host")
        self.ns = {n: lab.namespace(n) for n in names}
        gw = self.ns["gw"]
        for interface, far in (("veth-isp1", "isp1far"), ("veth-isp2", "isp2far"), ("veth-lan", "host")):
            lab.link(gw, interface, self.ns[far], "eth0")
            lab.nft(self.ns[far], SILENT)
        lab.nft(gw, "table netdev roamgate {\n" + "".join(
            f'chain {i} {{ type filter hook ingress device "veth-{i}" priority -500; policy drop; }}\n'
            for i in ("isp1", "isp2", "lan")) + "}")
        lab.address(self.ns["isp1far"], "eth0", "203.0.113.1/24", "2001:db8:1::1/64")
        lab.address(self.ns["isp2far"], "eth0", "198.51.100.1/24", "2001:db8:2::1/64")
        lab.address(self.ns["host"], "eth0", "10.20.0.10/24", "2001:db8:20::10/64")
        self.socket = lab.path("dp.sock")
        self.file = lab.path("roamgate.yaml")
        with open(self.file, "w") as f:
            f.write(CONFIG.format(workers=list(workers), socket=self.socket, tun=tun))
        self.isp1 = Wire(lab, self.ns["isp1far"], "eth0")
        self.isp2 = Wire(lab, self.ns["isp2far"], "eth0")
        self.lan = Wire(lab, self.ns["host"], "eth0")
        self.api = self.events = None
        self.starts = 0
        self.start()

    def start(self):
        self.starts += 1
        self.process = self.lab.spawn(self.ns["gw"], f"dataplane-{self.starts}", DATAPLANE, "--config", self.file)

        def up():
            if not self.process.running():
                raise LabError(f"the dataplane ended:\n{self.process.text()}")
            try:
                return rgapi.Client(self.socket)
            except OSError:
                return None
        self.api = wait_for("the dataplane's socket", up, 20)
        self.events = rgapi.Client(self.socket, rgapi.EVENTS)
        self.mac = {p.name.decode(): ":".join(f"{b:02x}" for b in p.mac) for p in self.api.dump(rgapi.DUMP_PORTS)}
        self.settle()

    def settle(self):
        """Until every gateway and the host on the LAN have been found."""
        gw = self.ns["gw"]

        def found():
            text = self.lab.run(gw, "ip", "neigh", "show")
            return all(f"{a} dev" in text and "lladdr" in text.split(f"{a} dev")[1].split("\n")[0]
                       for a in ("203.0.113.1", "198.51.100.1", "2001:db8:1::1", "2001:db8:2::1"))
        wait_for("the gateways' neighbours", found, 10)
        for address in HOST.values():
            self.lab.run(gw, "ping", "-c1", "-W0.01", address, check=False)
        wait_for("the host's neighbours", lambda: all(
            f"{a} lladdr" in self.lab.run(gw, "ip", "neigh", "show", "dev", "lan") for a in HOST.values()), 10)

    def clear(self):
        """Forget frames and events that belong to what came before."""
        for wire in (self.isp1, self.isp2, self.lan):
            wire.drain()
        self.events.drain_events()

    def to_lan(self, inner_id, timeout=3):
        """The frame on the LAN whose payload carries `inner_id`."""
        return self.lan.receive(lambda f: f if inner_id in bytes(f) else None, timeout, "inner packet on the LAN")

    def from_host(self, packet):
        """A packet of the host's towards the gateway."""
        self.lan.send(Ether(src=self.lan.mac, dst=self.mac["lan"]) / packet)

    def close(self):
        for client in (self.api, self.events):
            if client:
                client.close()
        return self.process.stop()
