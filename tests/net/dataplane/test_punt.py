# SPDX-License-Identifier: Apache-2.0
"""What the kernel does for the dataplane: IKE sockets on the mirror TAPs, ARP and ND, carrier,
ICMP about our ESP, and frames as virtual interfaces hand them over."""
import ctypes
import os
import select
import socket
import struct

import pytest

import rgapi
from lab import LabError, wait_for
from world import (CLIENT, HOST, ICMP, IP, LOCAL, LOCAL2, UDP, ARP, Ether, IPv6, Raw, bare, in_namespace, ip)
from scapy.layers.inet6 import IPv6ExtHdrFragment, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig

SO_ATTACH_FILTER, SO_RCVBUFFORCE, UDP_SEGMENT = 26, 33, 103


def listen(world, address, port, ns="gw"):
    with in_namespace(world.ns[ns]):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
    s.settimeout(3)
    return s


def ike(spi_i=b"I" * 8, spi_r=b"R" * 8, exchange=37, flags=0x08, length=60):
    return spi_i + spi_r + bytes([46, 0x20, exchange, flags]) + bytes(4) + length.to_bytes(4, "big") + \
        os.urandom(length - 28)


@pytest.mark.parametrize("port", (500, 4500))
@pytest.mark.parametrize("family", (4, 6))
def test_ike_reaches_a_socket_and_its_answer_leaves(world, family, port):
    world.clear()
    marker = bytes(4) if port == 4500 else b""
    message = marker + ike()
    with listen(world, LOCAL[family], port) as s:
        frame = Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / ip(CLIENT[family], LOCAL[family]) / \
            UDP(sport=1234, dport=port) / Raw(message)
        world.isp1.send(bytes(frame))
        data, peer = s.recvfrom(2000)
        assert data == message and peer[:2] == (CLIENT[family], 1234)
        world.lab.run(world.ns["gw"], "ip", *(["-6"] if family == 6 else []), "rule", "add", "from", LOCAL[family],
                      "lookup", "101")
        s.sendto(marker + ike(flags=0x20), peer)
        kind = IP if family == 4 else IPv6
        seen = world.isp1.receive(lambda f: f if UDP in f and f[UDP].sport == port and f[UDP].dport == 1234 else None)
        assert seen[kind].src == LOCAL[family] and seen.src == world.mac["isp1"] and seen.dst == world.isp1.mac
        world.lab.run(world.ns["gw"], "ip", *(["-6"] if family == 6 else []), "rule", "del", "from", LOCAL[family],
                      "lookup", "101")


def test_ike_where_the_kernel_checks_sources(world):
    """RFC 3704: net.ipv4.conf.all.rp_filter=1; what comes in over the second uplink would be answered over the first
    one where no rule says otherwise."""
    world.clear()
    world.lab.sysctl(world.ns["gw"], {"net.ipv4.conf.all.rp_filter": 1})
    try:
        with listen(world, LOCAL2[4], 500) as s:
            message = ike()
            world.isp2.send(bytes(Ether(src=world.isp2.mac, dst=world.mac["isp2"]) / IP(src=CLIENT[4], dst=LOCAL2[4]) /
                                  UDP(sport=1234, dport=500) / Raw(message)))
            assert s.recv(2000) == message
    finally:
        world.lab.sysctl(world.ns["gw"], {"net.ipv4.conf.all.rp_filter": 0})


def only_of_length(s, length):
    """A socket that is not read meanwhile must not fill with what nobody asks for: struct sock_filter, cBPF."""
    code = struct.pack("=" + "HBBI" * 4, 0x80, 0, 0, 0, 0x15, 0, 1, 8 + length, 0x06, 0, 0, 0xffffffff, 0x06, 0, 0, 0)
    kept = ctypes.create_string_buffer(code, len(code))
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 4, ctypes.addressof(kept)))


def test_live_sessions_have_their_own_policer(world):
    """A flood of unknown SPIs is held back; the messages of a session that control answered are not."""
    world.clear()
    spi_r = os.urandom(8)
    with listen(world, LOCAL[4], 500) as s:
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        only_of_length(s, 100)
        s.sendto(ike(spi_r=spi_r, flags=0x20), ("203.0.113.1", 500))
        world.isp1.receive(lambda f: UDP in f and f[UDP].sport == 500)

        def frame(payload):
            return bytes(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IP(src=CLIENT[4], dst=LOCAL[4]) /
                         UDP(sport=500, dport=500) / Raw(payload))
        unknown, known = frame(ike(spi_r=os.urandom(8), length=40)), frame(ike(spi_r=spi_r, length=100))
        before, sent, rounds = world.api.counter_values(), 0, 0

        def moved(name, now=None):
            return (now or world.api.counter_values())[name] - before[name]
        while moved("punt-ike-new") < 1000:
            for i in range(300):
                world.isp1.send(known if i == 150 else unknown)
            sent, rounds = sent + 300, rounds + 1
            wait_for("the burst to be taken", lambda: moved("rx-packets") >= sent, 3, interval=0)
            assert rounds < 3000, "the flood never exceeded the policer"
        # a punt thread that gets no CPU may find its ring full: named, and no policer's doing
        wait_for("all that was let through",
                 lambda: moved("punted") + moved("punt-full") >= sent - moved("punt-ike-new"), 3)
        got = 0
        while select.select([s], [], [], 0.3)[0]:
            got += len(s.recv(2000)) == 100
        now = world.api.counter_values()
        assert [moved(k, now) for k in ("punt-ike", "punt-write")] == [0, 0]
        assert rounds - moved("punt-full", now) <= got <= rounds and got > rounds / 2


def test_arp_and_nd_of_the_gateway(world):
    world.clear()
    world.isp1.send(Ether(src=world.isp1.mac, dst="ff:ff:ff:ff:ff:ff") /
                    ARP(op=1, hwsrc=world.isp1.mac, psrc="203.0.113.1", pdst=LOCAL[4]))
    answer = world.isp1.receive(lambda f: f[ARP] if ARP in f and f[ARP].op == 2 else None)
    assert answer.hwsrc == world.mac["isp1"] and answer.psrc == LOCAL[4]
    world.isp1.send(Ether(src=world.isp1.mac, dst="33:33:ff:00:00:02") /
                    IPv6(src="2001:db8:1::1", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt=LOCAL[6]) /
                    ICMPv6NDOptSrcLLAddr(lladdr=world.isp1.mac))
    world.isp1.receive(lambda f: IPv6 in f and f[IPv6].src == LOCAL[6] and f.src == world.mac["isp1"])
    # one answer each: the kernel is off the veth
    assert not [f for f in world.isp1.drain() if ARP in f and f[ARP].op == 2]


def test_icmp_about_our_esp_is_an_event(world, session):
    s = session(udp=True)
    world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(bytes(1200)))
    outer = s.receive()[0]

    def error(quoted, mtu):
        world.isp1.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IP(src="203.0.113.1", dst=LOCAL[4]) /
                        ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quoted))
    quoted = bytes(outer)[:28 + 8]
    wrong_spi = quoted[:28] + b"\xc0\xff\xff\xff" + quoted[32:]
    old = quoted[:32] + (0x12345678).to_bytes(4, "big")
    error(wrong_spi, 1300)
    error(old, 1300)
    error(quoted, 100)
    error(quoted, 1500)
    error(quoted[:20], 1300)
    error(quoted, 1300)
    event = world.events.wait_event(rgapi.EV_PMTU, match=lambda e: e.tunnel == s.handle)
    assert event.value == 1300 and event.handle == s.handle
    assert world.api.counter_values()["pmtu-too-small"] == 1
    assert not [e for e in world.events.drain_events() if e.type == rgapi.EV_PMTU]
    error(quoted, 0)  # an old router: the plateau below the length of what it quotes (RFC 1191 7.1)
    assert world.events.wait_event(rgapi.EV_PMTU, match=lambda e: e.tunnel == s.handle).value == 1006
    # control decides; then packets fit
    s.migrate(mtu=1300)
    world.from_host(bare(ip(HOST[4], s.virtual, flags="DF") / UDP(sport=1, dport=2) / Raw(bytes(1250))))
    told = world.lan.receive(lambda f: f[ICMP].nexthopmtu if ICMP in f and f[ICMP].type == 3 else None)
    assert told == (1300 - 28 - 32) // 4 * 4 - 2


def test_icmp6_about_our_esp_is_an_event(world, session):
    s = session(outer=6)
    world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(bytes(1200)))
    outer = s.receive()[0]
    world.isp1.send(bytes(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / IPv6(src="2001:db8:1::1", dst=LOCAL[6]) /
                          ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(outer))))
    assert world.events.wait_event(rgapi.EV_PMTU, match=lambda e: e.tunnel == s.handle).value == 1280


def outer_fragments(session, esp, number, *cuts):
    """Frames with the pieces of an outer packet, cut at multiples of 8 bytes of its payload."""
    whole = session.frame(esp).payload
    header = 20 if session.outer == 4 else 40
    payload, protocol = bytes(bare(whole))[header:], whole.proto if session.outer == 4 else whole.nh
    edges = [0, *cuts, len(payload)]
    for at, end in zip(edges, edges[1:]):
        more = end != len(payload)
        if session.outer == 4:
            part = IP(src=session.remote, dst=session.local, proto=protocol, id=number, frag=at // 8, flags="MF" if more else 0)
        else:
            part = IPv6(src=session.remote, dst=session.local) / IPv6ExtHdrFragment(nh=protocol, id=number, offset=at // 8,
                                                                                 m=int(more))
        yield Ether(src=session.wire.mac, dst=session.world.mac[session.port]) / part / Raw(payload[at:end])


@pytest.mark.parametrize("udp", (False, True), ids=("raw", "udp"))
@pytest.mark.parametrize("outer", (4, 6), ids=("ipv4", "ipv6"))
def test_H65_fragments_of_esp_become_a_packet(world, session, drops, outer, udp):
    s = session(outer=outer, udp=udp)
    for number, cuts in enumerate(((320,), (8,), (16,), (40, 400), (320, 328, 600))):
        for order in (1, -1):
            tag = os.urandom(8)
            esp = s.up.seal(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(tag + bytes(592)))
            parts = list(outer_fragments(s, esp, 100 + number * 2 + order, *cuts))
            if udp and cuts[0] < 16:
                continue  # no marker to be seen in the first one: the kernel's
            for part in parts[::order]:
                s.wire.send(part)
            assert tag in bytes(world.to_lan(tag))
    assert drops() == {}


def test_H65_fragments_that_overlap(world, session):
    """No choice between two contents: all that there is of such a packet goes. (Of IPv4, af_packet joins them first.)"""
    s = session(outer=6)
    first, rest = outer_fragments(s, s.up.seal(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(bytes(592))), 7, 320)
    _, again = outer_fragments(s, s.up.seal(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(bytes(592))), 7, 312)
    before = world.api.drops().get("rx-fragment", 0)
    for part in (first, again, rest):
        s.wire.send(part)
    wait_for("two drops", lambda: world.api.drops().get("rx-fragment", 0) == before + 2, 3)
    assert world.api.sa_info("in", s.handle).packets == 0


def test_partial_checksums_are_completed(world, session):
    """A veth peer that leaves checksums to hardware: the field holds the pseudo-header's sum."""
    s = session()
    before = world.api.counter_values()["checksum-completed"]
    packet = bare(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"partial!"))
    want = packet[UDP].chksum
    pseudo = socket.inet_aton(HOST[4]) + socket.inet_aton(s.virtual) + bytes([0, 17]) + packet[UDP].len.to_bytes(2, "big")
    total = sum(int.from_bytes(pseudo[i:i + 2], "big") for i in range(0, len(pseudo), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    packet[UDP].chksum = total
    world.from_host(packet)
    assert s.receive()[3][UDP].chksum == want
    assert world.api.counter_values()["checksum-completed"] == before + 1


def test_oversize_frames_are_named(world, session, drops):
    """Segmentation offload on the far end: dropped as what it is, and the log names the command."""
    host = world.ns["host"]
    session()
    world.lab.run(host, "ethtool", "-K", "eth0", "tx", "on", "gso", "on", "tx-udp-segmentation", "on")
    world.lab.run(host, "ip", "route", "add", "10.99.0.0/16", "via", "10.20.0.1")
    with in_namespace(host):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        s.sendto(bytes(5000), ("10.99.0.10", 9))
    wait_for("rx-gso", lambda: drops().get("rx-gso"), 3)
    wait_for("the advice", lambda: "ethtool -K" in world.process.text(), 3)
    world.lab.run(host, "ethtool", "-K", "eth0", "tx", "off", "gso", "off", "tx-udp-segmentation", "off")


def test_carrier_of_the_mirror_follows_the_port(world):
    world.clear()

    def carrier():
        return world.lab.run(world.ns["gw"], "cat", "/sys/class/net/isp2/carrier", check=False)
    world.lab.run(world.ns["isp2far"], "ip", "link", "set", "eth0", "down")
    event = world.events.wait_event(rgapi.EV_PORT)
    assert (event.handle, event.value) == (1, 0)

    def lower_up():
        return "LOWER_UP" in world.lab.run(world.ns["gw"], "ip", "link", "show", "isp2")
    wait_for("the TAP to lose its carrier", lambda: not lower_up(), 3)
    assert not world.api.dump(rgapi.DUMP_PORTS)[1].up
    world.lab.run(world.ns["isp2far"], "ip", "link", "set", "eth0", "up")
    event = world.events.wait_event(rgapi.EV_PORT)
    assert (event.handle, event.value) == (1, 1)
    wait_for("the TAP's carrier", lower_up, 3)


def test_addresses_and_routes(world):
    gw = world.ns["gw"]

    def show(*what):
        return world.lab.run(gw, "ip", *what)
    assert "203.0.113.2/24" in show("addr", "show", "isp1") and "2001:db8:1::2/64" in show("addr", "show", "isp1")
    assert "10.20.0.1/24" in show("addr", "show", "lan")
    assert "default via 203.0.113.1 dev isp1" in show("route", "show", "table", "101")
    assert "198.51.100.0/24 dev isp2" in show("route", "show", "table", "102")
    assert "default via 2001:db8:2::1 dev isp2" in show("-6", "route", "show", "table", "102")
    assert "default via 203.0.113.1 dev isp1" in show("route", "show")
    assert "10.99.0.0/16 dev roamgate0" in show("route", "show")
    assert "2001:db8:99::/64 dev roamgate0" in show("-6", "route", "show")
    for name in ("isp1", "isp2", "lan"):
        veth = show("link", "show", f"veth-{name}").split("link/ether ")[1].split()[0]
        assert veth == show("link", "show", name).split("link/ether ")[1].split()[0] == world.mac[name]


def test_tap_set_down_and_up_again(world, session):
    """An operator's doing takes addresses and routes away; they come back, and traffic with them."""
    s = session()
    gw = world.ns["gw"]
    world.lab.run(gw, "ip", "link", "set", "isp1", "down")
    assert "default" not in world.lab.run(gw, "ip", "route", "show", "table", "101")
    world.lab.run(gw, "ip", "link", "set", "isp1", "up")
    wait_for("the default route", lambda: "default via 203.0.113.1" in
             world.lab.run(gw, "ip", "route", "show", "table", "101"), 3)
    wait_for("the IPv6 address", lambda: "2001:db8:1::2" in world.lab.run(gw, "ip", "-6", "addr", "show", "isp1"), 3)

    def passes():
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
        try:
            return s.receive(0.2)
        except LabError:
            return None
    wait_for("traffic", passes, 5)


def test_our_ike_goes_beside_every_policy(world, session):
    """A peer behind whom everything lies: IKE to it still leaves, other packets of the kernel's do not."""
    s = session()
    world.api.call(rgapi.POLICY_ADD, [rgapi.policy(rgapi.handle(4000), s.handle, "192.0.2.0/24")])
    before = world.api.counter_values()["forward-clear"]
    try:
        with listen(world, LOCAL[4], 500) as ike_socket, listen(world, LOCAL[4], 501) as other:
            other.sendto(b"in clear", (CLIENT[4], 501))
            wait_for("forward-clear", lambda: world.api.counter_values()["forward-clear"] == before + 1, 3)
            ike_socket.sendto(ike(), (CLIENT[4], 500))
            world.isp1.receive(lambda f: UDP in f and f[UDP].dport == 500)
            assert not [f for f in world.isp1.drain() if UDP in f and f[UDP].dport == 501]
    finally:
        world.api.call(rgapi.POLICY_DEL, [rgapi.Handle(handle=rgapi.handle(4000))])
