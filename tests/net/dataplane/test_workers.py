# SPDX-License-Identifier: Apache-2.0
"""Two workers: packets land on either one, SAs belong to one. Nothing is lost or doubled on the way over."""
import os
import random

import rgapi
from lab import wait_for
from world import CLIENT, HOST, OTHER, UDP, Raw, bare, esp_of, ip

WORKERS = (0, 1)


def sessions_of_both(world, session):
    """Sessions until both workers own some; {owner: session}."""
    owners = {}
    for i in range(1, 9):
        s = session(virtual=f"10.99.2.{i}", client=f"192.0.2.{30 + i}", local_selectors=("10.20.0.0/24", "10.99.0.0/16"))
        owners.setdefault(world.api.sa_info("in", s.handle).owner, s)
        assert world.api.sa_info("out", s.handle).owner == world.api.sa_info("in", s.handle).owner
    assert set(owners) == {0, 1}
    return owners


def test_devices_are_asked_to_spread_and_steer(world):
    """What a device cannot is said once at start, and no error."""
    said = world.process.text()
    assert all(f"port {port}: 2 queues, filled" in said for port in ("isp1", "isp2", "lan"))
    assert all(f"port {port}: no steering by SPI, packets are handed over" in said for port in ("isp1", "isp2"))
    assert "port lan: no steering" not in said
    assert [w.socket for w in world.api.dump(rgapi.DUMP_WORKERS)] == [0, 0]


def test_both_directions_from_any_worker(world, session, drops):
    """Many inner flows and outer sources, so that the kernel's fanout uses both queues."""
    owners = sessions_of_both(world, session)
    for s in owners.values():
        want = set()
        for i in range(60):
            t = os.urandom(8)
            want.add(t)
            # another source each time: the outer source is no input, and spreads over the queues
            s.wire.send(s.frame(s.up.seal(bare(ip(s.virtual, HOST[4]) / UDP(sport=i, dport=2000) / Raw(t))),
                                source=f"192.0.2.{100 + i}"))
        while want:
            t = world.lan.receive(lambda f: bytes(f[UDP].payload)[:8] if UDP in f and f[UDP].dport == 2000 else None)
            want.remove(t)
        for i in range(60):
            world.from_host(bare(ip(f"10.20.0.{20 + i}", s.virtual) / UDP(sport=i, dport=3) / Raw(b"x")))
        numbers = sorted(s.receive()[1] for _ in range(60))
        assert numbers == list(range(1, 61))
    workers = world.api.dump(rgapi.DUMP_WORKERS)
    assert all(w.packets for w in workers), "the kernel's fanout used one queue only"
    moved = world.api.counter_values()
    assert moved["handed-over"] > 0 and moved["handed-over"] == moved["received-over"]
    assert drops() == {}


def test_H59_duplicates_across_workers(world, session, drops):
    """The same packet from many sources lands on both workers: accepted once."""
    for s in sessions_of_both(world, session).values():
        esp = s.up.seal(bare(ip(s.virtual, HOST[4]) / UDP(sport=1, dport=2001) / Raw(b"once")))
        for i in range(50):
            s.wire.send(s.frame(esp, source=f"192.0.2.{100 + i}"))
        wait_for("49 duplicates", lambda: world.api.sa_info("in", s.handle).replayed == 49, 3)
        assert world.api.sa_info("in", s.handle).packets == 1
    assert drops() == {"esp-replay-seen": 98}
    assert len([f for f in world.lan.drain() if UDP in f and f[UDP].dport == 2001]) == 2


def test_hairpin_between_owners(world, session):
    a, b = sessions_of_both(world, session).values()
    for i in range(20):
        t = os.urandom(8)
        a.wire.send(a.frame(a.up.seal(bare(ip(a.virtual, b.virtual) / UDP(sport=i, dport=2) / Raw(t))),
                            source=f"192.0.2.{100 + i}"))
        assert t in bytes(b.receive()[3])


def test_H69_no_number_twice_while_owners_hand_over(world, session):
    """Plaintext from both workers for one SA: the owner alone counts."""
    owners = sessions_of_both(world, session)
    rng = random.Random(3)
    for _ in range(400):
        s = owners[rng.randint(0, 1)]
        world.from_host(bare(ip(f"10.20.0.{rng.randint(20, 200)}", s.virtual) / UDP(sport=rng.randint(1, 60000), dport=3) /
                             Raw(b"x")))
    wait_for("all of them",
             lambda: sum(world.api.sa_info("out", s.handle).sequence for s in owners.values()) == 400, 3)
    ivs = {}
    for frame in world.isp1.drain():
        found = esp_of(frame)
        if found:
            ivs.setdefault(found[1][:4], []).append(found[1][8:16])
    assert sum(len(v) for v in ivs.values()) == 400
    for v in ivs.values():
        assert len(set(v)) == len(v) and sorted(int.from_bytes(x, "big") for x in v) == list(range(1, len(v) + 1))


def test_migrate_with_two_workers(world, session):
    for s in sessions_of_both(world, session).values():
        for i in range(10):
            assert s.migrate(remote=OTHER[4] if i % 2 == 0 else CLIENT[4]).quiescent == 1
            world.from_host(bare(ip(f"10.20.0.{40 + i}", s.virtual) / UDP(sport=i, dport=3) / Raw(b"x")))
            s.receive()
