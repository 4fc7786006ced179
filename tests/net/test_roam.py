# SPDX-License-Identifier: Apache-2.0
"""strongSwan moves while traffic runs: between networks and families, behind NAT and
not, at 0 and 50 ms of round trip; NAT mappings and uplinks that go away. Every move
is MOBIKE on the same IKE SA (RFC 4555), and return routability comes first."""
import re

import pytest

from capture import Capture, LeakWatch, esp_packets
from lab import wait_for
from scene import STUCK, Scene

CASES = {  # outer families of wlan and lte, NAT, one way delay in ms
    "v4-v4": ("4", "4", False, 0), "v4-v4-nat": ("4", "4", True, 0), "v4-v4-50ms": ("4", "4", False, 25),
    "v4-v6": ("4", "6", False, 0), "v4-v6-nat": ("4", "6", True, 0), "v6-v6": ("6", "6", False, 0),
    "v4-v4-nat-50ms": ("4", "4", True, 25), "v4-v6-50ms": ("4", "6", False, 25),
}
SLOW = {"v4-v4-nat-50ms", "v4-v6-50ms", "v6-v6"}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", [c for c in CASES if metafunc.config.getoption("--full") or c not in SLOW])


def open_scene(lab, wlan="4", lte="4", nat=False, delay=0, **settings):
    both = {"wlan": (delay, 0), "lte": (delay, 0)} if delay else None
    scene = Scene(lab, access={"wlan": wlan, "lte": lte}, delay=both, nat=nat)
    scene.leaks = LeakWatch(lab, scene.net.router, ["wlan", "lte", "isp1", "isp2"], scene.inner + scene.pools)
    scene.connect(remote=", ".join(scene.net.gateway_addresses(int(wlan[0]))),
                  options="prefer_best_path = yes", **settings)
    scene.ping(4)
    scene.spis, scene.vips = scene.ike_spis(), scene.laptop.sa()["local-vips"]
    return scene


def wait_moved(scene, local=None, remote=None, timeout=10):
    """Until both sides say so; addresses as the gateway sees them."""
    def moved():
        client = scene.client()
        return (client and (remote is None or client["remote-address"] == remote)
                and (local is None or client["local-address"] == local))
    wait_for(f"the move to {local or ''} {remote or ''}", moved, timeout, 0.02)


def unchanged(scene):
    assert scene.ike_spis() == scene.spis, "not the same IKE SA"
    assert scene.laptop.sa()["local-vips"] == scene.vips
    log = scene.laptop.log()
    assert log.count("generating IKE_SA_INIT request") == 1
    assert set(re.findall(r"generating IKE_AUTH request (\d+)", log)) == {"1"}
    assert not scene.leaks.stop()


def routability_first(scene, packets, address):
    """No ESP goes to the new address before the client has answered there (RFC 4555 3.7)."""
    log = scene.laptop.log()
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
    scene = open_scene(lab, wlan, lte, nat, delay)
    net, (w, l) = scene.net, (int(wlan), int(lte))
    capture = Capture(lab, net.router, "lte", "udp", "lte", snaplen=128)
    with scene.probe() as away:
        net.access_down("wlan")
        wait_moved(scene, remote=net.public_address("lte", l))
    routability_first(scene, capture.stop(), net.access_address("lte", l))
    with scene.probe() as back:
        net.access_up("wlan")
        if w != l:  # across families charon stays where it is until it must go
            net.access_down("lte")
        wait_moved(scene, remote=net.public_address("wlan", w))
    unchanged(scene)
    print(f"silence: away {away['longest']:.3f} s, back {back['longest']:.3f} s")
    assert away["longest"] < STUCK, away
    assert back["longest"] < STUCK, back


def test_nat_mapping_changes_while_idle(lab):
    """The client's next DPD notices: it compares the answer's NAT-D with that of the one before (RFC 4555 3.8)."""
    scene = open_scene(lab, nat=True, dpd="1s")
    wait_for("a first DPD", lambda: re.search(r"parsed INFORMATIONAL response \d+ \[ N\(NATD", scene.laptop.log()))
    scene.net.nat("wlan", "30000-30100")
    wait_for("the gateway to see the new mapping",
             lambda: 30000 <= int((scene.client() or {"remote": ":0"})["remote"].rpartition(":")[2]) <= 30100, 10)
    scene.ping(4)
    unchanged(scene)


def test_nat_mapping_changes_under_traffic(lab):
    """Authenticated ESP from elsewhere is the hint; proof comes before the move."""
    scene = open_scene(lab, nat=True)
    with scene.probe() as probe:
        scene.net.nat("wlan", "30000-30100")
        wait_for("the gateway to see the new mapping",
                 lambda: 30000 <= int((scene.client() or {"remote": ":0"})["remote"].rpartition(":")[2]) <= 30100, 10)
    unchanged(scene)
    print(f"silence: {probe['longest']:.3f} s")
    assert probe["longest"] < STUCK, probe


@pytest.mark.parametrize("delay", [0, 25], ids=["0ms", "50ms"])
def test_uplink_failure(lab, delay):
    """The gateway loses isp1: strongSwan moves without an update of its own. (Not behind a NAT:
    one that filters by endpoint lets nothing from isp2 pass before the client has sent there.)"""
    scene = open_scene(lab, delay=delay)
    net = scene.net
    with scene.probe() as probe:
        net.uplink_down("isp1")
        wait_moved(scene, local=net.uplink_address("isp2"))
    wait_for("the laptop to follow", lambda: scene.laptop.endpoints() == (
        net.access_address("wlan"), net.uplink_address("isp2")))
    unchanged(scene)
    print(f"silence: {probe['longest']:.3f} s")
    assert probe["longest"] < STUCK, probe


def test_two_moves_in_a_row(lab):
    """A fast double handoff: the newer move wins, nothing hangs."""
    scene = open_scene(lab)
    net = scene.net
    with scene.probe():
        net.access_down("wlan")
        wait_for("the update", lambda: "N(UPD_SA_ADDR)" in scene.laptop.log(), 5)
        net.access_up("wlan")
        wait_for("the laptop to be back", lambda: scene.laptop.endpoints()[0] == net.access_address("wlan"))
        wait_moved(scene, remote=net.access_address("wlan"))
    scene.ping(4)
    unchanged(scene)
