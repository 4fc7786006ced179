# SPDX-License-Identifier: Apache-2.0
"""What the ESP side must survive (hostile-input catalogue H56 to H60 and H66 to H69):
dropped, one named counter up by one, no answer, the process lives, the next good packet passes."""
import os
import random

import pytest

import rgapi
from lab import wait_for
from world import CLIENT, HOST, LOCAL, OTHER, VIRTUAL, VIRTUAL2, ICMP, IP, UDP, Ether, Raw, bare, esp_of, ip


def inner(s, tag=b"", size=32, source=None):
    return ip(source or s.virtual, HOST[s.inner]) / UDP(sport=1000, dport=2000) / Raw(tag + bytes(size))


def tag():
    return os.urandom(8)


def still_passes(world, s):
    t = tag()
    s.send(inner(s, t))
    world.to_lan(t)


def expect(world, drops, want):
    """Exactly these drop counters moved, by so much."""
    total = {}

    def moved():
        for k, v in drops().items():
            total[k] = total.get(k, 0) + v
        return sum(total.values()) >= sum(want.values())
    try:
        wait_for(f"drops {want}", moved, 3)
    finally:
        assert total == want


def raw_esp(s, plain, seq=None, spi=None):
    """ESP bytes around any plaintext: trailer and all."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    s.up.seq = s.up.seq + 1 if seq is None else seq
    low, high = s.up.seq & 0xffffffff, s.up.seq >> 32
    spi = (spi or s.up.spi).to_bytes(4, "big")
    aad = spi + (high.to_bytes(4, "big") if s.up.esn else b"") + low.to_bytes(4, "big")
    iv = os.urandom(8)
    sealed = AESGCM(s.up.key[:-4]).encrypt(s.up.key[-4:] + iv, plain, aad)
    return spi + low.to_bytes(4, "big") + iv + sealed


@pytest.mark.parametrize("udp", (False, True), ids=("raw", "udp"))
@pytest.mark.parametrize("outer", (4, 6))
def test_H56_truncated_at_every_byte(world, session, drops, outer, udp):
    """The frame cut anywhere (its headers still announce all of it), and ESP cut anywhere
    inside a packet whose headers agree with what is left."""
    s = session(outer=outer, udp=udp)
    esp = s.up.seal(inner(s))
    whole = bytes(s.frame(esp))
    for cut in range(14, len(whole)):
        s.wire.send(whole[:cut])
    expect(world, drops, {"rx-truncated": len(whole) - 14})
    want = {}
    for cut in range(len(esp)):
        s.wire.send(s.frame(esp[:cut]))
        reason = "esp-short" if cut < 8 + 8 + 2 + 16 else "esp-auth"
        if udp and cut == 0:
            reason = "esp-short"
        want[reason] = want.get(reason, 0) + 1
    expect(world, drops, want)
    assert not [f for f in s.wire.drain() if esp_of(f) or ICMP in f]
    still_passes(world, s)


def padded(packet, pad=b"", next_header=4, length=None):
    return bytes(packet) + pad + bytes([len(pad) if length is None else length, next_header])


def test_H57_trailer_and_inner_length(world, session, drops):
    s = session()
    good = bytes(inner(s, size=30))
    assert len(good) % 4 == 2
    longer = bytearray(good)
    longer[2:4] = (len(good) + 40).to_bytes(2, "big")
    del_sum = IP(bytes(longer))
    del del_sum.chksum
    shorter_header = bytearray(good)
    shorter_header[0] = 0x44
    bad_sum = bytearray(good)
    bad_sum[10] ^= 0xff
    for plain, reason in (
            (padded(good, length=255), "esp-padding"),
            (padded(good, length=len(good) + 1), "esp-padding"),
            (padded(good, pad=b"\1\2\3\5"), "esp-padding"),
            (padded(good, pad=b"\0\0\0\0"), "esp-padding"),
            (padded(good, next_header=17), "esp-next-header"),
            (padded(good, next_header=0), "esp-next-header"),
            (padded(good, next_header=41), "esp-inner-bad"),
            (padded(b"\0" * 10, next_header=59), "esp-dummy"),
            (padded(good[:19] + b"\0", pad=b"\1\2\3\4", length=4), "esp-inner-bad"),
            (padded(bytes(IP(bytes(del_sum)))), "esp-inner-bad"),
            (padded(bytes(shorter_header)), "esp-inner-bad"),
            (padded(bytes(bad_sum)), "esp-inner-bad"),
            (b"\1\4", "esp-padding"),
            (b"\0\4", "esp-inner-bad")):
        s.wire.send(s.frame(raw_esp(s, plain)))
        expect(world, drops, {reason: 1})
    assert not [f for f in world.lan.drain() if UDP in f and f[UDP].dport == 2000]
    # padding for traffic flow confidentiality is fine (RFC 4303 2.7)
    t = tag()
    s.wire.send(s.frame(raw_esp(s, padded(bytes(inner(s, t, 30)) + bytes(200)))))
    seen = world.to_lan(t)
    assert seen[IP].len == 20 + 8 + 8 + 30


def test_H58_spi(world, session, drops):
    s, other = session(), session(virtual=VIRTUAL2[4], client=OTHER[4])
    esp = s.up.seal(inner(s))
    for spi in (0, 1, 255):
        s.wire.send(s.frame(spi.to_bytes(4, "big") + esp[4:]))
    expect(world, drops, {"esp-spi-reserved": 3})
    for spi in (256, 0xffffffff, s.up.spi ^ 1, s.up.spi + (1 << 20), s.up.spi ^ (3 << 28), s.down.spi):
        s.wire.send(s.frame(spi.to_bytes(4, "big") + esp[4:]))
    expect(world, drops, {"esp-no-sa": 6})
    # another peer's SPI: its key does not fit, and nobody's window or counters move
    s.wire.send(s.frame(other.up.spi.to_bytes(4, "big") + esp[4:]))
    expect(world, drops, {"esp-auth": 1})
    after = world.api.sa_info("in", other.handle)
    assert (after.sequence, after.packets, after.bytes, after.auth_failed) == (0, 0, 0, 1)
    still_passes(world, s)
    still_passes(world, other)


def test_H59_replay(world, session, drops):
    s = session(window=64)
    frames = {n: s.frame(s.up.seal(inner(s, tag()), n)) for n in range(1, 200)}
    # a duplicate within one burst, a burst of duplicates
    for _ in range(5):
        s.wire.send(frames[1])
    expect(world, drops, {"esp-replay-seen": 4})
    # the window's edges: 100 opens it, 37 is its last number, 36 is out
    for n in (100, 37, 36, 37, 99, 99, 100):
        s.wire.send(frames[n])
    expect(world, drops, {"esp-replay-old": 1, "esp-replay-seen": 3})
    # sequence number 0 is never sent
    s.wire.send(s.frame(s.up.seal(inner(s), 0)))
    expect(world, drops, {"esp-replay-old": 1})
    # a forged far jump: the window moves only after the ICV
    forged = bytearray(s.up.seal(inner(s), 0x7fffffff))
    forged[-1] ^= 1
    s.wire.send(s.frame(bytes(forged)))
    expect(world, drops, {"esp-auth": 1})
    assert world.api.sa_info("in", s.handle).sequence == 100
    t = tag()
    s.send(inner(s, t), 101)
    world.to_lan(t)
    assert world.api.sa_info("in", s.handle).sequence == 101


@pytest.mark.parametrize("window", (64, 128, 1024, 4096))
def test_H59_replay_against_a_naive_window(world, session, window):
    """Random order and duplicates: what passes is what a set of numbers says."""
    s = session(window=window, virtual=VIRTUAL[4])
    rng = random.Random(window)
    top, seen, want = 0, set(), 0
    for _ in range(400):
        n = max(1, top + rng.randint(-window - 3, 5 if rng.random() < 0.9 else window * 2))
        if n not in seen and (n > top or top - n < window):
            want += 1
            seen.add(n)
            top = max(top, n)
        s.wire.send(s.frame(s.up.seal(inner(s), n)))
    wait_for("all packets", lambda: sum((r := world.api.sa_info("in", s.handle)).packets + r.replayed
                                        for _ in (0,)) >= 400, 5)
    r = world.api.sa_info("in", s.handle)
    assert (r.packets, r.replayed, r.sequence) == (want, 400 - want, top)


def test_H60_bad_packet_first_in_a_burst(world, session, drops):
    s = session()
    bad = bytearray(s.up.seal(inner(s)))
    bad[20] ^= 1
    t = tag()
    burst = [s.frame(bytes(bad))] + [s.frame(s.up.seal(inner(s, t + bytes([i])))) for i in range(31)]
    for frame in burst:
        s.wire.send(frame)
    for i in range(31):
        world.to_lan(t + bytes([i]))
    expect(world, drops, {"esp-auth": 1})


def test_H61_forged_packets_age_nothing(world, session, drops):
    s = session(lifetime_in=rgapi.Lifetime(soft_packets=50, hard_packets=60))
    good = s.up.seal(inner(s), 1)
    s.wire.send(s.frame(good))
    forged = bytearray(s.up.seal(inner(s), 500))
    forged[-1] ^= 1
    for _ in range(100):
        s.wire.send(s.frame(bytes(forged)))
        s.wire.send(s.frame(good))
    expect(world, drops, {"esp-auth": 100, "esp-replay-seen": 100})
    r = world.api.sa_info("in", s.handle)
    assert (r.packets, r.sequence) == (1, 1)
    assert not [e for e in world.events.drain_events() if e.type in (rgapi.EV_SOFT_LIFETIME, rgapi.EV_HARD_LIFETIME)]
    still_passes(world, s)


def test_H62_esn_across_the_wrap(world, session, drops):
    """Extended numbers wrap rightly with packets out of order; without ESN the SA stops and says so."""
    start = (1 << 32) - 20
    s = session(esn=True, window=128, sequence_in=start - 1, sequence_out=start - 1)
    order = list(range(start, start + 40))
    random.Random(1).shuffle(order)
    for n in order:
        t = tag()
        s.send(inner(s, t), n)
        world.to_lan(t)
    assert world.api.sa_info("in", s.handle).sequence == start + 39
    for n in range(start, start + 40):
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
        _, low, iv, _ = s.receive(esn_high=n >> 32)
        assert int.from_bytes(iv, "big") == n and low == n & 0xffffffff
    assert drops() == {}


def test_H62_exhaustion_without_esn(world, session, drops):
    s = session(virtual=VIRTUAL2[4], sequence_out=(1 << 32) - 4)
    for n in range(3):
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
        assert s.receive()[1] == (1 << 32) - 3 + n
    world.events.wait_event(rgapi.EV_SEQUENCE, match=lambda e: e.handle == s.handle)
    for _ in range(3):
        world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
    expect(world, drops, {"out-sequence": 3})


def test_H66_inner_addresses_outside_the_selectors(world, session, drops):
    s = session()
    for packet in (inner(s, source="10.99.0.99"), inner(s, source=HOST[4]), inner(s, source="10.20.0.1"),
                   ip(s.virtual, "10.30.0.1") / UDP() / Raw(b"x"), ip(s.virtual, "203.0.113.2") / UDP() / Raw(b"x"),
                   ip(VIRTUAL[6], HOST[6]) / UDP() / Raw(b"x")):
        s.send(packet)
    expect(world, drops, {"esp-selectors": 6})
    info = world.api.sa_info("in", s.handle)
    assert info.selector_mismatch == 6
    still_passes(world, s)


def test_H67_what_comes_on_port_4500(world, session, drops):
    s = session(udp=True)

    def datagram(payload, dport=4500):
        return Ether(src=s.wire.mac, dst=world.mac["isp1"]) / ip(s.remote, s.local) / UDP(sport=4500, dport=dport) / \
            Raw(payload)
    s.wire.send(datagram(b"\xff"))
    expect(world, drops, {"rx-keepalive": 1})
    before = world.api.counter_values()["punted"]
    s.wire.send(datagram(bytes(4) + os.urandom(60)))  # IKE behind the non-ESP marker
    s.wire.send(datagram(bytes(4)))  # nothing behind it: still the kernel's
    s.wire.send(datagram(s.up.seal(inner(s)), dport=4501))  # ESP on a port that is not for it
    s.wire.send(datagram(os.urandom(40), dport=500))
    wait_for("four punted", lambda: world.api.counter_values()["punted"] >= before + 4, 3)
    assert drops() == {}
    for payload, reason in ((b"", "esp-short"), (b"\xfe", "esp-short"), (b"\xff\xff", "esp-short"), (bytes(3), "esp-short"),
                            (b"\0\0\0\1" + bytes(40), "esp-spi-reserved")):
        s.wire.send(datagram(payload))
        expect(world, drops, {reason: 1})
    wrong = bytearray(bytes(datagram(s.up.seal(inner(s)))))
    wrong[14 + 20 + 4:14 + 20 + 6] = (2000).to_bytes(2, "big")  # UDP length beyond the packet
    s.wire.send(bytes(wrong))
    expect(world, drops, {"rx-bad-udp": 1})
    # the SA is found whatever carries it: raw ESP of an SA that sends in UDP
    t = tag()
    s.wire.send(Ether(src=s.wire.mac, dst=world.mac["isp1"]) / IP(src=s.remote, dst=s.local, proto=50) /
                Raw(s.up.seal(inner(s, t))))
    world.to_lan(t)


def test_H68_nothing_in_clear(world, session, drops):
    """Whatever is missing - policy, SA, route - plaintext for a client is dropped, by name."""
    gw = world.ns["gw"]
    packet = ip(HOST[4], VIRTUAL[4]) / UDP(sport=1, dport=2) / Raw(b"H68-secret")
    world.from_host(packet)
    expect(world, drops, {"out-no-policy": 1})
    s = session()
    world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=s.handle, sa=0)])
    world.from_host(packet)
    expect(world, drops, {"out-no-sa": 1})
    world.events.wait_event(rgapi.EV_NO_SA, match=lambda e: e.handle == s.handle)
    world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=s.handle, sa=s.handle)])
    world.api.call(rgapi.SUSPEND, [rgapi.Migrate(handle=s.handle, generation=2)])
    world.from_host(packet)
    expect(world, drops, {"out-suspended": 1})
    s.generation = 2
    # a remote that no route leads to
    s.migrate(remote="192.0.2.77")
    world.lab.run(gw, "ip", "route", "add", "blackhole", "192.0.2.77", "table", "101")
    wait_for("the route to go", lambda: (world.from_host(packet), drops().get("out-no-route"))[1], 3)
    world.lab.run(gw, "ip", "route", "del", "blackhole", "192.0.2.77", "table", "101")
    # in clear from the unprotected side (RFC 4301 5.2 step 3a)
    world.isp1.send(Ether(src=world.isp1.mac, dst=world.mac["isp1"]) / packet)
    wait_for("forward-clear", lambda: drops().get("forward-clear"), 3)
    # the kernel, misrouted: a pool address through a mirror TAP
    world.lab.run(gw, "ip", "route", "add", "10.99.7.7", "via", "203.0.113.1", "dev", "isp1")
    world.lab.run(gw, "ping", "-c", "1", "-W", "0.2", "-p", "4836382d", "10.99.7.7", check=False)
    world.lab.run(gw, "ip", "route", "del", "10.99.7.7")
    wait_for("forward-clear", lambda: drops().get("forward-clear"), 3)
    for wire in (world.isp1, world.isp2, world.lan):
        assert not [f for f in wire.drain() if b"H68-" in bytes(f) and f.src != wire.mac]


def test_H69_no_number_twice(world, session):
    """Every IV under one key, through migrations and a change of the policy's SA and back."""
    s = session()
    seen = []
    for step in range(6):
        for _ in range(10):
            world.from_host(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(b"x"))
            seen.append(s.receive()[2])
        if step % 2:
            world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=s.handle, sa=0)])
            world.api.call(rgapi.POLICY_SET, [rgapi.PolicySet(handle=s.handle, sa=s.handle)])
        else:
            s.migrate(remote=OTHER[4] if step % 4 else CLIENT[4], local=LOCAL[4])
    assert len(set(seen)) == len(seen) == 60
    assert [int.from_bytes(iv, "big") for iv in seen] == list(range(1, 61))
