# SPDX-License-Identifier: Apache-2.0
"""Inner packets: to the gateway itself, between clients, too big, SYNs, hop limits, ECN."""
import os

import pytest

from lab import wait_for
from world import (CLIENT, HOST, ICMP, IP, OTHER, TCP, UDP, VIRTUAL, VIRTUAL2, Ether, IPv6, Raw, bare, esp_of, ip,
                   reassembled)
from scapy.layers.inet import IPOption
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded

GATEWAY = {4: "10.20.0.1", 6: "2001:db8:20::1"}


def tag():
    return os.urandom(8)


def udp(source, destination, payload, **kw):
    return bare(ip(source, destination, **kw) / UDP(sport=1000, dport=2000) / Raw(payload))


@pytest.mark.parametrize("family", (4, 6))
def test_ping_of_the_gateways_lan_address(world, session, family):
    """Decrypted, to the kernel by the TUN, answered, and back through the tunnel."""
    s = session(outer=4, inner=family)
    t = tag()
    request = ICMP(id=7, seq=1) if family == 4 else ICMPv6EchoRequest(id=7, seq=1, data=t)
    packet = ip(s.virtual, GATEWAY[family]) / request
    s.send(packet / Raw(t) if family == 4 else packet)
    _, _, _, answer = s.receive()
    assert answer.src == GATEWAY[family] and answer.dst == s.virtual and t in bytes(answer)
    assert answer[ICMP].type == 0 if family == 4 else answer.payload.type == 129


def test_ping_client_from_the_gateway(world, session):
    """The kernel's own packets for a client enter the inner stage through the TUN."""
    s = session()
    ping = world.lab.spawn(world.ns["gw"], "ping", "ping", "-c", "1", "-W", "3", "-I", "10.20.0.1", s.virtual)
    _, _, _, request = s.receive()
    assert request[ICMP].type == 8 and request.src == "10.20.0.1"
    s.send(IP(src=s.virtual, dst="10.20.0.1") / ICMP(type=0, id=request[ICMP].id, seq=request[ICMP].seq) /
           Raw(bytes(request[ICMP].payload)))
    assert ping.wait(5) == 0, ping.text()


def test_hairpin_between_clients(world, session):
    """Client to client: the policy of the one, the selectors of both; across outer families."""
    pool = "10.99.0.0/16"
    a = session(local_selectors=(pool,), virtual=VIRTUAL[4])
    b = session(outer=6, udp=True, local_selectors=(pool,), virtual=VIRTUAL2[4])
    t = tag()
    a.send(udp(a.virtual, b.virtual, t))
    _, _, _, inner = b.receive()
    assert t in bytes(inner) and inner.ttl == 63
    b.send(udp(b.virtual, a.virtual, t + t))
    assert t + t in bytes(a.receive()[3])
    assert world.api.counter_values()["hairpinned"] >= 2


def test_host_without_a_neighbour_entry(world, session):
    """The first packet goes through the kernel, which finds the neighbour; the next ones do not."""
    s = session()
    world.lab.run(world.ns["gw"], "ip", "neigh", "flush", "dev", "lan")
    wait_for("the entry to go", lambda: "10.20.0.10 " not in world.lab.run(world.ns["gw"], "ip", "neigh", "show", "nud",
                                                                       "reachable", "nud", "stale", "dev", "lan"))
    t = tag()
    s.send(udp(s.virtual, HOST[4], t))
    world.to_lan(t)

    def fast():
        before, u = world.api.counter_values()["forwarded"], tag()
        s.send(udp(s.virtual, HOST[4], u))
        world.to_lan(u)
        return world.api.counter_values()["forwarded"] > before
    wait_for("the fast path to know the neighbour", fast, 3)


def test_permanent_neighbour_stays_permanent(world):
    """The kernel is reminded of neighbours that the fast path uses, but not of those that an operator fixed."""
    def neighbour(*words):
        return world.lab.run(world.ns["gw"], "ip", "neigh", *words, "dev", "lan")
    for address, state in (("10.20.0.77", "permanent"), ("10.20.0.78", "stale")):
        neighbour("replace", address, "lladdr", "02:00:00:00:00:77", "nud", state)
    wait_for("the other neighbour to be looked after", lambda: "STALE" not in neighbour("show", "10.20.0.78"), 30)
    assert "02:00:00:00:00:77 PERMANENT" in neighbour("show", "10.20.0.77")
    for address in ("10.20.0.77", "10.20.0.78"):
        neighbour("del", address)


def syn(source, destination, mss, options=()):
    return bare(ip(source, destination) / TCP(sport=1, dport=80, flags="S", options=[*options, ("MSS", mss)]))


@pytest.mark.parametrize("options", ((), (("NOP", None),)), ids=("even", "odd"))
@pytest.mark.parametrize("family", (4, 6))
def test_mss_clamp_in_both_directions(world, session, family, options):
    s = session(inner=family)
    room = {4: 1500 - 20 - 8 - 8 - 16, 6: 1500 - 20 - 8 - 8 - 16}[family] // 4 * 4 - 2
    want = room - (40 if family == 4 else 60)
    world.from_host(syn(HOST[family], s.virtual, 1460, options))
    inner = s.receive()[3]
    assert dict(o for o in inner[TCP].options)["MSS"] == want
    told = inner[TCP].chksum
    del inner[TCP].chksum
    assert type(inner)(bytes(inner))[TCP].chksum == told
    s.send(syn(s.virtual, HOST[family], 9000, options))
    kind = IP if family == 4 else IPv6
    seen = world.lan.receive(lambda f: f if TCP in f and f[kind].src == s.virtual else None)[kind]
    assert dict(o for o in seen[TCP].options)["MSS"] == want
    told = seen[TCP].chksum
    del seen[TCP].chksum
    assert kind(bytes(seen))[TCP].chksum == told
    # a smaller offer stands
    s.send(syn(s.virtual, HOST[family], 1000, options))
    seen = world.lan.receive(lambda f: f if TCP in f and f[kind].src == s.virtual else None)
    assert dict(o for o in seen[TCP].options)["MSS"] == 1000


def test_too_big_from_the_lan(world, session, drops):
    """RFC 1191: the sender learns what fits; what it then sends fits to the byte."""
    s = session(udp=True)
    world.from_host(udp(HOST[4], s.virtual, bytes(1460), flags="DF"))
    error = world.lan.receive(lambda f: f[IP] if ICMP in f and f[ICMP].type == 3 else None)
    assert error.src == GATEWAY[4] and error.dst == HOST[4] and error[ICMP].code == 4
    fits = error[ICMP].nexthopmtu
    assert drops() == {"out-too-big": 1}
    world.from_host(udp(HOST[4], s.virtual, bytes(fits - 28), flags="DF"))
    outer, _, _, inner = s.receive()
    assert inner.len == fits and 1500 - 3 <= outer.len <= 1500
    world.from_host(udp(HOST[4], s.virtual, bytes(fits - 28 + 1), flags="DF"))
    assert world.lan.receive(lambda f: f[ICMP].nexthopmtu if ICMP in f and f[ICMP].type == 3 else None) == fits


def test_too_big_ipv6(world, session):
    s = session(inner=6)
    world.from_host(udp(HOST[6], s.virtual, bytes(1440)))
    error = world.lan.receive(lambda f: f[IPv6] if ICMPv6PacketTooBig in f else None)
    told = error[ICMPv6PacketTooBig]
    assert error.src == GATEWAY[6] and error.dst == HOST[6] and told.mtu == 1446
    check = told.cksum
    del told.cksum
    assert IPv6(bytes(error))[ICMPv6PacketTooBig].cksum == check
    world.from_host(udp(HOST[6], s.virtual, bytes(1446 - 48)))
    assert s.receive()[3].plen == 1446 - 40


@pytest.mark.parametrize("outer, mtu", ((4, 576), (4, 1300), (6, 1280)))
@pytest.mark.parametrize("encap", (False, True), ids=("raw", "udp"))
def test_ipv6_of_the_least_mtu_always_passes(world, session, drops, outer, mtu, encap):
    """RFC 8200 5: no path may refuse 1280 bytes; where ESP does not fit around them, its packet is cut."""
    s = session(outer=outer, inner=6, udp=encap, mtu=mtu)
    packet = udp(HOST[6], s.virtual, os.urandom(1280 - 48))
    before = world.api.counter_values()["outer-fragmented"]
    world.from_host(packet)
    whole = reassembled(s.wire, s.local)
    assert whole.dst == s.remote
    found = esp_of(Ether() / whole)
    assert found, whole.summary()
    if encap and outer == 6:
        told = whole[UDP].chksum
        del whole[UDP].chksum
        assert IPv6(bytes(whole))[UDP].chksum == told
    _, _, inner = s.down.open(found[1])
    packet.hlim -= 1
    assert bytes(inner) == bytes(packet) and drops() == {}
    assert world.api.counter_values()["outer-fragmented"] == before + 1
    # one byte more is the sender's to cut
    world.from_host(udp(HOST[6], s.virtual, bytes(1281 - 48)))
    told = world.lan.receive(lambda f: f[ICMPv6PacketTooBig] if ICMPv6PacketTooBig in f else None)
    assert told.mtu == 1280 and drops() == {"out-too-big": 1}


def test_too_big_between_clients(world, session):
    """The error itself goes back through the sender's tunnel."""
    pool = "10.99.0.0/16"
    a = session(local_selectors=(pool, "10.20.0.0/24"), virtual=VIRTUAL[4])
    b = session(udp=True, local_selectors=(pool,), virtual=VIRTUAL2[4], client=OTHER[4], mtu=1000)
    a.send(udp(a.virtual, b.virtual, bytes(1100), flags="DF"))
    error = a.receive()[3]
    assert error[ICMP].type == 3 and error[ICMP].code == 4 and error.dst == a.virtual
    assert error[ICMP].nexthopmtu == (1000 - 28 - 32) // 4 * 4 - 2


def test_without_df_it_is_cut_before_encryption(world, session, drops):
    s = session(mtu=576)
    payload = os.urandom(1400)
    packet = bare(IP(src=HOST[4], dst=s.virtual, id=4711, options=[IPOption(b"\x94\x04\0\0")]) /
                  UDP(sport=1, dport=2) / Raw(payload))
    world.from_host(packet)
    parts, at = {}, 0
    while not parts or not any(not p.flags.MF for p in parts.values()):
        outer, _, _, inner = s.receive()
        assert outer.len <= 576 and outer.flags == "DF" and inner.id == 4711
        told = inner.chksum
        del inner.chksum
        assert IP(bytes(inner)).chksum == told
        parts[inner.frag * 8] = inner
    whole = b""
    for offset in sorted(parts):
        assert offset == len(whole)
        whole += bytes(parts[offset].payload)
    assert whole == bytes(packet.payload)
    assert world.api.counter_values()["fragmented"] >= 1 and drops() == {}


def test_hop_limit(world, session, drops):
    s = session(local_selectors=("10.20.0.0/24",))
    s.send(udp(s.virtual, HOST[4], b"x", ttl=1))
    error = s.receive()[3]
    assert (error[ICMP].type, error[ICMP].code) == (11, 0) and error.src == GATEWAY[4]
    assert drops() == {"inner-ttl": 1}
    s6 = session(inner=6)
    world.from_host(udp(HOST[6], s6.virtual, b"x", hlim=1))
    error = world.lan.receive(lambda f: f[IPv6] if ICMPv6TimeExceeded in f else None)
    assert error.dst == HOST[6] and drops() == {"inner-ttl": 1}


@pytest.mark.parametrize("outer, inner", ((4, 4), (4, 6), (6, 4), (6, 6)))
def test_dscp_and_ecn(world, session, drops, outer, inner):
    """RFC 4301 5.1.2.1 and RFC 6040: copied on the way out, merged on the way in."""
    s = session(outer=outer, inner=inner)

    def traffic_class(packet):
        return packet.tos if packet.version == 4 else packet.tc
    field = {4: "tos", 6: "tc"}
    for value in (0, 0x01, 0x02, 0x03, 0xb8, 0xb9, 0xba, 0xbb):
        world.from_host(udp(HOST[inner], s.virtual, b"x", **{field[inner]: value}))
        out, _, _, clear = s.receive()
        assert traffic_class(out) == value and traffic_class(clear) == value
    kind = IP if inner == 4 else IPv6
    # (outer, inner) -> inner afterwards; all of figure 4 of RFC 6040 but its one drop
    for (out_mark, in_mark), want in {
            (0, 0): 0, (2, 0): 0, (1, 0): 0,
            (0, 2): 2, (2, 2): 2, (1, 2): 1, (3, 2): 3,
            (0, 1): 1, (2, 1): 1, (1, 1): 1, (3, 1): 3,
            (0, 3): 3, (2, 3): 3, (1, 3): 3, (3, 3): 3}.items():
        marks, t = (out_mark, in_mark), tag()
        frame = s.frame(s.up.seal(udp(s.virtual, HOST[inner], t, **{field[inner]: 0xb8 | marks[1]})))
        setattr(frame.payload, field[outer], marks[0])
        s.wire.send(frame)
        seen = world.to_lan(t)[kind]
        assert traffic_class(seen) == 0xb8 | want
        if inner == 4:
            told = seen.chksum
            del seen.chksum
            assert IP(bytes(seen)).chksum == told
    assert drops() == {}
    frame = s.frame(s.up.seal(udp(s.virtual, HOST[inner], tag())))
    setattr(frame.payload, field[outer], 3)
    s.wire.send(frame)
    wait_for("esp-ecn", lambda: drops() == {"esp-ecn": 1}, 3)


@pytest.mark.parametrize("outer, inner, udp_encap", ((4, 4, False), (4, 6, True), (6, 4, True), (6, 6, False)))
def test_dscp_set(world, session, outer, inner, udp_encap):
    """RFC 4301 5.1.2.1: always the SA's DSCP outside, ECN and the inner packet as they are."""
    s = session(outer=outer, inner=inner, udp=udp_encap, dscp=10)
    for value in (0, 0x02, 0xb9, 0xff):
        field = "tos" if inner == 4 else "tc"
        world.from_host(udp(HOST[inner], s.virtual, b"x", **{field: value}))
        out, _, _, clear = s.receive()
        assert (out.tos if outer == 4 else out.tc) == 10 << 2 | value & 3
        assert getattr(clear, field) == value
        if outer == 4:
            told = out.chksum
            del out.chksum
            assert IP(bytes(out)).chksum == told


@pytest.mark.parametrize("df, inner, want", (("set", "", "DF"), ("set", "DF", "DF"), ("copy", "", ""), ("copy", "DF", "DF"),
                                             ("clear", "", ""), ("clear", "DF", "")))
def test_df(world, session, df, inner, want):
    """RFC 4301 8.1; where the outer packet may be cut, its identification is its own (RFC 6864 4.3)."""
    s = session(df={"set": 0, "copy": 1, "clear": 2}[df])
    ids = set()
    for _ in range(3):
        world.from_host(udp(HOST[4], s.virtual, b"x", flags=inner))
        out, _, _, clear = s.receive()
        assert str(out.flags) == want and str(clear.flags) == inner
        ids.add(out.id)
        told = out.chksum
        del out.chksum
        assert IP(bytes(out)).chksum == told
    assert ids == {0} if want else len(ids) == 3
    if df == "copy":
        s6 = session(inner=6, df=1)
        world.from_host(udp(HOST[6], s6.virtual, b"x"))
        assert str(s6.receive()[0].flags) == "DF"


def test_selectors_with_ports(world, session, drops):
    s = session(local_selectors=(("10.20.0.0/24", 17, 53, 53),))
    t = tag()
    s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=999, dport=53) / Raw(t)))
    world.to_lan(t)
    s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=999, dport=54) / Raw(t)))
    wait_for("esp-selectors", lambda: drops() == {"esp-selectors": 1}, 3)
    world.from_host(bare(ip(HOST[4], s.virtual) / UDP(sport=53, dport=999) / Raw(t)))
    s.receive()
    world.from_host(bare(ip(HOST[4], s.virtual) / UDP(sport=54, dport=999) / Raw(t)))
    wait_for("out-no-policy", lambda: drops() == {"out-no-policy": 1}, 3)


def test_traffic_of_two_clients_stays_apart(world, session):
    a, b = session(), session(virtual=VIRTUAL2[4], client=OTHER[4])
    for i in range(20):
        s, other = (a, b) if i % 2 else (b, a)
        t = tag()
        world.from_host(udp(HOST[4], s.virtual, t))
        assert t in bytes(s.receive()[3])
    assert CLIENT[4] == a.remote and OTHER[4] == b.remote
