# SPDX-License-Identifier: Apache-2.0
"""Transport mode (RFC 4303 3.1.1) between the gateway's kernel and a peer that is made here
of AES-GCM and bytes: {IPv4, IPv6} x {raw, UDP}, and what must not get through."""
import errno
import os
import socket
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lab import wait_for
from world import (CLIENT, LOCAL, TCP, UDP, ICMP, IP, Ether, IPv6, Raw, bare, esp_of, in_namespace, ip, reassembled)
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6ExtHdrDestOpt, PadN

PORT = 9000
ICMP_OF = {4: 1, 6: 58}


class Peer:
    """The far end of a transport mode SA pair."""

    def __init__(self, world, session, family, udp, local_selectors=None, client=None, **kw):
        self.world, self.family, self.address = world, family, client or CLIENT[family]
        self.session = session(outer=family, inner=family, udp=udp, mode=1, virtual=self.address, client=self.address,
                               local_selectors=local_selectors or (LOCAL[family],), **kw)
        self.number = 0

    def seal(self, payload, next_header):
        up = self.session.up
        self.number += 1
        pad = bytes(range(1, (-(len(payload) + 2) & 3) + 1))
        header, iv = struct.pack(">II", up.spi, self.number), os.urandom(8)
        clear = payload + pad + bytes([len(pad), next_header])
        return header + iv + AESGCM(up.key[:-4]).encrypt(up.key[-4:] + iv, clear, header)

    def open(self, esp):
        """(next header, payload) of what the gateway sent."""
        down = self.session.down
        clear = AESGCM(down.key[:-4]).decrypt(down.key[-4:] + esp[8:16], esp[16:], esp[:8])
        pad = clear[-2]
        assert clear[-2 - pad:-2] == bytes(range(1, pad + 1))
        return clear[-1], clear[:-2 - pad]

    def send(self, payload, next_header, **kw):
        """`payload` follows the outer IP header."""
        self.session.wire.send(self.session.frame(self.seal(payload, next_header), **kw))

    def receive(self, timeout=3):
        """(outer, next header, payload) of the next ESP packet for the peer."""
        def match(frame):
            found = esp_of(frame)
            return found if found and int.from_bytes(found[1][:4], "big") == self.session.down.spi else None
        outer, esp = self.session.wire.receive(match, timeout, "ESP for the peer")
        assert (outer.src, outer.dst) == (LOCAL[self.family], self.address)
        if self.family == 4:
            told = outer.chksum
            again = outer.copy()
            del again.chksum
            assert IP(bytes(again)).chksum == told
        if UDP in outer and self.family == 6:
            told = outer[UDP].chksum
            again = outer.copy()
            del again[UDP].chksum
            assert told != 0 and IPv6(bytes(again))[UDP].chksum == told
        return (outer, *self.open(esp))


@pytest.fixture(params=[(4, False), (4, True), (6, False), (6, True)], ids=("ipv4", "ipv4-udp", "ipv6", "ipv6-udp"))
def peer(request, world, session):
    family, udp = request.param
    return Peer(world, session, family, udp)


def upper(packet, family):
    """Bytes behind the IP header, checksum and all."""
    return bytes(bare(packet))[20 if family == 4 else 40:]


def test_ping_from_the_gateways_kernel(world, peer, drops):
    f = peer.family
    ping = world.lab.spawn(world.ns["gw"], "ping", "ping", "-c", "1", "-W", "3", "-I", LOCAL[f], CLIENT[f])
    outer, next_header, payload = peer.receive()
    assert next_header == ICMP_OF[f] and payload[0] == (8 if f == 4 else 128)
    assert (outer.ttl if f == 4 else outer.hlim) == 64
    request = (ICMP if f == 4 else ICMPv6EchoRequest)(payload)
    answer = ICMP(type=0, id=request.id, seq=request.seq) / Raw(bytes(request.payload)) if f == 4 else \
        ICMPv6EchoReply(id=request.id, seq=request.seq, data=request.data)
    peer.send(upper(ip(CLIENT[f], LOCAL[f]) / answer, f), ICMP_OF[f])
    assert ping.wait(5) == 0, ping.text()
    assert drops() == {}


def listen(world, family, kind=socket.SOCK_DGRAM):
    with in_namespace(world.ns["gw"]):
        s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, kind)
        s.bind((LOCAL[family], PORT))
    s.settimeout(3)
    return s


def test_udp_both_ways_in_every_length(world, peer, drops):
    f = peer.family
    with listen(world, f) as s:
        for size in (0, 1, 2, 3, 4, 5, 100, 1300):
            data = os.urandom(size)
            peer.send(upper(ip(CLIENT[f], LOCAL[f]) / UDP(sport=7, dport=PORT) / Raw(data), f), 17)
            got, source = s.recvfrom(2000)
            assert got == data and source[:2] == (CLIENT[f], 7)
            s.sendto(data, source)
            _, next_header, payload = peer.receive()
            assert next_header == 17 and payload[8:] == data
            assert struct.unpack(">HHH", payload[:6]) == (PORT, 7, 8 + size)
    assert drops() == {}


def test_where_the_kernel_checks_sources(world, session, drops):
    """RFC 3704: net.ipv4.conf.all.rp_filter=1, as distributions and hardening guides have it. The client's address
    is behind an uplink, and what it says comes from the TUN."""
    peer = Peer(world, session, 4, True)
    world.lab.sysctl(world.ns["gw"], {"net.ipv4.conf.all.rp_filter": 1})
    try:
        with listen(world, 4) as s:
            peer.send(upper(ip(CLIENT[4], LOCAL[4]) / UDP(sport=7, dport=PORT) / Raw(b"checked"), 4), 17)
            assert s.recv(100) == b"checked"
    finally:
        world.lab.sysctl(world.ns["gw"], {"net.ipv4.conf.all.rp_filter": 0})
    assert drops() == {}


@pytest.mark.parametrize("family", (4, 6))
def test_checksum_of_before_a_nat(world, session, family):
    """RFC 3948 3.1.2: the peer's checksum covers its own address, not the one that a NAT gave it."""
    peer = Peer(world, session, family, True)
    inside = {4: "192.168.1.5", 6: "fd00::5"}[family]
    with listen(world, family) as s:
        peer.send(upper(ip(inside, LOCAL[family]) / UDP(sport=7, dport=PORT) / Raw(b"natted"), family), 17)
        assert s.recv(100) == b"natted"
        if family == 4:  # a zero checksum stays one
            peer.send(upper(ip(inside, LOCAL[4]) / UDP(sport=7, dport=PORT, chksum=0) / Raw(b"none"), 4), 17)
            assert s.recv(100) == b"none"
    with listen(world, family, socket.SOCK_STREAM) as s:
        s.listen()
        peer.send(upper(ip(inside, LOCAL[family]) / TCP(sport=8, dport=PORT, flags="S", seq=1), family), 6)
        _, next_header, payload = peer.receive()
        assert next_header == 6 and TCP(payload).flags == "SA"


def test_checksum_is_the_peers_where_no_nat_can_be(world, session):
    peer = Peer(world, session, 4, False)
    with listen(world, 4) as s:
        peer.send(upper(ip("192.168.1.5", LOCAL[4]) / UDP(sport=7, dport=PORT) / Raw(b"wrong"), 4), 17)
        peer.send(upper(ip(CLIENT[4], LOCAL[4]) / UDP(sport=7, dport=PORT) / Raw(b"right"), 4), 17)
        assert s.recv(100) == b"right"


def test_in_clear_is_refused(world, session, drops):
    """RFC 4301 5.2: what the policy wants encrypted must not come in clear; IKE does."""
    Peer(world, session, 4, False)
    with listen(world, 4) as s:
        world.isp1.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IP(src=CLIENT[4], dst=LOCAL[4]) /
                        UDP(sport=7, dport=PORT) / Raw(b"clear"))
        wait_for("transport-clear", lambda: drops() == {"transport-clear": 1}, 3)
        before = world.api.counter_values()["punted"]
        world.isp1.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IP(src=CLIENT[4], dst=LOCAL[4]) /
                        UDP(sport=500, dport=500) / Raw(bytes(28)))
        wait_for("the punted IKE", lambda: world.api.counter_values()["punted"] > before, 3)
        # from anybody else it is as ever
        world.isp1.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IP(src="192.0.2.99", dst=LOCAL[4]) /
                        UDP(sport=7, dport=PORT) / Raw(b"other"))
        assert s.recv(100) == b"other"
    assert drops() == {}


def test_selectors_say_what_is_encrypted(world, session, drops):
    peer = Peer(world, session, 4, False, local_selectors=((LOCAL[4], 17, PORT, PORT),))
    with listen(world, 4) as s:
        s.sendto(b"in ESP", (CLIENT[4], 7))
        assert peer.receive()[2][8:] == b"in ESP"
    with in_namespace(world.ns["gw"]), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((LOCAL[4], PORT + 1))
        s.sendto(b"in clear", (CLIENT[4], 7))
    world.isp1.receive(lambda f: f if UDP in f and bytes(f[UDP].payload)[:8] == b"in clear" else None)
    assert drops() == {}
    # and of what comes out of ESP
    peer.send(upper(ip(CLIENT[4], LOCAL[4]) / UDP(sport=7, dport=PORT + 1) / Raw(b"x"), 4), 17)
    wait_for("esp-selectors", lambda: drops() == {"esp-selectors": 1}, 3)


def test_without_an_sa_nothing_leaves_H68(world, session, drops):
    import rgapi
    peer = Peer(world, session, 4, False)
    world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=peer.session.handle, sa=0)])
    with listen(world, 4) as s:
        s.sendto(b"nothing", (CLIENT[4], 7))
        wait_for("out-no-sa", lambda: drops() == {"out-no-sa": 1}, 3)
    world.events.wait_event(rgapi.EV_NO_SA, match=lambda e: e.handle == peer.session.handle)  # control makes one
    world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=peer.session.handle, sa=peer.session.handle)])


@pytest.mark.parametrize("f", (4, 6), ids=("ipv4", "ipv6"))
@pytest.mark.parametrize("udp", (False, True), ids=("raw", "udp"))
def test_the_kernel_learns_what_fits(world, session, drops, f, udp):
    """RFC 4301 8.2.1, to a sender on this host: EMSGSIZE, and what then fits, fits to the byte."""
    # an address that no other test has: kernels remember
    peer = Peer(world, session, f, udp, client=CLIENT[f][:-2] + ("41" if udp else "42"))
    level, discover, do, mtu = (socket.IPPROTO_IP, 10, 2, 14) if f == 4 else (socket.IPPROTO_IPV6, 23, 2, 24)
    with listen(world, f) as s:
        s.connect((peer.address, 7))
        s.setsockopt(level, discover, do)
        headers = 28 if f == 4 else 48
        s.send(bytes(1500 - headers))
        wait_for("the kernel to learn", lambda: s.getsockopt(level, mtu) < 1500, 3)
        fits = s.getsockopt(level, mtu)
        assert drops() == {"out-too-big": 1}
        s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the error that told it
        with pytest.raises(OSError) as refused:
            s.send(bytes(fits - headers + 1))
        assert refused.value.errno == errno.EMSGSIZE
        s.send(bytes(fits - headers))
        outer, _, payload = peer.receive()
        assert len(payload) == fits - (20 if f == 4 else 40)
        assert 1500 - 3 <= (outer.len if f == 4 else outer.plen + 40) <= 1500


@pytest.mark.parametrize("udp", (False, True), ids=("raw", "udp"))
def test_what_may_be_cut_is_cut_outside(world, session, drops, udp):
    """RFC 4303 3.3.4: without DF a packet that the headers make too big leaves in fragments of ESP."""
    peer = Peer(world, session, 4, udp, client="192.0.2.43")
    data = os.urandom(1472)
    with listen(world, 4) as s:
        s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never
        s.sendto(data, (peer.address, 7))
    whole = reassembled(world.isp1, LOCAL[4])
    next_header, payload = peer.open(esp_of(Ether() / whole)[1])
    assert next_header == 17 and payload[8:] == data and drops() == {}


@pytest.mark.parametrize("family", (4, 6))
def test_fragments_of_the_kernel(world, session, drops, family):
    Peer(world, session, family, False)
    with listen(world, family) as s:
        s.sendto(bytes(2500), (CLIENT[family], 7))
    wait_for("transport-fragment", lambda: drops() == {"transport-fragment": 2}, 3)


def test_addresses_of_another_path(world, session, drops):
    """The path moved and the packet's own addresses did not: nothing leaves from nowhere."""
    peer = Peer(world, session, 4, False)
    peer.session.migrate(remote="192.0.2.77")
    with listen(world, 4) as s:
        s.sendto(b"x", (CLIENT[4], 7))
        wait_for("transport-path", lambda: drops() == {"transport-path": 1}, 3)


def test_extension_headers_in_front_of_esp(world, session):
    peer = Peer(world, session, 6, False)
    data = upper(ip(CLIENT[6], LOCAL[6]) / UDP(sport=7, dport=PORT) / Raw(b"optional"), 6)
    outer = IPv6(src=CLIENT[6], dst=LOCAL[6]) / IPv6ExtHdrDestOpt(nh=50, options=[PadN(optdata=bytes(4))]) / \
        Raw(peer.seal(data, 17))
    with listen(world, 6) as s:
        peer.session.wire.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / outer)
        assert s.recv(100) == b"optional"


def test_hostile_clear_text(world, peer, drops):
    """H57 in this mode: padding, dummy packets."""
    down, up = peer.session.down, peer.session.up

    def raw(clear):
        peer.number += 1
        header, iv = struct.pack(">II", up.spi, peer.number), os.urandom(8)
        esp = header + iv + AESGCM(up.key[:-4]).encrypt(up.key[-4:] + iv, clear, header)
        peer.session.wire.send(peer.session.frame(esp))
    raw(b"ab" + bytes([3, 17]))
    wait_for("esp-padding", lambda: drops() == {"esp-padding": 1}, 3)
    raw(bytes([2, 1, 2, 17]))
    wait_for("esp-padding", lambda: drops() == {"esp-padding": 1}, 3)
    raw(bytes([1, 2, 2, 59]))
    wait_for("esp-dummy", lambda: drops() == {"esp-dummy": 1}, 3)
    raw(bytes([1, 2, 2, 253]))  # an upper layer of no bytes and no port: the selectors take it, the kernel will not
    assert down.spi != up.spi and drops() == {}
