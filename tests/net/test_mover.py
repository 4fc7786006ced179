# SPDX-License-Identifier: Apache-2.0
"""The core promise, with a client that speaks raw ESP and ESP in UDP and moves in place:
same SPIs and keys, sequence numbers that go on, whole endpoint tuples, nothing lost."""
import itertools
import time

import pytest

from gateway import lab_config
from lab import wait_for
from mover_peer import IDENTITY, Mover, Wire, check_sequences, identity_of
from scene import Scene

CELLS = {"esp": (False, 0), "udp": (True, 0), "esp-50ms": (False, 25), "udp-50ms": (True, 25)}
MOVES = {"v4-v4": (4, 4), "v4-v6": (4, 6), "v6-v4": (6, 4)}
names = (f"mv{n}" for n in itertools.count())


@pytest.fixture(scope="module", params=CELLS)
def scene(request, new_lab):
    nat, delay = CELLS[request.param]
    both = {"wlan": (delay, 0), "lte": (delay, 0)} if delay else None
    config = lab_config("psk", mobility={"updates": "1000/s", "rr-timeout": "1s"}, lifetimes={"dpd": "off"})
    with new_lab() as lab:
        scene = Scene(lab, "psk", access={"wlan": "46", "lte": "46"}, delay=both, nat=nat, config=config)
        scene.nat, scene.rtt = nat, 2 * delay / 1000
        scene.gateway.follow_events()
        yield scene


@pytest.fixture
def mover(scene):
    mover = Mover(scene, next(names))
    yield mover
    mover.stop()


def gateway_moves(scene):
    return [e for e in scene.gateway.events() if e["type"] == "moved" and e.get("identity") == IDENTITY]


def drops(scene):
    """What the fast path dropped; without the kernel's own multicast, which comes when it likes and goes nowhere."""
    return {name: n for name, n in scene.gateway.drops().items() if name != "no-forward"}


def check_counts(mover, status):
    """What left one side has arrived at the other: nothing is missing in either direction."""
    children = [c for c in mover.children() if c["current"]]
    assert len(children) == 1, children
    child, out, back = children[0], mover.sa("out", status), mover.sa("in", status)
    assert (child["spi_in"], child["spi_out"]) == (out["spi"], back["spi"])
    assert child["packets_in"] == out["sequence"], "uplink packets are missing at the gateway"
    assert child["packets_out"] == back["packets"], "downlink packets are missing at the mover"
    assert back["auth_failed"] == back["malformed"] == back["replayed"] == 0, back


def test_move_in_place(scene, mover, move):
    old, new = MOVES[move]
    net = scene.net
    mover.connect("wlan", old)
    before, dropped, moves = mover.status(), drops(scene), len(gateway_moves(scene))
    assert before["path"]["udp"] == scene.nat
    wire = Wire(mover, f"{mover.name}")
    mover.probe()
    mover.command("move " + mover.pair("lte", new))
    mover.wait_remote(net.public_address("lte", new))
    mover.wait_packets(20)
    report = mover.probe_stop()
    after = mover.status()
    wire.stop()
    assert identity_of(after) == identity_of(before)
    assert report["lost"] == report["duplicates"] == report["refused"] == 0, report
    check_counts(mover, after)
    assert drops(scene) == dropped
    assert after["path"]["udp"] == scene.nat and after["path"]["local"] == net.access_address("lte", new)
    assert after["dropped"] == before["dropped"]
    check_sequences(wire.up, "uplink")
    check_sequences(wire.down, "downlink")
    for packets in (wire.up, wire.down):
        paths = wire.paths(packets)
        assert len(paths) == 2 and all((ports is None) != scene.nat for _, _, ports in paths), paths
    assert wire.paths(wire.down)[1][1] == net.public_address("lte", new)
    wait_for("the event", lambda: len(gateway_moves(scene)) == moves + 1)


def pytest_generate_tests(metafunc):
    if "move" in metafunc.fixturenames:
        metafunc.parametrize("move", MOVES)
