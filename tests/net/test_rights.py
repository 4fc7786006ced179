# SPDX-License-Identifier: Apache-2.0
"""What a client may have: addresses of both families with what goes with them, rules that deny
or narrow (H30, AM-6), and networks behind a branch that never leave in clear. strongSwan is the client;
it does not ask for split DNS (RFC 8598), so that is our own initiator's."""
import itertools

import pytest

from capture import LeakWatch
from gateway import lab_config
from lab import LabError, ip, wait_for
from mover_peer import Mover
from scene import Scene
from swan import PLUGINS

PEERS = {
    "banned": {"identities": "mallory@example.net", "access": "deny"},
    "carol": {"identities": ["carol@example.net"], "addresses": ["10.99.77.7", "2001:db8:99::77"]},
    "berne": {"identities": "berne@example.net", "pool": "none", "selectors": {"remote": ["10.50.0.0/20"]}},
    "geneva": {"identities": "geneva@example.net", "pool": "none", "selectors": {"remote": ["10.50.16.0/20"]}},
}
names = (f"rt{n}" for n in itertools.count())


def config_of():
    config = lab_config("psk", peers=PEERS)
    road = config["pools"]["road"]
    road.update(dns=["10.20.0.53", "2001:db8:20::53"], domains=["corp.example.net", "lab"], subnets=["10.20.0.0/24"])
    road["leases"] = [{"identity": "dora@example.net", "address": "10.99.88.8"}]
    return config


@pytest.fixture(scope="module")
def scene(new_lab):
    with new_lab() as lab:
        scene = Scene(lab, "psk", access={"wlan": "4"}, config=config_of())
        scene.gateway.follow_events()
        yield scene


@pytest.fixture(autouse=True)
def clean(scene):
    yield
    scene.stop_laptop()


def resolving(scene, name):
    """charon asks for name servers and writes what it got to a file of its own."""
    file = scene.lab.path(f"resolv-{name}.conf")
    return file, f"load = {PLUGINS} resolve\n  plugins {{ resolve {{ file = {file} }} }}\n"


def servers(file):
    with open(file) as f:
        return {line.split()[1] for line in f if line.startswith("nameserver")}


def test_both_families_and_name_servers(scene):
    file, options = resolving(scene, "laptop")
    scene.connect(options=options)
    vips = scene.laptop.sa()["local-vips"]
    assert len(vips) == 2
    assert servers(file) == {"10.20.0.53", "2001:db8:20::53"}
    client = scene.gateway.client(scene.identity())
    assert sorted(client["virtual"]) == sorted(vips) and "rule" not in client
    scene.ping(4)
    scene.ping(6)
    scene.stop_laptop()
    scene.connect()
    assert scene.laptop.sa()["local-vips"] == vips, "a lease stays with its identity"


def test_addresses_of_a_rule_and_of_a_pool(scene):
    scene.connect("carol")
    assert sorted(scene.laptop.sa()["local-vips"]) == ["10.99.77.7", "2001:db8:99::77"]
    assert scene.gateway.client(scene.identity())["rule"] == "carol"
    scene.ping(4)
    scene.ping(6)
    scene.stop_laptop()
    scene.connect("dora")
    assert "10.99.88.8" in scene.laptop.sa()["local-vips"]
    scene.stop_laptop()
    # what another asks for is not given to it
    scene.connect("erin", vips="10.99.77.7")
    assert scene.laptop.sa()["local-vips"] != ["10.99.77.7"]
    scene.ping(4)


def test_H30_denied_by_a_rule(scene):
    scene.start_laptop("mallory")
    with pytest.raises(LabError):
        scene.laptop.initiate()
    assert "received AUTHENTICATION_FAILED notify" in scene.laptop.log()
    assert not scene.gateway.sas("ike", scene.identity())
    refused = wait_for("the event", lambda: [e for e in scene.gateway.events() if e["type"] == "authentication-failed"])
    assert refused[-1]["identity"] == "mallory@example.net" and "rule" in refused[-1]["text"]


def branch(scene, name, network):
    """A branch's gateway, with the first address of its network on itself."""
    address = network.rsplit(".", 1)[0] + ".1"
    ip("-n", scene.net.laptop, "addr", "replace", address + "/32", "dev", "lo")
    scene.start_laptop(name, vips="", local_ts=network, remote_ts="10.20.0.0/24")
    return address


def test_AM_6_networks_behind_a_branch(scene):
    server = scene.net.server_addresses[4]
    leaks = LeakWatch(scene.lab, scene.net.router, ["wlan", "isp1", "isp2"], ["10.50.0.0/16"])
    address = branch(scene, "berne", "10.50.1.0/24")
    scene.laptop.initiate()
    assert scene.gateway.sas(identity=scene.identity())[0]["remote_ts"] == ["10.50.1.0/24"]
    assert scene.gateway.client(scene.identity())["rule"] == "berne"
    scene.lab.run(scene.net.laptop, "ping", "-c", "3", "-i", "0.05", "-W", "2", "-I", address, server)
    scene.lab.run(scene.net.server, "ping", "-c", "3", "-i", "0.05", "-W", "2", address)
    scene.stop_laptop()
    # without it there is no way to that network, least of all in clear
    before = scene.gateway.drops().get("out-no-sa", 0)
    with pytest.raises(LabError):
        scene.lab.run(scene.net.server, "ping", "-c", "2", "-i", "0.05", "-W", "1", address)
    assert scene.gateway.drops()["out-no-sa"] > before
    assert not leaks.stop()


def test_AM_6_networks_of_another_branch(scene):
    branch(scene, "geneva", "10.50.1.0/24")
    with pytest.raises(LabError):
        scene.laptop.initiate()
    assert "received TS_UNACCEPTABLE notify" in scene.laptop.log()
    assert not scene.gateway.sas(identity=scene.identity())
    assert not scene.gateway.ctl("dataplane", "sas")["sas"]


def test_split_dns(scene):
    mover = Mover(scene, next(names))
    try:
        mover.connect("wlan")
        said = mover.status()["configuration"]
        assert said["domains"] == ["corp.example.net", "lab"]
        assert set(said["dns"]) == {"10.20.0.53", "2001:db8:20::53"}
        assert said["subnets"] == ["10.20.0.0/24"]
    finally:
        mover.stop()
