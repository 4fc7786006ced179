# SPDX-License-Identifier: Apache-2.0
"""The core promise, with a client that speaks raw ESP and ESP in UDP and moves in place:
same SPIs and keys, sequence numbers that go on, whole endpoint tuples, nothing lost
(RFC 4555 3.5; requirements: H52, H53, H69)."""
import itertools

import pytest

from gateway import lab_config
from lab import LabError, wait_for
from mover_peer import IDENTITY, Mover, Wire, by_spi, check_sequences, identity_of
from scene import STUCK, Scene

CELLS = {"esp": (False, 0), "udp": (True, 0), "esp-50ms": (False, 25), "udp-50ms": (True, 25)}
MOVES = {"v4-v4": (4, 4), "v4-v6": (4, 6), "v6-v4": (6, 4)}
CONFIG = {"mobility": {"updates": "1000/s", "rr-timeout": "2s"}, "lifetimes": {"dpd": "off"}}
ACCESS = {"wlan": "46", "lte": "46"}
FLOWS = """import socket, sys
for _ in range(60):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", (sys.argv[1], 9))"""
names = (f"mv{n}" for n in itertools.count())


def open_scene(lab, nat=False, delay=0, config=None):
    both = {"wlan": (delay, 0), "lte": (delay, 0)} if delay else None
    scene = Scene(lab, "psk", access=ACCESS, delay=both, nat=nat, config=config or lab_config("psk", **CONFIG))
    scene.gateway.follow_events()
    return scene


@pytest.fixture(scope="module", params=CELLS)
def scene(request, new_lab):
    nat, delay = CELLS[request.param]
    with new_lab() as lab:
        scene = open_scene(lab, nat, delay)
        scene.nat, scene.rtt_ms = nat, 2 * delay
        yield scene


@pytest.fixture
def mover(scene):
    mover = Mover(scene, next(names))
    yield mover
    mover.stop()


# ---- what must hold

def drops(scene):
    """What the fast path dropped; without the kernel's own multicast, which comes when it likes and goes nowhere."""
    return {name: n for name, n in scene.gateway.drops().items() if name != "no-forward"}


def events_of(scene, *types):
    return [e for e in scene.gateway.events() if e.get("identity") == IDENTITY and e["type"] in types]


def check_counts(mover, status):
    """What left one side has arrived at the other: nothing is missing in either direction."""
    out, back = mover.sa("out", status), mover.sa("in", status)
    seen = {}

    def all_counted():  # within half a second
        children = [c for c in mover.children() if c["current"]]
        assert len(children) == 1, children
        seen.update(children[0])
        return (seen["packets_in"], seen["packets_out"]) == (out["sequence"], back["packets"])
    try:
        wait_for("the gateway's counters", all_counted, 3)
    except LabError:
        assert seen["packets_in"] == out["sequence"], "uplink packets are missing at the gateway"
        assert seen["packets_out"] == back["packets"], "downlink packets are missing at the mover"
    assert (seen["spi_in"], seen["spi_out"]) == (out["spi"], back["spi"])
    assert back["auth_failed"] == back["malformed"] == back["replayed"] == 0, back


def check_wire(wire, paths=None):
    """`paths`: how many endpoint tuples were used, each left for good before the next."""
    for packets, what in ((wire.up, "uplink"), (wire.down, "downlink")):
        assert packets
        check_sequences(packets, what)
        used = wire.paths(packets)
        assert len(set(used)) == len(used), f"{what} went back to an older path: {used}"
        assert paths in (None, len(used)), f"{what}: {used}"


class Watch:
    """A probe and captures around a block of moves; what is asserted of all of them."""

    def __init__(self, mover):
        self.mover, self.scene = mover, mover.scene
        self.before, self.dropped = mover.status(), drops(self.scene)
        self.events = len(self.scene.gateway.events())
        self.wire = Wire(mover, mover.name)
        mover.probe()

    def end(self, paths=None):
        self.mover.wait_packets(20)
        report = self.mover.probe_stop()
        self.after = self.mover.status()
        self.wire.stop()
        assert report["lost"] == report["duplicates"] == report["refused"] == 0, report
        assert drops(self.scene) == self.dropped
        assert self.after["dropped"] == self.before["dropped"]
        check_wire(self.wire, paths)

    def unchanged(self):
        assert identity_of(self.after) == identity_of(self.before)
        check_counts(self.mover, self.after)


def settled(mover):
    """The mover's status once it has one pair of SAs, no request of its own is out, and the gateway has as much."""
    def look():
        status = mover.status()
        if len(status["sas"]) == 2 and not status["ike"]["busy"] and len(mover.children()) == 1:
            return status
    return wait_for("both ends to be done", look, 10, 0.02)


# ---- tests

@pytest.mark.parametrize("move", MOVES)
def test_move_in_place(scene, mover, move):
    old, new = MOVES[move]
    net = scene.net
    mover.connect("wlan", old)
    watch = Watch(mover)
    mover.command("move " + mover.pair("lte", new))
    mover.wait_remote(net.public_address("lte", new))
    watch.end(paths=2)
    watch.unchanged()
    for status in (watch.before, watch.after):
        assert status["path"]["udp"] == scene.nat
    assert watch.after["path"]["local"] == net.access_address("lte", new)
    for packets in (watch.wire.up, watch.wire.down):
        assert all((p.ports is None) != scene.nat for p in packets)
    assert watch.wire.paths(watch.wire.down)[1][1] == net.public_address("lte", new)
    # Return routability comes before the move (RFC 4555 3.7), and there is one move.
    wait_for("the event", lambda: events_of(scene, "moved"))
    story = [e["type"] for e in scene.gateway.events()[watch.events:]
             if e["type"] in ("address-update", "return-routable", "moved", "move-refused")]
    assert story == ["address-update", "return-routable", "moved"], story
    assert mover.client()["moves"] == 1 and watch.after["migrations"] == 1


def test_old_network_is_dead(scene, mover):
    """Break before make: what is lost is what went to the old address until the new one was proven, two round
    trips after the client noticed (requirements.md, `return-routability: always`)."""
    net = scene.net
    mover.connect("wlan", 4)
    watch = Watch(mover)
    move = "move " + mover.pair("lte", 6)
    net.blackhole("wlan")
    try:
        mover.command(move)
        mover.wait_remote(net.public_address("lte", 6))
        mover.wait_packets(20)
    finally:
        net.blackhole("wlan", False)
    report, after = mover.probe_stop(), mover.status()
    check_wire(watch.wire.stop(), paths=2)
    assert identity_of(after) == identity_of(watch.before)
    assert drops(scene) == watch.dropped
    print(f"silence: {report['longest_ms']} ms, {report['lost']} lost")
    assert report["longest_ms"] < STUCK * 1000, report
    # From the new network not one is missing.
    moved = [p for p in watch.wire.up if p.source == net.access_address("lte", 6)]
    child = mover.children()[0]
    assert child["packets_in"] >= mover.sa("out", after)["sequence"] - report["lost"] and len(moved) > 20


def test_double_handoff(scene, mover):
    """Two moves at once, the second before the first is answered: the newer one wins (H51)."""
    net = scene.net
    mover.connect("wlan", 4)
    watch = Watch(mover)
    mover.commands("move " + mover.pair("lte", 4), "move " + mover.pair("lte", 6))
    mover.wait_remote(net.public_address("lte", 6))
    watch.end()
    watch.unchanged()
    assert watch.wire.paths(watch.wire.down)[-1][1] == net.public_address("lte", 6)
    assert mover.client()["remote-address"] == net.public_address("lte", 6)


def test_burst_of_moves(scene, mover):
    """Many moves to and fro, faster than they can be carried out: the last one wins, nothing is lost (H51)."""
    net = scene.net
    mover.connect("wlan", 4)
    watch = Watch(mover)
    pairs = [mover.pair("lte", 4), mover.pair("wlan", 6), mover.pair("wlan", 4), mover.pair("lte", 6)]
    mover.commands(*("move " + pairs[n % 4] for n in range(20)))
    settled(mover)
    mover.wait_remote(net.public_address("lte", 6))
    mover.wait_packets(20)
    report = mover.probe_stop()
    after = mover.status()
    wire = watch.wire.stop()
    assert report["lost"] == report["duplicates"] == 0, report
    assert identity_of(after) == identity_of(watch.before)
    check_counts(mover, after)
    check_sequences(wire.up, "uplink")
    check_sequences(wire.down, "downlink")
    assert drops(scene) == watch.dropped


def start_rekey(mover, what, by):
    """Begins a rekey and a move so that the move falls into the rekey; returns when both were begun."""
    move = "move " + mover.pair("lte", 6)
    if by == "mover":
        mover.commands("rekey " + what, move)
    else:
        mover.scene.gateway.ctl("rekey", what, mover.identity)
        mover.command(move)


@pytest.mark.parametrize("by", ["mover", "gateway"])
def test_move_during_child_rekey(scene, mover, by):
    """H53: both finish; each SPI's numbers rise, on whatever path."""
    net = scene.net
    mover.connect("wlan", 4)
    watch = Watch(mover)
    start_rekey(mover, "child", by)
    mover.wait_remote(net.public_address("lte", 6))
    wait_for("the rekey", lambda: identity_of(settled(mover))[1] != identity_of(watch.before)[1])
    watch.end(paths=2)
    assert identity_of(watch.after)[0] == identity_of(watch.before)[0], "not the same IKE SA"
    old, new = ({(s["spi"], s["key"]) for s in status["sas"]} for status in (watch.before, watch.after))
    assert not old & new
    assert len(by_spi(watch.wire.up)) == len(by_spi(watch.wire.down)) == 2
    check_counts(mover, watch.after)


@pytest.mark.parametrize("by", ["mover", "gateway"])
def test_move_during_ike_rekey(scene, mover, by):
    """H53: the heir of the IKE SA has the new addresses; the Child SA notices nothing."""
    net = scene.net
    mover.connect("wlan", 4)
    watch = Watch(mover)
    start_rekey(mover, "ike", by)
    mover.wait_remote(net.public_address("lte", 6))
    wait_for("the rekey", lambda: identity_of(settled(mover))[0] != identity_of(watch.before)[0])
    watch.end(paths=2)
    assert identity_of(watch.after)[1] == identity_of(watch.before)[1], "not the same Child SA"
    assert watch.after["ike"]["local"] == f"[{net.access_address('lte', 6)}]:4500"
    check_counts(mover, watch.after)


def test_to_the_other_uplink_and_back(lab):
    """Both ends of the path change at once."""
    scene = open_scene(lab)
    mover = Mover(scene, next(names)).connect("wlan", 4)
    watch = Watch(mover)
    mover.command("move " + mover.pair("lte", 4, "isp2"))
    mover.wait_remote(scene.net.access_address("lte"))
    assert mover.tunnel()["local-address"] == scene.net.uplink_address("isp2")
    mover.wait_packets(20)
    mover.command("move " + mover.pair("wlan", 6, "isp1"))
    mover.wait_remote(scene.net.access_address("wlan", 6))
    watch.end(paths=3)
    watch.unchanged()
    mover.stop()


def test_behind_a_nat_and_out_again(lab):
    """NAT traversal goes on and off with the network (RFC 4555 3.5); raw ESP and ESP in UDP are one SA."""
    scene = open_scene(lab)
    scene.net.nat("lte")
    mover = Mover(scene, next(names)).connect("wlan", 4)
    watch = Watch(mover)
    mover.command("move " + mover.pair("lte", 4))
    mover.wait_remote(scene.net.public_address("lte"))
    wait_for("encapsulation", lambda: mover.tunnel()["encap"] == "udp" and mover.status()["path"]["udp"])
    mover.wait_packets(20)
    mover.command("move " + mover.pair("wlan", 6))
    mover.wait_remote(scene.net.access_address("wlan", 6))
    wait_for("no encapsulation", lambda: mover.tunnel()["encap"] == "none" and not mover.status()["path"]["udp"])
    watch.end()
    watch.unchanged()
    encapsulated = {p.destination: p.ports is not None for p in watch.wire.down}
    assert encapsulated == {scene.net.access_address("wlan"): False, scene.net.public_address("lte"): True,
                            scene.net.access_address("wlan", 6): False}
    mover.stop()


def test_two_workers_and_plain_sequence_numbers(lab):
    """32-bit numbers and AES-256; packets of one SA arrive on either worker and are handed to its owner."""
    config = lab_config("psk", **CONFIG, proposals={"esp": ["aes256gcm16"]})
    config["dataplane"]["workers"] = [0, 1]
    mover = Mover(open_scene(lab, config=config), next(names)).connect("wlan", 4)
    watch = Watch(mover)
    for pair in (mover.pair("lte", 4, "isp2"), mover.pair("wlan", 6), mover.pair("lte", 6, "isp2"), mover.pair("wlan")):
        mover.command("move " + pair)
        mover.wait_remote(pair.split()[0])
        mover.wait_packets(20)
    report, after = mover.probe_stop(), mover.status()
    wire = watch.wire.stop()
    assert report["lost"] == report["duplicates"] == 0, report
    assert identity_of(after) == identity_of(watch.before) and not mover.sa("out", after)["esn"]
    assert len(wire.paths(wire.up)) == len(wire.paths(wire.down)) == 5
    check_sequences(wire.up, "uplink")
    check_sequences(wire.down, "downlink")
    check_counts(mover, after)
    # a few flows may all come to one worker: of many the kernel's fanout gives each some
    lab.run(mover.net.server, "/usr/bin/python3", "-c", FLOWS, next(a for a in mover.session["virtual"] if ":" not in a))
    wait_for("packets at the worker that does not own them", lambda: mover.scene.gateway.counter("handed-over") > 0)
    mover.stop()
