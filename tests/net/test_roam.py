# SPDX-License-Identifier: Apache-2.0
"""strongSwan moves while traffic runs: between networks and families, behind NAT and
not, at 0 and 50 ms of round trip; NAT mappings and uplinks that go away. Every move
is MOBIKE on the same IKE SA (RFC 4555), and return routability comes first."""
import re

import pytest

from capture import Capture, LeakWatch, esp_packets
from lab import wait_for
from world import World

DETECTION = 0.1  # charon's own delay after a change of its interfaces
MOVE = 0.3       # what a move may take beyond that, and five round trips
CASES = {  # outer families of wlan and lte, NAT, one way delay in ms
    "v4-v4": ("4", "4", False, 0), "v4-v4-nat": ("4", "4", True, 0), "v4-v4-50ms": ("4", "4", False, 25),
    "v4-v6": ("4", "6", False, 0), "v4-v6-nat": ("4", "6", True, 0), "v6-v6": ("6", "6", False, 0),
    "v4-v4-nat-50ms": ("4", "4", True, 25), "v4-v6-50ms": ("4", "6", False, 25),
}
SLOW = {"v4-v4-nat-50ms", "v4-v6-50ms", "v6-v6"}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", [c for c in CASES if metafunc.config.getoption("--full") or c not in SLOW])


def open_world(lab, wlan="4", lte="4", nat=False, delay=0, **settings):
    both = {"wlan": (delay, 0), "lte": (delay, 0)} if delay else None
    world = World(lab, access={"wlan": wlan, "lte": lte}, delay=both, nat=nat)
    world.leaks = LeakWatch(lab, world.net.router, ["wlan", "lte", "isp1", "isp2"], world.inner + world.pools)
    world.connect(remote=", ".join(world.net.gateway_addresses(int(wlan[0]))),
                  options="prefer_best_path = yes", **settings)
    world.ping(4)
    world.spis, world.vips = world.ike_spis(), world.laptop.sa()["local-vips"]
    return world


def wait_moved(world, local=None, remote=None, timeout=10):
    """Until both sides say so; addresses as the gateway sees them."""
    def moved():
        client = world.client()
        return (client and (remote is None or client["remote-address"] == remote)
                and (local is None or client["local-address"] == local))
    wait_for(f"the move to {local or ''} {remote or ''}", moved, timeout, 0.02)


def unchanged(world):
    assert world.ike_spis() == world.spis, "not the same IKE SA"
    assert world.laptop.sa()["local-vips"] == world.vips
    log = world.laptop.log()
    assert log.count("generating IKE_SA_INIT request") == 1
    assert set(re.findall(r"generating IKE_AUTH request (\d+)", log)) == {"1"}
    assert not world.leaks.stop()


def routability_first(world, packets, address):
    """No ESP goes to the new address before the client has answered there (RFC 4555 3.7)."""
    log = world.laptop.log()
    updated = log.rindex("N(UPD_SA_ADDR)")
    asked = re.search(r"parsed INFORMATIONAL request (\d+) \[ [^\n]*N\(COOKIE2\)", log[updated:])
    assert asked, "the gateway never asked for return routability"
    answered = re.search(rf"(\d+)\.(\d+) \S+ generating INFORMATIONAL response {asked[1]} ", log[updated:])
    answered = int(answered[1]) + int(answered[2]) / 1000
    early = [p for p in esp_packets(packets) if p.destination == address and p.time < answered]
    late = [p for p in esp_packets(packets) if p.destination == address and p.time >= answered]
    assert late and not early, f"{len(early)} ESP packets to {address} before it was verified"


def test_roam_and_back(lab, case):
    wlan, lte, nat, delay = CASES[case]
    world = open_world(lab, wlan, lte, nat, delay)
    net, (w, l) = world.net, (int(wlan), int(lte))
    limit = DETECTION + MOVE + 5 * 2 * delay / 1000
    capture = Capture(lab, net.router, "lte", "udp", "lte", snaplen=128)
    with world.probe() as away:
        net.access_down("wlan")
        wait_moved(world, remote=net.public_address("lte", l))
    routability_first(world, capture.stop(), net.access_address("lte", l))
    with world.probe() as back:
        net.access_up("wlan")
        wait_moved(world, remote=net.public_address("wlan", w))
    unchanged(world)
    assert away["longest"] < limit, away
    assert back["longest"] < limit, back


def test_nat_mapping_changes_while_idle(lab):
    """The client's next DPD notices: it compares the answer's NAT-D with that of the one before (RFC 4555 3.8)."""
    world = open_world(lab, nat=True, dpd="1s")
    wait_for("a first DPD", lambda: re.search(r"parsed INFORMATIONAL response \d+ \[ N\(NATD", world.laptop.log()))
    world.net.nat("wlan", "30000-30100")
    wait_for("the gateway to see the new mapping",
             lambda: 30000 <= int((world.client() or {"remote": ":0"})["remote"].rpartition(":")[2]) <= 30100, 10)
    world.ping(4)
    unchanged(world)


def test_nat_mapping_changes_under_traffic(lab):
    """Authenticated ESP from elsewhere is the hint; proof comes before the move."""
    world = open_world(lab, nat=True)
    with world.probe() as probe:
        world.net.nat("wlan", "30000-30100")
        wait_for("the gateway to see the new mapping",
                 lambda: 30000 <= int((world.client() or {"remote": ":0"})["remote"].rpartition(":")[2]) <= 30100, 10)
    unchanged(world)
    assert probe["longest"] < 1.0, probe


@pytest.mark.parametrize("delay", [0, 25], ids=["0ms", "50ms"])
def test_uplink_failure(lab, delay):
    """The gateway loses isp1: strongSwan moves without an update of its own. (Not behind a NAT:
    one that filters by endpoint lets nothing from isp2 pass before the client has sent there.)"""
    world = open_world(lab, delay=delay)
    net = world.net
    with world.probe() as probe:
        net.uplink_down("isp1")
        wait_moved(world, local=net.uplink_address("isp2"))
    wait_for("the laptop to follow", lambda: world.laptop.endpoints() == (
        net.access_address("wlan"), net.uplink_address("isp2")))
    unchanged(world)
    assert probe["longest"] < 0.4 + 5 * 2 * delay / 1000, probe


def test_two_moves_in_a_row(lab):
    """A fast double handoff: the newer move wins, nothing hangs."""
    world = open_world(lab)
    net = world.net
    with world.probe():
        net.access_down("wlan")
        wait_for("the update", lambda: "N(UPD_SA_ADDR)" in world.laptop.log(), 5)
        net.access_up("wlan")
        wait_for("the laptop to be back", lambda: world.laptop.endpoints()[0] == net.access_address("wlan"))
        wait_moved(world, remote=net.access_address("wlan"))
    world.ping(4)
    unchanged(world)
