# SPDX-License-Identifier: Apache-2.0
"""Moves: one publish changes where everything goes, keys and numbers stay, nothing is lost."""
import os
import threading
import time

import pytest

import rgapi
from lab import wait_for
from world import CLIENT, HOST, LOCAL, LOCAL2, OTHER, UDP, VIRTUAL, VIRTUAL2, Raw, bare, esp_of, ip

MOVES = {  # name: (local, remote, ports)
    "address": (LOCAL[4], OTHER[4], None),
    "other uplink": (LOCAL2[4], CLIENT[4], None),
    "to IPv6": (LOCAL[6], CLIENT[6], None),
    "NAT on": (LOCAL[4], CLIENT[4], (4500, 31337)),
    "port": (LOCAL[4], CLIENT[4], (4500, 31338)),
    "IPv6 over UDP": (LOCAL2[6], OTHER[6], (4500, 4500)),
    "home": (LOCAL[4], CLIENT[4], None),
}


def packet(s, payload):
    return bare(ip(HOST[4], s.virtual) / UDP(sport=1, dport=2) / Raw(payload))


def test_every_kind_of_move(world, session, drops):
    """Also from and to another family, encapsulation and uplink (IM-5)."""
    s = session()
    number = 0
    for name, (local, remote, ports) in MOVES.items():
        old = s.frame
        reply = s.migrate(local, remote, ports)
        assert reply.quiescent == 1, name
        number += 1
        world.from_host(packet(s, b"x"))
        assert s.receive()[1] == number, name
        # inbound is accepted from the new address, and from the one before, all the time
        for frame_of in (s.frame, old):
            t = os.urandom(8)
            s.wire.send(s.frame(s.up.seal(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(t))))
            world.to_lan(t)
    assert drops() == {}


def test_under_traffic(world, session, drops):
    """While packets stream, the tunnel moves to and fro: each one leaves whole by the one path or the
    other, numbers strictly rise, none is lost."""
    s = session()
    moves = [(LOCAL[4], CLIENT[4], None), (LOCAL2[4], OTHER[4], (4500, 777))]
    count, stop = 0, threading.Event()

    def stream():
        nonlocal count
        while not stop.is_set():
            world.from_host(packet(s, count.to_bytes(4, "big")))
            count += 1
            time.sleep(0.0003)
    sender = threading.Thread(target=stream)
    sender.start()
    try:
        for i in range(1, 201):
            local, remote, ports = moves[i % 2]
            assert s.migrate(local, remote, ports).quiescent == 1
    finally:
        stop.set()
        sender.join()
    wait_for("the last packet", lambda: world.api.sa_info("out", s.handle).sequence >= count, 3)
    seen = {}
    for wire, (local, remote, ports) in ((world.isp1, moves[0]), (world.isp2, moves[1])):
        last = 0
        for frame in wire.drain():
            found = esp_of(frame)
            if not found:
                continue
            outer, esp = found
            assert (outer.src, outer.dst) == (local, remote)
            assert (UDP in outer) == bool(ports) and (not ports or (outer[UDP].sport, outer[UDP].dport) == ports)
            seq, iv, inner = s.down.open(esp)
            assert seq > last and int.from_bytes(iv, "big") == seq and seq not in seen
            last = seq
            seen[seq] = int.from_bytes(bytes(inner[UDP].payload)[:4], "big")
    assert sorted(seen) == list(range(1, count + 1)) and sorted(seen.values()) == list(range(count))
    assert [seen[n] for n in sorted(seen)] == list(range(count))
    assert drops() == {} and len(moves) == 2


def test_many_tunnels_in_one_message(world, session):
    made = [session(virtual=f"10.99.1.{i}", client=f"192.0.2.{100 + i}") for i in range(1, 21)]
    reply = world.api.call(rgapi.MIGRATE, [rgapi.Migrate(handle=s.handle, generation=2,
                                                         path=rgapi.path(LOCAL2[4], s.remote)) for s in made])
    assert reply.quiescent == 1
    for s in made:
        s.local, s.wire = LOCAL2[4], world.isp2
        world.from_host(packet(s, b"x"))
        s.receive()


def test_stale_and_foreign_moves_have_no_effect(world, session):
    s = session()
    for generation, path, error in ((1, rgapi.path(LOCAL2[4], OTHER[4]), "ESTALE"),
                                    (2, rgapi.path("203.0.113.99", OTHER[4]), "EADDRNOTAVAIL"),
                                    (2, rgapi.path(LOCAL[4], "224.0.0.1"), "EINVAL")):
        with pytest.raises(rgapi.Refused) as refused:
            world.api.call(rgapi.MIGRATE, [rgapi.Migrate(handle=s.handle, generation=generation, path=path)])
        assert os.strerror(refused.value.error) in str(refused.value) and error
    world.from_host(packet(s, b"x"))
    s.receive()


def test_new_address_is_an_event_and_no_more(world, session):
    """H43, IM-4: authenticated ESP from elsewhere decrypts, is told, and moves nothing; forged ESP is not even told."""
    s = session(udp=True)
    frame = s.frame(s.up.seal(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"one"))), source=OTHER[4])
    frame[UDP].sport = 40000
    frame[UDP].chksum = 0
    forged = frame.copy()
    forged[Raw].load = forged[Raw].load[:-1] + bytes([forged[Raw].load[-1] ^ 1])
    s.wire.send(forged)
    s.wire.send(frame)
    event = world.events.wait_event(rgapi.EV_NEW_ADDRESS, match=lambda e: e.handle == s.handle)
    assert event.sequence == 1 and event.tunnel == s.handle and event.cookie == s.handle
    assert rgapi.unpacked(4, event.seen.remote) == OTHER[4] and rgapi.unpacked(4, event.seen.local) == s.local
    assert (event.seen.remote_port, event.seen.local_port, event.seen.encap) == (0x409c, 0x9411, 1)
    world.from_host(packet(s, b"x"))
    s.receive()  # to the old address
    assert world.api.counter_values()["unexpected-source"] == 1


def test_first_packet_event(world, session):
    s = session()
    s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"x")))
    assert world.events.wait_event(rgapi.EV_FIRST_PACKET, match=lambda e: e.handle == s.handle).sequence == 1
    s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"x")))
    wait_for("the second", lambda: world.api.sa_info("in", s.handle).packets == 2, 3)
    assert not [e for e in world.events.drain_events() if e.type == rgapi.EV_FIRST_PACKET]


def test_silence_is_told_once(world, session):
    """Traffic without an answer, where answers came a moment ago."""
    s = session()
    s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"x")))
    wait_for("an answer", lambda: world.api.sa_info("in", s.handle).packets == 1, 3)
    deadline = time.monotonic() + 3
    found = []
    while not found and time.monotonic() < deadline:
        world.from_host(packet(s, b"x"))
        time.sleep(0.02)
        found = [e for e in world.events.drain_events() if e.type == rgapi.EV_NO_ANSWER and e.tunnel == s.handle]
    assert len(found) == 1


def test_hard_lifetime_stops_the_sa(world, session, drops):
    s = session(lifetime_out=rgapi.Lifetime(soft_packets=3, hard_packets=5), virtual=VIRTUAL[4])
    for n in range(5):
        world.from_host(packet(s, b"x"))
        assert s.receive()[1] == n + 1
    world.events.wait_event(rgapi.EV_SOFT_LIFETIME, match=lambda e: e.handle == s.handle and e.direction == 1)
    world.events.wait_event(rgapi.EV_HARD_LIFETIME, match=lambda e: e.handle == s.handle and e.direction == 1)
    world.from_host(packet(s, b"x"))
    wait_for("out-sa-dead", lambda: drops() == {"out-sa-dead": 1}, 3)


def test_H71_hard_lifetime_by_time_without_control(world, session, drops):
    """RFC 4301 4.4.2.1: nobody who could delete the SAs is there, and they end all the same, in both directions."""
    life = rgapi.Lifetime(soft_seconds=1, hard_seconds=3)
    s, other = session(lifetime_in=life, lifetime_out=life), session(virtual=VIRTUAL2[4], client=OTHER[4])
    reader = rgapi.Client(world.socket, rgapi.READER)
    writer, world.api = world.api, reader
    writer.close()
    world.events.close()
    try:
        world.from_host(packet(s, b"x"))
        s.receive()
        s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"lives")))
        world.lan.receive(lambda f: f if b"lives" in bytes(f) else None)

        def both_ended():
            world.from_host(packet(s, b"x"))
            s.send(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2) / Raw(b"late")))
            told = reader.drops()
            return told.get("out-sa-dead") and told.get("esp-sa-dead")
        wait_for("the end of both SAs", both_ended, 10, 0.1)
        world.isp1.drain()
        sent = reader.sa_info("out", s.handle).packets
        for _ in range(3):
            world.from_host(packet(s, b"x"))
        world.from_host(packet(other, b"x"))  # and nobody else's end with them
        other.receive()
        assert reader.sa_info("out", s.handle).packets == sent
        assert set(drops()) == {"out-sa-dead", "esp-sa-dead"}
    finally:
        world.api = rgapi.Client(world.socket)
        world.events = rgapi.Client(world.socket, rgapi.EVENTS)
        reader.close()


def arrives_at(world, s, mac, wire=None):
    """Frames of the session's to that next hop."""
    world.from_host(packet(s, b"x"))
    time.sleep(0.01)
    return [f for f in (wire or world.isp1).drain() if f.dst == mac and esp_of(f)]


def test_next_hop_changes_below_the_path(world, session):
    """Another gateway, or the gateway's other MAC address: routes change, paths do not."""
    s = session()
    gw, far = world.ns["gw"], world.ns["isp1far"]
    world.lab.address(far, "eth0", "203.0.113.7/24")
    world.lab.run(gw, "ip", "route", "replace", "default", "via", "203.0.113.7", "dev", "isp1", "table", "101",
                  "proto", "82")
    world.lab.run(gw, "ip", "neigh", "replace", "203.0.113.7", "lladdr", "02:00:00:00:00:77", "dev", "isp1", "nud",
                  "permanent")
    wait_for("frames to the other gateway", lambda: arrives_at(world, s, "02:00:00:00:00:77"), 3)
    world.lab.run(gw, "ip", "route", "replace", "default", "via", "203.0.113.1", "dev", "isp1", "table", "101",
                  "proto", "82")
    wait_for("frames to the old gateway", lambda: arrives_at(world, s, world.isp1.mac), 3)


@pytest.mark.parametrize("end", ["deleted", "out of its group", "link down"])
def test_next_hop_object_goes(world, session, end):
    """`ip nexthop`: the kernel takes its IPv4 routes away without a word."""
    s = session()
    gw, far = world.ns["gw"], world.ns["isp2far"]
    run = world.lab.run
    run(far, "sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down=1")
    run(gw, "ip", "neigh", "replace", "198.51.100.7", "lladdr", "02:00:00:00:00:78", "dev", "isp2", "nud", "permanent")
    run(gw, "ip", "nexthop", "add", "id", "78", "via", "198.51.100.7", "dev", "isp2")
    run(gw, "ip", "nexthop", "add", "id", "1", "via", "203.0.113.1", "dev", "isp1")
    run(gw, "ip", "nexthop", "add", "id", "100", "group", "78/1")
    try:
        run(gw, "ip", "route", "add", f"{s.remote}/32", "nhid", "100" if end == "out of its group" else "78",
            "table", "101")
        wait_for("frames by the object", lambda: arrives_at(world, s, "02:00:00:00:00:78", world.isp2), 3)
        if end == "link down":
            run(far, "ip", "link", "set", "eth0", "down")
        else:
            run(gw, "ip", "nexthop", "del", "id", "78")
        wait_for("frames by the route that is left", lambda: arrives_at(world, s, world.isp1.mac), 5)
    finally:
        run(far, "ip", "link", "set", "eth0", "up")
        run(gw, "ip", "nexthop", "flush")
    wait_for("the link", lambda: "LOWER_UP" in run(gw, "ip", "link", "show", "isp2"), 5)
